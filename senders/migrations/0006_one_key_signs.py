from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("senders", "0005_keys_that_sign")]

    operations = [
        migrations.AddConstraint(
            model_name='dkimkey',
            constraint=models.UniqueConstraint(condition=models.Q(('activated_at__isnull', False), ('retired_at', None), ('superseded_at', None)), fields=('domain', 'algorithm'), name='dkim_signing_key_once'),
        ),
        migrations.AddConstraint(
            model_name='dkimkey',
            constraint=models.UniqueConstraint(condition=models.Q(('activated_at', None), ('retired_at', None)), fields=('domain', 'algorithm'), name='dkim_waiting_key_once'),
        ),
    ]
