"""Keeps starts off the full hour, when everybody sends."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.models import Campaign, QuietMode

HOUR: Final = timedelta(hours=1)
# How near to a full hour a start is moved, and between which minutes after it. Our own caution: schedules are made
# for full hours everywhere, and the carriers take little from one sender at a time.
NEAR: Final = timedelta(minutes=5)
FIRST: Final = timedelta(minutes=3)
SPREAD: Final = timedelta(minutes=9)
# The carriers.
KEPT_OFF: Final = frozenset({"docomo", "au", "softbank", "rakuten"})


def start_offset(provider: str, campaign: Campaign, now: datetime) -> timedelta:
    """Return how long after its start at `now` the first mail of a campaign to a provider is due.

    A carrier's is moved to a moment from 3 to 12 minutes after the full hour that is near, always the same one for a
    campaign and carrier. Nothing is moved for others, nor for a mailing that is sent いつでも, which is urgent. Small
    mailings are moved like large ones: at a full hour it is their number that counts.
    """
    if provider not in KEPT_OFF or campaign.quiet_mode == QuietMode.NONE:
        return timedelta(0)
    hour = nearest_hour(now, campaign.workspace.zone)
    if abs(now - hour) > NEAR:
        return timedelta(0)
    begin = hour + FIRST + SPREAD * share(provider, campaign)
    return max(begin - now, timedelta(0))


def nearest_hour(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the full hour next to a moment, by the clocks of a zone: some have other minutes than Japan's."""
    local = now.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return now - past if past < HOUR / 2 else now - past + HOUR


def share(provider: str, campaign: Campaign) -> float:
    """Return a number from 0 up to 1, spread evenly over campaigns and carriers."""
    digest = sha256(f"{campaign.pk} {provider}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
