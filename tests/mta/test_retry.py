"""When a deferred delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from mta.retry import next_attempt

DUE = datetime(2025, 1, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(hours=24)


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 5), (1, 5), (2, 15), (3, 30), (4, 60), (5, 60), (100, 60)])
def test_waits_longer_after_each_attempt(attempts: int, minutes: int) -> None:
    """B4."""
    assert next_attempt(attempts, now=DUE, first_due=DUE, lifetime=DAY) == DUE + timedelta(minutes=minutes)


def test_gives_up_when_the_lifetime_is_used_up() -> None:
    """B5."""
    now = DUE + DAY - timedelta(minutes=60)
    assert next_attempt(9, now=now, first_due=DUE, lifetime=DAY) is None
    earlier = now - timedelta(seconds=1)
    assert next_attempt(9, now=earlier, first_due=DUE, lifetime=DAY) == DUE + DAY - timedelta(seconds=1)


def test_a_short_life_allows_a_few_quick_tries() -> None:
    """C19: thirty minutes from acceptance."""
    now, tries = DUE, 0
    while True:
        tries += 1
        due = next_attempt(tries, now=now, first_due=DUE, lifetime=timedelta(minutes=30))
        if due is None:
            break
        now = due
    assert tries == 3
