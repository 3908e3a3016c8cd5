"""The numbers that are shown of a campaign, in words that claim no more than is known (B3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from campaigns.deliveries import count_states
from campaigns.models import FAILURES, Campaign, CampaignState, Delivery, DeliveryState, Lane
from campaigns.tally import figures
from mta.circuit import open_circuits
from mta.models import MailRoute
from mta.verdicts import Kind, Phase, Reason

# From this many recipients on, a page does not count the rows itself.
LARGE = 100_000
WAITING = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.FENCED)


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts of a campaign's deliveries; they add up to `total`."""

    states: dict[str, int]
    total: int
    # The campaign is over, but rows are still on their way to an end.
    settling: bool
    # Counted in the background, when `Campaign.tally_at` says.
    is_tallied: bool = False

    def sum(self, states: Iterable[str]) -> int:
        """Return the number of rows in any of the states."""
        return sum(self.states[state] for state in states)

    @property
    def sent(self) -> int:
        """受信サーバー受付."""
        return self.states[DeliveryState.SENT]

    @property
    def deferred(self) -> int:
        """再送待ち."""
        return self.states[DeliveryState.DEFERRED]

    @property
    def failed(self) -> int:
        """失敗: refused, expired, returned or complained about."""
        return self.sum(FAILURES)

    @property
    def doubt(self) -> int:
        """結果不明 (F7)."""
        return self.states[DeliveryState.DOUBT]

    @property
    def excluded(self) -> int:
        """送信除外 and 中止: never sent."""
        return self.sum((DeliveryState.EXCLUDED, DeliveryState.CANCELLED))

    @property
    def tried(self) -> int:
        """Whose mail came to an end at a server, good or bad."""
        return self.sent + self.failed + self.doubt

    @property
    def unsent(self) -> int:
        """Of a mailing that was cancelled: whom it did not go to."""
        return self.total - self.tried

    @property
    def remaining(self) -> int:
        """残り: not tried yet, or being sent."""
        return self.sum(WAITING)

    @property
    def handled(self) -> int:
        """Rows that need nothing more."""
        return self.total - self.remaining - self.deferred


def measure(campaign: Campaign, *, large: int = LARGE) -> Progress:
    """Count a campaign's deliveries; those of one with `large` recipients were counted in the background."""
    known = frozen_states(campaign) or tallied_states(campaign, large)
    states = known or count_states(campaign)
    over = campaign.state in (CampaignState.DONE, CampaignState.CANCELLED)
    busy = sum(states[state] for state in (*WAITING, DeliveryState.DEFERRED))
    return Progress(states=states, total=sum(states.values()), settling=over and busy > 0, is_tallied=bool(known))


def frozen_states(campaign: Campaign) -> dict[str, int]:
    """Return the figures of a campaign whose recipients are being frozen: nothing is sent yet; else nothing."""
    if campaign.state != CampaignState.STARTING:
        return {}
    return dict.fromkeys(DeliveryState.values, 0) | {str(DeliveryState.PENDING): campaign.recipient_count or 0}


def tallied_states(campaign: Campaign, large: int) -> dict[str, int]:
    """Return the newest figures of a large campaign by state; nothing where it is small or was not counted yet."""
    if (campaign.recipient_count or 0) < large or campaign.tally_at is None:
        return {}
    counted = figures([campaign.pk])
    return {state: counted.number((state,)) for state in DeliveryState.values}


@dataclass(frozen=True, slots=True)
class RouteWait:
    """A route by which nothing is sent now, for no fault of the recipients."""

    route: str
    step: str
    because: str
    # When it is tried again; None while that is being done.
    again_at: datetime | None
    # The name of a route that the operator took out of use.
    disabled: str = ""


def route_waits(lanes: Sequence[Lane], *, now: datetime) -> list[RouteWait]:
    """Return the routes of the lanes that do not work, and why."""
    routes = {lane.route for lane in lanes}
    if not routes:
        return []
    rows = {row.key(): row for row in MailRoute.objects.filter(disabled_at__isnull=False)}
    disabled = [RouteWait(key, "", "", None, disabled=rows[key].name) for key in sorted(routes & set(rows))]
    return disabled + [
        RouteWait(
            route=circuit.route,
            step=str(Phase(circuit.phase).label) if circuit.phase in Phase.values else "",
            because=circuit.because,
            again_at=circuit.retry_at if circuit.retry_at is not None and circuit.retry_at > now else None,
        )
        for circuit in open_circuits().filter(route__in=routes - set(rows)).order_by("route")
    ]


def apart_from(lanes: Sequence[Lane], waits: Iterable[RouteWait]) -> list[Lane]:
    """Return the lanes without those that only wait for their route."""
    broken = {wait.route for wait in waits}
    return [lane for lane in lanes if lane.route not in broken or lane.paused_at or lane.excluded_at]


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many deliveries failed for one reason (B10, B11)."""

    kind: str
    reason: str
    value: str
    number: int


def count_reasons(campaign: Campaign, progress: Progress) -> list[ReasonCount]:
    """Return the reasons of a campaign's failures, the commonest first; of a large one as they were counted last."""
    if not progress.failed:
        return []
    if progress.is_tallied:
        counted = list(figures([campaign.pk]).by_reason().items())
    else:
        rows = Delivery.objects.filter(campaign=campaign).failures().order_by()
        found = rows.values_list("kind", "reason").annotate(number=Count("pk")).order_by("-number", "reason")
        counted = [((kind, reason), number) for kind, reason, number in found]
    return [
        ReasonCount(str(Kind(kind or Kind.UNKNOWN).label), str(Reason(reason or Reason.UNKNOWN).label), reason, number)
        for (kind, reason), number in counted
    ]
