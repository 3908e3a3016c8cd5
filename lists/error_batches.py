"""Counts the errors of many subscribers with few statements: the same as `errors.count_error` for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby

from django.db import transaction
from django.db.models import Count, Min
from django.db.models.functions import Coalesce

from lists.errors import ErrorEvent, Weight, columns_of, first_look
from lists.models import AddressError, StopReason, Subscriber
from lists.recounting import by_workspace, counts_since, lock_subscribers, own_limits, write_counts


@transaction.atomic
def count_errors(told: Mapping[int, ErrorEvent], *, now: datetime) -> None:
    """Keep the evidence of one error for each subscriber (by id), count it, stop those at their limit.

    Idempotent by (subscriber, event.key). Subscribers that are gone are left alone.
    """
    subscribers = lock_subscribers(told)
    new = keep_evidence(subscribers, told, now=now)
    complained = [pk for pk in new if told[pk].complaint]
    if complained:
        Subscriber.objects.filter(pk__in=complained).mark_stopped(StopReason.COMPLAINT, now)
    counted = [row for row in subscribers if row.pk in new and told[row.pk].is_counted() and not told[row.pk].held_by]
    if counted:
        recount(counted, now=now)
        stop_at_limit(counted, new, {row.pk for row in counted if told[row.pk].weight is Weight.STOP}, now=now)


def keep_evidence(
    subscribers: Sequence[Subscriber], told: Mapping[int, ErrorEvent], *, now: datetime
) -> dict[int, AddressError]:
    """Store what was not told before; return the new rows by their subscribers' ids."""
    keys = {told[row.pk].key for row in subscribers}
    known = AddressError.objects.filter(subscriber__in=subscribers, key__in=keys)
    # The subscribers are locked, so nobody adds one in between.
    before = set(known.values_list("subscriber_id", "key"))
    rows = AddressError.objects.bulk_create(
        AddressError(subscriber=row, key=told[row.pk].key, **columns_of(told[row.pk], now=now))
        for row in subscribers
        if (row.pk, told[row.pk].key) not in before
    )
    return {error.subscriber_id: error for error in rows}


def recount(subscribers: Sequence[Subscriber], *, now: datetime) -> None:
    """Bring the counts of locked subscribers, each of whom has a live error, up to date."""
    for workspace, group in groupby(sorted(subscribers, key=by_workspace), key=lambda row: row.workspace):
        rows = {row.pk: row for row in group}
        live = AddressError.objects.filter(subscriber__in=rows).live(counts_since(workspace, now)).order_by()
        totals = live.values("subscriber_id").annotate(
            number=Count("pk"), told=Min("at"), mailed=Min(Coalesce("mailed_at", "at"))
        )
        for total in totals:
            row = rows[total["subscriber_id"]]
            row.error_count = total["number"]
            row.errors_due_at = first_look(row, told=total["told"], mailed=total["mailed"])
    write_counts(subscribers)


def stop_at_limit(
    subscribers: Sequence[Subscriber], errors: Mapping[int, AddressError], at_once: set[int], *, now: datetime
) -> None:
    """Stop those who reached their limit; their new errors say so, also where another one was first."""
    own = own_limits([row.pk for row in subscribers])
    reached = [
        row for row in subscribers if row.pk in at_once or row.error_count >= own.get(row.pk, row.workspace.error_limit)
    ]
    deciding = [row for row in reached if not row.is_stopped() or row.stop_reason == StopReason.ERRORS]
    Subscriber.objects.filter(pk__in=[row.pk for row in reached]).mark_stopped(StopReason.ERRORS, now)
    AddressError.objects.filter(pk__in=[errors[row.pk].pk for row in deciding]).update(stopped=True)
