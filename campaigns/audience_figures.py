"""How an audience becomes its recipients, in figures: who is taken out and why, and at which providers the others are.

Counted slice by slice as lists/segment_counts.py counts, under the very conditions that the freezing asks for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import Any, Final

from django.db.models import Count, Q

from accounts.models import Workspace
from accounts.numbers import read_number
from lists.audience import Audience, Stages, audience_stages
from lists.models import Subscriber, SubscriberStatus, Subscription
from lists.segment_counts import BUDGET, LARGEST_WINDOW, find_window, first_window
from lists.segment_sql import DomainOf
from mta.mail_domains import find_providers
from mta.providers import OTHER, PROVIDER_LABELS, provider_of

# What the page carries from request to request.
NUMBERS: Final = ("places", "listed", "people", "active", "allowed", "kept", "after")


@dataclass(frozen=True, slots=True)
class Figures:
    """How many people were found up to the subscriber id `after`; each number but the first two is a part of the one before.

    `places` are the rows of the lists, `listed` the people on them, `people` those with segments too, `active` who may be
    sent to, `allowed` who is not on the 除外リスト, `kept` who gets the mailing: at `providers`.
    """

    places: int = 0
    listed: int = 0
    people: int = 0
    active: int = 0
    allowed: int = 0
    kept: int = 0
    after: int = 0
    providers: Mapping[str, int] = field(default_factory=dict)
    is_complete: bool = False

    @property
    def doubles(self) -> int:
        """Places on lists beyond a person's first."""
        return self.places - self.listed

    @property
    def by_segments(self) -> int:
        """People whom only segments name."""
        return self.people - self.listed

    @property
    def stopped(self) -> int:
        """People who are 配信停止."""
        return self.people - self.active

    @property
    def excluded(self) -> int:
        """People on the 除外リスト."""
        return self.active - self.allowed

    @property
    def left_out(self) -> int:
        """People of the lists and segments that the mailing leaves out."""
        return self.allowed - self.kept

    def shares(self) -> list[tuple[str, int, float]]:
        """Return label, people and per cent of each provider, the largest first and the others last."""
        found = sorted(self.providers.items(), key=lambda one: (one[0] == OTHER, -one[1]))
        return [(PROVIDER_LABELS[name], number, 100 * number / self.kept) for name, number in found]

    def carried(self) -> dict[str, str]:
        """Return what `read_figures` reads."""
        providers = ",".join(f"{name}={number}" for name, number in self.providers.items())
        return {name: str(getattr(self, name)) for name in NUMBERS} | {"providers": providers}


def read_figures(given: Mapping[str, str]) -> Figures:
    """Return how far a count came, as the page carries it; what is no number counts as nothing."""
    pairs = (part.partition("=") for part in given.get("providers", "").split(","))
    providers = {name: read_number(number) or 0 for name, _sign, number in pairs if name in PROVIDER_LABELS}
    numbers: dict[str, Any] = {name: read_number(given.get(name)) or 0 for name in NUMBERS}
    return replace(Figures(providers=providers), **numbers)


def count_figures(
    workspace: Workspace,
    audience: Audience,
    begun: Figures,
    *,
    now: datetime,
    budget: float = BUDGET,
    size: int = 0,
    clock: Callable[[], float] = monotonic,
) -> Figures:
    """Go on counting where `begun` ended, for about `budget` seconds, at least one window of `size` people (0 = as many
    as fit the time). Raises SegmentRefused.
    """
    stages = audience_stages(workspace, audience, now=now)
    people = Subscriber.objects.for_workspace(workspace)
    deadline, size = clock() + budget, size or first_window(budget)
    found, is_last = begun, False
    while not is_last:
        started = clock()
        end, is_last = find_window(people, found.after, size)
        found = add_window(found, workspace, audience, stages, end)
        moment = clock()
        # The next window would take about twice as long, and must still fit.
        if not is_last and moment + 2 * (moment - started) > deadline:
            return found
        size = min(2 * size, LARGEST_WINDOW)
    return replace(found, is_complete=True)


def add_window(found: Figures, workspace: Workspace, audience: Audience, stages: Stages, end: int) -> Figures:
    """Return the figures with those of the people up to the id `end`."""
    after = found.after
    window = Subscriber.objects.for_workspace(workspace).filter(stages.included, pk__gt=after, pk__lte=end)
    active = Q(status=SubscriberStatus.ACTIVE)
    counted = window.aggregate(people=Count("pk"), active=Count("pk", filter=active))
    # Asked by itself: within an aggregate PostgreSQL would read all entries for each window.
    counted["allowed"] = window.filter(active & stages.allowed).count() if stages.allowed else counted["active"]
    # Grouped by domain it is as quick as the number alone.
    kept = window.filter(active & stages.allowed & stages.kept).annotate(domain=DomainOf("address_key"))
    domains = dict(kept.order_by().values_list("domain").annotate(number=Count("pk")))
    places = Subscription.objects.filter(mailing_list__in=audience.lists, subscriber__gt=after, subscriber__lte=end)
    counted |= places.aggregate(places=Count("pk"), listed=Count("subscriber", distinct=True))
    counted["kept"] = sum(domains.values())
    added = {name: getattr(found, name) + number for name, number in counted.items()}
    providers = Counter(found.providers) + Counter(by_provider(domains))
    return replace(found, **added, after=end, providers=providers)


def by_provider(domains: Mapping[str, int]) -> dict[str, int]:
    """Return the people of each provider from those of each domain: by its name, else by its mail servers."""
    names = {domain: provider_of(domain) for domain in domains}
    strangers = {domain for domain, name in names.items() if name == OTHER}
    names |= {domain: name or OTHER for domain, name in find_providers(strangers).items()}
    found: Counter[str] = Counter()
    for domain, number in domains.items():
        found[names[domain]] += number
    return dict(found)
