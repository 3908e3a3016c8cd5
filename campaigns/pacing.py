"""How many rows of a lane may be claimed now: rates, caps and what providers asked for."""

from dataclasses import dataclass
from datetime import datetime

from campaigns.models import Lane
from mta.routes import Route


@dataclass(frozen=True, slots=True)
class Grant:
    """What a lane may do now. With 0 rows it waits until `again_at`; None of the others = no limit."""

    rows: int
    again_at: datetime | None = None
    connections: int | None = None
    messages_per_connection: int | None = None


def grant(lane: Lane, route: Route, *, wanted: int, now: datetime) -> Grant:
    """Return how many of `wanted` rows may be claimed now."""
    return Grant(wanted)


def give_back(lane: Lane, route: Route, rows: int) -> None:
    """Return what was granted and not claimed."""
