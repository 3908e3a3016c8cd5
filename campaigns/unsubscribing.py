"""Refusal of further mail by the signed link of a delivery (RFC 8058, 特定電子メール法)."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from campaigns.deliveries import record_evidence
from campaigns.links import UNSUBSCRIBE
from campaigns.models import Delivery, Leaving, LeavingReason
from lists.models import StopReason, Subscriber
from lists.subscribers import stop
from mta import tokens


def find_delivery(token: str) -> Delivery | None:
    """Return the delivery that a link was made for, or None for a token that is not ours."""
    pk = tokens.read(UNSUBSCRIBE, token, secret=settings.SECRET_KEY)
    if pk is None:
        return None
    related = Delivery.objects.select_related("workspace", "campaign__sender", "subscriber")
    return related.filter(pk=pk).first()


def unsubscribe(delivery: Delivery, *, now: datetime) -> None:
    """Stop the subscriber of a delivery for good. A second call changes nothing.

    Whoever holds the link has received the mail, so a doubtful outcome is settled by it. The mailing's report counts
    those who were not stopped before.
    """
    record_evidence(delivery.pk, now=now)
    if delivery.subscriber is None:
        return
    with transaction.atomic():
        if stop(delivery.subscriber, StopReason.UNSUBSCRIBED, actor=None, now=now):
            Leaving.objects.create(
                campaign_id=delivery.campaign_id, at=now, variant=delivery.variant, delivery=delivery.pk
            )


def give_reason(delivery: Delivery, reason: LeavingReason, words: str = "") -> bool:
    """Keep why the person of a delivery stopped all mail; the first answer holds. False where there is nothing to explain.

    The report of the mailing counts the choice. The words stand with the stop, where exports find them, and go with the
    person.
    """
    if delivery.subscriber is None:
        return False
    Leaving.objects.filter(campaign=delivery.campaign_id, delivery=delivery.pk, reason="").update(reason=reason)
    note = f"{reason.label}: {words}" if words else str(reason.label)
    own = Subscriber.objects.filter(pk=delivery.subscriber.pk, stop_reason=StopReason.UNSUBSCRIBED, stop_note="")
    return own.update(stop_note=note[:200]) == 1
