"""Japanese words for the plan of a 繰り返し."""

from typing import Any

from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Rhythm
from campaigns.quiet_words import WEEKDAYS
from campaigns.recurrence_dates import LAST_DAY, Plan
from campaigns.recurrences import plan_of


def plan_words(plan: Plan) -> str:
    """Return when a mailing is repeated: 毎週 月・木曜日 10:00(2026年12月31日まで)."""
    clock = time_format(plan.at, "H:i")
    if plan.rhythm == Rhythm.WEEKLY:
        days = _("・").join(str(WEEKDAYS[day]) for day in sorted(plan.weekdays))
        words = _("毎週 %(days)s曜日 %(clock)s") % {"days": days, "clock": clock}
    elif plan.month_day == LAST_DAY:
        words = _("毎月 月末 %s") % clock
    else:
        words = _("毎月 %(day)d日 %(clock)s") % {"day": plan.month_day, "clock": clock}
    return words + (_("(%sまで)") % date_format(plan.ends_on, "Y年n月j日") if plan.ends_on else "")


def plan_context(campaign: Campaign) -> dict[str, Any]:
    """Return what the check page of a draft that is repeated, or was, says of that; empty for any other."""
    found = list(campaign.recurrences.all())
    running = next((recurrence for recurrence in found if recurrence.stopped_at is None), None)
    if running is None:
        return {"was_repeated": bool(found)}
    return {"recurrence": running, "words": plan_words(plan_of(running)), "was_repeated": True}
