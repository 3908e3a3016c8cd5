"""Keeps consents until a month after the last mail (F4): lists ends them, this module knows the mails."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.db.models import Case, Max, Value, When
from django.db.models.functions import Coalesce

from campaigns.models import CLAIMABLE, Delivery, DeliveryState
from lists.consents import purge_ended

# What is in one of these was never mailed and never will be.
UNMAILED = (DeliveryState.EXCLUDED, DeliveryState.CANCELLED)
# What is in one of these is still to be mailed.
OPEN = (*CLAIMABLE, DeliveryState.CLAIMED, DeliveryState.FENCED)


def find_last_mailed(subscriber_ids: Sequence[int], *, now: datetime) -> dict[int, datetime]:
    """Return when each of these subscribers was mailed last; who never was is missing.

    A mail that is still to be sent counts as one of this moment.
    """
    deliveries = Delivery.objects.filter(subscriber__in=subscriber_ids).exclude(state__in=UNMAILED)
    mailed_at = Case(When(state__in=OPEN, then=Value(now)), default=Coalesce("settled_at", "mail_date", "due_at"))
    return dict(deliveries.order_by().values_list("subscriber_id").annotate(last=Max(mailed_at)))


def purge_consents(*, now: datetime) -> int:
    """Delete the consents that were kept long enough; return how many."""
    return purge_ended(now=now, last_mailed=partial(find_last_mailed, now=now))
