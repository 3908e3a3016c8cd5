"""エラー停止: one error told about one subscriber is kept, counted, and stops it at the limit (A7)."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from django.db import transaction
from django.db.models import Count, Min
from django.db.models.functions import Coalesce

from lists.models import AddressError, StopReason, Subscriber
from lists.recounting import PROVEN_AFTER, counts_since, limit_for, lock_subscribers, period_of


class Weight(Enum):
    """What one error counts for."""

    # As much as the full limit: the subscriber is stopped at once.
    STOP = auto()
    COUNT = auto()
    # Counts one; the caller gives every such error of one campaign the same key.
    ONCE_PER_CAMPAIGN = auto()
    # Is kept as evidence and shown, but never counts.
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """One error told about a subscriber.

    `key` names the event ("delivery:12", "campaign:3"): a key told twice for a subscriber counts once.
    `text` is the server's own words (hostile), `about` the subject of the mailing, `mailed_at` when the mail was
    sent (None: not known). With `held_by`, the name of a review, the error is kept and does not count until the
    review is decided (B16). A complaint stops at once and is no error, whatever its weight.
    """

    key: str
    weight: Weight
    kind: str
    reason: str
    code: str
    text: str
    about: str
    complaint: bool = False
    mailed_at: datetime | None = None
    held_by: str = ""

    def is_counted(self) -> bool:
        """Say whether the event is of a sort that adds to the error count."""
        return self.weight is not Weight.NEVER and not self.complaint


def count_error(subscriber_id: int, event: ErrorEvent, *, now: datetime) -> bool:
    """Keep the evidence, count it, stop the subscriber at the limit; True if this call stopped it.

    Idempotent by (subscriber, event.key). A subscriber that is gone is left alone.
    """
    with transaction.atomic():
        # The lock makes the count and the comparison with the limit one step for each subscriber.
        for subscriber in lock_subscribers([subscriber_id]):
            error, is_new = _keep_evidence(subscriber, event, now)
            if is_new and event.complaint:
                return Subscriber.objects.filter(pk=subscriber_id).mark_stopped(StopReason.COMPLAINT, now) == 1
            if is_new and event.is_counted() and not event.held_by:
                return _count(subscriber, error, at_once=event.weight is Weight.STOP, now=now)
    return False


def _keep_evidence(subscriber: Subscriber, event: ErrorEvent, now: datetime) -> tuple[AddressError, bool]:
    """Store the event; return its row, and False where it was told before."""
    return AddressError.objects.get_or_create(subscriber=subscriber, key=event.key, defaults=columns_of(event, now=now))


def columns_of(event: ErrorEvent, *, now: datetime) -> dict[str, Any]:
    """Return what is stored of an event."""
    return {
        "at": now,
        "counted": event.is_counted(),
        "mailed_at": event.mailed_at,
        "held_by": event.held_by,
        "kind": event.kind,
        "reason": event.reason,
        "code": event.code[:20],
        # PostgreSQL cannot store NUL, which a server's text may contain.
        "text": event.text.replace("\0", "")[:1000],
        "about": event.about[:255],
    }


def _count(subscriber: Subscriber, error: AddressError, *, at_once: bool, now: datetime) -> bool:
    """Bring the count of a locked subscriber up to date; stop it where the new error reaches the limit."""
    row = Subscriber.objects.filter(pk=subscriber.pk)
    live = subscriber.errors.live(counts_since(subscriber.workspace, now))
    total = live.aggregate(number=Count("pk"), told=Min("at"), mailed=Min(Coalesce("mailed_at", "at")))
    due = first_look(subscriber, told=total["told"], mailed=total["mailed"])
    row.update(error_count=total["number"], errors_due_at=due)
    if not at_once and total["number"] < limit_for(subscriber):
        return False
    stopped = row.mark_stopped(StopReason.ERRORS, now) == 1
    if stopped or subscriber.stop_reason == StopReason.ERRORS:
        # Also the error that would have stopped it had another not been first: that one may be taken back (B16).
        AddressError.objects.filter(pk=error.pk).update(stopped=True)
    return stopped


def first_look(subscriber: Subscriber, *, told: datetime, mailed: datetime) -> datetime | None:
    """Return when the count may first change by itself, None for the stopped, whose count stays as it is."""
    if subscriber.is_stopped():
        return None
    period = period_of(subscriber.workspace)
    if period is not None:
        return told + period
    # A mail that was sent after the one that failed proves the address a week later at the earliest.
    earliest = mailed + PROVEN_AFTER
    return min(earliest, subscriber.errors_due_at or earliest)
