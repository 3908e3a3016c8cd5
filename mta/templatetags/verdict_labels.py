"""Filters that put stored kinds and reasons into the words of the design's table."""

from django import template

from mta.verdicts import Kind, Reason

register = template.Library()


@register.filter
def kind_label(value: str) -> str:
    """Return the 種別 of a stored kind; what is no kind is shown as it is."""
    return str(Kind(value).label) if value in Kind.values else value


@register.filter
def reason_label(value: str) -> str:
    """Return the 理由 of a stored reason; what is no reason is shown as it is."""
    return str(Reason(value).label) if value in Reason.values else value
