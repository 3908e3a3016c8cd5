"""Lanes: which have work, and which wait."""

from datetime import datetime

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet

from accounts.models import Workspace
from campaigns.gate_pace import held_back
from campaigns.models import CLAIMABLE, Campaign, Delivery, Lane
from mta import circuit


def find_lane(workspace: Workspace, *, route: str, provider: str, domain: str = "") -> Lane:
    """Return the lane of a workspace, making it where it is missing; `domain` has a cap of its own (DomainCap).

    What a person said of the provider (A13) holds for its new lanes too.
    """
    siblings = Lane.objects.filter(workspace=workspace, provider=provider)
    said = {
        "paused_at": lambda: siblings.aggregate(at=Max("paused_at"))["at"],
        "excluded_at": lambda: siblings.aggregate(at=Max("excluded_at"))["at"],
    }
    return Lane.objects.get_or_create(
        workspace=workspace, route=route, provider=provider, domain=domain, defaults=said
    )[0]


def lanes_with_work(*, now: datetime) -> QuerySet[Lane]:
    """Return the lanes that have due rows of a sending campaign and may be used.

    A workspace that is stopped for its 配信エラー率, or slowed and through with its minute, has none (A15); nor does a
    route whose circuit is open, unless its next probe is due.
    """
    sending = Campaign.objects.open(now).exclude(workspace__in=held_back(now=now))
    due = Delivery.objects.filter(
        lane=OuterRef("pk"),
        campaign__in=list(sending.values_list("pk", flat=True)),
        state__in=CLAIMABLE,
        due_at__lte=now,
    )
    lanes = Lane.objects.filter(
        Q(held_until__isnull=True) | Q(held_until__lte=now),
        Exists(due),
        paused_at__isnull=True,
        workspace__in=list(sending.values_list("workspace", flat=True)),
    )
    return lanes.exclude(route__in=circuit.resting_routes(now=now))


def hold_lane(lane: Lane, why: str, *, until: datetime) -> None:
    """Try nothing in a lane until then, unless it is held for longer already; no attempt is burnt."""
    sooner = Lane.objects.filter(Q(held_until__isnull=True) | Q(held_until__lt=until), pk=lane.pk)
    sooner.update(held_until=until, held_because=why[:500])


def rest_lane(lane: Lane, why: str, *, now: datetime) -> None:
    """Rest a lane after a fault that is its own, longer each time; no attempt is burnt."""
    lane.refresh_from_db(fields=["fault_count"])
    hold_lane(lane, why, until=now + circuit.wait_after(lane.fault_count + 1))
    Lane.objects.filter(pk=lane.pk).update(fault_count=F("fault_count") + 1)


def clear_faults(lane: Lane) -> None:
    """Forget a lane's faults after something was sent in it; no query where it had none."""
    if lane.fault_count:
        Lane.objects.filter(pk=lane.pk).update(fault_count=0, held_until=None, held_because="")
