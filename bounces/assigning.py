"""Brings a notice that led nowhere to a delivery that a person chose."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts import audit
from accounts.models import User
from bounces.matching import NEVER_TRIED
from bounces.models import NoticeState, RawNotice
from bounces.processing import process
from campaigns.models import Delivery, DeliveryQuerySet

ASSIGNABLE = (NoticeState.UNMATCHED, NoticeState.BROKEN)
CANDIDATES = 20
# A notice tells of a few recipients; more of them would make the search slow.
ADDRESSES = 10


def find_candidates(deliveries: DeliveryQuerySet, notice: RawNotice, query: str) -> list[Delivery]:
    """Return the newest deliveries to the address that is searched for, else to those that the notice names.

    `deliveries` are those of the workspace.
    """
    text = query.replace("\0", "").strip().lower()
    named = notice.bounces.order_by("pk").values_list("recipient", flat=True)[:ADDRESSES]
    keys = [text] if text else [address.lower() for address in named if address]
    tried = deliveries.filter(address_key__in=keys).exclude(NEVER_TRIED)
    return list(tried.select_related("campaign").order_by("-pk")[:CANDIDATES])


def assign(notice: RawNotice, delivery: Delivery, *, actor: User, now: datetime) -> bool:
    """Say that a notice is about a delivery, and process it; False where it has been read otherwise meanwhile.

    The caller has made sure that the member may see both.
    """
    waiting = RawNotice.objects.filter(pk=notice.pk, state__in=ASSIGNABLE)
    with transaction.atomic():
        chosen = {"assigned_to": delivery, "assigned_by": actor, "workspace": delivery.workspace_id}
        if not waiting.update(state=NoticeState.NEW, tries=0, lease_until=None, note="", **chosen):
            return False
        audit.record(
            delivery.workspace,
            actor,
            "notice.assign",
            delivery.address,
            notice=notice.pk,
            campaign=delivery.campaign_id,
        )
    # Should this process end here, the tick hands it out.
    process(notice.pk, now=now)
    return True
