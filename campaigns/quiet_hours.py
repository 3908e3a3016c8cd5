"""配信禁止時間 as rules: when a mailing must not send, and how lifetimes run meanwhile. Pure; nothing is stored here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.holidays import is_holiday

ALL_WEEK: Final = frozenset(range(7))
DAY: Final = timedelta(days=1)
# A day of the search beyond which no closed time is looked for: a holiday comes every year.
HORIZON: Final = 400
# Closed time lengthens a lifetime by no more than this, so that no mailing is without an end where little time is
# open. Our own caution: longer than the longest run of holidays with the nights around it.
LONGEST_HALT: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is forbidden. Nothing is by default."""

    # Every day from `begins` until `ends`, over midnight where `ends` is the earlier; both or neither.
    begins: time | None = None
    ends: time | None = None
    # Whole days, Monday = 0.
    weekdays: frozenset[int] = frozenset()
    # Whole days: 国民の祝日 and 休日.
    holidays: bool = False

    def is_empty(self) -> bool:
        """Say whether nothing is forbidden."""
        return self.begins is None and not self.weekdays and not self.holidays

    def is_endless(self) -> bool:
        """Say whether no moment is left in which a mail may leave."""
        return self.weekdays >= ALL_WEEK or (self.begins is not None and self.begins == self.ends)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A closed time from `begins` until just before `ends`, both aware."""

    begins: datetime
    ends: datetime


def next_closed(rules: Rules, now: datetime, zone: ZoneInfo) -> Stretch | None:
    """Return the closed time of this moment, else the next one; None where there is none within a year.

    Adjacent ones are joined, so that sending may begin at its end. Of one that began long ago the beginning may be
    cut to the day before.
    """
    for stretch in closed_stretches(rules, now.astimezone(zone).date(), zone):
        if stretch.ends > now:
            return stretch
    return None


def first_open(rules: Rules, at: datetime, zone: ZoneInfo) -> datetime:
    """Return `at`, or the end of the closed time in which it lies."""
    stretch = next_closed(rules, at, zone)
    return stretch.ends if stretch and stretch.begins <= at else at


def closed_stretches(rules: Rules, first: date, zone: ZoneInfo) -> Iterator[Stretch]:
    """Yield the closed times of the year from a day on, in their order, adjacent ones joined."""
    joined: Stretch | None = None
    for piece in closed_pieces(rules, first, zone):
        if joined is None:
            joined = piece
        elif piece.begins <= joined.ends:
            joined = Stretch(joined.begins, max(joined.ends, piece.ends))
        else:
            yield joined
            joined = piece
    if joined is not None:
        yield joined


def closed_pieces(rules: Rules, first: date, zone: ZoneInfo) -> Iterator[Stretch]:
    """Yield what each day forbids, from the day before `first` on, ordered by the beginnings."""
    if rules.is_empty():
        return
    for number in range(-1, HORIZON):
        day = first + number * DAY
        if day.weekday() in rules.weekdays or (rules.holidays and is_holiday(day)):
            yield Stretch(earliest(day, time.min, zone), latest(day + DAY, time.min, zone))
        if rules.begins is not None and rules.ends is not None:
            last = day if rules.begins < rules.ends else day + DAY
            yield Stretch(earliest(day, rules.begins, zone), latest(last, rules.ends, zone))


def earliest(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return the first moment that a clock in the zone may be said to show this; see `latest`."""
    return min(moments(day, clock, zone))


def latest(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return the last one: where clocks are put back or forward, rather an hour too much is closed than one too little."""
    return max(moments(day, clock, zone))


def moments(day: date, clock: time, zone: ZoneInfo) -> list[datetime]:
    """Return the one or two moments, in UTC, of a time of day (PEP 495)."""
    return [datetime.combine(day, clock.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)]


def deadline(rules: Rules, began: datetime, lifetime: timedelta, zone: ZoneInfo) -> datetime:
    """Return when a lifetime that began then is over: only open time counts, up to LONGEST_HALT of closed time."""
    end = began + lifetime
    furthest = end + LONGEST_HALT
    for stretch in closed_stretches(rules, began.astimezone(zone).date(), zone):
        if stretch.begins >= end or end >= furthest:
            break
        if stretch.ends > began:
            end += stretch.ends - max(stretch.begins, began)
    return min(end, furthest)


def oldest_alive(rules: Rules, now: datetime, lifetime: timedelta, zone: ZoneInfo) -> datetime:
    """Return the beginning of the lifetime that is over at `now`: whatever began then or before has outlived it."""
    furthest = now - lifetime - LONGEST_HALT
    begin = now - lifetime
    for stretch in reversed(list(stretches_until(rules, furthest, now, zone))):
        if stretch.ends <= begin:
            break
        begin -= min(stretch.ends, now) - stretch.begins
    return max(begin, furthest)


def stretches_until(rules: Rules, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[Stretch]:
    """Yield the closed times that begin before `until`, from the day of `since` on."""
    for stretch in closed_stretches(rules, since.astimezone(zone).date(), zone):
        if stretch.begins >= until:
            return
        yield stretch
