"""Finds what was left behind or ran out: leases, fences, lifetimes, and campaigns that are over."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from campaigns.closed_times import oldest_beginning
from campaigns.deliveries import cancel_unsent, count_states
from campaigns.error_gate import limited_workspaces
from campaigns.failures import Failure, count, settled
from campaigns.models import (
    CLAIMABLE,
    TERMINAL,
    Campaign,
    CampaignState,
    Delivery,
    DeliveryState,
    DoubtPolicy,
    Lane,
)
from campaigns.tally import mark_all_due
from mta.circuit import open_circuits
from mta.verdicts import Kind, Phase, Reason

logger = logging.getLogger(__name__)

# A fence older than this without an outcome is in doubt.
FENCE_LIMIT = timedelta(minutes=15)
# How long after its end a cancelled campaign is looked after at least.
LATELY = timedelta(days=1)
# Older ones that one run looks after; those of which nothing is left make room.
CLEARED_AT_ONCE = 20
# Rows that one run moves at most; the next tick goes on.
BATCH = 500
# Waiting rows of a campaign and lane that one run looks at for lifetimes that are over.
LOOK = 2000


def reap_claims(*, now: datetime) -> int:
    """claimed → pending where the lease is over: no dot was sent, so sending again is safe.

    A campaign that was cancelled or paused meanwhile keeps its own guards; the attempt is not burnt.
    """
    left = Delivery.objects.filter(state=DeliveryState.CLAIMED, lease_until__lte=now)
    return left.update(state=DeliveryState.PENDING, attempts=F("attempts") - 1, lease_token=None, lease_until=None)


def reap_fences(*, now: datetime) -> int:
    """fenced → doubt after 15 minutes without an outcome. The token stays, for a late 250."""
    left = Delivery.objects.filter(state=DeliveryState.FENCED, fenced_at__lte=now - FENCE_LIMIT)
    return left.update(state=DeliveryState.DOUBT)


def resend_doubts(*, now: datetime) -> int:
    """doubt → pending, once, where the campaign's policy is to resend and no evidence came in 15 minutes."""
    doubts = Delivery.objects.filter(
        state=DeliveryState.DOUBT,
        resends=0,
        fenced_at__lte=now - FENCE_LIMIT,
        campaign__in=list(resending().values_list("pk", flat=True)),
    )
    return doubts.update(
        state=DeliveryState.PENDING, due_at=now, resends=F("resends") + 1, lease_token=None, lease_until=None
    )


def resending() -> QuerySet[Campaign]:
    """Return the sending campaigns whose policy is to resend."""
    return Campaign.objects.filter(state=CampaignState.SENDING, doubt_policy=DoubtPolicy.RESEND)


def expire_deliveries(*, now: datetime, look: int = LOOK) -> int:
    """pending/deferred → expired (一時的なエラー) where the lifetime is over (B5); return how many.

    A row that was never claimed does not expire, and lifetimes do not run while a campaign is paused, in its
    配信禁止時間, or in a workspace that is slowed or stopped for its 配信エラー率. Nor does a row expire while the circuit
    of its route is open; after a long outage its lifetime begins anew (campaigns.lifetimes). A row that is due is tried
    first: that its lane is paused, slow or was not worked in is no fault of its recipient.

    Of each campaign and lane the `look` rows are looked at that are due next, however many wait behind them. The others
    come to the front as time goes by; those that become due unseen have their try.
    """
    expired = 0
    # Read first: a circuit is closed together with the new beginning of lifetimes.
    broken = list(open_circuits().values_list("route", flat=True))
    free = Campaign.objects.exclude(workspace__in=limited_workspaces())
    for campaign in free.filter(state=CampaignState.SENDING).select_related("workspace"):
        limit = oldest_beginning(campaign, campaign.lifetime, now=now)
        if campaign.lifetime_from is None or campaign.lifetime_from > limit:
            continue
        lanes = Lane.objects.filter(workspace=campaign.workspace_id).exclude(route__in=broken)
        over: list[int] = []
        for lane_id in lanes.order_by("pk").values_list("pk", flat=True):
            over += find_over(campaign.pk, lane_id, limit, now=now, look=look)
        rows = Delivery.objects.filter(pk__in=over[:BATCH]).select_related("workspace", "campaign")
        for delivery in rows.order_by("pk"):
            expired += expire(delivery, now=now)
    return expired


def find_over(campaign_id: int, lane_id: int, limit: datetime, *, now: datetime, look: int) -> list[int]:
    """Return those of a campaign's next `look` waiting rows in a lane whose lifetime began at `limit` or before."""
    rows = next_due(campaign_id, lane_id, now=now)[:look].values_list("pk", "mail_date")
    return [pk for pk, mail_date in rows if mail_date is not None and mail_date <= limit]


def next_due(campaign_id: int, lane_id: int, *, now: datetime) -> QuerySet[Delivery]:
    """Return the rows of a campaign in a lane that are not due yet, in the order of the index of due rows."""
    rows = Delivery.objects.waiting().filter(lane=lane_id, campaign=campaign_id, due_at__gt=now)
    return rows.order_by("due_at")


def expire(delivery: Delivery, *, now: datetime) -> bool:
    """Expire one row, keeping the last reply it had."""
    failure = Failure(
        state=DeliveryState.EXPIRED,
        kind=Kind(delivery.kind or Kind.SOFT),
        reason=Reason(delivery.reason or Reason.TEMPORARY),
        code=delivery.code,
        text=delivery.text or _("配信経路の障害が続き、有効期間内に送信できませんでした。"),
        phase=Phase(delivery.phase or Phase.CONNECT),
        rule=delivery.rule,
    )
    waiting = Delivery.objects.filter(pk=delivery.pk, state__in=CLAIMABLE)
    with transaction.atomic():
        if not waiting.update(**settled(failure, now)):
            return False
        if delivery.reason:
            count(delivery, failure, now=now)
    return True


def cancel_leftovers(*, now: datetime) -> int:
    """pending/deferred/claimed → cancelled for the rest of a large cancelled campaign, and for rows that came back later.

    One piece a tick; the figures of its campaigns are counted anew. Each campaign is looked at for a day, and after
    that, however long nobody worked, until nothing is left of it.
    """
    cancelled = Campaign.objects.filter(state=CampaignState.CANCELLED, cleared_at=None).order_by("finished_at")
    lately = list(cancelled.filter(finished_at__gt=now - LATELY).values_list("pk", flat=True))
    before = list(cancelled.filter(finished_at__lte=now - LATELY).values_list("pk", flat=True)[:CLEARED_AT_ONCE])
    moved = cancel_unsent(before + lately, now=now)
    if moved:
        mark_all_due(before + lately, now=now)
    Campaign.objects.filter(pk__in=[pk for pk in before if not is_open(pk)]).update(cleared_at=now)
    return moved


def is_open(campaign_id: int) -> bool:
    """Say whether anything of a campaign waits, or is on its way and may come back to wait."""
    rows = Delivery.objects.filter(
        campaign=campaign_id, state__in=(*CLAIMABLE, DeliveryState.CLAIMED, DeliveryState.FENCED)
    )
    return rows.exists()


def finish_campaigns(*, now: datetime) -> list[Campaign]:
    """sending → done where every row is terminal and the states add up to the recipients."""
    finished = []
    open_rows = Q(state__in=[state for state in DeliveryState if state not in TERMINAL])
    may_resend = Q(state=DeliveryState.DOUBT, resends=0)
    for campaign in Campaign.objects.filter(state=CampaignState.SENDING):
        waiting = open_rows | may_resend if campaign.doubt_policy == DoubtPolicy.RESEND else open_rows
        if Delivery.objects.filter(waiting, campaign=campaign).exists():
            continue
        if sum(count_states(campaign).values()) != campaign.recipient_count:
            # A row is missing or doubled: a person must look, and the campaign must not claim to be complete.
            logger.critical("campaign %s: the deliveries do not add up to the recipients", campaign.pk)
            continue
        own = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.SENDING)
        # Whoever looks at the result now wants it counted.
        if own.update(state=CampaignState.DONE, finished_at=now, tally_due_at=now):
            finished.append(campaign)
    return finished
