"""The kinds that the attributes of an import have, chosen before they are made."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('lists', '0015_bulk_failures'),
    ]

    operations = [
        migrations.AddField(
            model_name='csvimport',
            name='kinds',
            field=models.JSONField(default=dict),
        ),
    ]
