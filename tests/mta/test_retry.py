"""When a deferred delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from mta.retry import RELAYED, RELAYED_LIFETIME, SCHEDULE, fraction, next_attempt, told_wait

DUE = datetime(2025, 1, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("tries", "minutes"), [(0, 5), (1, 5), (2, 15), (3, 30), (4, 60), (5, 60), (100, 60)])
def test_waits_longer_after_each_attempt(tries: int, minutes: int) -> None:
    """B4."""
    assert next_attempt(tries, now=DUE, first_due=DUE, lifetime=DAY) == DUE + timedelta(minutes=minutes)


def test_gives_up_when_the_lifetime_is_used_up() -> None:
    """B5."""
    now = DUE + DAY - timedelta(minutes=60)
    assert next_attempt(9, now=now, first_due=DUE, lifetime=DAY) is None
    assert next_attempt(9, now=now - SECOND, first_due=DUE, lifetime=DAY) == DUE + DAY - SECOND


def tries_until_given_up(schedule: tuple[timedelta, ...], lifetime: timedelta) -> list[timedelta]:
    """Return when each try of a row is made that is always deferred."""
    made = [DUE]
    while due := next_attempt(len(made), now=made[-1], first_due=DUE, lifetime=lifetime, schedule=schedule):
        made.append(due)
    return [moment - DUE for moment in made]


def test_a_newsletter_is_tried_for_a_day() -> None:
    """B4, B5."""
    made = tries_until_given_up(SCHEDULE, DAY)
    assert [moment.total_seconds() / 60 for moment in made[:6]] == [0, 5, 20, 50, 110, 170]
    assert timedelta(hours=23) <= made[-1] < DAY


def test_relayed_mail_is_tried_every_minute_for_half_an_hour() -> None:
    """C19, C20, C21."""
    made = tries_until_given_up(RELAYED, RELAYED_LIFETIME)
    assert made == [timedelta(minutes=minute) for minute in range(30)]


def test_a_provider_may_have_a_schedule_of_its_own() -> None:
    """B4: the interval differs by receiver."""
    slow = (timedelta(hours=2), timedelta(hours=4))
    assert tries_until_given_up(slow, DAY)[:3] == [timedelta(0), timedelta(hours=2), timedelta(hours=6)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.2.0 <a@b.example>: Recipient address rejected: Greylisted for 300 seconds", 300),
        ("Greylisted for 5 minutes", 300),
        ("4.7.1 Greylisting in action, please come back in 00:04:59", 299),
        ("4.7.1 Greylisted, please try again in 5 minutes", 300),
        ("Too many messages. Retry after 300 seconds", 300),
        ("rate exceeded, Please TRY\r\n AGAIN  in 1 hour", 3600),
        ("please try again in an hour", 3600),
        ("retry in 90s", 90),
        ("please wait 2 min and try again", 120),
        ("try again in at least 15 minutes", 900),
        # Within bounds, whatever the server writes.
        ("try again in 0 seconds", 10),
        ("come back in 00:00:01", 10),
        ("try again in 999999 hours", 86400),
    ],
)
def test_reads_how_long_a_server_asks_to_wait(text: str, seconds: int) -> None:
    assert told_wait(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4.7.1 Please try again later",
        "try again in a few minutes",
        "try again in 9999999 seconds",
        "try again in ٣ minutes",
        "come back in 00:99:00",
        "4.4.7 Message expired: unable to deliver in 840 minutes",
        "try again in 5 minutiae",
        "x" * 1000 + " try again in 5 minutes",
        "try again in \x00 5 minutes",
    ],
)
def test_reads_no_wait_where_none_is_told(text: str) -> None:
    assert told_wait(text) is None


@pytest.mark.parametrize(
    ("tries", "text", "minutes"),
    [
        (1, "try again in 1 minute", 1),
        (1, "try again in 1 hour", 60),
        (4, "try again in 1 minute", 1),
        # As many quick tries as the schedule has steps, then no faster than the schedule.
        (5, "try again in 1 minute", 60),
        (5, "try again in 2 hours", 120),
    ],
)
def test_a_wait_that_a_server_asks_for_is_obeyed(tries: int, text: str, minutes: int) -> None:
    due = next_attempt(tries, now=DUE, first_due=DUE, lifetime=DAY, text=text)
    assert due == DUE + timedelta(minutes=minutes)


def test_a_wait_beyond_the_lifetime_leaves_one_last_try() -> None:
    lifetime = timedelta(hours=2)
    last = next_attempt(1, now=DUE, first_due=DUE, lifetime=lifetime, text="try again in 5 hours")
    assert last is not None
    assert last == DUE + timedelta(hours=2) - timedelta(minutes=1)
    assert next_attempt(2, now=last, first_due=DUE, lifetime=lifetime, text="try again in 5 hours") is None


def test_rows_that_were_deferred_together_come_due_apart() -> None:
    dues = {next_attempt(1, now=DUE, first_due=DUE, lifetime=DAY, key=key) for key in range(1000, 2000)}
    waits = [due - DUE for due in dues if due is not None]
    assert len(waits) == 1000
    assert timedelta(minutes=5) <= min(waits) < timedelta(minutes=5, seconds=1)
    assert timedelta(minutes=5, seconds=29) < max(waits) < timedelta(minutes=5, seconds=30)


def test_the_spread_never_outlives_the_delivery() -> None:
    now = DUE + DAY - timedelta(minutes=60) - SECOND
    due = next_attempt(9, now=now, first_due=DUE, lifetime=DAY, key=1)
    assert due is not None
    assert fraction(1) > 0
    assert now + timedelta(minutes=60) < due < DUE + DAY
