"""Makes many rows by one statement, for the benchmarks."""

from django.db import connection
from django.db.models import Model

NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(%s::bigint, %s::bigint) AS n",
    "sqlite": "WITH RECURSIVE c(n) AS (VALUES(%s) UNION ALL SELECT n + 1 FROM c WHERE n < %s) SELECT n FROM c",
}


def insert(model: type[Model], values: dict[str, str], first: int, last: int) -> None:
    """Insert a row for each number `n`; `values` are SQL, columns that are not named are left empty."""
    columns = [field for field in model._meta.concrete_fields if not field.primary_key]
    empty = {field.column: "NULL" if field.null else "''" for field in columns}
    # A column may be called like a word of SQL.
    values = {connection.ops.quote_name(column): values.get(column, value) for column, value in empty.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({', '.join(values)}) "  # noqa: S608
            f"SELECT {', '.join(values.values())} FROM ({NUMBERS[connection.vendor]}) AS numbers",
            [first, last],
        )
