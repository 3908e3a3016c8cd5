"""The gate: what a lasting 配信エラー率 of a workspace leads to: warn, then slow, then stop (A15)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from accounts.audit import record
from accounts.models import User, Workspace
from campaigns.models import FAILURES, Campaign, CampaignState, ErrorGate, GateState, Tally
from campaigns.tally import TRIED, percent
from mta.verdicts import Kind

# What counts as an error here: the list is bad (永続的, 受信拒否), the sender is unwelcome (ブロック), or nobody knows.
# A full mailbox or a slow server (一時的) is the receiver's affair; complaints have a limit of their own.
GATE_KINDS = (Kind.HARD, Kind.REFUSED, Kind.BLOCK, Kind.UNKNOWN)
STEPS = (GateState.OPEN, GateState.WARNED, GateState.SLOWED, GateState.STOPPED)
# A workspace sends fewer mails or none in these.
LIMITED = (GateState.SLOWED, GateState.STOPPED)
# The rate must fall below this part of a limit before the step is taken back, or it would come and go.
EASING = 0.8
# Between a step and the stop the managers have this long to act …
NOTICE = timedelta(minutes=10)
# … unless half of all mails fail: going on would cost the installation its name with the receivers.
EXTREME_PERCENT = 50.0
# A workspace's rate is looked at once in this time.
EVERY = timedelta(minutes=1)
# Workspaces that one tick looks at; the next one goes on.
BATCH = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """The rates, in per cent, at which a workspace is warned, slowed and stopped."""

    warn: float
    slow: float
    stop: float

    def of(self, state: str) -> float:
        """Return the rate that leads to a step; 0 for none."""
        return {GateState.WARNED: self.warn, GateState.SLOWED: self.slow, GateState.STOPPED: self.stop}.get(
            GateState(state), 0.0
        )


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of the mails that were tried ended in an error that the gate counts."""

    errors: int
    tried: int

    @property
    def percent(self) -> float:
        """The rate in per cent."""
        return percent(self.errors, self.tried)


def default_limits() -> Limits:
    """Return the installation's limits (settings GATE_*)."""
    return Limits(settings.GATE_WARN_PERCENT, settings.GATE_SLOW_PERCENT, settings.GATE_STOP_PERCENT)


def limits_of(gate: ErrorGate) -> Limits:
    """Return the limits of a workspace: its own where the operator set some."""
    default = default_limits()
    return Limits(
        default.warn if gate.warn_percent is None else gate.warn_percent,
        default.slow if gate.slow_percent is None else gate.slow_percent,
        default.stop if gate.stop_percent is None else gate.stop_percent,
    )


def gate_of(workspace: Workspace) -> ErrorGate:
    """Return the gate of a workspace; one that was never looked at is open and not stored."""
    return ErrorGate.objects.filter(workspace=workspace).first() or ErrorGate(workspace=workspace)


def is_stopped(workspace: Workspace) -> bool:
    """Say whether no mailing of the workspace may be started."""
    return ErrorGate.objects.filter(workspace=workspace, state=GateState.STOPPED).exists()


def limited_workspaces() -> QuerySet[ErrorGate, int]:
    """Return the ids of workspaces that are slowed or stopped: lifetimes do not run there."""
    return ErrorGate.objects.filter(state__in=LIMITED).values_list("workspace_id", flat=True)


def looked_at(gate: ErrorGate, *, now: datetime) -> QuerySet[Campaign]:
    """Return the mailings that the rate is taken over: begun within GATE_DAYS, and after the operator's release."""
    since = now - timedelta(days=settings.GATE_DAYS)
    if gate.released_at is not None:
        since = max(since, gate.released_at)
    return Campaign.objects.filter(workspace=gate.workspace_id, started_at__gte=since)


def count_rate(campaigns: QuerySet[Campaign]) -> Rate:
    """Return the rate of mailings, from their figures. One query."""
    counted = Tally.objects.filter(campaign__in=campaigns.values("pk"), state__in=TRIED).aggregate(
        errors=Sum("number", filter=Q(state__in=FAILURES, kind__in=GATE_KINDS), default=0),
        tried=Sum("number", default=0),
    )
    return Rate(counted["errors"], counted["tried"])


def decide(gate: ErrorGate, rate: Rate, *, now: datetime) -> GateState:
    """Return the step that a workspace's rate leads to now: one up or one down, or the same.

    Below GATE_MINIMUM tried mails nothing is concluded, so a step that nothing supports any more is taken back.
    """
    state, limits = GateState(gate.state), limits_of(gate)
    # Only the operator lifts a stop.
    if state == GateState.STOPPED:
        return state
    if rate.tried < settings.GATE_MINIMUM:
        return lower(gate)
    if rate.percent >= max(limits.stop, EXTREME_PERCENT):
        return GateState.STOPPED
    higher = STEPS[STEPS.index(state) + 1]
    if rate.percent >= limits.of(higher):
        if higher == GateState.STOPPED and (gate.since is None or gate.since > now - NOTICE):
            return state
        return higher
    return lower(gate) if rate.percent < EASING * limits.of(state) else state


def lower(gate: ErrorGate) -> GateState:
    """Return the step below; a step that the operator set stays."""
    state = GateState(gate.state)
    return state if gate.by_hand or state == GateState.OPEN else STEPS[STEPS.index(state) - 1]


def evaluate_due(*, now: datetime) -> int:
    """Look at the rate of every workspace with recent mailings or a step, once a minute; return how many changed."""
    recent = Campaign.objects.filter(workspace=OuterRef("pk"), started_at__gte=now - timedelta(days=settings.GATE_DAYS))
    unseen = Q(error_gate__measured_at__isnull=True) | Q(error_gate__measured_at__lte=now - EVERY)
    # Figures that are still shown after the last mailing left the period are taken back once.
    shown = Q(error_gate__state__in=STEPS[1:]) | Q(error_gate__tried__gt=0)
    longest_ago = F("error_gate__measured_at").asc(nulls_first=True)
    due = Workspace.objects.filter(unseen, Exists(recent) | shown).order_by(longest_ago, "pk")
    return sum(evaluate(workspace, now=now) for workspace in due[:BATCH])


def evaluate(workspace: Workspace, *, now: datetime) -> bool:
    """Take a workspace's rate and the step that it leads to; return whether there was one."""
    gate, _created = ErrorGate.objects.get_or_create(workspace=workspace)
    # Two ticks at once: the one that moves the time goes on.
    if not ErrorGate.objects.filter(pk=gate.pk, measured_at=gate.measured_at).update(measured_at=now):
        return False
    rate = count_rate(looked_at(gate, now=now))
    same = ErrorGate.objects.filter(pk=gate.pk, state=gate.state, since=gate.since)
    same.update(percent=rate.percent, tried=rate.tried)
    state = decide(gate, rate, now=now)
    return state != gate.state and move(gate, state, rate, now=now)


def move(gate: ErrorGate, state: GateState, rate: Rate, *, now: datetime) -> bool:
    """Take a step because of the rate; False where the operator was first."""
    with transaction.atomic():
        if not change(gate, state, now=now):
            return False
        entry = record(
            gate.workspace,
            None,
            f"gate.{state}",
            before=gate.state,
            percent=round(rate.percent, 1),
            tried=rate.tried,
            limit=limits_of(gate).of(max(gate.state, state, key=STEPS.index)),
        )
        ErrorGate.objects.filter(pk=gate.pk).update(to_mail=entry)
    return True


def set_by_hand(gate: ErrorGate, state: GateState, *, actor: User, why: str, now: datetime) -> bool:
    """Slow or stop a workspace as its operator, until the operator lifts that; False where it just changed."""
    with transaction.atomic():
        if not change(gate, state, now=now, by_hand=True):
            return False
        entry = record(gate.workspace, actor, f"gate.{state}", before=gate.state, why=why)
        ErrorGate.objects.filter(pk=gate.pk).update(to_mail=entry)
    return True


def release(gate: ErrorGate, *, actor: User, why: str, now: datetime) -> bool:
    """Lift all limits as the operator: only mailings that start later are looked at; False where it just changed."""
    with transaction.atomic():
        if not change(gate, GateState.OPEN, now=now, released_at=now, percent=0, tried=0):
            return False
        entry = record(gate.workspace, actor, "gate.release", before=gate.state, why=why)
        ErrorGate.objects.filter(pk=gate.pk).update(to_mail=entry)
    return True


def change(gate: ErrorGate, state: GateState, *, now: datetime, by_hand: bool = False, **columns: object) -> bool:
    """Move a gate from the step that the caller saw; False where somebody else was first.

    Where a limit ends, the lifetimes of the waiting rows begin anew, as after a pause.
    """
    seen = ErrorGate.objects.filter(pk=gate.pk, state=gate.state, since=gate.since)
    if not seen.update(state=state, since=now, by_hand=by_hand, **columns):
        return False
    if gate.state in LIMITED and state not in LIMITED:
        running = Campaign.objects.filter(workspace=gate.workspace_id, state=CampaignState.SENDING)
        running.update(lifetime_from=now)
    return True


def set_limits(gate: ErrorGate, limits: Iterable[float | None], *, actor: User, why: str) -> None:
    """Give a workspace limits of its own (warn, slow, stop in per cent; None = the installation's)."""
    warn, slow, stop = limits
    with transaction.atomic():
        ErrorGate.objects.filter(pk=gate.pk).update(warn_percent=warn, slow_percent=slow, stop_percent=stop)
        record(gate.workspace, actor, "gate.limits", warn_percent=warn, slow_percent=slow, stop_percent=stop, why=why)


def waiting(workspace: Workspace) -> int:
    """Return how many recipients of running mailings wait to be sent to, by the newest figures."""
    running = Campaign.objects.filter(workspace=workspace, state=CampaignState.SENDING)
    unsent = Tally.objects.filter(campaign__in=running.values("pk"), state__in=("pending", "deferred", "claimed"))
    return int(unsent.aggregate(number=Sum("number", default=0))["number"])
