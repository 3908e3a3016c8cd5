"""An attribute of each name that imports brought."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Column targets that are fields of the subscriber.
FIELDS = ("", "address", "name")


def name_attributes(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Define the attributes that were only named by the columns of imports, as text."""
    csv_import = apps.get_model("lists", "CsvImport")
    definition = apps.get_model("lists", "AttributeDefinition")
    found: dict[int, list[str]] = {}
    done = csv_import.objects.filter(state="done").order_by("pk").values_list("workspace_id", "columns")
    for workspace, columns in done.iterator():
        names = found.setdefault(workspace, [])
        names += [name for name in columns.values() if name not in (*FIELDS, *names)]
    definition.objects.bulk_create(
        definition(workspace_id=workspace, name=name[:50], label=name[:50], position=position)
        for workspace, names in found.items()
        for position, name in enumerate(names)
    )


class Migration(migrations.Migration):
    dependencies = [("lists", "0007_full_size_lists")]

    operations = [migrations.RunPython(name_attributes, migrations.RunPython.noop, elidable=True)]
