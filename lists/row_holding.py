"""Holds a row that others may still write to."""

from typing import Any

from django.db import connection
from django.db.models import QuerySet


def hold_row(rows: QuerySet[Any]) -> bool:
    """Keep others from locking or deleting the one row of a query until the transaction ends; False where there is none.

    The lock (FOR KEY SHARE, which the ORM does not know) still lets the row be updated. SQLite needs none: its writers
    are alone.
    """
    sql, values = rows.values_list("pk").query.sql_with_params()
    if connection.vendor == "postgresql":
        sql += " FOR KEY SHARE"
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone() is not None
