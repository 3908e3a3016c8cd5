"""When a consent may go: a time of the last mail beside that of its end, and an index for both."""

from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [("lists", "0009_for_postgresql")]

    operations = [
        migrations.RemoveIndex(model_name="consent", name="consent_ended"),
        migrations.AddField(
            model_name="consent",
            name="mailed_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="consent",
            index=models.Index(
                Coalesce("mailed_at", "ended_at"),
                condition=models.Q(("ended_at__isnull", False)),
                name="consent_kept",
            ),
        ),
        migrations.AddIndex(
            model_name="consent",
            index=models.Index(
                condition=models.Q(("digest__isnull", False)), fields=["digest"], name="consent_of_erased"
            ),
        ),
    ]
