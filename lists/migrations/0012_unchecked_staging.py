"""Drops the foreign key of the staging table: its check of a million rows takes longer than loading them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lists", "0011_bulk_progress")]

    operations = [
        migrations.AlterField(
            model_name="stagedrow",
            name="csv_import",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="staged_rows",
                to="lists.csvimport",
            ),
        ),
    ]
