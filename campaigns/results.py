"""What is said of a mailing's result: 速報 or 確定 (B7), its rate beside the workspace's normal, providers (A12)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from campaigns.bars import Segment, stack
from campaigns.models import Campaign, DeliveryState
from campaigns.tally import NORMAL_TRIED, PRELIMINARY, Figures, percent
from mta.providers import PROVIDER_LABELS

# A rate is called higher or lower only if it is off by this many points and by this part of the normal.
NOTABLE_POINTS = 0.5
NOTABLE_PART = 0.25


class Tendency(StrEnum):
    """How a mailing's error rate stands to the workspace's normal."""

    HIGHER = "higher"
    LOWER = "lower"
    USUAL = "usual"
    # Too few were tried, or there is no normal yet.
    UNKNOWN = "unknown"


def final_at(campaign: Campaign) -> datetime | None:
    """Return when the result becomes 確定; None while the mailing is not over."""
    return campaign.finished_at + PRELIMINARY if campaign.finished_at else None


def is_final(campaign: Campaign, *, now: datetime) -> bool:
    """Say whether the result is 確定; until a week after the end more bounces may come (速報)."""
    at = final_at(campaign)
    return at is not None and now >= at


def compare(error_percent: float, tried: int, normal: float | None) -> Tendency:
    """Compare an error rate with the normal one, both in per cent."""
    if normal is None or tried < NORMAL_TRIED:
        return Tendency.UNKNOWN
    off = error_percent - normal
    if abs(off) < NOTABLE_POINTS or abs(off) < NOTABLE_PART * normal:
        return Tendency.USUAL
    return Tendency.HIGHER if off > 0 else Tendency.LOWER


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one mailing. The counts are those of its newest 集計; `total` is 0 before the first."""

    total: int
    tried: int
    accepted: int
    failed: int
    doubt: int
    # Not tried yet, or to be tried again.
    open: int
    error_percent: float
    tendency: Tendency
    is_final: bool
    final_at: datetime | None
    bar: list[Segment]


def describe(campaign: Campaign, figures: Figures, *, normal: float | None, now: datetime) -> Result:
    """Return the result of a campaign from its figures."""
    doubt = figures.number((DeliveryState.DOUBT,))
    unsent = figures.number((DeliveryState.EXCLUDED, DeliveryState.CANCELLED))
    total = figures.number()
    return Result(
        total=total,
        tried=figures.tried,
        accepted=figures.accepted,
        failed=figures.failed,
        doubt=doubt,
        open=total - figures.tried - unsent,
        error_percent=figures.error_percent,
        tendency=compare(figures.error_percent, figures.tried, normal),
        is_final=is_final(campaign, now=now),
        final_at=final_at(campaign),
        bar=stack({"ok": figures.accepted, "bad": figures.failed, "warn": doubt}, total),
    )


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """How a mailing went at one provider."""

    provider: str
    label: str
    tried: int
    accepted: int
    failed: int
    error_percent: float
    bar: list[Segment]


def results_by_provider(figures: Figures, failed: Mapping[str, int] | None = None) -> list[ProviderResult]:
    """Return the result at each provider, the one with most deliveries first (A12).

    `failed` replaces the failures of the figures where they were counted since.
    """
    groups = figures.by_provider()
    missing = {provider: Figures() for provider in failed or () if provider not in groups}
    return [provider_result(provider, rows, failed) for provider, rows in (groups | missing).items()]


def provider_result(provider: str, figures: Figures, failed: Mapping[str, int] | None) -> ProviderResult:
    """Return the result at one provider."""
    number = figures.failed if failed is None else failed.get(provider, 0)
    # Failures that were counted since the figures may be more than were tried then.
    tried = max(figures.tried, number)
    rate = percent(number, tried)
    return ProviderResult(
        provider=provider,
        label=PROVIDER_LABELS.get(provider, provider),
        tried=tried,
        accepted=figures.accepted,
        failed=number,
        error_percent=rate,
        bar=stack({"bad": number}, tried),
    )
