"""Claims due deliveries for one worker, under a lease."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import DateTimeField, F, UUIDField
from django.db.models.functions import Coalesce

from campaigns.gate_pace import open_allowance
from campaigns.models import CLAIMABLE, Campaign, Delivery, DeliveryState, GateState, Lane
from lists.models import SubscriberStatus

# How long a claim holds without a fence; after that the reaper gives the row back.
LEASE = timedelta(minutes=3)

# claimed → fenced for the rows of a JSON list of ids.
FENCE = """
    UPDATE campaigns_delivery SET state = 'fenced', fenced_at = %s
    FROM campaigns_campaign AS campaign, lists_subscriber AS subscriber
    WHERE campaigns_delivery.id IN ({ids}) AND lease_token = %s AND lease_until > %s
        AND campaigns_delivery.state = 'claimed'
        AND campaign.id = campaigns_delivery.campaign_id AND campaign.state = 'sending'
        AND (campaign.closed_from IS NULL OR campaign.closed_from > %s OR campaign.closed_until <= %s)
        AND subscriber.id = campaigns_delivery.subscriber_id AND subscriber.status = 'active'
    RETURNING campaigns_delivery.id
"""
IDS = {
    "postgresql": "SELECT json_array_elements_text(%s::json)::bigint",
    "sqlite": "SELECT value FROM json_each(%s)",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that belong to one worker while its token stands in them and the lease lives."""

    token: UUID
    until: datetime
    deliveries: Sequence[Delivery]
    # The workspace is slowed (A15): the others get their turn after every claim.
    slowed: bool = False


def claim_due(lane: Lane, *, now: datetime, limit: int) -> Claim:
    """Claim up to `limit` due rows of a lane; a held or paused lane and a campaign that does not send give none.

    Rows whose subscriber was stopped or deleted since the start, and all rows of an excluded lane, become
    送信除外 instead of being returned. A workspace that is stopped for its 配信エラー率 gives none, a slowed one
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
        chosen = choose_due(lane, now=now, limit=min(limit, allowance.rows) if allowance else limit)
        Delivery.objects.filter(pk__in=chosen, state__in=CLAIMABLE).update(
            state=DeliveryState.CLAIMED,
            lease_token=claim.token,
            lease_until=claim.until,
            attempts=F("attempts") + 1,
            mail_date=Coalesce("mail_date", now),
        )
        if allowance:
            allowance.spend(len(chosen))
    exclude_stopped(claim, lane, now=now)
    held = Delivery.objects.filter(pk__in=chosen, lease_token=claim.token, state=DeliveryState.CLAIMED)
    rows = attach_campaigns(list(held.order_by("pk")))
    if allowance:
        # Lifetimes do not run here: whoever waited for days behind others is not given up at the second try.
        for row in rows:
            row.campaign.lifetime_from = now
    return Claim(claim.token, claim.until, rows, slowed=allowance is not None)


def choose_due(lane: Lane, *, now: datetime, limit: int) -> list[int]:
    """Lock up to `limit` due rows of a lane that nobody else holds, and return their ids."""
    sending = Campaign.objects.filter(workspace=lane.workspace_id).open(now)
    due = Delivery.objects.filter(
        lane=lane, campaign__in=list(sending.values_list("pk", flat=True)), state__in=CLAIMABLE, due_at__lte=now
    )
    chosen = due.select_for_update(skip_locked=True).order_by("campaign_id", "due_at", "pk")
    return list(chosen.values_list("pk", flat=True)[:limit])


def attach_campaigns(deliveries: list[Delivery]) -> list[Delivery]:
    """Give each row its campaign with sender and domain; the rows of a campaign share one object.

    A join would read the campaign's text once for every row.
    """
    campaigns = Campaign.objects.select_related("sender__domain").in_bulk({row.campaign_id for row in deliveries})
    for delivery in deliveries:
        delivery.campaign = campaigns[delivery.campaign_id]
    return deliveries


def exclude_stopped(claim: Claim, lane: Lane, *, now: datetime) -> int:
    """Turn claimed rows that must not be sent any more into 送信除外; return how many."""
    own = Delivery.objects.filter(lane=lane, lease_token=claim.token, state=DeliveryState.CLAIMED)
    if lane.excluded_at is None:
        own = own.exclude(subscriber__status=SubscriberStatus.ACTIVE)
    return Delivery.objects.filter(
        pk__in=list(own.values_list("pk", flat=True)), lease_token=claim.token, state=DeliveryState.CLAIMED
    ).update(state=DeliveryState.EXCLUDED, settled_at=now, lease_token=None, lease_until=None)


def fence(ids: Sequence[int], token: UUID, *, now: datetime) -> set[int]:
    """Mark rows durably just before their final dot; return those that may be sent.

    A row may go while the lease lives, its campaign is sending (and not in its 配信禁止時間) and its subscriber is active. One statement,
    since this is done for every mail: a row that another transaction holds is waited for and looked at again.
    """
    moment = DateTimeField().get_db_prep_value(now, connection)
    own = UUIDField().get_db_prep_value(token, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            FENCE.format(ids=IDS[connection.vendor]), [moment, json.dumps(list(ids)), own, moment, moment, moment]
        )
        return {row[0] for row in cursor.fetchall()}
