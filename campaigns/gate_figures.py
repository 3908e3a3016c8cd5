"""Where the errors that the gate counts come from: by provider, and by mailing."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from campaigns.error_gate import GATE_KINDS, Rate
from campaigns.models import FAILURES, Campaign, Tally
from campaigns.tally import TRIED
from mta.providers import PROVIDER_LABELS

# Mailings that a page shows, those with most errors first.
MAILINGS = 20


@dataclass(frozen=True, slots=True)
class ProviderRate:
    """The rate of one provider."""

    provider: str
    rate: Rate

    @property
    def label(self) -> str:
        """The provider's name for people."""
        return PROVIDER_LABELS.get(self.provider, self.provider)


@dataclass(frozen=True, slots=True)
class MailingRate:
    """The rate of one mailing."""

    campaign: Campaign
    rate: Rate

    @property
    def lists(self) -> str:
        """The names of the lists and segments that it was sent to."""
        return self.campaign.audience_words()


def by_provider(campaigns: QuerySet[Campaign]) -> list[ProviderRate]:
    """Return the rate of each provider, the one with most errors first."""
    return [ProviderRate(provider, rate) for provider, rate in rates(campaigns, "provider")]


def by_mailing(campaigns: QuerySet[Campaign], *, limit: int = MAILINGS) -> list[MailingRate]:
    """Return the rate of the mailings with most errors."""
    counted = rates(campaigns, "campaign", limit=limit)
    found = Campaign.objects.prefetch_related(
        "mailing_lists", "audience_parts__segment", "audience_parts__mailing_list"
    ).in_bulk([pk for pk, _ in counted])
    return [MailingRate(found[pk], rate) for pk, rate in counted if pk in found]


def rates(campaigns: QuerySet[Campaign], column: str, *, limit: int | None = None) -> list[tuple[str, Rate]]:
    """Return the rate for each value of a column of Tally, most errors first. One query."""
    counted = (
        Tally.objects.filter(campaign__in=campaigns.values("pk"), state__in=TRIED)
        .values_list(column)
        .annotate(
            errors=Sum("number", filter=Q(state__in=FAILURES, kind__in=GATE_KINDS), default=0), tried=Sum("number")
        )
        .order_by("-errors", "-tried", column)
    )
    return [(value, Rate(errors, tried)) for value, errors, tried in counted[:limit]]


def worst_provider(campaigns: QuerySet[Campaign]) -> ProviderRate | None:
    """Return the provider with most errors, None where there is no error."""
    return next((found for found in by_provider(campaigns)[:1] if found.rate.errors), None)


def worst_mailing(campaigns: QuerySet[Campaign]) -> MailingRate | None:
    """Return the mailing with most errors, None where there is no error."""
    return next((found for found in by_mailing(campaigns, limit=1) if found.rate.errors), None)
