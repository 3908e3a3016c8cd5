# Every change of state writes all indexes anew: four are left of those over all rows.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_audit_of_the_installation'),
        ('campaigns', '0012_expected_recipients'),
        ('lists', '0006_stops_by_address'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='delivery',
            name='delivery_subscriber_once',
        ),
        migrations.RemoveConstraint(
            model_name='delivery',
            name='delivery_address_once',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='delivery_by_address',
        ),
        migrations.AlterField(
            model_name='delivery',
            name='campaign',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='campaigns.campaign'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='lane',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='campaigns.lane'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='subscriber',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='lists.subscriber'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='accounts.workspace'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('subscriber', 'campaign'), name='delivery_subscriber_once'),
        ),
        migrations.AddConstraint(
            model_name='delivery',
            constraint=models.UniqueConstraint(fields=('address_key', 'campaign'), name='delivery_address_once'),
        ),
    ]
