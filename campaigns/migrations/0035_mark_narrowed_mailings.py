"""Marks the mailings that went to a segment or left people out, as far as that is still known."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, OuterRef, Q


def mark_narrowed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor | None) -> None:
    """Mark what began and has parts, or had segments: only for these and for conditions the state of people was kept."""
    parts = apps.get_model("campaigns", "AudiencePart").objects.filter(campaign=OuterRef("pk"))
    begun = apps.get_model("campaigns", "Campaign").objects.filter(started_at__isnull=False)
    begun.filter(Q(Exists(parts)) | Q(people_generation__isnull=False)).update(is_narrowed=True)


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0034_narrowed_mailings")]

    operations = [migrations.RunPython(mark_narrowed, migrations.RunPython.noop)]
