"""Counts a campaign's deliveries, and moves them as a whole."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count, QuerySet

from campaigns.models import (
    CLAIMABLE,
    FAILURES,
    Campaign,
    Delivery,
    DeliveryState,
)
from campaigns.tally import mark_due

# Rows of cancelled campaigns that one statement moves.
CANCELLED_AT_ONCE = 5000


def count_states(campaign: Campaign) -> dict[str, int]:
    """Return the number of deliveries in each state; a state without any is 0."""
    counted = dict.fromkeys(DeliveryState.values, 0)
    rows = Delivery.objects.filter(campaign=campaign).values_list("state").annotate(Count("pk")).order_by()
    return counted | dict(rows)


def unsent(campaigns: Sequence[int]) -> QuerySet[Delivery]:
    """Return the rows that a cancellation stops. A fenced row goes its way: its dot may be sent."""
    return Delivery.objects.filter(campaign__in=campaigns, state__in=(*CLAIMABLE, DeliveryState.CLAIMED))


def cancel_unsent(campaigns: Sequence[int], *, now: datetime) -> int:
    """pending/deferred/claimed → cancelled for the next rows; return how many.

    So many at once that no lock is held for long: the tick goes on with the rest, which nobody claims meanwhile.
    """
    piece = unsent(campaigns).values("pk")[:CANCELLED_AT_ONCE]
    return (
        unsent(campaigns)
        .filter(pk__in=piece)
        .update(state=DeliveryState.CANCELLED, settled_at=now, lease_token=None, lease_until=None)
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
