"""Keeps the paces in the database: guarded by what was read, so of two turns that note the same trouble one counts."""

import logging
from dataclasses import asdict, fields
from datetime import datetime

from django.db.models import F

from mta.models import Pace
from mta.pace import FULL, Complaint, Replies, Sign, Speed, find_complaint, find_persistence, recover, slow_down
from mta.providers import OTHER

logger = logging.getLogger(__name__)
FIELDS = tuple(field.name for field in fields(Speed))


def speed_of(pace: Pace) -> Speed:
    """Return what a row says."""
    return Speed(**{name: getattr(pace, name) for name in FIELDS})


def load_speed(route: str, provider: str) -> Speed:
    """Return how a provider takes our mail over a route."""
    found = Pace.objects.filter(route=route, provider=provider).first()
    return FULL if found is None else speed_of(found)


def note_replies(
    route: str, provider: str, replies: Replies, *, is_direct: bool, is_slow: bool, base: int | None, now: datetime
) -> bool:
    """Slow a provider down where the replies of a turn ask for it; return whether it is slower now.

    `is_slow`: the turn was one of a slow lane. `base` is the rate that is configured, None = what was measured.
    """
    complaint = find_complaint(replies, provider, is_direct=is_direct)
    if complaint is None and is_slow and provider != OTHER:
        complaint = add_up(route, provider, replies)
    if complaint is None:
        return False
    pace = Pace.objects.get_or_create(route=route, provider=provider)[0]
    before = speed_of(pace)
    after = slow_down(before, complaint, base=base or before.base or replies.per_minute(now=now), now=now)
    if after == before or not store(pace, before, after):
        return False
    logger.warning("%s × %s: level %s, suspended until %s", route, provider, after.level, after.suspended_until)
    return True


def add_up(route: str, provider: str, replies: Replies) -> Complaint | None:
    """Add a turn to those of its slow lane that were no complaint by themselves; return what they are together."""
    slow = Pace.objects.filter(route=route, provider=provider, level__gt=0)
    delayed = replies.number.get(Sign.DELAYED, 0)
    if not slow.update(tried=F("tried") + replies.tried, delayed=F("delayed") + delayed):
        return None
    return find_persistence(load_speed(route, provider), replies)


def store(pace: Pace, before: Speed, after: Speed) -> bool:
    """Write a speed; False where somebody else was first."""
    unchanged = Pace.objects.filter(
        pk=pace.pk, level=before.level, slowed_at=before.slowed_at, improves_at=before.improves_at
    )
    return bool(unchanged.update(**asdict(after)))


def recover_paces(*, now: datetime) -> int:
    """Give back the levels that are due; return how many paces changed. A step of the tick."""
    changed = 0
    for pace in Pace.objects.filter(improves_at__lte=now, level__gt=0):
        before = speed_of(pace)
        changed += store(pace, before, recover(before, now=now))
    return changed


def reset_pace(pace: Pace) -> bool:
    """Send at the usual speed again at once; False where it was so already."""
    slow = Pace.objects.filter(pk=pace.pk).exclude(level=0)
    return bool(slow.update(**asdict(FULL)))
