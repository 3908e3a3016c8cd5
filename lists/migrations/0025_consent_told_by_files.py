from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lists", "0024_labels_of_new_attributes")]

    operations = [
        migrations.AddField(
            model_name="stagedrow",
            name="consent_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="stagedrow",
            name="consent_ip",
            field=models.GenericIPAddressField(blank=True, null=True),
        ),
    ]
