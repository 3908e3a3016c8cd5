import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_error_counting'),
        ('campaigns', '0006_hold_sweeps'),
    ]

    operations = [
        migrations.AddField(
            model_name='errorgate',
            name='by_hand',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='errorgate',
            name='to_mail',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.auditentry'),
        ),
    ]
