"""Caps of single domains (C23): who may set them, and the waiting rows that move to a capped domain's own lane."""

from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from accounts import audit
from accounts.models import User, Workspace
from campaigns.lanes import find_lane
from campaigns.models import CLAIMABLE, Campaign, CampaignState, Delivery, DeliveryState, DomainCap, Lane
from lists.transactions import retry_transaction

# Rows that are moved in one statement, and the statements of one tick.
CHUNK = 2000
CHUNKS = 5
# While a campaign of the workspace freezes its recipients, or a row is on its way, the rest waits this long.
LATER = timedelta(seconds=10)
UNSETTLED = (*CLAIMABLE, DeliveryState.CLAIMED, DeliveryState.FENCED)


def add_cap(workspace: Workspace, domain: str, per_minute: int, *, actor: User) -> DomainCap | None:
    """Cap a domain; None where it has a cap. Its waiting rows move to its own lane with the next ticks."""
    try:
        with transaction.atomic():
            cap = DomainCap.objects.create(workspace=workspace, domain=domain, per_minute=per_minute)
            audit.record(workspace, actor, "cap.create", domain, after=per_minute)
    except IntegrityError:
        return None
    return cap


def change_cap(cap: DomainCap, per_minute: int, *, actor: User) -> bool:
    """Give a domain another cap; False where it has this one, or none any more."""
    with transaction.atomic():
        others = DomainCap.objects.filter(pk=cap.pk).exclude(per_minute=per_minute)
        if not others.update(per_minute=per_minute):
            return False
        audit.record(cap.workspace, actor, "cap.update", cap.domain, before=cap.per_minute, after=per_minute)
    return True


def remove_cap(cap: DomainCap, *, actor: User) -> bool:
    """Take a domain's cap away; its waiting rows go back to the provider's lane with the next ticks."""
    with transaction.atomic():
        if not DomainCap.objects.filter(pk=cap.pk).delete()[0]:
            return False
        audit.record(cap.workspace, actor, "cap.delete", cap.domain, before=cap.per_minute)
    return True


def move_rows(*, now: datetime) -> int:
    """Move waiting rows to the lanes they belong to now; return how many. A step of the tick."""
    moved = 0
    for cap in (
        DomainCap.objects.filter(moves_at__lte=now).select_related("workspace").order_by("moves_at", "pk")[:CHUNKS]
    ):
        moved += gather_rows(cap, now=now)
    for lane in orphaned_lanes()[:CHUNKS]:
        moved += return_rows(lane)
    return moved


def gather_rows(cap: DomainCap, *, now: datetime) -> int:
    """Move a chunk of a capped domain's waiting rows to its own lane; return how many.

    It is through when one look at all rows that are not settled finds none elsewhere. A campaign that freezes its
    recipients may have read the caps before, so its end is waited for; a row that is claimed is not touched.
    """
    if Campaign.objects.filter(workspace=cap.workspace, state=CampaignState.STARTING).exists():
        put_off(cap, now + LATER)
        return 0
    moved = retry_transaction(partial(gather_chunk, cap))
    if not moved:
        put_off(cap, now + LATER if elsewhere(cap).exists() else None)
    return moved


def elsewhere(cap: DomainCap) -> QuerySet[Delivery]:
    """Return a capped domain's rows that are not settled and not in its own lane."""
    running = Campaign.objects.filter(
        workspace=cap.workspace, state__in=(CampaignState.SENDING, CampaignState.PAUSED)
    ).values_list("pk", flat=True)
    return Delivery.objects.filter(
        campaign__in=list(running), state__in=UNSETTLED, address_key__endswith=f"@{cap.domain}", lane__domain=""
    )


def gather_chunk(cap: DomainCap) -> int:
    """Move rows that nobody holds; a locked one is left for the next look."""
    with transaction.atomic():
        free = elsewhere(cap).filter(state__in=CLAIMABLE).select_for_update(skip_locked=True, of=("self",))
        chosen = list(free.values_list("pk", "lane_id")[:CHUNK])
        moved = 0
        for lane in Lane.objects.filter(pk__in={lane_id for _pk, lane_id in chosen}):
            own = find_lane(cap.workspace, route=lane.route, provider=lane.provider, domain=cap.domain)
            rows = [pk for pk, lane_id in chosen if lane_id == lane.pk]
            moved += Delivery.objects.filter(pk__in=rows, state__in=CLAIMABLE).update(lane=own)
        return moved


def put_off(cap: DomainCap, at: datetime | None) -> None:
    """Look for a domain's rows again at a time, None = no more."""
    DomainCap.objects.filter(pk=cap.pk).update(moves_at=at)


def orphaned_lanes() -> QuerySet[Lane]:
    """Return the lanes of domains that have no cap any more and still have waiting rows."""
    cap = DomainCap.objects.filter(workspace=OuterRef("workspace"), domain=OuterRef("domain"))
    waiting = Delivery.objects.filter(lane=OuterRef("pk")).waiting()
    return Lane.objects.exclude(domain="").filter(~Exists(cap), Exists(waiting)).select_related("workspace")


def return_rows(lane: Lane) -> int:
    """Move a chunk of an orphaned lane's waiting rows back to the provider's lane; return how many."""
    home = find_lane(lane.workspace, route=lane.route, provider=lane.provider)
    return retry_transaction(partial(return_chunk, lane, home))


def return_chunk(lane: Lane, home: Lane) -> int:
    """Move rows that nobody holds."""
    with transaction.atomic():
        free = Delivery.objects.filter(lane=lane).waiting().select_for_update(skip_locked=True)
        rows = list(free.values_list("pk", flat=True)[:CHUNK])
        return Delivery.objects.filter(pk__in=rows, state__in=CLAIMABLE).update(lane=home)
