"""Chains of turns: a workspace sends in so many at a time, each going on from lane to lane (A16, C28)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db.models import Count, F, Max, Q

from campaigns.lanes import lanes_with_work
from campaigns.models import Chain, Lane

# A chain whose message or turn was not heard of for this long is lost, and the tick begins it anew. Longer than a turn
# takes and its successor waits in the queue.
ALIVE: Final = timedelta(seconds=20)
# Messages that may wait in the queue for each process. A longer queue would decide who is served next; so it stays
# short, and the tick decides by who was served last.
QUEUED: Final = 4
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Link(NamedTuple):
    """One turn of a chain, as the arguments of its task. Of two messages with the same step one does nothing."""

    workspace_id: int
    number: int
    step: int


def most_queued() -> int:
    """Return how many messages may wait in the queue."""
    processes: int = settings.SEND_PROCESSES
    return QUEUED * processes


def start_missing(*, now: datetime, room: int) -> list[Link]:
    """Return the turns to ask for: of chains that are missing in workspaces with work, at most `room`.

    Every workspace gets its first chain before any gets its second, and whoever was served longest ago comes first.
    """
    free = workspaces_with_room(now=now)
    if not free or room <= 0:
        return []
    add_missing(free)
    chains = Chain.objects.filter(workspace__in=free, number__lt=settings.SEND_PROCESSES)
    served: dict[int, datetime] = dict(
        chains.values_list("workspace").annotate(Max("began_at")).filter(began_at__max__isnull=False).order_by()
    )
    idle = sorted(
        chains.filter(lost(now)), key=lambda chain: (chain.number, served.get(chain.workspace_id, NEVER), chain.pk)
    )
    return [
        Link(chain.workspace_id, chain.number, chain.step)
        for chain in idle[:room]
        if Chain.objects.filter(lost(now), pk=chain.pk, step=chain.step).update(busy_until=now + ALIVE)
    ]


def workspaces_with_room(*, now: datetime) -> list[int]:
    """Return the workspaces that have work and not all of their chains."""
    alive = Chain.objects.filter(busy_until__gt=now, number__lt=settings.SEND_PROCESSES).values("workspace")
    full = alive.annotate(chains=Count("pk")).filter(chains__gte=settings.SEND_PROCESSES).values("workspace")
    lanes = lanes_with_work(now=now).exclude(workspace__in=list(full.values_list("workspace", flat=True)))
    return sorted(set(lanes.values_list("workspace_id", flat=True)))


def add_missing(workspaces: Sequence[int]) -> None:
    """Make the rows of chains that were never begun."""
    known = set(Chain.objects.filter(workspace__in=workspaces).values_list("workspace_id", "number"))
    wanted: Iterable[tuple[int, int]] = (
        (workspace, number) for workspace in workspaces for number in range(settings.SEND_PROCESSES)
    )
    missing = [
        Chain(workspace_id=workspace, number=number) for workspace, number in wanted if (workspace, number) not in known
    ]
    Chain.objects.bulk_create(missing, ignore_conflicts=True)


def lost(now: datetime) -> Q:
    """Return what finds chains that nobody is at work in."""
    return Q(busy_until__isnull=True) | Q(busy_until__lte=now)


def begin_turn(link: Link, *, now: datetime) -> bool:
    """Take a turn of a chain; False where it was taken already: the message was doubled, or came too late."""
    own = Chain.objects.filter(workspace=link.workspace_id, number=link.number, step=link.step)
    return bool(own.update(step=F("step") + 1, busy_until=now + ALIVE, began_at=now))


def end_chain(link: Link) -> None:
    """Say that the chain ends with this turn."""
    own = Chain.objects.filter(workspace=link.workspace_id, number=link.number, step=link.step + 1)
    own.update(busy_until=None)


def take_lane(workspace_id: int, *, now: datetime) -> Lane | None:
    """Return the lane of a workspace that has work and was served longest ago, and note that it is served now."""
    due = lanes_with_work(now=now).filter(workspace=workspace_id).order_by(F("served_at").asc(nulls_first=True), "pk")
    lane: Lane | None = None
    for lane in list(due[: settings.SEND_PROCESSES]):
        # Where another chain was quicker, the next lane is taken; the last one is shared.
        if Lane.objects.filter(pk=lane.pk, served_at=lane.served_at).update(served_at=now):
            break
    return lane
