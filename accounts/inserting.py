"""Inserts rows that differ in one value only, for all that a query finds, without reading them."""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import DatabaseDefault


def insert_for_each(template: Model, field: str, values: QuerySet[Any, Any], *, ignore_conflicts: bool = False) -> int:
    """Insert a copy of an unsaved row for each value that a query of one column finds; return how many.

    `field` gets the value. It is one statement, however many they are; no signals are sent.
    """
    meta, quote = type(template)._meta, connection.ops.quote_name
    given = {found: found.pre_save(template, add=True) for found in meta.concrete_fields if not found.primary_key}
    # What the database fills in is left to it.
    fields = [found for found, value in given.items() if not isinstance(value, DatabaseDefault)]
    columns = ", ".join(quote(str(found.column)) for found in fields)
    marks = ", ".join("value" if found.name == field else "%s" for found in fields)
    fixed = [found.get_db_prep_save(given[found], connection) for found in fields if found.name != field]
    try:
        query, asked = values.query.sql_with_params()
    except EmptyResultSet:
        return 0
    # SQLite takes the words after a bare SELECT for a join.
    end = "WHERE TRUE ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    table = quote(meta.db_table)
    # sqlite3 counts the rows of what begins with INSERT only.
    sql = f"INSERT INTO {table} ({columns}) WITH found (value) AS ({query}) SELECT {marks} FROM found {end}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [*asked, *fixed])
        return int(cursor.rowcount)
