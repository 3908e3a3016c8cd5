"""Japanese words for 配信禁止時間: rules, and the moment at which sending goes on."""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.quiet_hours import Rules

WEEKDAYS: Final = (
    gettext_lazy("月"),
    gettext_lazy("火"),
    gettext_lazy("水"),
    gettext_lazy("木"),
    gettext_lazy("金"),
    gettext_lazy("土"),
    gettext_lazy("日"),
)


def moment_words(at: datetime, now: datetime) -> str:
    """Return a moment as people say it: 今日 18:00, 明日 08:00, 11月24日(火) 08:00."""
    local, today = timezone.localtime(at), timezone.localtime(now).date()
    clock = date_format(local, "H:i")
    if local.date() == today:
        return _("今日 %s") % clock
    if local.date() == today + timedelta(days=1):
        return _("明日 %s") % clock
    return date_format(local, "n月j日(D) H:i")


def hours_words(rules: Rules) -> str:
    """Return the hours that are closed every day, or nothing."""
    if rules.begins is None or rules.ends is None:
        return ""
    pattern = _("%(begins)s〜%(ends)s") if rules.begins < rules.ends else _("%(begins)s〜翌%(ends)s")
    return pattern % {"begins": time_format(rules.begins, "H:i"), "ends": time_format(rules.ends, "H:i")}


def weekday_words(rules: Rules) -> str:
    """Return the closed weekdays, or nothing."""
    return _("・").join(str(WEEKDAYS[day]) for day in sorted(rules.weekdays))


def rules_words(rules: Rules) -> str:
    """Return all that is closed: 毎日 21:00〜翌08:00、土・日曜日、日本の祝日."""
    parts = [
        _("毎日 %s") % hours_words(rules) if rules.begins is not None else "",
        _("%s曜日") % weekday_words(rules) if rules.weekdays else "",
        _("日本の祝日") if rules.holidays else "",
    ]
    return _("、").join(part for part in parts if part)
