"""エラー停止: evidence of errors, the count, the limits and the stop (A7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from django.db import transaction
from django.db.models import F, Min, OuterRef, Subquery
from django.db.models.functions import Coalesce

from accounts.models import Workspace
from lists.models import AddressError, MailingList, StopReason, Subscriber, SubscriberQuerySet, Subscription

# Rows whose ids go into one statement.
BATCH = 1000


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
    `text` is the server's own words (hostile), `about` the subject of the mailing. A complaint stops at
    once and is no error, whatever its weight.
    """

    key: str
    weight: Weight
    kind: str
    reason: str
    code: str
    text: str
    about: str
    complaint: bool = False

    def is_counted(self) -> bool:
        """Say whether the event adds to the error count."""
        return self.weight is not Weight.NEVER and not self.complaint


def count_error(subscriber_id: int, event: ErrorEvent, *, now: datetime) -> bool:
    """Keep the evidence, count it, stop the subscriber at the limit; True if this call stopped it.

    Idempotent by (subscriber, event.key). A subscriber that is gone is left alone.
    """
    with transaction.atomic():
        # The lock makes the count and the comparison with the limit one step for each subscriber.
        subscriber = Subscriber.objects.select_for_update(no_key=True).filter(pk=subscriber_id).first()
        if subscriber is None or not _keep_evidence(subscriber, event, now):
            return False
        row = Subscriber.objects.filter(pk=subscriber_id)
        if event.complaint:
            return row.mark_stopped(StopReason.COMPLAINT, now) == 1
        if not event.is_counted():
            return False
        row.update(error_count=F("error_count") + 1)
        if event.weight is Weight.STOP or subscriber.error_count + 1 >= limit_for(subscriber):
            return row.mark_stopped(StopReason.ERRORS, now) == 1
        return False


def _keep_evidence(subscriber: Subscriber, event: ErrorEvent, now: datetime) -> bool:
    """Store the event and return True, or False where it was told before."""
    _evidence, is_new = AddressError.objects.get_or_create(
        subscriber=subscriber,
        key=event.key,
        defaults={
            "at": now,
            "counted": event.is_counted(),
            "kind": event.kind,
            "reason": event.reason,
            "code": event.code[:20],
            # PostgreSQL cannot store NUL, which a server's text may contain.
            "text": event.text.replace("\0", "")[:1000],
            "about": event.about[:255],
        },
    )
    return is_new


def limit_for(subscriber: Subscriber) -> int:
    """Return at how many errors the subscriber is stopped.

    The smallest limit of its lists that have one of their own; else the limit of the workspace.
    """
    own = MailingList.objects.filter(subscriptions__subscriber=subscriber).aggregate(least=Min("error_limit"))["least"]
    if own is not None:
        return int(own)
    return Workspace.objects.values_list("error_limit", flat=True).get(pk=subscriber.workspace_id)


def apply_limits(workspace: Workspace, *, now: datetime) -> int:
    """Stop those who have already as many errors as the stored limits allow; return how many.

    To be called after a limit was lowered. Raising one revives nobody.
    """
    return _over_limit(workspace, F("workspace__error_limit")).mark_stopped(StopReason.ERRORS, now)


def preview_limit(workspace: Workspace, limit: int) -> int:
    """Return how many subscribers would be stopped if the limit of the workspace became `limit`."""
    return _over_limit(workspace, limit).count()


def _over_limit(workspace: Workspace, limit: "F | int") -> SubscriberQuerySet:
    own = (
        Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list__error_limit__isnull=False)
        .order_by("mailing_list__error_limit")
        .values("mailing_list__error_limit")[:1]
    )
    # error_count > 0 is what the partial index subscriber_with_errors holds.
    return (
        Subscriber.objects.for_workspace(workspace)
        .active()
        .filter(error_count__gt=0, error_count__gte=Coalesce(Subquery(own), limit))
    )


def clear_errors(subscriber_ids: Iterable[int], *, now: datetime) -> None:
    """Set the error counts to nothing; the evidence stays, marked as cleared. Nobody is revived."""
    ids = sorted(subscriber_ids)
    for start in range(0, len(ids), BATCH):
        _clear_batch(ids[start : start + BATCH], now)


def _clear_batch(ids: list[int], now: datetime) -> None:
    with transaction.atomic():
        # Locked in the order of their ids, so that two callers never wait for each other in a circle.
        rows = Subscriber.objects.filter(pk__in=ids, error_count__gt=0)
        locked = list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
        AddressError.objects.filter(subscriber__in=locked, counted=True, cleared_at=None).update(cleared_at=now)
        Subscriber.objects.filter(pk__in=locked).update(error_count=0)
