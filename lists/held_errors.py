"""Errors that wait for a review: taken back from the count, and counted after all (B16)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from django.db import transaction

from lists.headcounts import mark_people_due
from lists.models import AddressError, StopReason, Subscriber, SubscriberStatus
from lists.recounting import Proof, clear_proven, lock_subscribers, own_limits, recount, stop_at_limit


@transaction.atomic
def hold_errors(keys: Mapping[int, str], held_by: str, *, now: datetime) -> int:
    """Take errors back (subscriber id → key) in the name of a review; return how many subscribers are active again.

    A subscriber is active again where exactly such an error stopped it and nothing else would. Errors that are
    cleared, held or not counted are left alone, so a second call changes nothing. For up to BATCH errors.
    """
    subscribers = lock_subscribers(keys)
    told = AddressError.objects.filter(subscriber__in=keys, key__in=keys.values(), held_by="").uncleared()
    taken = {error.subscriber_id: error for error in told if keys[error.subscriber_id] == error.key}
    AddressError.objects.filter(pk__in=[error.pk for error in taken.values()]).update(held_by=held_by, stopped=False)
    touched = [subscriber for subscriber in subscribers if subscriber.pk in taken]
    recount(touched, now=now)
    return revive([row for row in touched if taken[row.pk].stopped], now=now)


def revive(subscribers: Sequence[Subscriber], *, now: datetime) -> int:
    """Make locked, recounted subscribers active again that nothing stops any more; return how many."""
    ids = [row.pk for row in subscribers]
    own = own_limits(ids)
    others = AddressError.objects.filter(subscriber__in=ids, stopped=True).live(None)
    also = set(others.values_list("subscriber", flat=True))
    free = [
        row.pk
        for row in subscribers
        if row.pk not in also and row.error_count < own.get(row.pk, row.workspace.error_limit)
    ]
    # A complaint, an unsubscription or a person's stop came from somebody who may decide it.
    stopped = Subscriber.objects.filter(pk__in=free, stop_reason=StopReason.ERRORS).stopped()
    revived = stopped.update(
        status=SubscriberStatus.ACTIVE, stop_reason="", stopped_at=None, errors_due_at=now, updated_at=now
    )
    if revived:
        mark_people_due(free, now=now)
    return revived


@transaction.atomic
def count_held(errors: Mapping[int, bool], *, now: datetime, proofs: Mapping[int, Proof] = MappingProxyType({})) -> int:
    """Count errors that were held (error id → whether it stops at once); return how many subscribers that stopped.

    Those that `proofs` (by subscriber id) put out of date are cleared instead. What was counted before or is not
    held is left alone, so a second call changes nothing. For up to BATCH errors.
    """
    held = AddressError.objects.filter(pk__in=errors).exclude(held_by="")
    subscribers = lock_subscribers(held.values_list("subscriber", flat=True))
    # Read again under the locks.
    released = list(held.values_list("pk", flat=True))
    AddressError.objects.filter(pk__in=released).update(held_by="")
    known = {row.pk: proofs[row.pk] for row in subscribers if row.pk in proofs}
    clear_proven(known, now)
    totals = recount(subscribers, now=now, looks={pk: proof.look_at for pk, proof in known.items()})
    stopping = AddressError.objects.filter(pk__in=[pk for pk in released if errors[pk]]).uncleared()
    at_once = dict(stopping.values_list("subscriber", "pk"))
    stopped = len(stop_at_limit(subscribers, totals, now=now, at_once=at_once))
    # Also where another error had stopped the subscriber before: that one may be taken back some day.
    deciding = AddressError.objects.filter(pk__in=at_once.values(), subscriber__stop_reason=StopReason.ERRORS)
    deciding.update(stopped=True)
    return stopped
