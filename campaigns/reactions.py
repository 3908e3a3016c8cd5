"""What reactions to mails (開封, クリック) have to do with deliveries: whose they are, and what they prove."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial

import redis
from django.db.models import Exists, OuterRef, Q

from campaigns.authors import author_of
from campaigns.bodies import Edition, body_of, edition_of, write_body
from campaigns.deliveries import record_evidence
from campaigns.merge_tags import fill
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState
from campaigns.rendering import person_values
from campaigns.variants import all_forms
from tracking import buffer, links
from tracking.judging import Handover
from tracking.models import Hit
from tracking.settling import Recipient, settle_hits, unsettled
from tracking.writing import write_hits

logger = logging.getLogger(__name__)

# Pieces of hits that are settled before others get their turn.
PIECES = 10
# Doubtful mails that one step proves, and how long after its end those of a campaign are looked at.
DOUBTS = 500
LATELY = timedelta(days=1)


def freeze_tracking(campaign: Campaign, *, now: datetime) -> None:
    """Store the body of a campaign with links of ours where it is to be measured, and set, without storing, `is_tracked`."""
    campaign.is_tracked = campaign.wants_tracking and links.freeze_mailing(
        campaign.workspace,
        campaign.pk,
        write_body(campaign),
        others={number: write_body(form) for number, form in all_forms(campaign) if number},
        now=now,
    )


def fill_target(target: str, delivery_id: int) -> str:
    """Fill the tags of a link's target as the mail of a delivery would have had it; "" where the delivery is gone."""
    # Without the texts of the campaign, which may be very long; its author was frozen when it began.
    rows = Delivery.objects.select_related("campaign").only("name", "address", "attributes", "campaign__author")
    delivery = rows.filter(pk=delivery_id).first()
    if delivery is None:
        return ""
    return fill(target, person_values(delivery) | author_of(delivery.campaign).values())


def hits_are_due(*, now: datetime) -> bool:
    """Say whether there is anything to write or to settle."""
    return buffer.waiting() > 0 or unsettled(now=now).exists()


def take_hits(*, now: datetime) -> int:
    """Write the buffered hits and settle those that waited long enough; return how many were looked at.

    Raises the failures of single mailings at the end, after the others are settled.
    """
    if not write_buffered(now=now):
        # The rest of a burst may still be in the buffer.
        return 0
    settled = 0
    failed: dict[int, Exception] = {}
    evidence = partial(settle_doubts, now=now)
    for _piece in range(PIECES):
        more = settle_hits(now=now, find_recipients=find_recipients, record_evidence=evidence, failed=failed)
        settled += more
        if not more:
            break
    if failed:
        raise ExceptionGroup(f"hits of the mailings {sorted(failed)}", list(failed.values()))
    return settled


def prove_doubts(*, now: datetime) -> int:
    """doubt → sent for the next mails of newer campaigns that were opened or clicked; return how many.

    Taken between `reap_fences` and `resend_doubts`: what came before the row was in doubt counts, and what is still
    buffered. Later hits are seen when they are settled.
    """
    recent = Q(state__in=(CampaignState.SENDING, CampaignState.PAUSED)) | Q(finished_at__gte=now - LATELY)
    campaigns = list(Campaign.objects.filter(recent).values_list("pk", flat=True))
    doubtful = Delivery.objects.filter(campaign__in=campaigns, state=DeliveryState.DOUBT)
    if not doubtful.exists():
        return 0
    write_buffered(now=now)
    seen = doubtful.filter(Exists(Hit.objects.filter(delivery=OuterRef("pk"))))
    return sum(record_evidence(pk, now=now) for pk in list(seen.values_list("pk", flat=True)[:DOUBTS]))


def write_buffered(*, now: datetime) -> bool:
    """Write what is buffered; return whether nothing is left, or Redis cannot be asked."""
    try:
        return write_hits(now=now)
    except redis.RedisError as error:
        logger.warning("buffered hits wait, since Redis cannot be asked: %s", error)
        return True


def find_recipients(ids: Sequence[int]) -> dict[int, Recipient]:
    """Return whose deliveries these are, when they were handed over and what they were; without those of erased people."""
    rows = Delivery.objects.filter(pk__in=ids, subscriber__isnull=False)
    columns = ("subscriber", "campaign", "state", "code", "fenced_at", "settled_at", "variant", "shown")
    return {
        row.pk: Recipient(
            row.subscriber_id, read_handover(row), row.variant, links_in(row.campaign_id, edition_of(row))
        )
        for row in rows.only(*columns)
        if row.subscriber_id is not None
    }


@lru_cache(maxsize=1000)
def links_in(campaign_id: int, edition: Edition) -> int | None:
    """Return how many measured links the mails of an edition had; None where blocks had no conditions. It never changes."""
    campaign = Campaign.objects.get(pk=campaign_id)
    return links.count_links(campaign_id, body_of(campaign, edition)) if campaign.conditions else None


def read_handover(row: Delivery) -> Handover | None:
    """Return when a mail was handed over; None where it was not sent.

    Only a 250 tells when it was taken: `settled_at` of what evidence or a notice settled is of another time.
    """
    if row.fenced_at is None:
        return None
    is_taken = row.state == DeliveryState.SENT and row.code.startswith("2")
    return Handover(row.fenced_at, row.settled_at if is_taken and row.settled_at else row.fenced_at)


def settle_doubts(ids: Sequence[int], *, now: datetime) -> None:
    """doubt → sent for deliveries whose picture or links were asked for."""
    doubtful = Delivery.objects.filter(pk__in=ids, state=DeliveryState.DOUBT)
    for pk in list(doubtful.values_list("pk", flat=True)):
        record_evidence(pk, now=now)
