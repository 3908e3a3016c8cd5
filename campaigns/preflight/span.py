"""Words for a length of time that is only about known."""

from datetime import timedelta

from django.utils.translation import gettext as _


def span_words(span: timedelta) -> str:
    """Return about how long a span is, for people; at least a minute."""
    minutes = max(1, round(span.total_seconds() / 60))
    if minutes < 60:
        return _("約%d分") % minutes
    hours, rest = divmod(minutes, 60)
    if hours < 10 and rest >= 5:
        return _("約%(hours)d時間%(minutes)d分") % {"hours": hours, "minutes": rest - rest % 5}
    return _("約%d時間") % hours if hours < 48 else _("約%d日") % (hours // 24)
