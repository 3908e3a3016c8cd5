"""Conditions in words that people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from lists.conditions import NEXT_MONTH, THIS_MONTH, Condition, Group, Kind, SegmentRefused, Shape, read_conditions
from lists.models import Segment
from lists.segment_fields import Field


@dataclass(frozen=True, slots=True)
class Words:
    """A group in words: how its parts are joined, and each of them as a text or a group."""

    joins: str
    parts: tuple[str | Words, ...]

    def __str__(self) -> str:
        return self.joins.join(part if isinstance(part, str) else f"({part})" for part in self.parts)


def describe(group: Group, fields: Mapping[str, Field]) -> Words:
    """Return conditions in words."""
    joins = _(" または ") if group.is_any else _(" かつ ")
    return Words(
        joins,
        tuple(
            describe(part, fields) if isinstance(part, Group) else describe_condition(part, fields)
            for part in group.parts
        ),
    )


def describe_segment(segment: Segment, fields: Mapping[str, Field]) -> Words | None:
    """Return a stored segment's conditions in words; None where they cannot be read."""
    try:
        return describe(read_conditions(segment.conditions), fields)
    except SegmentRefused:
        return None


def describe_condition(condition: Condition, fields: Mapping[str, Field]) -> str:
    """Return one condition in words."""
    field = fields.get(condition.field)
    label = field.label if field else condition.attribute or condition.field
    given = describe_value(condition, field)
    if condition.operator.kind == Kind.LIST:
        words = _("%sに入っている") if condition.op == "on" else _("%sに入っていない")
        return words % given
    words = str(condition.operator.words)
    return label + (words % given if "%s" in words else words)


def describe_value(condition: Condition, field: Field | None) -> str:
    """Return what a condition compares with, in words."""
    shape, value = condition.operator.shape, condition.value
    if shape in (Shape.TEXTS, Shape.LISTS):
        names = {str(key): str(label) for key, label in field.choices} if field else {}
        missing = _("削除されたリスト") if shape == Shape.LISTS else ""
        quoted = [_("「%s」") % names.get(str(item), missing or item) for item in value]
        return (_("か") if condition.op in ("one_of", "on") else "").join(quoted)
    if shape in (Shape.NUMBERS, Shape.DATES):
        first, last = (value_words(part, shape) for part in value)
        return _("%(first)s〜%(last)s") % {"first": first, "last": last}
    if shape == Shape.MONTH:
        named = {THIS_MONTH: _("今月"), NEXT_MONTH: _("来月")}
        return named.get(value) or _("%s月") % value
    return value_words(value, shape)


def value_words(value: Any, shape: Shape) -> str:
    """Return a number with commas, a day as the pages write it, anything else as it is."""
    if shape in (Shape.DATE, Shape.DATES):
        return str(value).replace("-", "/")
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
