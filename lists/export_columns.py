"""The columns of exports: how a cell is read from a row, and how PostgreSQL makes the same text itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, CharField, F, Func, Value, When
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone
from import_export.fields import Field


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """One column of a table that can be exported; made by the functions below, whose two ways write the same text."""

    # In forms and URLs.
    name: str
    label: str
    # What is asked of the database, a lookup or an expression as in `values_list`.
    source: str | Combinable
    # The text of a cell, from the value of `source`.
    show: Callable[[Any], str]
    # The same text, or NULL for an empty one, as PostgreSQL makes it.
    sql: Combinable
    # Whether the text was written by somebody else, so that it can begin as a formula does.
    is_foreign: bool = True
    # Whether spreadsheets are to take the cell for a number.
    is_number: bool = False
    # Whether it is chosen at first.
    is_default: bool = field(default=True, kw_only=True)


def text_column(name: str, label: str, source: str, *, is_default: bool = True) -> ExportColumn:
    """Return a column of text as it is stored."""
    return ExportColumn(name, label, source, as_text, F(source), is_default=is_default)


def choice_column(
    name: str, label: str, source: str, choices: Iterable[tuple[str, Any]], *, is_default: bool = True
) -> ExportColumn:
    """Return a column that shows what a stored word means (`TextChoices.choices`)."""
    words = {stored: str(word) for stored, word in choices}
    sql = Case(
        *[When(**{source: stored}, then=Value(word)) for stored, word in words.items()],
        default=F(source),
        output_field=CharField(),
    )
    return ExportColumn(
        name, label, source, lambda stored: words.get(stored, stored or ""), sql, False, is_default=is_default
    )


def moment_column(name: str, label: str, source: str, *, is_default: bool = True) -> ExportColumn:
    """Return a column of a date and time to the minute, in the present time zone."""
    zone = timezone.get_current_timezone_name()
    sql = ToMinute(Value(zone), F(source), output_field=CharField())

    def show(moment: datetime | None) -> str:
        return "" if moment is None else show_moment(moment, zone)

    return ExportColumn(name, label, source, show, sql, False, is_default=is_default)


def number_column(name: str, label: str, source: str, *, is_default: bool = True) -> ExportColumn:
    """Return a column of whole numbers."""
    return ExportColumn(name, label, source, as_text, Cast(F(source), CharField()), False, True, is_default=is_default)


class ToMinute(Func):
    """A moment as text to the minute, on PostgreSQL: the zone, then the moment."""

    # Three times as fast as a pattern, but it says what DateStyle says.
    plain = "left(timezone(%(expressions)s)::text, 16)"
    by_pattern = "to_char(timezone(%(expressions)s), 'YYYY-MM-DD HH24:MI')"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Return the SQL for the connection's DateStyle, which the server tells whenever it changes."""
        connection.ensure_connection()
        style = connection.connection.info.parameter_status("DateStyle") or ""
        template = self.plain if style.startswith("ISO") else self.by_pattern
        return self.as_sql(compiler, connection, template=template, **context)


def attribute_column(
    name: str, label: str, key: str, source: str, *, is_number: bool, is_default: bool = True
) -> ExportColumn:
    """Return a column of one attribute, `source` being the JSON that holds it under `key`."""

    def show(attributes: dict[str, Any]) -> str:
        return as_text(attributes.get(key))

    sql = KeyTextTransform(key, source)
    return ExportColumn(name, label, source, show, sql, is_number=is_number, is_default=is_default)


def as_text(value: object) -> str:
    """Return a stored value as text: numbers without an exponent, "" for none."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        plain = format(Decimal(repr(value)), "f")
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    return str(value)


class MomentField(Field):  # type: ignore[misc]
    """A field of a resource that shows a date and time as `moment_column` does."""

    def export(self, instance: Any, **kwargs: Any) -> str:
        """Return the text of a cell."""
        moment = self.get_value(instance)
        return "" if moment is None else show_moment(moment, timezone.get_current_timezone_name())


# The people of one file have the same times.
@lru_cache(maxsize=512)
def show_moment(moment: datetime, zone: str) -> str:
    """Return a moment to the minute, as the clock of `zone` shows it."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
