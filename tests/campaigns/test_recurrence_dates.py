"""The days of a 繰り返し: months without a 31st, leap days, clocks that are put forward and back."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from campaigns.models import Rhythm
from campaigns.recurrence_dates import LAST_DAY, Plan, between, following, newest_until

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
# Its clock jumps at midnight, so that 0:30 is missing.
BEIRUT = ZoneInfo("Asia/Beirut")


def weekly(*days, at=time(10), **fields):
    return Plan(Rhythm.WEEKLY, at, frozenset(days), **fields)


def monthly(day, at=time(10), **fields):
    return Plan(Rhythm.MONTHLY, at, month_day=day, **fields)


def on_the_wall(zone, *parts):
    return datetime(*parts).replace(tzinfo=zone)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("plan", "after", "expected"),
    [
        # 2026-11-23 is a Monday.
        (weekly(0), (2026, 11, 23, 9, 59), (2026, 11, 23, 10)),
        (weekly(0), (2026, 11, 23, 10), (2026, 11, 30, 10)),
        (weekly(0, 3), (2026, 11, 24), (2026, 11, 26, 10)),
        (weekly(6, at=time(0)), (2026, 11, 23), (2026, 11, 29)),
        (monthly(28), (2026, 1, 29), (2026, 2, 28, 10)),
        (monthly(1), (2026, 12, 31, 23), (2027, 1, 1, 10)),
        (monthly(LAST_DAY), (2026, 1, 31, 10), (2026, 2, 28, 10)),
        (monthly(LAST_DAY), (2028, 2, 1), (2028, 2, 29, 10)),
        (monthly(LAST_DAY), (2026, 4, 1), (2026, 4, 30, 10)),
        (monthly(LAST_DAY), (2026, 12, 31, 11), (2027, 1, 31, 10)),
        (weekly(0, ends_on=date(2026, 11, 30)), (2026, 11, 23, 10), (2026, 11, 30, 10)),
        (weekly(0, ends_on=date(2026, 11, 29)), (2026, 11, 23, 10), None),
        (monthly(28, ends_on=date(2026, 1, 1)), (2026, 1, 29), None),
    ],
)
def test_the_next_time(plan, after, expected):
    found = following(plan, on_the_wall(TOKYO, *after), TOKYO)
    assert found == (on_the_wall(TOKYO, *expected) if expected else None)


@pytest.mark.parametrize(
    ("plan", "until", "expected"),
    [
        (weekly(0), (2026, 11, 23, 10), (2026, 11, 23, 10)),
        (weekly(0), (2026, 11, 23, 9), (2026, 11, 16, 10)),
        (monthly(LAST_DAY), (2028, 3, 30), (2028, 2, 29, 10)),
        (weekly(0, ends_on=date(2026, 11, 20)), (2026, 11, 25), (2026, 11, 16, 10)),
    ],
)
def test_the_newest_time_that_was(plan, until, expected):
    assert newest_until(plan, on_the_wall(TOKYO, *until), TOKYO) == on_the_wall(TOKYO, *expected)


def test_a_day_of_eight_hours_utc_before_is_the_day_of_the_zone():
    found = following(weekly(0, at=time(8)), datetime(2026, 11, 22, 22, tzinfo=UTC), TOKYO)
    assert found == datetime(2026, 11, 22, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "begin", "utc"),
    [
        # The clock is put forward at 2:00 on the 29th of March: 2:30 is 3:30 that day.
        (BERLIN, time(2, 30), (2026, 3, 28, 12), [(29, 1, 30), (30, 0, 30), (31, 0, 30)]),
        # At midnight of the 29th in Beirut: 0:30 is 1:30.
        (BEIRUT, time(0, 30), (2026, 3, 28, 12), [(28, 22, 30), (29, 21, 30), (30, 21, 30)]),
        # And back at 3:00 on the 25th of October: 2:30 comes twice and is the first of them.
        (BERLIN, time(2, 30), (2026, 10, 24, 12), [(25, 0, 30), (26, 1, 30), (27, 1, 30)]),
    ],
)
def test_each_day_has_one_time_however_the_clock_is_put(zone, at, begin, utc):
    plan = weekly(*range(7), at=at)
    start = on_the_wall(zone, *begin)
    found = list(islice(between(plan, start, start + timedelta(days=9), zone), 3))
    assert [(moment.day, moment.hour, moment.minute) for moment in found] == utc


def test_every_month_of_four_years_has_its_last_day_once():
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    found = list(between(monthly(LAST_DAY), begin, datetime(2030, 1, 1, tzinfo=UTC), TOKYO))
    assert len(found) == 48
    assert all((moment.astimezone(TOKYO) + timedelta(days=1)).day == 1 for moment in found)


def test_going_forward_and_looking_back_agree():
    plan = monthly(15, at=time(2, 30))
    for moment in between(plan, datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC), BERLIN):
        assert newest_until(plan, moment, BERLIN) == moment
        assert following(plan, moment - timedelta(seconds=1), BERLIN) == moment
