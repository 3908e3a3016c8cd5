"""How many of those that a bulk action found were looked at."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lists", "0010_ends_of_consents")]

    operations = [
        migrations.AddField(
            model_name="bulkjob",
            name="done",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="bulkjob",
            name="found",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
    ]
