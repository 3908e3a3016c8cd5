"""What failed in a campaign: filters, counts and the rows behind them (A8, A9, B10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from bounces.models import Bounce
from campaigns.bars import Segment, stack
from campaigns.models import FAILURES, Campaign, Delivery, DeliveryQuerySet, DeliveryState, Lane
from mta.providers import PROVIDER_LABELS
from mta.verdicts import Kind, Phase, Reason

# States that only a returned mail leads to.
BY_NOTICE = (DeliveryState.BOUNCED, DeliveryState.COMPLAINED)
# In a URL: rows without a kind or reason; an empty value there means all.
UNSORTED = "none"

CHOICES: dict[str, dict[str, Any]] = {
    "provider": dict(PROVIDER_LABELS),
    "kind": dict(Kind.choices) | {UNSORTED: ""},
    "reason": dict(Reason.choices) | {UNSORTED: ""},
    "state": {state.value: state.label for state in FAILURES},
}
# The columns of deliveries behind the parts of a filter.
COLUMNS = {"provider": "lane__provider", "kind": "kind", "reason": "reason", "state": "state"}


def label_of(part: str, value: str) -> str:
    """Return what people read for a value of a part of the filter."""
    if value == UNSORTED:
        return _("未分類")
    return _(str(CHOICES[part].get(value, value)))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which failures are looked at; "" is all. `q` is a part of the address."""

    provider: str = ""
    kind: str = ""
    reason: str = ""
    state: str = ""
    q: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Filter:
        """Read a filter from the query of a URL or from a form; unknown words are left out."""
        known = {part: query.get(part, "") for part in COLUMNS}
        chosen = {part: value for part, value in known.items() if value in CHOICES[part]}
        return cls(**chosen, q=query.get("q", "").replace("\0", "").strip()[:320])

    def condition(self) -> Q:
        """Return the condition that the deliveries fit."""
        chosen = {
            column: "" if getattr(self, part) == UNSORTED else getattr(self, part)
            for part, column in COLUMNS.items()
            if getattr(self, part)
        }
        return Q(**chosen) & (Q(address_key__contains=self.q.lower()) if self.q else Q())

    def apply(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        """Keep the deliveries that fit."""
        return deliveries.filter(self.condition())

    def chosen(self) -> dict[str, str]:
        """Return the parts that are chosen, for the query of a URL."""
        return {part: value for part, value in asdict(self).items() if value}

    def is_active(self) -> bool:
        """Say whether anything is chosen."""
        return bool(self.chosen())


@dataclass(frozen=True, slots=True)
class Chip:
    """One choice of a filter with its number of addresses. Its link is `?part=value`."""

    value: str
    label: str
    count: int
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One reason of a kind, with its share of the failures in view."""

    kind: Chip
    reason: Chip
    bar: list[Segment]


@dataclass(frozen=True, slots=True)
class Group:
    """How many failures share provider, kind, reason and state."""

    provider: str
    kind: str
    reason: str
    state: str
    number: int

    def fits(self, chosen: Filter) -> bool:
        """Say whether the group is part of what a filter shows, apart from its search for an address."""
        return all(getattr(chosen, part) in ("", getattr(self, part)) for part in COLUMNS)


class FailureCounts:
    """The failures of a campaign by provider, kind, reason and state, whatever address is searched for."""

    def __init__(self, groups: Sequence[Group], chosen: Filter) -> None:
        self.groups = groups
        self.chosen = chosen

    @property
    def total(self) -> int:
        """Return the number of failures of the campaign."""
        return sum(group.number for group in self.groups)

    @property
    def found(self) -> int | None:
        """Return how many fit the filter; None where it searches for an address, which only the rows can tell."""
        if self.chosen.q:
            return None
        return sum(group.number for group in self.groups if group.fits(self.chosen))

    def by_provider(self) -> dict[str, int]:
        """Return the failures at each provider, whatever is chosen."""
        numbers: dict[str, int] = {}
        for group in self.groups:
            numbers[group.provider] = numbers.get(group.provider, 0) + group.number
        return numbers

    def count_by(self, part: str) -> dict[str, int]:
        """Return the numbers of each value of a part, as many as choosing it would show."""
        others = replace(self.chosen, **{part: ""})
        numbers: dict[str, int] = {}
        for group in self.groups:
            if group.fits(others):
                value = getattr(group, part)
                numbers[value] = numbers.get(value, 0) + group.number
        return numbers

    def chips(self, part: str) -> list[Chip]:
        """Return the choices of a part of the filter, the largest first."""
        labels = {value: label_of(part, value) for value in self.count_by(part)}
        return make_chips(self.count_by(part), labels, getattr(self.chosen, part))

    @property
    def states(self) -> list[Chip]:
        """Return the choices of states."""
        return self.chips("state")

    @property
    def kinds(self) -> list[Chip]:
        """Return the choices of kinds."""
        return self.chips("kind")

    @property
    def reasons(self) -> list[Chip]:
        """Return the choices of reasons."""
        return self.chips("reason")

    def table(self) -> list[ReasonRow]:
        """Return every kind and reason at the chosen provider and state, kind by kind, the largest first."""
        seen = [group for group in self.groups if group.fits(replace(self.chosen, kind="", reason=""))]
        kinds: dict[str, int] = {}
        pairs: dict[tuple[str, str], int] = {}
        for group in seen:
            kinds[group.kind] = kinds.get(group.kind, 0) + group.number
            pairs[group.kind, group.reason] = pairs.get((group.kind, group.reason), 0) + group.number
        whole = sum(kinds.values())
        ordered = sorted(pairs.items(), key=lambda item: (-kinds[item[0][0]], item[0][0], -item[1], item[0][1]))
        return [self.row(kind, kinds[kind], reason, number, whole) for (kind, reason), number in ordered]

    def row(self, kind: str, of_kind: int, reason: str, number: int, whole: int) -> ReasonRow:
        """Return one row of the table."""
        is_kind = self.chosen.kind == kind
        return ReasonRow(
            kind=Chip(kind, label_of("kind", kind), of_kind, is_kind and not self.chosen.reason),
            reason=Chip(reason, label_of("reason", reason), number, is_kind and self.chosen.reason == reason),
            bar=stack({"bad": number}, whole),
        )


def failures_of(campaign: Campaign) -> DeliveryQuerySet:
    """Return the failed deliveries of a campaign, reason by reason, in the order of the index delivery_failed."""
    return Delivery.objects.filter(campaign=campaign).failures().order_by("lane_id", "kind", "reason", "state", "pk")


def count_failures(campaign: Campaign, chosen: Filter) -> FailureCounts:
    """Count the failures of a campaign, from their index alone."""
    providers = dict(Lane.objects.filter(workspace=campaign.workspace_id).values_list("pk", "provider"))
    rows = failures_of(campaign).order_by().values_list("lane_id", "kind", "reason", "state").annotate(Count("pk"))
    groups = [
        Group(providers[lane_id], kind or UNSORTED, reason or UNSORTED, state, number)
        for lane_id, kind, reason, state, number in rows
    ]
    return FailureCounts(groups, chosen)


def make_chips(counts: Mapping[str, int], labels: Mapping[str, Any], chosen: str) -> list[Chip]:
    """Turn counts into chips, the largest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Chip(value, str(labels.get(value, value)), count, value == chosen) for value, count in ordered]


def removable_parts(chosen: Filter) -> list[tuple[str, str]]:
    """Return each chosen part of a filter with what people read of it, so that one click removes it."""
    return [(part, f"「{value}」" if part == "q" else label_of(part, value)) for part, value in chosen.chosen().items()]


def told_where(delivery: Delivery) -> str:
    """Say whether a failure was told by a returned mail or in our own SMTP dialogue, and at which step."""
    door = _("エラーメール") if delivery.state in BY_NOTICE else "SMTP"
    return door if delivery.phase in ("", Phase.NOTICE) else f"{door} ({delivery.get_phase_display()})"


def notices_of(deliveries: Iterable[Delivery]) -> dict[int, int]:
    """Return the notice that told of each delivery, where one is still kept."""
    told = Bounce.objects.filter(delivery__in=[delivery.pk for delivery in deliveries], applied=True)
    return dict(told.values_list("delivery_id", "notice_id"))


def rows_of(deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, str, int | None]]:
    """Yield each delivery with where its failure was told, and the notice that told it."""
    notices = notices_of(deliveries)
    for delivery in deliveries:
        yield delivery, told_where(delivery), notices.get(delivery.pk)
