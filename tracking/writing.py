"""Writes buffered hits into the database, each once, and forgets those of old mailings."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from tracking import buffer
from tracking.buffer import Entry
from tracking.models import Hit, TrackedMailing

logger = logging.getLogger(__name__)

# Hits that one statement writes, and how often it is repeated before others get their turn.
PIECE: Final = 5000
PIECES: Final = 20
# Old mailings whose hits one step looks at.
MAILINGS: Final = 10


def write_hits(*, now: datetime, piece: int = PIECE) -> bool:
    """Write what is buffered; return whether nothing is left. Raises redis.RedisError.

    A hit is taken out of the buffer after it was written, and one that was written is not written again: whoever dies
    in between, and whoever does the same at the same time, loses and doubles nothing.
    """
    for _piece in range(PIECES):
        found = buffer.take(piece)
        if not found:
            return True
        store([entry for _place, entry in found if entry is not None], now=now)
        buffer.done([place for place, _entry in found])
        if len(found) < piece:
            return True
    return False


def store(entries: Iterable[Entry], *, now: datetime) -> None:
    """Write hits of mailings that are still counted, leaving out those that are there."""
    entries = list(entries)
    campaigns = {entry.campaign for entry in entries}
    counted = TrackedMailing.objects.filter(pk__in=campaigns, frozen_at__gt=now - keeping(), forgotten_at=None)
    known = set(counted.values_list("pk", flat=True))
    Hit.objects.bulk_create(
        (
            Hit(
                entry=entry.entry,
                mailing_id=entry.campaign,
                delivery=entry.delivery,
                number=entry.number,
                at=entry.at,
                source=entry.source,
            )
            for entry in entries
            if entry.campaign in known
        ),
        batch_size=1000,
        ignore_conflicts=True,
    )


def keeping() -> timedelta:
    """Return how long hits of a mailing are counted and kept."""
    return timedelta(days=settings.HIT_KEEP_DAYS)


def forget_hits(*, now: datetime, piece: int = PIECE) -> int:
    """Delete the next single hits of mailings that are counted no more; return how many. The figures stay."""
    old = TrackedMailing.objects.filter(frozen_at__lte=now - keeping(), forgotten_at=None)
    deleted = 0
    for mailing in list(old.order_by("frozen_at").values_list("pk", flat=True)[:MAILINGS]):
        hits = Hit.objects.filter(mailing=mailing)
        count, _rows = hits.filter(pk__in=list(hits.values_list("pk", flat=True)[: piece - deleted])).delete()
        deleted += count
        if deleted >= piece:
            break
        TrackedMailing.objects.filter(pk=mailing).update(forgotten_at=now)
    return deleted


def erase_hits(deliveries: Iterable[int]) -> None:
    """Delete the single hits of up to some thousand recipients who are erased. The figures stay."""
    Hit.objects.filter(delivery__in=list(deliveries)).delete()
