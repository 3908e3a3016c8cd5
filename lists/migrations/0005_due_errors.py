"""Lets the tick look at the errors that were counted before it knew when."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.utils import timezone


def mark_due(apps: StateApps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Make every active subscriber with errors due at once."""
    subscribers = apps.get_model("lists", "Subscriber").objects.filter(status="active", error_count__gt=0)
    subscribers.update(errors_due_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("lists", "0004_recheck_of_errors")]

    operations = [migrations.RunPython(mark_due, migrations.RunPython.noop)]
