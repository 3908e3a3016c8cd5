"""The keys that sign: of each algorithm the oldest one that is not retired; domains that proved themselves are looked at."""

from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F
from django.utils import timezone

# The first daily checks are spread over so many hours.
HOURS = 24


def activate_keys(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write down which keys have been signing; a further one of the same algorithm that waits is left to the first."""
    keys = apps.get_model("senders", "DkimKey").objects.using(schema_editor.connection.alias)
    signing: set[tuple[int, str]] = set()
    waiting: set[tuple[int, str]] = set()
    for pk, domain, algorithm in keys.filter(retired_at=None).order_by("pk").values_list("pk", "domain", "algorithm"):
        if (domain, algorithm) not in signing:
            signing.add((domain, algorithm))
            keys.filter(pk=pk).update(activated_at=F("created_at"))
        elif (domain, algorithm) not in waiting:
            waiting.add((domain, algorithm))
        else:
            keys.filter(pk=pk).update(retired_at=timezone.now())


def plan_rechecks(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Spread the first daily check of the domains that proved themselves over a day."""
    domains = apps.get_model("senders", "SenderDomain").objects.using(schema_editor.connection.alias)
    now = timezone.now()
    for hour in range(HOURS):
        ids = [pk for pk in domains.filter(verified_at__isnull=False).values_list("pk", flat=True) if pk % HOURS == hour]
        domains.filter(pk__in=ids).update(recheck_at=now + timedelta(hours=hour))


class Migration(migrations.Migration):
    dependencies = [("senders", "0004_senders_that_prove_themselves")]

    operations = [
        migrations.RunPython(activate_keys, migrations.RunPython.noop),
        migrations.RunPython(plan_rechecks, migrations.RunPython.noop),
    ]
