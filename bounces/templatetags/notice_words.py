"""Words about notices for templates."""

from django import template

from bounces.models import NoticeState, RawNotice
from bounces.rule_words import explain_why

register = template.Library()


@register.filter
def why(notice: RawNotice) -> str:
    """Say what kept a notice from counting; "" where nothing did, or where it is tried again."""
    is_over = notice.state in (NoticeState.UNMATCHED, NoticeState.BROKEN)
    return explain_why(notice.note) if is_over and notice.note else ""
