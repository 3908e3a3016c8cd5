"""End the consents whose place on a list ended before ends were written down: they are kept for a month from now on."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Exists, OuterRef
from django.utils import timezone


def end_old_consents(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    places = apps.get_model("lists", "Subscription").objects.filter(
        mailing_list=OuterRef("mailing_list"), subscriber=OuterRef("subscriber")
    )
    consents = apps.get_model("lists", "Consent").objects.filter(~Exists(places), ended_at=None)
    consents.update(ended_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("lists", "0012_unchecked_staging")]

    operations = [migrations.RunPython(end_old_consents, migrations.RunPython.noop)]
