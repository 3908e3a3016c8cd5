"""What only PostgreSQL has: a staging table without a log, and an index for the beginnings of addresses."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Whatever the collation of the database, a search for a beginning reads this index.
FORWARDS = (
    "ALTER TABLE lists_stagedrow SET UNLOGGED",
    "CREATE INDEX subscriber_by_prefix ON lists_subscriber (workspace_id, address_key text_pattern_ops)",
)
BACKWARDS = ("DROP INDEX IF EXISTS subscriber_by_prefix", "ALTER TABLE lists_stagedrow SET LOGGED")


def forwards(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Run the statements where the database is PostgreSQL."""
    run(editor, FORWARDS)


def backwards(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Undo them."""
    run(editor, BACKWARDS)


def run(editor: BaseDatabaseSchemaEditor, statements: tuple[str, ...]) -> None:
    """Run statements on PostgreSQL, nothing elsewhere."""
    if editor.connection.vendor == "postgresql":
        for statement in statements:
            editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("lists", "0008_name_attributes")]

    operations = [migrations.RunPython(forwards, backwards)]
