"""What a report looks at: the mailings that began in a period, of one list and one provider where they are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Workspace
from campaigns.models import Campaign, CampaignQuerySet, Lane, Tally
from lists.models import MailingList
from senders.models import SenderDomain

DEFAULT_DAYS = 30
PRESETS = (7, DEFAULT_DAYS, 90)
# A longer look makes neither a readable chart nor a quick page.
MAX_DAYS = 366


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days; `last` belongs to it."""

    first: date
    last: date

    @classmethod
    def latest(cls, days: int, *, today: date) -> Period:
        """Return the newest days, today among them."""
        return cls(today - timedelta(days=days - 1), today)

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    @property
    def begins_at(self) -> datetime:
        """The first moment of the period."""
        return timezone.make_aware(datetime.combine(self.first, time.min))

    @property
    def ends_at(self) -> datetime:
        """The first moment after it."""
        return timezone.make_aware(datetime.combine(self.last + timedelta(days=1), time.min))


@dataclass(frozen=True, slots=True)
class Scope:
    """A workspace's mailings of a period; `provider` is a key of mta.providers, "" for all.

    `sender_domain` keeps those that came from it; no URL says it.
    """

    workspace: Workspace
    period: Period
    mailing_list: MailingList | None = None
    provider: str = ""
    sender_domain: SenderDomain | None = None

    def campaigns(self) -> CampaignQuerySet:
        """Return the mailings that began in the period and went to the chosen list."""
        began = Campaign.objects.for_workspace(self.workspace).filter(
            started_at__gte=self.period.begins_at, started_at__lt=self.period.ends_at
        )
        if self.sender_domain:
            began = began.filter(sender__domain=self.sender_domain)
        return began.filter(audiences__mailing_list=self.mailing_list) if self.mailing_list else began

    def tallies(self) -> QuerySet[Tally]:
        """Return their figures. Everything a report adds up comes from here; deliveries are never counted."""
        rows = Tally.objects.filter(campaign__in=self.campaigns().values("pk"))
        return rows.filter(provider=self.provider) if self.provider else rows

    def lanes(self) -> dict[str, list[int]]:
        """Return the ids of the workspace's lanes by provider."""
        found: dict[str, list[int]] = {}
        for pk, provider in Lane.objects.filter(workspace=self.workspace).values_list("pk", "provider"):
            found.setdefault(provider, []).append(pk)
        return found

    def parameters(self) -> dict[str, str]:
        """Return what a URL says of this scope."""
        given = {
            "since": self.period.first.isoformat(),
            "until": self.period.last.isoformat(),
            "list": str(self.mailing_list.pk) if self.mailing_list else "",
            "provider": self.provider,
        }
        return {name: value for name, value in given.items() if value}

    def query(self, more: Mapping[str, str] | None = None) -> str:
        """Return the query of a URL for this scope, with `more` in it or in its place; "" takes a word out."""
        words = self.parameters() | dict(more or {})
        return urlencode({name: value for name, value in words.items() if value})
