"""Records what many notices say with few statements: the same as `failures.record_notice` for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction

from campaigns.erased import is_erased
from campaigns.failures import OPEN, Failure, Recorded, make_event, returnable, settled
from campaigns.models import Delivery, DeliveryState, HoldState, StopHold
from lists.error_batches import count_errors
from mta.verdicts import Kind, Reason


@transaction.atomic
def record_notices(told: Mapping[int, Failure], *, now: datetime) -> dict[int, Recorded]:
    """Move rows (by id) to bounced or complained and count the errors; return what became of each failure.

    No two of the rows may belong to one subscriber. The caller has matched the notices to the rows, and marks their
    campaigns when it has recorded everything (`tally.mark_all_due`): others wait for those rows.
    """
    found = lock_deliveries(told)
    moved = [row for row in found if row.state in returnable(told[row.pk])]
    write_columns(Delivery, [(row.pk, columns_of(row, told[row.pk], now)) for row in moved])
    # Whoever complains must not be sent to again, whatever became of this delivery meanwhile.
    counted = {row.pk for row in moved} | {row.pk for row in found if told[row.pk].kind == Kind.COMPLAINT}
    count([row for row in found if row.pk in counted], told, now=now)
    done = {row.pk: Recorded.DONE for row in moved}
    early = {row.pk: Recorded.TOO_EARLY for row in found if row.state in OPEN}
    return dict.fromkeys(told, Recorded.IGNORED) | early | done


def columns_of(row: Delivery, failure: Failure, now: datetime) -> dict[str, object]:
    """Return what is written into a locked row; no reply where its person was erased."""
    erased = {"text": ""} if is_erased(row) else {}
    return {"lease_token": None, "lease_until": None} | settled(failure, now) | erased


def lock_deliveries(ids: Collection[int]) -> list[Delivery]:
    """Lock rows in the order of their ids, with what their errors are counted by."""
    rows = Delivery.objects.filter(pk__in=ids).select_related("workspace", "campaign", "lane")
    short = rows.defer("attributes", "campaign__text", "campaign__html")
    return list(short.select_for_update(no_key=True, of=("self",)).order_by("pk"))


def count(deliveries: Sequence[Delivery], told: Mapping[int, Failure], *, now: datetime) -> None:
    """Count the failures against the subscribers that there still are; reviews may hold some (B16)."""
    unknown = [row for row in deliveries if told[row.pk].reason == Reason.USER_UNKNOWN]
    holders = find_holders(unknown)
    events = {
        row.subscriber_id: make_event(row, told[row.pk], held_by=holders.get(row.pk, ""))
        for row in deliveries
        if row.subscriber_id is not None
    }
    if events:
        count_errors(events, now=now)


def find_holders(deliveries: Sequence[Delivery]) -> dict[int, str]:
    """Return the names of the reviews that hold 宛先不明 of deliveries, by the deliveries' ids."""
    campaigns = {row.campaign_id for row in deliveries}
    holds = StopHold.objects.filter(campaign__in=campaigns).exclude(state=HoldState.APPLIED) if campaigns else ()
    names = {(hold.campaign_id, hold.provider): hold.key() for hold in holds}
    held = ((row.pk, names.get((row.campaign_id, row.lane.provider), "")) for row in deliveries)
    return {pk: name for pk, name in held if name}


def record_arrivals(ids: Collection[int], *, now: datetime) -> set[int]:
    """doubt → sent for many: `deliveries.record_evidence` for each. Return the rows that moved."""
    doubtful = Delivery.objects.filter(pk__in=ids, state=DeliveryState.DOUBT).order_by("pk")
    moved = set(doubtful.select_for_update(no_key=True).values_list("pk", flat=True))
    settled_rows = Delivery.objects.filter(pk__in=moved)
    settled_rows.update(state=DeliveryState.SENT, settled_at=now, lease_token=None, lease_until=None)
    return moved


def write_columns(model: type[models.Model], rows: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Write the same columns (`workspace_id`, not `workspace`) of many rows: an UPDATE a row, sent together.

    `bulk_update` would spend more time on its CASE expressions than the database on the rows.
    """
    if not rows:
        return
    columns = {field.attname: field for field in model._meta.concrete_fields}
    chosen = [columns[name] for name in rows[0][1]]
    quote = connection.ops.quote_name
    assigned = ", ".join(f"{quote(str(field.column))} = %s" for field in chosen)
    values = [[*(field.get_db_prep_save(row[field.attname], connection) for field in chosen), pk] for pk, row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {quote(model._meta.db_table)} SET {assigned} WHERE id = %s", values)  # noqa: S608
