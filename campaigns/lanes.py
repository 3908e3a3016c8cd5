"""Lanes: which have work, who was asked to do it, and which rest."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet

from accounts.models import Workspace
from campaigns.gate_pace import held_back
from campaigns.models import CLAIMABLE, Campaign, Delivery, Lane

# A lane that was hinted at is not hinted at again for this long; a task at work keeps renewing it.
HINT = timedelta(seconds=10)
# A lane rests after a fault of the route: this long after the first, doubling up to the limit.
FIRST_REST = timedelta(seconds=5)
LONGEST_REST = timedelta(minutes=5)


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
    """Return the lanes that have due rows of a sending campaign, may be used, and were not hinted at.

    A workspace that is stopped for its 配信エラー率, or slowed and through with its minute, has none (A15).
    """
    sending = Campaign.objects.open(now).exclude(workspace__in=held_back(now=now))
    due = Delivery.objects.filter(
        lane=OuterRef("pk"),
        campaign__in=list(sending.values_list("pk", flat=True)),
        state__in=CLAIMABLE,
        due_at__lte=now,
    )
    return Lane.objects.filter(
        Q(held_until__isnull=True) | Q(held_until__lte=now),
        Q(hinted_until__isnull=True) | Q(hinted_until__lte=now),
        Exists(due),
        paused_at__isnull=True,
        workspace__in=list(sending.values_list("workspace", flat=True)),
    )


def take_hint(lane: Lane, *, now: datetime) -> bool:
    """Mark a lane as hinted at; False where another tick was first."""
    free = Lane.objects.filter(Q(hinted_until__isnull=True) | Q(hinted_until__lte=now), pk=lane.pk)
    return bool(free.update(hinted_until=now + HINT))


def keep_hint(lane: Lane, *, now: datetime) -> None:
    """Say that a task is at work in the lane."""
    Lane.objects.filter(pk=lane.pk).update(hinted_until=now + HINT)


def drop_hint(lane: Lane) -> None:
    """Say that nothing is at work in the lane, so that new rows start at once."""
    Lane.objects.filter(pk=lane.pk).update(hinted_until=None)


def rest_lane(lane: Lane, why: str, *, now: datetime) -> None:
    """Rest a lane after a fault of the route (its circuit opens): nothing is tried, no attempt is burnt."""
    lane.refresh_from_db(fields=["fault_count"])
    rest = min(FIRST_REST * 2 ** min(lane.fault_count, 10), LONGEST_REST)
    Lane.objects.filter(pk=lane.pk).update(
        held_until=now + rest, held_because=why[:500], fault_count=F("fault_count") + 1
    )


def clear_faults(lane: Lane) -> None:
    """Forget a lane's faults after something was accepted by its route."""
    Lane.objects.filter(pk=lane.pk, fault_count__gt=0).update(fault_count=0, held_until=None, held_because="")
