"""Brings the error counts of many subscribers up to date: clears, counts anew, stops at the limit."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from types import MappingProxyType

from django.db import connection, transaction
from django.db.models import Count, F, Max, Min, Q
from django.db.models.functions import Coalesce

from accounts import audit
from accounts.models import ErrorCounting, Workspace
from lists.models import AddressError, ClearedBy, MailingList, StopReason, Subscriber, Subscription

# Rows whose ids go into one statement.
BATCH = 1000
# A mail that stays unbounced for so long proves its address.
PROVEN_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Proof:
    """What later mails say of an address.

    The errors of mails sent before `mailed_at` are out of date (None: nothing is proven); nothing new can be
    known before `look_at`.
    """

    mailed_at: datetime | None
    look_at: datetime


@dataclass(frozen=True, slots=True)
class Total:
    """The live errors of one subscriber: how many, when the oldest was told, and the row of the newest."""

    number: int
    oldest: datetime
    newest: int


def period_of(workspace: Workspace) -> timedelta | None:
    """Return how long an error counts after it was told, None where it counts until something clears it."""
    if workspace.error_counting == ErrorCounting.CONSECUTIVE:
        return None
    return timedelta(days=workspace.error_period_days)


def counts_since(workspace: Workspace, now: datetime) -> datetime | None:
    """Return the moment after which errors count, None where all do that nothing has cleared."""
    period = period_of(workspace)
    return None if period is None else now - period


def lock_subscribers(ids: Iterable[int]) -> list[Subscriber]:
    """Lock subscribers until the end of the transaction; those that are gone are left out.

    Always in the order of their ids, so that two callers never wait for each other in a circle.
    """
    rows = Subscriber.objects.filter(pk__in=list(ids)).select_related("workspace")
    return list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk"))


@transaction.atomic
def reconsider(ids: Collection[int], *, now: datetime, proofs: Mapping[int, Proof] = MappingProxyType({})) -> int:
    """Count the errors of up to BATCH subscribers anew and stop those at the limit; return how many.

    Nobody is revived. `proofs` clears errors first (by subscriber id). A stop here comes from a changed limit or
    rule, not from an error, so it stands in the audit log.
    """
    subscribers = lock_subscribers(ids)
    clear_proven(proofs, now)
    totals = recount(subscribers, now=now, looks={pk: proof.look_at for pk, proof in proofs.items()})
    stopped = stop_at_limit(subscribers, totals, now=now)
    for workspace, number in Counter(subscriber.workspace for subscriber in stopped).items():
        audit.record(workspace, None, "workspace.limit_applied", workspace.name, stopped=number)
    return len(stopped)


def clear_proven(proofs: Mapping[int, Proof], now: datetime) -> None:
    """Clear the live errors of mails that were sent before a mail that proves the address."""
    proven = {pk: proof.mailed_at for pk, proof in proofs.items() if proof.mailed_at is not None}
    live = AddressError.objects.filter(subscriber__in=proven).live(None).annotate(sent=Coalesce("mailed_at", "at"))
    rows = live.values_list("pk", "subscriber_id", "sent")
    outdated = [pk for pk, subscriber, sent in rows if sent < proven[subscriber]]
    AddressError.objects.filter(pk__in=outdated).update(cleared_at=now, cleared_by=ClearedBy.SUCCESS)


def recount(
    subscribers: Sequence[Subscriber], *, now: datetime, looks: Mapping[int, datetime] = MappingProxyType({})
) -> dict[int, Total]:
    """Write the counts of locked subscribers and when to look again; return the totals of those that have errors."""
    totals: dict[int, Total] = {}
    for workspace, group in groupby(sorted(subscribers, key=by_workspace), key=lambda row: row.workspace):
        rows = list(group)
        totals |= total_errors(rows, counts_since(workspace, now))
        for row in rows:
            row.error_count = totals[row.pk].number if row.pk in totals else 0
            row.errors_due_at = next_look(row, totals.get(row.pk), looks.get(row.pk, row.errors_due_at or now))
    write_counts(subscribers)
    return totals


def write_counts(subscribers: Sequence[Subscriber]) -> None:
    """Store the counts and times of locked subscribers, a short statement each in one batch.

    bulk_update() would build one long CASE, which takes ten times as long as the database needs.
    """
    due = Subscriber._meta.get_field("errors_due_at")
    rows = [(row.error_count, due.get_db_prep_save(row.errors_due_at, connection), row.pk) for row in subscribers]
    table = connection.ops.quote_name(Subscriber._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET error_count = %s, errors_due_at = %s WHERE id = %s", rows)  # noqa: S608


def by_workspace(subscriber: Subscriber) -> tuple[int, int]:
    """Return the key that brings the subscribers of one workspace together."""
    return subscriber.workspace_id, subscriber.pk


def total_errors(subscribers: Sequence[Subscriber], since: datetime | None) -> dict[int, Total]:
    """Return the live errors of subscribers of one workspace by their ids; those without any are left out."""
    live = AddressError.objects.filter(subscriber__in=subscribers).live(since)
    rows = live.order_by().values_list("subscriber_id").annotate(Count("pk"), Min("at"), Max("pk"))
    return {pk: Total(number, oldest, newest) for pk, number, oldest, newest in rows}


def next_look(subscriber: Subscriber, total: Total | None, look_at: datetime) -> datetime | None:
    """Return when the count of a subscriber may change by itself, None where it cannot."""
    if total is None or subscriber.is_stopped():
        return None
    period = period_of(subscriber.workspace)
    return look_at if period is None else total.oldest + period


def stop_at_limit(
    subscribers: Sequence[Subscriber],
    totals: Mapping[int, Total],
    *,
    now: datetime,
    at_once: Mapping[int, int] = MappingProxyType({}),
) -> list[Subscriber]:
    """Stop the active among locked, recounted subscribers that have reached their limit; return those.

    `at_once` names errors that stop whatever the count (subscriber id → error id).
    """
    own = own_limits(list(totals))
    reached = [
        row
        for row in subscribers
        if row.pk in totals
        and not row.is_stopped()
        and (row.pk in at_once or row.error_count >= own.get(row.pk, row.workspace.error_limit))
    ]
    deciding = [at_once.get(row.pk, totals[row.pk].newest) for row in reached]
    AddressError.objects.filter(pk__in=deciding).update(stopped=True)
    Subscriber.objects.filter(pk__in=[row.pk for row in reached]).mark_stopped(StopReason.ERRORS, now)
    return reached


def own_limits(ids: Collection[int]) -> dict[int, int]:
    """Return the smallest own limit among the lists of each subscriber, for those who are on such a list."""
    places = Subscription.objects.filter(subscriber__in=ids, mailing_list__error_limit__isnull=False)
    return dict(places.order_by().values_list("subscriber_id").annotate(Min("mailing_list__error_limit")))


def limit_for(subscriber: Subscriber) -> int:
    """Return at how many errors the subscriber is stopped.

    The smallest limit of its lists that have one of their own; else the limit of the workspace.
    """
    lists = MailingList.objects.filter(subscriptions__subscriber=subscriber)
    own = lists.aggregate(least=Min(F("error_limit")))["least"]
    return subscriber.workspace.error_limit if own is None else int(own)


def clear_errors(subscriber_ids: Iterable[int], *, now: datetime) -> None:
    """Set the error counts to nothing on a person's word; the evidence stays, marked as cleared. Nobody is revived."""
    ids = sorted(subscriber_ids)
    for start in range(0, len(ids), BATCH):
        clear_batch(ids[start : start + BATCH], now)


@transaction.atomic
def clear_batch(ids: Sequence[int], now: datetime) -> None:
    """Clear the errors of up to BATCH subscribers."""
    locked = Subscriber.objects.filter(pk__in=ids).lock()
    own = AddressError.objects.filter(subscriber__in=locked).uncleared()
    own.update(cleared_at=now, cleared_by=ClearedBy.PERSON)
    counted = Subscriber.objects.filter(Q(error_count__gt=0) | Q(errors_due_at__isnull=False), pk__in=locked)
    counted.update(error_count=0, errors_due_at=None)
