"""The days and moments of a 繰り返し: pure, by the clock on the wall of a zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.models import Rhythm

# The day of the month that stands for the last one, however long the month is.
LAST_DAY: Final = 31
# No month has its day further away from the last one.
LONGEST_WAIT: Final = 63
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """When a mailing is repeated: on these weekdays (0 is Monday) or on this day of the month, up to a last day."""

    rhythm: Rhythm
    at: time
    weekdays: frozenset[int] = frozenset()
    month_day: int | None = None
    ends_on: date | None = None

    def has_day(self, day: date) -> bool:
        """Say whether a mailing goes on this day."""
        if self.ends_on is not None and day > self.ends_on:
            return False
        if self.rhythm == Rhythm.WEEKLY:
            return day.weekday() in self.weekdays
        if self.month_day == LAST_DAY:
            return (day + DAY).day == 1
        return day.day == self.month_day


def moment(plan: Plan, day: date, zone: ZoneInfo) -> datetime:
    """Return when the mailing of a day goes, in UTC.

    A time that the clock leaves out that day is as much later as the clock jumps; one that it shows twice is the first.
    """
    return datetime.combine(day, plan.at, zone).astimezone(UTC)


def following(plan: Plan, after: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first moment behind `after`; None where the plan has come to its end."""
    # A time that the clock leaves out can belong to the day before.
    begin = after.astimezone(zone).date() - DAY
    for day in (begin + DAY * number for number in range(LONGEST_WAIT + 2)):
        if plan.has_day(day) and (found := moment(plan, day, zone)) > after:
            return found
    return None


def moved(plan: Plan, at: datetime, before: ZoneInfo, zone: ZoneInfo, *, now: datetime) -> datetime:
    """Return when the mailing of `at`, planned by the clock of `before`, goes by that of another zone: on the same day.

    So no day has two of them and none is left out. Where its time is over there already, it stays where it is; the next
    one is by the new clock.
    """
    first = at.astimezone(before).date()
    for day in (first, first - DAY):
        if plan.has_day(day) and moment(plan, day, before) == at:
            found = moment(plan, day, zone)
            return found if found > now else at
    # It stayed once before.
    return at


def newest_until(plan: Plan, until: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the last moment that is not behind `until`; None where the two months before it have none."""
    end = until.astimezone(zone).date()
    for day in (end - DAY * number for number in range(LONGEST_WAIT + 1)):
        if plan.has_day(day) and (found := moment(plan, day, zone)) <= until:
            return found
    return None


def between(plan: Plan, begin: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments behind `begin` and before `end`, in their order."""
    found = following(plan, begin, zone)
    while found is not None and found < end:
        yield found
        found = following(plan, found, zone)
