"""Segments: from conditions to the query that finds who fulfils them, the same on PostgreSQL and SQLite."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import (
    ExtractDay,
    ExtractMonth,
    Left,
    Right,
    StrIndex,
    Substr,
)
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNull,
    LessThan,
    LessThanOrEqual,
)
from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.address import part_as_key
from lists.conditions import NEXT_MONTH, THIS_MONTH, Condition, Group, Kind, SegmentRefused, read_conditions
from lists.models import Consent, Engagement, MailingList, Segment, Subscription
from lists.segment_sql import AttributeDate, AttributeNumber, AttributeText, DomainOf, SmallLetters

ASCII_SMALL: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def compile_group(group: Group, workspace: Workspace, *, now: datetime) -> Q:
    """Return the condition on Subscriber; days are those of the workspace's clock at `now`.

    Raises SegmentRefused where a condition names a list that is gone, or of another workspace. The subscribers are not
    kept to the workspace: whoever asks does that.
    """
    require_lists(group, workspace)
    return _compile(group, now.astimezone(workspace.zone))


def compile_segment(segment: Segment, *, now: datetime) -> Q:
    """Return the condition of a stored segment. Raises SegmentRefused, naming the segment."""
    try:
        return compile_group(read_conditions(segment.conditions), segment.workspace, now=now)
    except SegmentRefused as error:
        sentence = _("セグメント「%(name)s」は使えません: %(why)s") % {"name": segment.name, "why": error.sentence}
        raise SegmentRefused(sentence, segment) from error


def lists_named(group: Group) -> set[int]:
    """Return the ids of the lists that the conditions name."""
    return {pk for found in group.conditions() if found.operator.kind == Kind.LIST for pk in found.value}


def require_lists(group: Group, workspace: Workspace) -> None:
    """Raise SegmentRefused where the conditions name a list that the workspace does not have."""
    named = lists_named(group)
    if named and MailingList.objects.filter(workspace=workspace, pk__in=named).count() < len(named):
        raise SegmentRefused(_("条件にあるリストが削除されています。条件のリストを選び直してください。"))


def _compile(group: Group, now: datetime) -> Q:
    found = [_compile(part, now) if isinstance(part, Group) else _compile_condition(part, now) for part in group.parts]
    whole = found[0]
    for part in found[1:]:
        whole = whole | part if group.is_any else whole & part
    return whole


def _compile_condition(condition: Condition, now: datetime) -> Q:
    kind = condition.operator.kind
    if kind == Kind.ANY:
        return _is_empty(condition)
    return COMPILERS[kind](condition, now)


def _is_empty(condition: Condition) -> Q:
    """Compile "has a value" and "has none"."""
    if condition.field == "consent_source":
        filled = Q(Exists(Consent.objects.filter(subscriber=OuterRef("pk"))))
    elif condition.attribute:
        filled = ~Q(Exact(AttributeText(condition.attribute), Value("")))
    else:
        filled = ~Q(**{condition.field: ""})
    return filled if condition.op == "is_filled" else ~filled


def _text_of(field: str, attribute: str) -> Any:
    """Return the text of a field in small ASCII letters, never NULL."""
    if attribute:
        return AttributeText(attribute)
    # The key is what addresses are compared by: small letters, the domain in ASCII.
    return {"address": F("address_key"), "domain": DomainOf("address_key"), "name": SmallLetters("name")}[field]


def fold(condition: Condition, text: str) -> str:
    """Return a text to be looked for, written as the field's values are."""
    if condition.field in ("address", "domain"):
        return part_as_key(text).removeprefix("@" if condition.field == "domain" else "")
    return text.translate(ASCII_SMALL)


def _compile_text(condition: Condition, _now: datetime) -> Q:
    value = _text_of(condition.field, condition.attribute)
    wanted = fold(condition, condition.value)
    if condition.op == "begins":
        return Q(Exact(Left(value, len(wanted)), Value(wanted)))
    if condition.op == "ends":
        return Q(Exact(Right(value, len(wanted)), Value(wanted)))
    if condition.op in ("contains", "contains_not"):
        found = Q(GreaterThan(StrIndex(value, Value(wanted)), 0))
        return found if condition.op == "contains" else ~found
    found = Q(Exact(value, Value(wanted)))
    return found if condition.op == "is" else ~found


NUMBER_LOOKUPS: Final[dict[str, Any]] = {
    "eq": Exact,
    "ge": GreaterThanOrEqual,
    "gt": GreaterThan,
    "le": LessThanOrEqual,
    "lt": LessThan,
}


def _compile_number(condition: Condition, _now: datetime) -> Q:
    value = AttributeNumber(condition.attribute) if condition.attribute else F("error_count")
    if condition.op == "between":
        low, high = condition.value
        return Q(GreaterThanOrEqual(value, _number(low))) & Q(LessThanOrEqual(value, _number(high)))
    if condition.op == "ne":
        # NULL would make NOT (value = 1) unknown, and the person without a value be left out.
        return ~(Q(IsNull(value, False)) & Q(Exact(value, _number(condition.value))))
    return Q(NUMBER_LOOKUPS[condition.op](value, _number(condition.value)))


def _number(value: float) -> Any:
    return Value(float(value))


def _compile_choice(condition: Condition, _now: datetime) -> Q:
    if condition.field == "consent_source":
        found = Q(Exists(Consent.objects.filter(subscriber=OuterRef("pk"), source__in=condition.value)))
    elif condition.attribute:
        found = Q(In(AttributeText(condition.attribute), [fold(condition, text) for text in condition.value]))
    else:
        found = Q(**{f"{condition.field}__in": condition.value})
    return found if condition.op == "one_of" else ~found


def _compile_list(condition: Condition, _now: datetime) -> Q:
    found = Q(Exists(Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__in=condition.value)))
    return found if condition.op == "on" else ~found


def _compile_event(condition: Condition, now: datetime) -> Q:
    at = "opened_at" if condition.field == "opened" else "clicked_at"
    events: QuerySet[Engagement] = Engagement.objects.filter(subscriber=OuterRef("pk"), **{f"{at}__isnull": False})
    if condition.op.endswith("in_days"):
        events = events.filter(**{f"{at}__gte": now - timedelta(days=condition.value)})
    elif condition.op.endswith("campaign"):
        events = events.filter(campaign=condition.value)
    found = Q(Exists(events))
    return ~found if condition.op in ("never", "not_in_days", "not_campaign") else found


def _compile_date(condition: Condition, now: datetime) -> Q:
    """Compile a question about days: those of the zone of `now`."""
    today = now.date()
    is_moment = not condition.attribute
    if condition.op == "anniversary":
        days = days_like(today + timedelta(days=condition.value))
        return _on_days(days, now.tzinfo) if is_moment else Q(In(Substr(AttributeDate(condition.attribute), 6), days))
    if condition.op == "month":
        month = month_of(condition.value, today)
        if is_moment:
            return Q(Exact(ExtractMonth("created_at", tzinfo=now.tzinfo), month))
        return Q(Exact(Substr(AttributeDate(condition.attribute), 6, 2), Value(f"{month:02}")))
    first, last = span_of(condition, today)
    if is_moment:
        return _joined(first, last, now.tzinfo)
    value = AttributeDate(condition.attribute)
    found = Q(IsNull(value, False))
    if first is not None:
        found &= Q(GreaterThanOrEqual(value, Value(first.isoformat())))
    if last is not None:
        found &= Q(LessThanOrEqual(value, Value(last.isoformat())))
    return found


def span_of(condition: Condition, today: date) -> tuple[date | None, date | None]:
    """Return the first and the last day that a condition means; None is open."""
    if condition.op in ("last_days", "next_days", "older_days"):
        distance = timedelta(days=condition.value)
        if condition.op == "next_days":
            return today, today + distance
        return (today - distance, today) if condition.op == "last_days" else (None, today - distance - ONE_DAY)
    if condition.op == "dates":
        first, last = condition.value
        return date.fromisoformat(first), date.fromisoformat(last)
    day = date.fromisoformat(condition.value)
    if condition.op == "before":
        return None, day - ONE_DAY
    return (day + ONE_DAY if day < date.max else date.max, None) if condition.op == "after" else (day, day)


ONE_DAY: Final = timedelta(days=1)


def days_like(day: date) -> list[str]:
    """Return the day of the year as MM-DD; who was born on 29 February has it on the 28th of other years."""
    found = [day.strftime("%m-%d")]
    if found == ["02-28"] and (day + ONE_DAY).day == 1:
        found.append("02-29")
    return found


def month_of(value: str, today: date) -> int:
    """Return the number of the month that a condition means."""
    if value in (THIS_MONTH, NEXT_MONTH):
        return today.month if value == THIS_MONTH else today.month % 12 + 1
    return int(value)


def _joined(first: date | None, last: date | None, zone: tzinfo | None) -> Q:
    """Compile "joined from the first to the last day", both as days of a zone."""
    found = Q()
    if first is not None:
        found &= Q(created_at__gte=datetime.combine(first, time(), zone))
    if last is not None:
        # The last day of all has no next one.
        found &= Q(created_at__lt=datetime.combine(min(last, date.max - ONE_DAY) + ONE_DAY, time(), zone))
    return found


def _on_days(days: list[str], zone: tzinfo | None) -> Q:
    found = Q()
    for month, day in (text.split("-") for text in days):
        found |= Q(Exact(ExtractMonth("created_at", tzinfo=zone), int(month))) & Q(
            Exact(ExtractDay("created_at", tzinfo=zone), int(day))
        )
    return found


COMPILERS: Final[dict[Kind, Callable[[Condition, datetime], Q]]] = {
    Kind.TEXT: _compile_text,
    Kind.NUMBER: _compile_number,
    Kind.DATE: _compile_date,
    Kind.CHOICE: _compile_choice,
    Kind.LIST: _compile_list,
    Kind.EVENT: _compile_event,
}
