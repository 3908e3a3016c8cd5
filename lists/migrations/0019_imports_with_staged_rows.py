"""Imports whose rows stood in the staging table before that was written down."""

from typing import Any

from django.db import migrations
from django.db.models import Exists, OuterRef


def note_staged(apps: Any, schema_editor: Any) -> None:
    """Mark the imports that have staged rows."""
    staged = apps.get_model("lists", "StagedRow").objects.filter(csv_import=OuterRef("pk"))
    apps.get_model("lists", "CsvImport").objects.filter(Exists(staged)).update(has_staged=True)


class Migration(migrations.Migration):
    dependencies = [("lists", "0018_what_imports_leave_behind")]

    operations = [migrations.RunPython(note_staged, migrations.RunPython.noop)]
