"""How fast a mailing goes, from the counts that its page showed within the last minutes.

Each look at the page is a count already; the newest are kept in the cache, so that the rate costs no query.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache

from campaigns.models import Campaign
from campaigns.progress import Progress

# Seconds between two counts that are kept, and how long one counts.
STEP: Final = 5
WINDOW: Final = 300
# Below this many seconds between the first and the last count nothing is said.
LEAST: Final = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """Recipients that were dealt with a minute, and when the rest will be at this pace."""

    a_minute: int
    minutes_left: int
    ends_at: datetime


def measure_rate(campaign: Campaign, progress: Progress, waiting: int, *, now: datetime) -> Rate | None:
    """Note how far a mailing is and return how fast it goes, with `waiting` recipients left to be tried.

    None before two counts are some seconds apart, and where nothing moves.
    """
    # The figures of a large mailing are as old as they are.
    at = (campaign.tally_at or now).timestamp() if progress.is_tallied else now.timestamp()
    tried = progress.total - progress.remaining
    counts = [count for count in cache.get(key_of(campaign), []) if at - WINDOW <= count[0] <= at]
    if not counts or at - counts[-1][0] >= STEP:
        cache.set(key_of(campaign), [*counts, (at, tried)], WINDOW)
    if not counts or at - counts[0][0] < LEAST or tried <= counts[0][1]:
        return None
    a_second = (tried - counts[0][1]) / (at - counts[0][0])
    seconds = waiting / a_second
    return Rate(max(round(a_second * 60), 1), max(round(seconds / 60), 1), now + timedelta(seconds=seconds))


def key_of(campaign: Campaign) -> str:
    """Return where the counts of a mailing are kept; what was counted before a pause says nothing of the time after."""
    start = campaign.lifetime_from.timestamp() if campaign.lifetime_from else 0
    return f"send-rate-{campaign.pk}-{start:.0f}"
