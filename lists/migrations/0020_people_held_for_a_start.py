from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("lists", "0019_imports_with_staged_rows"),
    ]

    operations = [
        migrations.AddField(
            model_name="peoplestate",
            name="held_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
