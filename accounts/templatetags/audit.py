"""Filters that put entries of the audit log into words."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone

from accounts.audit_words import ACTIONS, DETAILS, EMPTY_VALUES, NOTHING, VALUES

register = template.Library()


@register.filter
def action_label(action: str) -> str:
    """Return what was done, in Japanese; an action without a word is shown as it was recorded."""
    return str(ACTIONS.get(action, action))


@register.filter
def detail_text(detail: dict[str, Any]) -> str:
    """Return the details of an entry as one line."""
    return "、".join(f"{DETAILS.get(name, name)}: {_describe(name, value)}" for name, value in detail.items())


def _describe(name: str, value: Any) -> str:
    return str(EMPTY_VALUES.get(name, NOTHING)) if value is None else value_text(value)


def value_text(value: Any) -> str:
    """Return a value in words; a time as local time, several values with a dot between them."""
    if isinstance(value, list):
        return "・".join(value_text(one) for one in value)
    text = str(value)
    if text in VALUES:
        return str(VALUES[text])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return timezone.localtime(moment).strftime("%Y/%m/%d %H:%M") if moment.tzinfo else text
