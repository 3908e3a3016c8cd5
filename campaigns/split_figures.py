"""How the variants of a test fare: counted for a decision, and in the background for pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import sqrt
from typing import Any, Final

from django.db.models import Count, QuerySet

from campaigns.models import (
    FAILURES,
    LETTERS,
    TERMINAL,
    UNDECIDED,
    Campaign,
    Delivery,
    DeliveryState,
    Leaving,
    SplitRule,
    SplitTest,
    VariantFigure,
)
from tracking.models import OPEN, Hit, HitSource, TrackedMailing
from tracking.writing import keeping

# Two shares that are so many standard errors apart differ by chance in fewer than 5 of 100 tests (two-sided).
CLEAR: Final = 1.96
# With fewer reactions in both groups together nothing can be said.
ENOUGH: Final = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """The figures of one variant."""

    variant: int
    recipients: int = 0
    waiting: int = 0
    accepted: int = 0
    failed: int = 0
    doubt: int = 0
    opened: int = 0
    clicked: int = 0
    left: int = 0

    @property
    def letter(self) -> str:
        """The letter of the variant."""
        return LETTERS[self.variant]

    @property
    def open_percent(self) -> float:
        """開封した人 ÷ 受信サーバー受付, in per cent; at most 100 where mail came back after it was opened."""
        return min(100.0, 100 * self.opened / self.accepted) if self.accepted else 0.0

    @property
    def click_percent(self) -> float:
        """クリックした人 ÷ 受信サーバー受付, in per cent; at most 100, as of the opened ones."""
        return min(100.0, 100 * self.clicked / self.accepted) if self.accepted else 0.0

    def reactions(self, rule: str) -> int:
        """Return what the rule counts."""
        return self.clicked if rule == SplitRule.CLICKS else self.opened


def count_variants(campaign: Campaign) -> list[Standing]:
    """Return the figures of every variant that somebody got, and of UNDECIDED, from the rows themselves."""
    found: dict[int, dict[str, int]] = {}
    rows = Delivery.objects.filter(campaign=campaign).order_by()
    for variant, state, number in rows.values_list("variant", "state").annotate(Count("pk")):
        own = found.setdefault(variant, {"recipients": 0})
        own["recipients"] += number
        if name := column_of(state):
            own[name] = own.get(name, 0) + number
    left = Leaving.objects.filter(campaign=campaign).order_by().values_list("variant").annotate(Count("pk"))
    for name, numbers in (
        ("opened", count_people(rows, hits_of(campaign).filter(number=OPEN))),
        ("clicked", count_people(rows, hits_of(campaign).filter(number__gt=OPEN))),
        ("left", dict(left)),
    ):
        for variant, number in numbers.items():
            found.setdefault(variant, {})[name] = number
    return [Standing(variant, **numbers) for variant, numbers in sorted(found.items())]


def column_of(state: str) -> str:
    """Return which figure a state counts for, or nothing."""
    if state in FAILURES:
        return "failed"
    return {DeliveryState.SENT: "accepted", DeliveryState.DOUBT: "doubt"}.get(
        DeliveryState(state), "" if state in TERMINAL else "waiting"
    )


def hits_of(campaign: Campaign) -> QuerySet[Hit]:
    """Return what was opened and clicked of a mailing, but not by machines."""
    return Hit.objects.filter(mailing=campaign.pk, is_settled=True).exclude(source=HitSource.MACHINE)


def count_people(rows: QuerySet[Delivery], hits: QuerySet[Hit]) -> dict[int, int]:
    """Return the number of recipients of each variant with one of the hits."""
    reacted = rows.filter(pk__in=hits.values("delivery"))
    return dict(reacted.values_list("variant").annotate(Count("pk")))


def store(campaign: Campaign, counted: Iterable[Standing], *, now: datetime) -> None:
    """Keep the figures of a locked campaign; who reacted is kept from before once single hits are forgotten."""
    oldest = now - keeping()
    is_kept = TrackedMailing.objects.filter(pk=campaign.pk, frozen_at__gt=oldest, forgotten_at=None).exists()
    for own in counted:
        values = asdict(own)
        if not is_kept:
            del values["opened"], values["clicked"]
        variant = values.pop("variant")
        VariantFigure.objects.update_or_create(campaign=campaign, variant=variant, defaults=values)
    VariantFigure.objects.filter(campaign=campaign).exclude(variant__in=[own.variant for own in counted]).delete()


def stored(campaign: Campaign) -> dict[int, Standing]:
    """Return the figures of the newest count by variant."""
    rows = VariantFigure.objects.filter(campaign=campaign).order_by("variant")
    return {row["variant"]: Standing(**row) for row in rows.values(*Standing.__slots__)}


def count_undecided(campaign: Campaign) -> int:
    """Return how many wait for the decision, as of the newest count."""
    own = VariantFigure.objects.filter(campaign=campaign, variant=UNDECIDED).values_list("waiting", flat=True)
    return own.first() or 0


def choose(standings: Sequence[Standing], rule: str) -> int | None:
    """Return the number of the variant with the greatest share of reactions; None for a tie, or where there are none."""
    shares = {own.variant: (own.reactions(rule), own.accepted) for own in standings if own.accepted}
    if not any(reactions for reactions, _accepted in shares.values()):
        return None
    # Compared crosswise: a quotient of floats could tell equal shares apart.
    best = max(shares, key=lambda variant: shares[variant][0] / shares[variant][1])
    tied = [
        variant
        for variant, (reactions, accepted) in shares.items()
        if reactions * shares[best][1] == shares[best][0] * accepted
    ]
    return best if len(tied) == 1 else None


def is_clear(standings: Sequence[Standing], rule: str) -> bool | None:
    """Say whether the best share is farther from the next one than chance explains; None where too few reacted.

    A two-proportion z-test with the pooled share, of the first two alone: more variants make it less sure than it says.
    """
    shares = [own for own in standings if own.accepted]
    ordered = sorted(shares, key=lambda own: own.reactions(rule) / own.accepted, reverse=True)[:2]
    if len(ordered) < 2 or sum(own.reactions(rule) for own in ordered) < ENOUGH:
        return None
    first, second = ordered
    reactions = first.reactions(rule) + second.reactions(rule)
    pooled = reactions / (first.accepted + second.accepted)
    error = sqrt(pooled * (1 - pooled) * (1 / first.accepted + 1 / second.accepted)) if pooled < 1 else 0.0
    apart = first.reactions(rule) / first.accepted - second.reactions(rule) / second.accepted
    return error > 0 and apart / error >= CLEAR


def as_stored(standings: Iterable[Standing]) -> list[dict[str, Any]]:
    """Return figures as a decision keeps them."""
    return [asdict(own) for own in standings]


def at_decision(test: SplitTest) -> list[Standing]:
    """Return the figures that a decision was made by."""
    return [Standing(**own) for own in test.figures]


def by_variant(standings: Mapping[int, Standing], numbers: Iterable[int]) -> list[Standing]:
    """Return the figures of these variants; a variant that nobody got has none."""
    return [standings.get(number) or Standing(number) for number in numbers]
