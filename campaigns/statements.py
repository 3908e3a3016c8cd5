"""Statements that are run for every mail, each with its form for PostgreSQL and for SQLite."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection
from django.db.models import DateTimeField, UUIDField

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `%(name)s` for each parameter. A list is an array for PostgreSQL and a JSON text for SQLite."""

    postgresql: str
    sqlite: str

    def run(self, **parameters: object) -> list[Row]:
        """Run it in the present transaction and return the rows it returns; raises Django's database errors."""
        if connection.vendor == "postgresql":
            return run_prepared(self.postgresql, parameters)
        with connection.cursor() as cursor:
            cursor.execute(self.sqlite, {name: for_sqlite(value) for name, value in parameters.items()})
            return list(cursor.fetchall())


def run_prepared(sql: str, parameters: Mapping[str, object]) -> list[Row]:
    """Run a statement whose plan PostgreSQL keeps for the connection.

    Django's own cursors write the values into the text, which the server would read and plan anew each time. The
    setting DATABASE_PREPARE says whether plans are kept.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def for_sqlite(value: object) -> Any:
    """Return a parameter as SQLite's columns hold it."""
    if isinstance(value, datetime):
        return DateTimeField().get_db_prep_value(value, connection)
    if isinstance(value, UUID):
        return UUIDField().get_db_prep_value(value, connection)
    # UUIDField keeps the hexadecimal digits.
    return json.dumps(value, default=lambda token: token.hex) if isinstance(value, list) else value


def read_moment(value: datetime) -> datetime:
    """Return a moment that a statement returned; SQLite keeps it without its zone, which is UTC."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)
