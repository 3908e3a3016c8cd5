"""Claims due deliveries for one worker, under a lease."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F
from django.db.models.base import ModelState
from django.utils.translation import gettext as _

from campaigns.gate_pace import open_allowance
from campaigns.models import Campaign, Delivery, DeliveryState, GateState, Lane
from campaigns.statements import Row, Statement, read_moment
from lists.exclusion_sql import listed_sql
from lists.models import SubscriberStatus

# How long a claim holds without a fence; after that the reaper gives the row back.
LEASE = timedelta(minutes=3)

# Whether a row's address is on the 除外リスト. While no list has an entry, that is one look for a whole statement.
LISTED = {
    vendor: listed_sql(vendor, key="campaigns_delivery.address_key", workspace="campaigns_delivery.workspace_id")
    for vendor in ("postgresql", "sqlite")
}
_CLAIM = """
    UPDATE campaigns_delivery SET state = 'claimed', lease_token = %(token)s, lease_until = %(until)s,
        attempts = attempts + 1, mail_date = COALESCE(mail_date, %(now)s)
    WHERE id {chosen} AND state IN ('pending', 'deferred')
    RETURNING id, campaign_id, workspace_id, lane_id, subscriber_id, address, name, attributes, mail_date, due_at, attempts,
        variant, shown,
        (SELECT status FROM lists_subscriber WHERE lists_subscriber.id = campaigns_delivery.subscriber_id),
        {listed}
"""
_DUE = """
    SELECT id FROM campaigns_delivery
    WHERE lane_id = %(lane)s AND campaign_id {among} AND state IN ('pending', 'deferred') AND due_at <= %(now)s
    ORDER BY {order} LIMIT %(limit)s
"""
# Campaign by campaign, so that PostgreSQL reads the index of due rows in its order and stops at the limit: with a list
# of campaigns it would read and sort all that are due, a million as well. The array makes it choose once, whatever its
# plan.
_CHOSEN = f"""
    = ANY(ARRAY(
        SELECT due.id FROM unnest(%(campaigns)s::bigint[]) AS sending(id),
            LATERAL ({_DUE.format(among="= sending.id", order="due_at")} FOR UPDATE SKIP LOCKED) AS due
        LIMIT %(limit)s
    ))
"""  # noqa: S608
_AMONG = "IN (SELECT value FROM json_each(%(campaigns)s))"
# pending/deferred → claimed for so many due rows of a lane that nobody else holds.
CLAIM = Statement(
    postgresql=_CLAIM.format(chosen=_CHOSEN, listed=LISTED["postgresql"]),
    sqlite=_CLAIM.format(
        chosen=f"IN ({_DUE.format(among=_AMONG, order='campaign_id, due_at, id')})", listed=LISTED["sqlite"]
    ),
)
# claimed → fenced for rows of a list of ids, with the token of each one's claim. The state is written so that no index
# is looked at for it: for all that the statistics know nothing is claimed, and every claimed row would be read.
FENCE_ROWS = """
    UPDATE campaigns_delivery SET state = 'fenced', fenced_at = %(now)s
    FROM {own}, campaigns_campaign AS campaign, lists_subscriber AS subscriber
    WHERE campaigns_delivery.id = own.id AND lease_token = own.token AND lease_until > %(now)s
        AND campaigns_delivery.state || '' = 'claimed'
        AND campaign.id = campaigns_delivery.campaign_id AND campaign.state = 'sending'
        AND (campaign.closed_from IS NULL OR campaign.closed_from > %(now)s OR campaign.closed_until <= %(now)s)
        AND subscriber.id = campaigns_delivery.subscriber_id AND subscriber.status = 'active'
        AND {not_listed}
    RETURNING campaigns_delivery.id
"""
# Rows of the list of ids whose address is not on the 除外リスト. PostgreSQL looks them up before the rest: a condition
# that seems to cost much would have it begin with the subscribers.
NOT_LISTED = f"""
        campaigns_delivery.id <> ALL(ARRAY(
            SELECT id FROM campaigns_delivery WHERE id = ANY(%(ids)s) AND {LISTED["postgresql"]}
        ))"""  # noqa: S608
OWN_ROWS = "unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) AS own(id, token)"
FENCE = Statement(
    postgresql=FENCE_ROWS.format(own=OWN_ROWS, not_listed=NOT_LISTED),
    sqlite=FENCE_ROWS.format(
        not_listed=f"NOT {LISTED['sqlite']}",
        own="(SELECT ids.value AS id, tokens.value AS token"
        " FROM json_each(%(ids)s) AS ids JOIN json_each(%(tokens)s) AS tokens USING (key)) AS own",
    ),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that belong to one worker while its token stands in them and the lease lives."""

    token: UUID
    until: datetime
    deliveries: Sequence[Delivery]
    # The workspace is slowed (A15): the others get their turn after every claim.
    slowed: bool = False
    # Rows that became 送信除外 instead.
    left_out: int = 0


def claim_due(lane: Lane, *, now: datetime, limit: int) -> Claim:
    """Claim up to `limit` due rows of a lane; a held or paused lane and a campaign that does not send give none.

    Rows whose subscriber was stopped or deleted since the start, rows whose address came on the 除外リスト, and all
    rows of an excluded lane become 送信除外 instead of being returned. A workspace that is stopped for its 配信エラー率 gives none, a slowed one
    what is left of its minute. Two workers never get the same row: PostgreSQL skips locked rows,
    SQLite's IMMEDIATE transactions follow each other.
    """
    claim = Claim(token=uuid4(), until=now + LEASE, deliveries=[])
    with transaction.atomic():
        lane = Lane.objects.annotate(gate=F("workspace__error_gate__state")).get(pk=lane.pk)
        if lane.paused_at is not None or (lane.held_until is not None and lane.held_until > now):
            return claim
        if lane.gate == GateState.STOPPED:
            return claim
        allowance = open_allowance(lane.workspace_id, now=now) if lane.gate == GateState.SLOWED else None
        found = take_due(claim, lane, now=now, limit=min(limit, allowance.rows) if allowance else limit)
        if allowance:
            allowance.spend(len(found))
    rows = attach_campaigns(leave_out_stopped(found, claim, lane, now=now))
    if allowance:
        # Lifetimes do not run here: whoever waited for days behind others is not given up at the second try.
        for row in rows:
            row.campaign.lifetime_from = now
    return Claim(claim.token, claim.until, rows, slowed=allowance is not None, left_out=len(found) - len(rows))


class Standing(Enum):
    """Whether a claimed row may be sent."""

    FINE = "fine"
    # Its subscriber was stopped or deleted.
    STOPPED = "stopped"
    # Its address is on the 除外リスト.
    LISTED = "listed"


Found = Sequence[tuple[Delivery, Standing]]


def take_due(claim: Claim, lane: Lane, *, now: datetime, limit: int) -> Found:
    """Claim up to `limit` due rows of a lane; return each, and whether it may be sent."""
    sending = Campaign.objects.filter(workspace=lane.workspace_id).open(now)
    found = CLAIM.run(
        lane=lane.pk,
        campaigns=list(sending.order_by("pk").values_list("pk", flat=True)),
        limit=limit,
        token=claim.token,
        until=claim.until,
        now=now,
    )
    return [(read_row(values), read_standing(values)) for values in sorted(found)]


def read_standing(values: Row) -> Standing:
    """Return whether a claimed row may be sent."""
    *_values, status, is_listed = values
    if is_listed:
        return Standing.LISTED
    return Standing.FINE if status == SubscriberStatus.ACTIVE else Standing.STOPPED


def read_row(values: Row) -> Delivery:
    """Return a claimed row with what its mail needs; other columns are read when they are asked for, as with `only`.

    The model's own ways to make one take longer than all else that is done to claim it.
    """
    row = Delivery.__new__(Delivery)
    row._state = ModelState()
    row._state.adding, row._state.db = False, connection.alias
    (
        pk,
        campaign,
        workspace,
        lane,
        subscriber,
        address,
        name,
        attributes,
        mail_date,
        due_at,
        attempts,
        variant,
        shown,
        _status,
        _listed,
    ) = values
    row.__dict__.update(
        id=pk,
        campaign_id=campaign,
        workspace_id=workspace,
        lane_id=lane,
        subscriber_id=subscriber,
        address=address,
        name=name,
        attributes={} if attributes == "{}" else json.loads(attributes),
        mail_date=read_moment(mail_date),
        due_at=read_moment(due_at),
        attempts=attempts,
        variant=variant,
        shown=shown,
        state=DeliveryState.CLAIMED.value,
    )
    return row


def leave_out_stopped(found: Found, claim: Claim, lane: Lane, *, now: datetime) -> list[Delivery]:
    """Turn claimed rows that must not be sent any more into 送信除外; return the others."""
    kept = [row for row, standing in found if standing is Standing.FINE and lane.excluded_at is None]
    if len(kept) < len(found):
        listed = [row.pk for row, standing in found if standing is Standing.LISTED]
        out = {row.pk for row, _standing in found}.difference(listed, (row.pk for row in kept))
        exclude_rows(listed, claim, _("除外リストに登録されているため、送信しませんでした。"), now=now)
        exclude_rows(list(out), claim, "", now=now)
    return kept


def exclude_rows(ids: Sequence[int], claim: Claim, text: str, *, now: datetime) -> None:
    """claimed → excluded for rows of a claim, with a sentence on why where there is one to say."""
    if not ids:
        return
    own = Delivery.objects.filter(pk__in=ids, lease_token=claim.token, state=DeliveryState.CLAIMED)
    told = {"text": text} if text else {}
    own.update(state=DeliveryState.EXCLUDED, settled_at=now, lease_token=None, lease_until=None, **told)


def attach_campaigns(deliveries: list[Delivery]) -> list[Delivery]:
    """Give each row its campaign with sender and domain; the rows of a campaign share one object.

    A join would read the campaign's text once for every row.
    """
    campaigns = Campaign.objects.select_related("sender__domain").in_bulk({row.campaign_id for row in deliveries})
    for delivery in deliveries:
        delivery._state.fields_cache["campaign"] = campaigns[delivery.campaign_id]
    return deliveries


def fence(ids: Sequence[int], token: UUID, *, now: datetime) -> set[int]:
    """Mark the rows of one claim as `fence_rows` does."""
    return fence_rows(ids, [token] * len(ids), now=now)


def fence_rows(ids: Sequence[int], tokens: Sequence[UUID], *, now: datetime) -> set[int]:
    """Mark rows durably just before their final dot; return those that may be sent. Each has its claim's token.

    A row may go while its lease lives, its campaign is sending (and not in its 配信禁止時間), its subscriber is active
    and its address not on the 除外リスト. One statement, since this is done for every mail: a row that another transaction holds is waited for and
    looked at again.
    """
    return {pk for (pk,) in FENCE.run(ids=list(ids), tokens=list(tokens), now=now)}
