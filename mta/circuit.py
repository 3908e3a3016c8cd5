"""The circuit of a route: opened by faults of ours or the relay's, closed by a probe, with a slow start."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to use a route: so many connections at once (None = all it allows)."""

    connections: int | None = None
    is_probe: bool = False


def admit(route: str, *, now: datetime) -> Admission | None:
    """Return whether and how a route may be used now; None while its circuit is open."""
    return Admission()
