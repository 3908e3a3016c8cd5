"""Stops and resumes a subscriber, with an entry in the audit log."""

from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import User
from lists.headcounts import mark_people_due
from lists.models import StopReason, Subscriber, SubscriberStatus
from lists.recounting import clear_errors


def stop(subscriber: Subscriber, reason: StopReason, *, actor: User | None, now: datetime, why: str = "") -> bool:
    """Put the subscriber into 配信停止; False where it is stopped already. `actor` is None for the system.

    `why` is the reason in a person's words (up to 200 characters); it stands on the page and in the audit log.

    The audit log also tells where the recipient's own wish replaced the reason of an earlier stop.
    """
    row = Subscriber.objects.filter(pk=subscriber.pk)
    with transaction.atomic():
        was = row.select_for_update(no_key=True).get().stop_reason
        changed = row.mark_stopped(reason, now) == 1
        if row.get().stop_reason != was:
            row.update(stop_note=why)
            detail = {"reason": reason.value} | ({"why": why} if why else {}) | ({"was": was} if was else {})
            audit.record(subscriber.workspace, actor, "subscriber.stopped", subscriber.address, **detail)
    subscriber.refresh_from_db()
    return changed


def resume(subscriber: Subscriber, why: str, *, actor: User | None, now: datetime) -> bool:
    """Put the subscriber back into 配信中 and clear its counted errors.

    `why` is the reason a person gave; it is kept in the audit log beside the reason of the stop. Returns False
    where the subscriber is not stopped, or no more for the reason that it was read with: nobody resumes it
    without having seen that its owner refused meanwhile.
    """
    with transaction.atomic():
        was = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber.pk).stop_reason
        changed = (
            Subscriber.objects.filter(pk=subscriber.pk, stop_reason=subscriber.stop_reason)
            .stopped()
            .update(status=SubscriberStatus.ACTIVE, stop_reason="", stop_note="", stopped_at=None, updated_at=now)
        )
        if changed:
            clear_errors([subscriber.pk], now=now)
            mark_people_due([subscriber.pk], now=now)
            audit.record(subscriber.workspace, actor, "subscriber.resumed", subscriber.address, why=why, was=was)
    subscriber.refresh_from_db()
    return changed == 1
