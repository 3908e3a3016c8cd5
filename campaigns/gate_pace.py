"""The pace of a slowed workspace: so many rows a minute over all workers, and none in a stopped one."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet

from campaigns.models import ErrorGate, GateState

# A minute's rows are handed out in so many parts, so that one lane does not take them all.
PARTS = 6


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a slowed workspace may still claim in the minute that is being counted."""

    gate_id: int
    minute: datetime
    claimed: int

    @property
    def rows(self) -> int:
        """The rows that one claim may take now."""
        pace: int = settings.GATE_SLOW_PER_MINUTE
        return max(0, min(pace - self.claimed, -(-pace // PARTS)))

    def spend(self, rows: int) -> None:
        """Count rows as claimed."""
        ErrorGate.objects.filter(pk=self.gate_id).update(minute=self.minute, claimed=self.claimed + rows)


def open_allowance(workspace_id: int, *, now: datetime) -> Allowance:
    """Return what a slowed workspace may claim; locks its gate until the end of the caller's transaction.

    So claims of one slowed workspace follow each other, and the number is exact over all workers. A worker whose
    clock is behind counts into the minute that another one has begun.
    """
    gate = ErrorGate.objects.select_for_update(no_key=True).get(workspace=workspace_id)
    minute = now.replace(second=0, microsecond=0)
    if gate.minute is None or minute > gate.minute:
        return Allowance(gate.pk, minute, 0)
    return Allowance(gate.pk, gate.minute, gate.claimed)


def held_back(*, now: datetime) -> QuerySet[ErrorGate, int]:
    """Return the ids of workspaces where nothing can be claimed now: stopped, or slowed with the minute used up."""
    minute = now.replace(second=0, microsecond=0)
    used_up = Q(state=GateState.SLOWED, minute__gte=minute, claimed__gte=settings.GATE_SLOW_PER_MINUTE)
    return ErrorGate.objects.filter(Q(state=GateState.STOPPED) | used_up).values_list("workspace_id", flat=True)
