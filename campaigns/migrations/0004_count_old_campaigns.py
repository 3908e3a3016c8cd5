"""Has the figures of mailings that began before figures were kept counted once."""

from datetime import UTC, datetime

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def mark_due(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Mark every mailing that has deliveries and no figures as due."""
    campaigns = apps.get_model("campaigns", "Campaign").objects
    begun = campaigns.filter(state__in=["sending", "paused", "done", "cancelled"], tally_due_at=None)
    begun.update(tally_due_at=datetime.now(tz=UTC))


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_tally_pace")]

    operations = [migrations.RunPython(mark_due, migrations.RunPython.noop)]
