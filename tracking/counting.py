"""Counts judged hits. Pure: hits in, what the figures grow by out."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from tracking.models import ANY_LINK, HOURS, OPEN, HitSource

# A delivery, what was hit, and by whom.
Seen = tuple[int, int, HitSource]

COUNTED_AS: Final = {
    HitSource.HUMAN: "human_hits",
    HitSource.PROXY: "proxy_hits",
    HitSource.MACHINE: "machine_hits",
}


@dataclass(slots=True)
class Counted:
    """What a figure grows by; the fields are those of tracking.models.Figure."""

    human_hits: int = 0
    proxy_hits: int = 0
    machine_hits: int = 0
    people: int = 0
    humans: int = 0


def count_hits(hits: Iterable[Seen], known: Collection[tuple[int, int, str]]) -> dict[int, Counted]:
    """Return what hits add to the figure of each thing that was hit; clicks count for ANY_LINK as well.

    `known` are the hits by people and proxies that were counted before: each recipient counts once.
    """
    seen: set[tuple[int, int, HitSource]] = set()
    for delivery, number, source in known:
        seen.update((delivery, place, HitSource(source)) for place in places_of(number))
    counted: dict[int, Counted] = {}
    for delivery, number, source in hits:
        for place in places_of(number):
            figure = counted.setdefault(place, Counted())
            name = COUNTED_AS[source]
            setattr(figure, name, getattr(figure, name) + 1)
            if source == HitSource.MACHINE or (delivery, place, source) in seen:
                continue
            other = HitSource.PROXY if source == HitSource.HUMAN else HitSource.HUMAN
            figure.humans += source == HitSource.HUMAN
            figure.people += (delivery, place, other) not in seen
            seen.add((delivery, place, source))
    return counted


def hour_of(at: datetime, begun_at: datetime) -> int:
    """Return the hour of a mailing, counted from the beginning of its sending, that a hit falls into."""
    return min(max((at - begun_at) // timedelta(hours=1), 0), HOURS)


def count_by_hour(
    hits: Iterable[tuple[int, Seen]], known: Collection[tuple[int, int, str]]
) -> dict[int, dict[int, Counted]]:
    """Return what hits, each with its hour, add to the figures of each hour; together that is what `count_hits` returns."""
    seen = {(delivery, number, HitSource(source)) for delivery, number, source in known}
    counted = {}
    for hour, rows in groupby(sorted(hits), key=lambda row: row[0]):
        own = [hit for _hour, hit in rows]
        counted[hour] = count_hits(own, seen)
        seen.update(hit for hit in own if hit[2] != HitSource.MACHINE)
    return counted


def places_of(number: int) -> tuple[int, ...]:
    """Return the figures that a hit counts for."""
    return (OPEN,) if number == OPEN else (number, ANY_LINK)
