"""Freezes a campaign's recipients into deliveries, and counts and moves them as a whole."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from accounts import audit
from campaigns.authors import freeze_author
from campaigns.lanes import find_lane
from campaigns.models import (
    CLAIMABLE,
    FAILURES,
    Campaign,
    CampaignState,
    Delivery,
    DeliveryState,
)
from campaigns.routing import route_for
from campaigns.tally import mark_due
from lists.audience import recipients
from lists.models import MailingList
from mta.providers import provider_of
from senders.errors import SenderError
from senders.verification import require_verified

CHUNK = 2000


def freeze_recipients(campaign_id: int, *, now: datetime, chunk: int = CHUNK) -> bool:
    """Make a row for every recipient, chunk by chunk; return whether the campaign now sends.

    Each chunk is one transaction that first moves the cursor on the campaign, so a second worker finds the
    cursor moved and stops, and a crash goes on behind the last whole chunk. If a list was changed by an
    import in between, the rows are dropped and the freezing starts again: the audience is one state of the
    lists, never a mix.
    """
    while True:
        with transaction.atomic():
            campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
            if campaign.state != CampaignState.STARTING:
                return campaign.state == CampaignState.SENDING
            if not campaign.list_generations and (refusal := find_refusal(campaign)):
                send_back(campaign, refusal)
                return False
            if lists_changed(campaign):
                continue
            if not freeze_chunk(campaign, now=now, chunk=chunk):
                begin_sending(campaign, now=now)
                return True


def find_refusal(campaign: Campaign) -> str:
    """Return why the sender may not send any more, or nothing: much can happen between schedule and start."""
    if campaign.sender is None:
        return _("送信元が選ばれていません。編集画面で送信元を選んでください。")
    try:
        require_verified(campaign.sender)
    except SenderError as error:
        return error.sentence
    return ""


def send_back(campaign: Campaign, refusal: str) -> None:
    """starting → draft, with the reason for the page and the audit log. Nothing was sent, no row was made."""
    campaign.state, campaign.scheduled_at, campaign.started_at = CampaignState.DRAFT, None, None
    campaign.problem = refusal[:500]
    campaign.save(update_fields=["state", "scheduled_at", "started_at", "problem"])
    audit.record(campaign.workspace, None, "campaign.refused", str(campaign.pk), why=refusal)


def lists_changed(campaign: Campaign) -> bool:
    """Say whether a list changed since the first chunk; if so, start the freezing again."""
    # Locked, so that no import changes a list between this look and the chunk that is read next.
    lists = MailingList.objects.filter(audiences__campaign=campaign).select_for_update(no_key=True, of=("self",))
    generations = {str(found.pk): found.generation for found in lists.order_by("pk")}
    if campaign.list_generations == generations:
        return False
    drop_deliveries(campaign)
    campaign.list_generations = generations
    campaign.start_cursor = 0
    campaign.save(update_fields=["list_generations", "start_cursor"])
    return True


def drop_deliveries(campaign: Campaign) -> None:
    """Delete the rows of a campaign that has sent nothing yet, in one statement and without reading them.

    No bounce can point to them; the ORM would load every row to look for some.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {Delivery._meta.db_table} WHERE campaign_id = %s", [campaign.pk])  # noqa: S608


def freeze_chunk(campaign: Campaign, *, now: datetime, chunk: int) -> int:
    """Insert the next recipients and move the cursor behind them; return how many there were."""
    lists = [int(pk) for pk in campaign.list_generations]
    found = list(recipients(lists).filter(pk__gt=campaign.start_cursor).order_by("pk")[:chunk])
    if not found:
        return 0
    lanes = {
        provider: find_lane(campaign.workspace, route=route_for(campaign), provider=provider)
        for provider in {provider_of(subscriber.address_key) for subscriber in found}
    }
    Delivery.objects.bulk_create(
        Delivery(
            workspace_id=campaign.workspace_id,
            campaign=campaign,
            subscriber=subscriber,
            lane=lanes[provider_of(subscriber.address_key)],
            address=subscriber.address,
            address_key=subscriber.address_key,
            name=subscriber.name,
            attributes=subscriber.attributes,
            due_at=now,
        )
        for subscriber in found
    )
    campaign.start_cursor = found[-1].pk
    campaign.save(update_fields=["start_cursor"])
    return len(found)


def begin_sending(campaign: Campaign, *, now: datetime) -> None:
    """starting → sending: every recipient has a row; their number and what the mails say of the sender are fixed."""
    campaign.state = CampaignState.SENDING
    campaign.recipient_count = Delivery.objects.filter(campaign=campaign).count()
    campaign.lifetime_from = now
    campaign.tally_due_at = now
    freeze_author(campaign)
    campaign.save(update_fields=["state", "recipient_count", "lifetime_from", "tally_due_at", "author"])


def count_states(campaign: Campaign) -> dict[str, int]:
    """Return the number of deliveries in each state; a state without any is 0."""
    counted = dict.fromkeys(DeliveryState.values, 0)
    rows = Delivery.objects.filter(campaign=campaign).values_list("state").annotate(Count("pk")).order_by()
    return counted | dict(rows)


def cancel_unsent(campaigns: Sequence[int], *, now: datetime) -> int:
    """pending/deferred/claimed → cancelled; return how many. A fenced row goes its way: its dot may be sent."""
    return Delivery.objects.filter(campaign__in=campaigns, state__in=(*CLAIMABLE, DeliveryState.CLAIMED)).update(
        state=DeliveryState.CANCELLED, settled_at=now, lease_token=None, lease_until=None
    )


def record_evidence(delivery_id: int, *, now: datetime) -> bool:
    """doubt → sent: a bounce, an open, a click or an unsubscription with the row's valid token proves it came.

    The caller has checked the token.
    """
    doubtful = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.DOUBT)
    with transaction.atomic():
        if not doubtful.update(state=DeliveryState.SENT, settled_at=now, lease_token=None, lease_until=None):
            return False
        mark_due(Delivery.objects.values_list("campaign_id", flat=True).get(pk=delivery_id), now=now)
    return True


def failure_count(states: dict[str, int]) -> int:
    """Return what 失敗 shows."""
    return sum(states[state] for state in FAILURES)
