"""Judges the hits of one recipient together: what came too soon, or all at once, was no person. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tracking.models import OPEN, HitSource

# All figures are our own caution. Gateways follow links while they take a mail, before they say so, or just after:
# https://check.live-direct-marketing.online/blog/bot-clicks-security-scanners-detect
EARLY: Final = timedelta(seconds=5)
# Whoever follows all links of a mail within this time, at least three, or five of many. Of two links a person may open
# one after the other in tabs: only both at once are a machine's.
BURST: Final = timedelta(seconds=5)
BURST_LINKS: Final = 5
PAIR: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Facts:
    """One hit: what was hit, when, and what its program says."""

    number: int
    at: datetime
    source: HitSource


@dataclass(frozen=True, slots=True)
class Handover:
    """When the last byte of a mail was about to go to the receiver's server, and when that had taken it.

    Where the second is not known, it is the first.
    """

    begun_at: datetime
    taken_at: datetime


def judge(hits: Sequence[Facts], *, links: int, handover: Handover | None) -> list[HitSource]:
    """Return the source of each hit of one recipient, in their order. `links` is how many the mail has."""
    clicks = sorted((hit for hit in hits if hit.number != OPEN), key=lambda hit: hit.at)
    bursts = find_bursts(clicks, min(links, BURST_LINKS), within=PAIR if links == 2 else BURST)
    return [
        HitSource.MACHINE if is_early(hit, handover) or (hit.number != OPEN and is_in(hit.at, bursts)) else hit.source
        for hit in hits
    ]


def is_early(hit: Facts, handover: Handover | None) -> bool:
    """Say whether a hit came sooner than a person can read; a relay that loads pictures ahead stays what it is.

    What came long before is by someone who read a first copy of a mail that was sent twice.
    """
    if handover is None or hit.source == HitSource.PROXY:
        return False
    return handover.begun_at - EARLY <= hit.at < handover.taken_at + EARLY


def find_bursts(clicks: Sequence[Facts], many: int, *, within: timedelta) -> list[tuple[datetime, datetime]]:
    """Return the spans of clicks, given in their order, within which so many different links were followed."""
    if many < 2:
        return []
    spans: list[tuple[datetime, datetime]] = []
    counts: dict[int, int] = {}
    start = 0
    for click in clicks:
        counts[click.number] = counts.get(click.number, 0) + 1
        while click.at - clicks[start].at > within:
            counts[clicks[start].number] -= 1
            if not counts[clicks[start].number]:
                del counts[clicks[start].number]
            start += 1
        if len(counts) >= many:
            # One that overlaps the newest span makes it longer.
            first = spans.pop()[0] if spans and clicks[start].at <= spans[-1][1] else clicks[start].at
            spans.append((first, click.at))
    return spans


def is_in(at: datetime, spans: Sequence[tuple[datetime, datetime]]) -> bool:
    """Say whether a moment lies in one of the spans."""
    return any(first <= at <= last for first, last in spans)
