"""What the operator's pages show of routes; each function asks a bounded number of questions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import AuditEntry
from mta.circuit import open_circuits
from mta.errors import MtaError
from mta.mail_routes import find_row, load_relay
from mta.models import MailRoute, RouteCheck, RouteCircuit, RouteKind, RouteSecurity
from mta.route_check import Result
from mta.route_checks import OVERDUE
from mta.route_problems import ADVICE, STEP_LABELS, Problem, Step
from mta.routes import RELAY, Route
from mta.sender_matching import split_entries
from mta.verdicts import Phase

# Entries of the audit log, and senders, that a page shows.
CHANGES_SHOWN = 20
SENDERS_SHOWN = 5
TONES = {Result.OK: "ok", Result.WARNED: "warn", Result.FAILED: "bad", Result.SKIPPED: "muted"}
RESULT_LABELS = {
    Result.OK: gettext_lazy("成功"),
    Result.WARNED: gettext_lazy("注意"),
    Result.FAILED: gettext_lazy("失敗"),
    Result.SKIPPED: gettext_lazy("未確認"),
}


@dataclass(frozen=True, slots=True)
class State:
    """Whether a route is of use now; of one that is not, why and when it is tried again."""

    tone: str
    label: str
    because: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The newest check of a route in a word."""

    tone: str
    label: str
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class RoutePage:
    """One route as it is shown: that of the settings, where `row` is None, or one of the database."""

    key: str
    name: str
    kind: str
    target: str
    row: MailRoute | None
    # What the page tells of it; None where the settings cannot be read.
    route: MailRoute | Route | None
    state: State
    outcome: Outcome | None
    # Whether everything that no other route takes goes by it now.
    is_normal: bool
    senders: list[str]
    more_senders: int


def list_routes() -> list[RoutePage]:
    """Return the relay of the settings and the routes in the order in which they are looked at. Three queries."""
    rows = list(MailRoute.objects.order_by("pk"))
    circuits = {circuit.route: circuit for circuit in open_circuits()}
    checks = {check.route: check for check in RouteCheck.objects.all()}
    normal = next((row.key() for row in rows if row.is_default and row.disabled_at is None), RELAY)
    return [
        describe(key, row, circuits.get(key), checks.get(key), is_normal=key == normal)
        for key, row in [(RELAY, None), *((row.key(), row) for row in rows)]
    ]


def find_route(key: str) -> RoutePage | None:
    """Return one route; None where there is none of this key."""
    row = find_row(key)
    if row is None and key != RELAY:
        return None
    # "route-007" finds route-7 too.
    key = row.key() if row else key
    circuit = open_circuits().filter(route=key).first()
    check = RouteCheck.objects.filter(route=key).first()
    normal = MailRoute.objects.filter(is_default=True, disabled_at=None).first()
    is_normal = row is None if normal is None else normal == row
    return describe(key, row, circuit, check, is_normal=is_normal)


def describe(
    key: str, row: MailRoute | None, circuit: RouteCircuit | None, check: RouteCheck | None, *, is_normal: bool
) -> RoutePage:
    """Put a route into words."""
    senders = split_entries(row.senders) if row else []
    relay = read_relay() if row is None else None
    kind = RouteKind(row.kind) if row else RouteKind.RELAY
    return RoutePage(
        key=key,
        name=row.name if row else _("環境変数のリレー"),
        kind=str(kind.label),
        target=target_of(row or relay),
        row=row,
        route=row or (relay if isinstance(relay, Route) else None),
        state=state_of(row, relay, circuit),
        outcome=outcome_of(check) if check else None,
        is_normal=is_normal,
        senders=senders[:SENDERS_SHOWN],
        more_senders=max(0, len(senders) - SENDERS_SHOWN),
    )


def read_relay() -> Route | str:
    """Return the relay of the settings, or the sentence that says why it cannot be read."""
    try:
        return load_relay()
    except MtaError as error:
        return error.sentence


def target_of(route: MailRoute | Route | str | None) -> str:
    """Return where a route leads and how it is encrypted; nothing of its login."""
    if route is None or isinstance(route, str):
        return ""
    security = RouteSecurity(route.security).label
    return f"{route.host}:{route.port} {security}" if route.host else str(security)


def state_of(row: MailRoute | None, relay: Route | str | None, circuit: RouteCircuit | None) -> State:
    """Say whether a route is of use."""
    if row is not None and row.disabled_at is not None:
        return State("muted", _("無効"))
    if isinstance(relay, str):
        return State("bad", _("障害中"), relay)
    if circuit is not None:
        phase = Phase(circuit.phase).label if circuit.phase in Phase.values else ""
        because = ": ".join(str(part) for part in (phase, circuit.because) if part)
        return State("bad", _("障害中"), because, circuit.retry_at)
    return State("ok", _("有効"))


def outcome_of(check: RouteCheck) -> Outcome | None:
    """Return what the newest report came to; None before the first."""
    if check.checked_at is None:
        return None
    results = [finding["result"] for finding in check.report]
    worst = next((result for result in (Result.FAILED, Result.WARNED) if result in results), Result.OK)
    return Outcome(TONES[worst], str(RESULT_LABELS[worst]), check.checked_at)


def describe_check(key: str, *, now: datetime) -> dict[str, Any]:
    """Return what the report of a route's newest check shows, and whether one is on its way."""
    check = RouteCheck.objects.filter(route=key).first()
    if check is None:
        return {"check": None}
    is_overdue = check.asked_at is not None and check.asked_at <= now - OVERDUE
    return {
        "check": check,
        "is_waiting": check.asked_at is not None and not is_overdue,
        "is_overdue": is_overdue,
        "outcome": outcome_of(check),
        "findings": [describe_finding(finding) for finding in check.report],
    }


def describe_finding(finding: dict[str, str]) -> dict[str, Any]:
    """Put one stored finding into words; what an older version stored and nobody knows any more stays as it is."""
    step, result, problem = finding["step"], Result(finding["result"]), finding["problem"]
    return {
        "step": STEP_LABELS.get(Step(step), step) if step in set(Step) else step,
        "tone": TONES[result],
        "label": RESULT_LABELS[result],
        "answer": finding["answer"],
        "advice": ADVICE[Problem(problem)] if problem in set(Problem) else "",
    }


def list_changes(key: str) -> QuerySet[AuditEntry]:
    """Return the newest changes of a route, with who made them."""
    changes = AuditEntry.objects.filter(workspace=None, target=key, action__startswith="route.")
    return changes.select_related("actor").order_by("-id")[:CHANGES_SHOWN]
