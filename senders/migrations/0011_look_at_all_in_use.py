"""Domains in use that proved nothing, or an address alone, had no daily look: each gets one now."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone


def look_at_all(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Make every domain in use due that nobody looks at; of which were given up the look itself decides."""
    in_use = apps.get_model("senders", "Sender").objects.filter(archived_at=None).values("domain")
    looked_at = apps.get_model("senders", "SenderDomain").objects.filter(checked_at__isnull=False, recheck_at=None)
    looked_at.filter(pk__in=in_use).update(recheck_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [
        ("senders", "0010_old_keys"),
    ]

    operations = [migrations.RunPython(look_at_all, migrations.RunPython.noop)]
