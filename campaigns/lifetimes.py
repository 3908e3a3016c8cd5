"""Lifetimes of deliveries begin anew after an outage of their route, which is no fault of the recipients."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from campaigns.models import CLAIMABLE, Campaign, CampaignState, Delivery, Lane


def restart_lifetimes(route: str, *, now: datetime) -> int:
    """Let the lifetimes of the mailings that wait for a route begin now; return how many mailings there are."""
    lanes = list(Lane.objects.filter(route=route).values_list("pk", flat=True))
    waiting = Delivery.objects.filter(campaign=OuterRef("pk"), lane__in=lanes, state__in=CLAIMABLE)
    return Campaign.objects.filter(Exists(waiting), state=CampaignState.SENDING).update(lifetime_from=now)
