"""Starts to carriers keep off the full hour."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Workspace
from campaigns.jitter import FIRST, KEPT_OFF, SPREAD, start_offset
from campaigns.models import Campaign, QuietMode
from mta.providers import PROVIDER_LABELS

TEN = datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Asia/Tokyo"))
NOTHING = timedelta(0)


def offset(at, provider="docomo", pk=1, zone="Asia/Tokyo", **fields):
    return start_offset(provider, Campaign(pk=pk, workspace=Workspace(time_zone=zone), **fields), at)


@pytest.mark.parametrize("provider", sorted(KEPT_OFF))
@pytest.mark.parametrize("minutes", [-5, -1, 0, 1, 2])
def test_a_carrier_waits_until_some_minutes_after_the_full_hour(provider, minutes):
    """C22."""
    start = TEN + timedelta(minutes=minutes)
    assert TEN + FIRST <= start + offset(start, provider) < TEN + FIRST + SPREAD


@pytest.mark.parametrize("minutes", [-30, -6, 6, 29, 30])
def test_nothing_waits_away_from_the_full_hour(minutes):
    assert offset(TEN + timedelta(minutes=minutes)) == NOTHING


def test_others_start_at_once():
    assert {offset(TEN, provider) for provider in PROVIDER_LABELS if provider not in KEPT_OFF} == {NOTHING}


def test_an_urgent_mailing_starts_at_once():
    assert offset(TEN, quiet_mode=QuietMode.NONE) == NOTHING


def test_the_moment_is_always_the_same_whenever_the_recipients_are_frozen():
    moments = {start + offset(start) for start in (TEN, TEN + timedelta(seconds=20), TEN + timedelta(minutes=1))}
    assert len(moments) == 1


def test_a_start_that_is_late_enough_never_goes_back():
    assert all(offset(TEN + timedelta(minutes=5), pk=pk) >= NOTHING for pk in range(50))


def test_mailings_are_spread_over_the_minutes():
    begins = [offset(TEN, pk=pk) for pk in range(1000)]
    by_minute = [sum(begin // timedelta(minutes=1) == minute for begin in begins) for minute in range(3, 12)]
    assert sum(by_minute) == 1000
    assert min(by_minute) > 70


def test_works_in_a_zone_whose_hours_begin_elsewhere():
    assert offset(TEN, zone="Asia/Kolkata") == NOTHING
    assert offset(TEN + timedelta(minutes=30), zone="Asia/Kolkata") > NOTHING
