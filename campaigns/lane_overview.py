"""How the mails to each provider of a workspace get on: what waits, how fast it goes, and what holds it back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from campaigns.models import CLAIMABLE, Campaign, CampaignState, Delivery, DeliveryState, Lane
from campaigns.tally import Figures, figures
from mta.models import MailRoute, Pace, RouteCircuit, RouteKind
from mta.pace import FULL, Speed, rate_of
from mta.pace_store import speed_of
from mta.providers import PROVIDER_LABELS, policy_of
from mta.routes import RELAY
from senders.domain_names import to_unicode

# A provider without waiting mail is shown for so long after its last turn.
RECENT = timedelta(days=7)
WAITING = (*CLAIMABLE, DeliveryState.CLAIMED, DeliveryState.FENCED)
RUNNING = (CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED)


class Standing(models.TextChoices):
    """What becomes of a provider's mails now, the strongest first."""

    EXCLUDED = "excluded", gettext_lazy("除外中")
    PAUSED = "paused", gettext_lazy("手動で停止中")
    DISABLED = "disabled", gettext_lazy("経路が無効")
    FAULT = "fault", gettext_lazy("経路の障害")
    SUSPENDED = "suspended", gettext_lazy("一時停止中(相手の要請)")
    SLOWED = "slowed", gettext_lazy("速度を落としています")
    NORMAL = "normal", gettext_lazy("通常")


TONES = {
    Standing.EXCLUDED: "muted",
    Standing.PAUSED: "warn",
    Standing.DISABLED: "bad",
    Standing.FAULT: "bad",
    Standing.SUSPENDED: "bad",
    Standing.SLOWED: "warn",
    Standing.NORMAL: "ok",
}


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One line of the page. `because` is the server's own text; `per_minute` None = no limit.

    `until`: when mails go again, and for SLOWED when they go at the usual speed, if nobody complains before that.
    """

    provider: str
    label: str
    waiting: int
    standing: Standing
    because: str = ""
    until: datetime | None = None
    per_minute: int | None = None
    # What the route takes in a minute for all providers together, where that is less.
    route_per_minute: int | None = None
    # Its domains that have caps of their own, as people write them.
    capped: tuple[str, ...] = ()

    @property
    def tone(self) -> str:
        """Return the colour of the badge."""
        return TONES[self.standing]

    @property
    def is_moving(self) -> bool:
        """Say whether mails go, be it slowly."""
        return self.standing in (Standing.SLOWED, Standing.NORMAL)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the lanes share with others: which routes are paced, limited or disabled, circuits, the providers' paces."""

    paced: frozenset[str]
    # Mails a minute.
    limits: dict[str, int]
    # The names that people gave them.
    disabled: dict[str, str]
    circuits: dict[str, RouteCircuit]
    speeds: dict[tuple[str, str], Speed]


def list_providers(workspace: Workspace, *, now: datetime) -> list[ProviderRow]:
    """Return a line for each provider with waiting or recent mail, or that somebody held back; the largest first.

    Five queries, none of which reads deliveries one by one: the numbers are those of the newest 集計.
    """
    waiting_here = Delivery.objects.filter(lane=OuterRef("pk")).waiting()
    lanes = Lane.objects.filter(workspace=workspace).annotate(has_waiting=Exists(waiting_here)).order_by("pk")
    running = Campaign.objects.for_workspace(workspace).filter(state__in=RUNNING)
    waiting = {name: found.number(WAITING) for name, found in figures(running).by_provider().items()}
    around = read_surroundings()
    rows = [
        describe(own, waiting.get(provider, 0), around, now=now)
        for provider, own in group_by_provider(lanes).items()
        if is_shown(own, now=now)
    ]
    return sorted(rows, key=lambda row: (-row.waiting, row.label))


def waiting_lanes(campaign: Campaign) -> list[Lane]:
    """Return the lanes in which rows of a campaign wait; one short look into the index for each lane."""
    waiting = Delivery.objects.filter(lane=OuterRef("pk"), campaign=campaign).waiting()
    lanes = Lane.objects.filter(workspace=campaign.workspace_id).annotate(has_waiting=Exists(waiting))
    return list(lanes.filter(has_waiting=True).order_by("pk"))


def find_troubles(lanes: Sequence[Lane], around: Surroundings, *, now: datetime) -> list[ProviderRow]:
    """Return the providers among these lanes whose mails do not go at the usual speed; their numbers are not counted."""
    rows = [describe(own, 0, around, now=now) for own in group_by_provider(lanes).values()]
    return [row for row in rows if row.standing != Standing.NORMAL]


@dataclass(frozen=True, slots=True)
class LaneRow:
    """How one provider's mails of one mailing get on; the numbers are those of the newest 集計."""

    provider: ProviderRow
    waiting: int
    deferred: int
    accepted: int
    failed: int


def follow_lanes(campaign: Campaign, lanes: Sequence[Lane], around: Surroundings, *, now: datetime) -> list[LaneRow]:
    """Return a line for each provider where rows of a campaign wait, the largest first; none before they were counted."""
    counted = figures([campaign.pk]).by_provider()
    if not counted:
        return []
    rows = []
    for name, own in group_by_provider(lanes).items():
        found = counted.get(name, Figures())
        deferred = found.number((DeliveryState.DEFERRED,))
        waiting = found.number(WAITING) - deferred
        row = describe(own, waiting, around, now=now)
        rows.append(LaneRow(row, waiting, deferred, found.accepted, found.failed))
    return sorted(rows, key=lambda row: (-row.waiting - row.deferred, row.provider.label))


def group_by_provider(lanes: Iterable[Lane]) -> dict[str, list[Lane]]:
    """Return the lanes of each provider: over every route, and those of its capped domains."""
    groups: dict[str, list[Lane]] = {}
    for lane in lanes:
        groups.setdefault(lane.provider, []).append(lane)
    return groups


def read_surroundings() -> Surroundings:
    """Read what all lanes share, in three queries."""
    routes = {route.key(): route for route in MailRoute.objects.all()}
    paced = {key for key, route in routes.items() if route.is_paced or route.kind == RouteKind.DIRECT}
    limits = {RELAY: settings.RELAY_PER_MINUTE} | {key: route.per_minute for key, route in routes.items()}
    return Surroundings(
        paced=frozenset(paced | ({RELAY} if settings.RELAY_PACED else set())),
        limits={key: limit for key, limit in limits.items() if limit},
        disabled={key: route.name for key, route in routes.items() if route.disabled_at},
        circuits={found.route: found for found in RouteCircuit.objects.filter(opened_at__isnull=False)},
        speeds={(pace.route, pace.provider): speed_of(pace) for pace in Pace.objects.filter(level__gt=0)},
    )


def is_shown(lanes: Iterable[Lane], *, now: datetime) -> bool:
    """Say whether a provider's lanes have something to show."""
    return any(is_of_use(lane, now=now) or lane.paused_at or lane.excluded_at for lane in lanes)


def is_of_use(lane: Lane, *, now: datetime) -> bool:
    """Say whether mail waits in a lane or went by it lately."""
    return getattr(lane, "has_waiting", False) or (lane.served_at is not None and lane.served_at > now - RECENT)


def describe(lanes: Sequence[Lane], waiting: int, around: Surroundings, *, now: datetime) -> ProviderRow:
    """Return the line of one provider: the strongest of what is true of its lanes."""
    provider = lanes[0].provider
    used = [lane for lane in lanes if is_of_use(lane, now=now)] or list(lanes)
    speeds = [around.speeds.get((lane.route, provider), FULL) for lane in used]
    slowest = max(speeds, key=lambda speed: (speed.is_suspended(now=now), speed.level))
    standing, because, until = look(used, slowest, around, now=now)
    rates = [
        rate_of(speed, policy_of(provider).per_minute if lane.route in around.paced else None)
        for lane, speed in zip(used, speeds, strict=True)
    ]
    limits = [rate for rate in rates if rate is not None]
    shared = min((around.limits[lane.route] for lane in used if lane.route in around.limits), default=None)
    return ProviderRow(
        provider=provider,
        label=_(PROVIDER_LABELS.get(provider, provider)),
        waiting=waiting,
        standing=standing,
        because=because,
        until=until,
        per_minute=round(min(limits)) if limits else None,
        route_per_minute=shared if shared and (not limits or shared < min(limits)) else None,
        capped=tuple(sorted({to_unicode(lane.domain) for lane in used if lane.domain})),
    )


def look(
    lanes: Sequence[Lane], speed: Speed, around: Surroundings, *, now: datetime
) -> tuple[Standing, str, datetime | None]:
    """Return what becomes of the mails in these lanes, why, and until when."""
    if any(lane.excluded_at for lane in lanes):
        return Standing.EXCLUDED, "", None
    if any(lane.paused_at for lane in lanes):
        return Standing.PAUSED, "", None
    for lane in lanes:
        if name := around.disabled.get(lane.route):
            return Standing.DISABLED, _("運営者が配信経路「%(name)s」を有効に戻すと再開します。") % {"name": name}, None
        if circuit := around.circuits.get(lane.route):
            return Standing.FAULT, circuit.because, circuit.retry_at
        if lane.held_until is not None and lane.held_until > now and lane.held_because:
            return Standing.FAULT, lane.held_because, lane.held_until
    if speed.is_suspended(now=now):
        return Standing.SUSPENDED, told(speed), speed.suspended_until
    if speed.level:
        return Standing.SLOWED, told(speed), speed.full_at()
    return Standing.NORMAL, "", None


def told(speed: Speed) -> str:
    """Return what the server said, with its code unless the text begins with it."""
    return speed.because if speed.because.startswith(speed.code) else f"{speed.code} {speed.because}"
