"""The trend of a period by day or week, as points of the chart and rows of its table."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from bounces.charts import Point
from bounces.error_report import Mailing
from bounces.report_scope import Period

# A longer period is shown by week.
DAILY_UP_TO = 45


def is_weekly(period: Period) -> bool:
    """Say whether a point is a week."""
    return period.days > DAILY_UP_TO


def read_trend(mailings: Iterable[Mailing], period: Period) -> list[Point]:
    """Return a point for each day or week of a period, the oldest first, those without mailings too."""
    step = 7 if is_weekly(period) else 1
    begins = [period.first + timedelta(days=days) for days in range(0, period.days, step)]
    sums = [[0, 0] for _begin in begins]
    zone = timezone.get_current_timezone()
    for mailing in mailings:
        place = (mailing.started_at.astimezone(zone).date() - period.first).days // step
        sums[place][0] += mailing.tried
        sums[place][1] += mailing.failed
    return [
        make_point(begin, min(begin + timedelta(days=step - 1), period.last), tried, failed)
        for begin, (tried, failed) in zip(begins, sums, strict=True)
    ]


def make_point(first: date, last: date, tried: int, failed: int) -> Point:
    """Return the point of some days, in words for people."""
    days = f"{first:%Y/%m/%d}" if first == last else f"{first:%Y/%m/%d}〜{last:%m/%d}"
    point = Point(f"{first.month}/{first.day}", days, tried, failed)
    words = _("%(days)s: 配信数 %(tried)s、失敗 %(failed)s、エラー率 %(percent).1f%%") % {
        "days": days,
        "tried": f"{tried:,}",
        "failed": f"{failed:,}",
        "percent": point.percent,
    }
    return Point(point.label, words, tried, failed)


def busiest_day(mailings: Sequence[Mailing]) -> int:
    """Return the most mails that were sent on one local day."""
    days: dict[date, int] = {}
    zone = timezone.get_current_timezone()
    for mailing in mailings:
        day = mailing.started_at.astimezone(zone).date()
        days[day] = days.get(day, 0) + mailing.tried
    return max(days.values(), default=0)
