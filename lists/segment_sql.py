"""Values of attributes as SQL that gives the same on PostgreSQL and SQLite.

JSON is compared by its own types: a number that was read as text, and a text where a number is asked for, must not
depend on how a database orders different types.
"""

from __future__ import annotations

import json
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, FloatField, Func, TextField
from django.db.models.sql.compiler import SQLCompiler

# A number that was kept as text, while the attribute was one of another kind.
NUMBER_TEXT: Final = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"
# What stands in a template for the text of the value.
_TEXT_ON_POSTGRESQL: Final = "(%(expressions)s ->> %%s)"
_TYPE_ON_POSTGRESQL: Final = "jsonb_typeof(%(expressions)s -> %%s)"


class _AttributeValue(Func):
    """Base of what is read from a subscriber's attribute; each `%%s` of a template is the attribute's name."""

    on_postgresql = ""
    on_sqlite = ""

    def __init__(self, name: str, **extra: Any) -> None:
        super().__init__("attributes", output_field=self.make_field(), **extra)
        self.attribute = name

    def make_field(self) -> Field[Any, Any]:
        return TextField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self._fill(compiler, connection, self.on_postgresql, self.attribute)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        # A path cannot hold a quote before SQLite 3.45; json_each compares the key as it is.
        if '"' in self.attribute:
            found = "SELECT {} FROM json_each(%(expressions)s) WHERE key = %%s"
            template = self.on_sqlite.replace("{type}", f"({found.format('type')})")
            return self._fill(
                compiler, connection, template.replace("{value}", f"({found.format('value')})"), self.attribute
            )
        template = self.on_sqlite.replace("{type}", "json_type(%(expressions)s, %%s)")
        template = template.replace("{value}", "json_extract(%(expressions)s, %%s)")
        # As Django writes the keys: SQLite before 3.45 compares them as the bytes they were written with.
        return self._fill(compiler, connection, template, "$." + json.dumps(self.attribute))

    def _fill(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, template: str, name: str) -> Any:
        column, parameters = compiler.compile(self.source_expressions[0])
        sql = template % {"expressions": column}
        return sql, (*parameters, *[name] * sql.count("%s"))


class AttributeText(_AttributeValue):
    """The value as people see it, in small ASCII letters; "" where there is none."""

    on_postgresql = (
        f"lower(COALESCE(CASE WHEN {_TYPE_ON_POSTGRESQL} IN ('string', 'number') "
        f"""THEN {_TEXT_ON_POSTGRESQL} END, '') COLLATE "C")"""
    )
    on_sqlite = "lower(COALESCE(CASE WHEN {type} IN ('text', 'integer', 'real') THEN CAST({value} AS TEXT) END, ''))"


class AttributeNumber(_AttributeValue):
    """The value as a number; NULL where it is none."""

    on_postgresql = (
        f"(CASE WHEN {_TYPE_ON_POSTGRESQL} = 'number' OR {_TEXT_ON_POSTGRESQL} ~ '^{NUMBER_TEXT}$' "
        f"THEN {_TEXT_ON_POSTGRESQL}::double precision END)"
    )
    on_sqlite = (
        "(CASE WHEN {type} IN ('integer', 'real') OR "
        rf"({{type}} = 'text' AND {{value}} REGEXP '\A{NUMBER_TEXT}\Z') THEN CAST({{value}} AS REAL) END)"
    )

    def make_field(self) -> Field[Any, Any]:
        return FloatField()


class AttributeDate(_AttributeValue):
    """The value as an ISO date (text, as it sorts); NULL where it is none."""

    on_postgresql = (
        f"(CASE WHEN {_TYPE_ON_POSTGRESQL} = 'string' AND {_TEXT_ON_POSTGRESQL} "
        "~ '^[0-9]{4}-[0-1][0-9]-[0-3][0-9]$' "
        f"""THEN {_TEXT_ON_POSTGRESQL} COLLATE "C" END)"""
    )
    on_sqlite = (
        "(CASE WHEN {type} = 'text' AND {value} GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]' THEN {value} END)"
    )


class SmallLetters(Func):
    """A text in small ASCII letters; others stay as they are, whatever the database's locale says of them."""

    output_field = TextField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='lower((%(expressions)s) COLLATE "C")')

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="lower(%(expressions)s)")


class DomainOf(Func):
    """What stands behind the last @ of an address."""

    output_field = TextField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="split_part(%(expressions)s, '@', -1)")

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        # Cutting everything that is no @ off the end leaves what is before the domain.
        column, parameters = compiler.compile(self.source_expressions[0])
        sql = f"substr({column}, length(rtrim({column}, replace({column}, '@', ''))) + 1)"
        return sql, (*parameters, *parameters, *parameters)
