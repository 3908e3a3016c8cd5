"""What conditions mean, in plain Python over loaded people: the oracle for the compiled queries."""

import re
from datetime import timedelta

from django.utils import timezone

from lists.conditions import Condition, Group, Kind

NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
DATE = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]")


def fulfils(part, person, now):
    if isinstance(part, Group):
        return (any if part.is_any else all)(fulfils(inner, person, now) for inner in part.parts)
    return fulfils_condition(part, person, now)


def fulfils_condition(condition: Condition, person, now):
    raw = person.attributes.get(condition.attribute) if condition.attribute else None
    kind, op, value = condition.operator.kind, condition.op, condition.value
    if kind == Kind.ANY:
        if condition.attribute:
            filled = isinstance(raw, (str, int, float)) and raw != ""
        elif condition.field == "consent_source":
            filled = person.consents.exists()
        else:
            filled = getattr(person, condition.field) != ""
        return filled == (op == "is_filled")
    if kind == Kind.TEXT:
        return fulfils_text(condition, as_text(raw) if condition.attribute else text_field(condition.field, person))
    if kind == Kind.NUMBER:
        return fulfils_number(op, value, as_number(raw) if condition.attribute else float(person.error_count))
    if kind == Kind.CHOICE:
        if condition.field == "consent_source":
            found = person.consents.filter(source__in=value).exists()
        elif condition.attribute:
            found = small(as_text(raw)) in [small(text) for text in value]
        else:
            found = getattr(person, condition.field) in value
        return found == (op == "one_of")
    if kind == Kind.LIST:
        return person.subscriptions.filter(mailing_list__in=value).exists() == (op == "on")
    if kind == Kind.EVENT:
        return fulfils_event(condition, person, now)
    return fulfils_date(op, value, as_date(raw) if condition.attribute else joined(person), local(now))


def small(text):
    return "".join(char.lower() if char.isascii() else char for char in text)


def as_text(raw):
    return "" if raw is None else str(raw)


def as_number(raw):
    if isinstance(raw, str):
        return float(raw) if NUMBER.fullmatch(raw) else None
    return None if raw is None else float(raw)


def as_date(raw):
    return raw if isinstance(raw, str) and DATE.fullmatch(raw) else None


def text_field(field, person):
    key = person.address_key
    return {"address": key, "domain": key.rpartition("@")[2], "name": person.name}[field]


def fulfils_text(condition, text):
    text, wanted = small(text), small(condition.value)
    return {
        "is": text == wanted,
        "is_not": text != wanted,
        "contains": wanted in text,
        "contains_not": wanted not in text,
        "begins": text.startswith(wanted),
        "ends": text.endswith(wanted),
    }[condition.op]


def fulfils_number(op, value, number):
    if number is None:
        return op == "ne"
    if op == "between":
        return value[0] <= number <= value[1]
    return {
        "eq": number == value,
        "ne": number != value,
        "ge": number >= value,
        "gt": number > value,
        "le": number <= value,
        "lt": number < value,
    }[op]


def local(moment):
    return timezone.localdate(moment, timezone.get_default_timezone())


def joined(person):
    return local(person.created_at).isoformat()


def fulfils_date(op, value, text, today):
    if text is None:
        return False
    if op == "month":
        month = {"this": today.month, "next": today.month % 12 + 1}.get(value) or int(value)
        return int(text[5:7]) == month
    if op == "anniversary":
        day = today + timedelta(days=value)
        is_last_of_february = (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).month == 3
        return text[5:] == f"{day.month:02}-{day.day:02}" or (is_last_of_february and text[5:] == "02-29")
    if op in ("last_days", "older_days", "next_days"):
        far = today + timedelta(days=value if op == "next_days" else -value)
        if op == "older_days":
            return text < far.isoformat()
        first, last = sorted([far, today])
        return first.isoformat() <= text <= last.isoformat()
    if op == "dates":
        return value[0] <= text <= value[1]
    return {"date_is": text == value, "before": text < value, "after": text > value}[op]


def fulfils_event(condition, person, now):
    column = "opened_at" if condition.field == "opened" else "clicked_at"
    found = [event for event in person.engagements.all() if getattr(event, column)]
    if condition.op.endswith("in_days"):
        found = [event for event in found if getattr(event, column) >= now - timedelta(days=condition.value)]
    if condition.op.endswith("campaign"):
        found = [event for event in found if event.campaign == condition.value]
    return bool(found) != (condition.op in ("never", "not_in_days", "not_campaign"))
