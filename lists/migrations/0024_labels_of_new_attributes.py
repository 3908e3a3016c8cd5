from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lists", "0023_rejected_by_code")]

    operations = [
        migrations.AddField(
            model_name="csvimport",
            name="labels",
            field=models.JSONField(default=dict),
        ),
    ]
