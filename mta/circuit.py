"""The circuit of a route: opened by faults of ours or the relay's, closed by a probe, with a slow start."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from django.db.models import Q, QuerySet

from mta.models import RouteCircuit
from mta.outcomes import Outcome, Result
from mta.verdicts import Phase

# How long nothing is tried after the first fault, the second, …: doubling up to the longest.
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=5)
# The probe is another's after this, since its process may have died. Longer than a turn lasts whose mail hangs until
# the last moment and then at the final dot (campaigns.sending): else one process after the other would hang there, and
# none would be heard.
PROBE: Final = timedelta(minutes=8)
# More faults in a row change nothing any more.
_MOST_FAULTS: Final = 20
# What fails in one of these steps fails for every mail; later steps may fail for what this one mail holds.
_BEFORE_RECIPIENT: Final = frozenset(
    (Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL)
)


# Deciding


class Health(Enum):
    """What a turn tells of its route."""

    # The server answered for a recipient, whatever it said.
    WORKS = "works"
    FAULTY = "faulty"
    # Too little was tried.
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Signs:
    """What became of the mails of one turn, as far as it tells of the route."""

    answered: int = 0
    # Refused or deferred without a word of the server, as for an address that cannot be written.
    unasked: int = 0
    faults: int = 0
    doubts: int = 0
    untouched: int = 0
    # The first of the faults.
    fault: Outcome | None = None

    def see(self, outcomes: Iterable[Outcome]) -> None:
        """Count outcomes. A doubt is a fault: the route took a mail and did not say so."""
        for outcome in outcomes:
            if outcome.result is Result.ACCEPTED:
                self.answered += 1
            elif outcome.result in (Result.ROUTE_FAULT, Result.DOUBT):
                self.faults += 1
                self.doubts += outcome.result is Result.DOUBT
                self.fault = self.fault or outcome
            elif outcome.result is Result.UNTOUCHED:
                self.untouched += 1
            elif outcome.code is not None and outcome.phase not in _BEFORE_RECIPIENT:
                self.answered += 1
            elif outcome.result in (Result.REFUSED, Result.DEFERRED):
                self.unasked += 1


def judge(signs: Signs, *, is_probe: bool, is_direct: bool = False) -> Health:
    """Return what a turn tells of its route.

    One mail that loses its connection late may be at fault itself, unless it is the probe. On the direct way doubts are
    those of a receiver's server, and mails are only deferred for it where our own network is there (mta.direct).
    """
    if signs.answered or (is_direct and signs.unasked):
        return Health.WORKS
    if is_direct:
        return Health.FAULTY if signs.faults > signs.doubts else Health.UNKNOWN
    if signs.fault is None:
        return Health.UNKNOWN
    certain = signs.fault.phase in _BEFORE_RECIPIENT or signs.faults > 1 or is_probe
    return Health.FAULTY if certain else Health.UNKNOWN


def wait_after(faults: int) -> timedelta:
    """Return how long nothing is tried after so many faults in a row."""
    doublings = min(max(faults, 1), _MOST_FAULTS) - 1
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def more_connections(connections: int, full: int) -> int | None:
    """Return the connections of the turn after one that went well; None once all that the route allows are used."""
    return connections * 2 if connections * 2 < full else None


# Storing


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to use a route: so many connections at once (None = all it allows). A probe sends one mail."""

    connections: int | None = None
    # Of a probe: until when it is this process's, and since when the circuit is open.
    probe_until: datetime | None = None
    opened_at: datetime | None = None
    # Faults in a row that are remembered.
    faults: int = 0

    @property
    def is_probe(self) -> bool:
        """Say whether this is the one try that is made while the circuit is open."""
        return self.probe_until is not None

    def outage(self, now: datetime) -> timedelta | None:
        """Return how long the circuit has been open; None where it is closed."""
        return None if self.opened_at is None else now - self.opened_at


def admit(route: str, *, now: datetime) -> Admission | None:
    """Return whether and how a route may be used now; None while its circuit is open. One query where all is well.

    While it is open, one process at a time gets the probe once the wait is over. It hands the probe back by one of
    `note_fault`, `note_success` and `release`.
    """
    circuit = RouteCircuit.objects.filter(route=route).first()
    if circuit is None:
        return Admission()
    if circuit.opened_at is None:
        return Admission(circuit.connections, faults=circuit.faults)
    until = now + PROBE
    if not RouteCircuit.objects.filter(probe_due(now), route=route).update(probe_until=until):
        return None
    return Admission(1, until, circuit.opened_at, circuit.faults)


def probe_due(now: datetime) -> Q:
    """Return what finds open circuits whose next probe nobody has taken."""
    free = Q(probe_until__isnull=True) | Q(probe_until__lte=now)
    return Q(free, opened_at__isnull=False, retry_at__lte=now)


def open_circuits() -> QuerySet[RouteCircuit]:
    """Return the circuits that are open."""
    return RouteCircuit.objects.filter(opened_at__isnull=False)


def resting_routes(*, now: datetime) -> list[str]:
    """Return the keys of the routes by which nothing may be tried now."""
    return list(open_circuits().exclude(probe_due(now)).values_list("route", flat=True))


def note_fault(route: str, admission: Admission, *, phase: Phase, because: str, now: datetime) -> bool:
    """Open a circuit, or keep it open for longer; False where another process was first."""
    faults = min(admission.faults + 1, _MOST_FAULTS)
    told = {"retry_at": now + wait_after(faults), "faults": faults, "phase": phase, "because": because[:500]}
    if admission.is_probe:
        own = RouteCircuit.objects.filter(route=route, probe_until=admission.probe_until)
        return bool(own.update(probe_until=None, **told))
    RouteCircuit.objects.get_or_create(route=route)
    closed = RouteCircuit.objects.filter(route=route, opened_at__isnull=True)
    return bool(closed.update(opened_at=now, connections=None, **told))


def note_success(route: str, admission: Admission, *, full: int, now: datetime) -> timedelta | None:
    """Close a circuit after its probe, or let more connections of its slow start; no query where all is well.

    `full` are the connections that the route allows. Returns how long the circuit was open where this closed it.
    """
    if admission.opened_at is not None:
        own = RouteCircuit.objects.filter(route=route, probe_until=admission.probe_until)
        closed = own.update(opened_at=None, retry_at=None, probe_until=None, connections=1)
        return admission.outage(now) if closed else None
    if admission.connections is not None:
        more = more_connections(admission.connections, full)
        forgotten = {"faults": 0, "phase": "", "because": ""} if more is None else {}
        starting = RouteCircuit.objects.filter(route=route, opened_at=None, connections=admission.connections)
        starting.update(connections=more, **forgotten)
    return None


def release(route: str, admission: Admission) -> None:
    """Hand a probe back that told nothing, so that another is made."""
    if admission.is_probe:
        RouteCircuit.objects.filter(route=route, probe_until=admission.probe_until).update(probe_until=None)
