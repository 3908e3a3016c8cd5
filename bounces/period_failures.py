"""The failed addresses of a period, a page at a time, fast however many mails were sent.

The figures (Tally) say which mailings have how many failures of each provider, kind and reason; so a page asks only
for the rows that it shows, each by the index of failures, and goes on after its last row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from accounts.numbers import read_number
from bounces.failure_export import read_failures
from bounces.report_scope import Scope
from bounces.reports import UNSORTED, Filter
from campaigns.models import FAILURES, Campaign, Delivery, DeliveryQuerySet, Tally

PAGE_SIZE = 50
# More groups than any mailing has: what a page may have to pass before its first row, and still be filled.
GROUPS_READ = 600
# Between the parts of a cursor; in no value of its parts.
SEPARATOR = "."


@dataclass(frozen=True, slots=True)
class Place:
    """One row of the figures: the failures of one mailing at one provider, of one kind, reason and state."""

    campaign_id: int
    provider: str
    kind: str
    reason: str
    state: str

    def order(self) -> tuple[int, str, str, str, str]:
        """Return what places are sorted by: the newest mailing first."""
        return (-self.campaign_id, self.provider, self.kind, self.reason, self.state)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page."""

    place: Place
    delivery_id: int

    def __str__(self) -> str:
        place = self.place
        parts = (place.campaign_id, place.provider, place.kind, place.reason, place.state, self.delivery_id)
        return SEPARATOR.join(str(part) for part in parts)

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Read a cursor from the query of a URL; None where it is none."""
        parts = text.split(SEPARATOR)
        campaign_id, delivery_id = read_number(parts[0]), read_number(parts[-1])
        if len(parts) != 6 or campaign_id is None or delivery_id is None:
            return None
        return cls(Place(campaign_id, *parts[1:5]), delivery_id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some failed deliveries; `more` is the cursor of the next page, None on the last."""

    deliveries: list[Delivery]
    more: Cursor | None


def matching_tallies(scope: Scope, chosen: Filter) -> QuerySet[Tally]:
    """Return the figures of the failures that fit."""
    found = scope.tallies().filter(state__in=[chosen.state] if chosen.state else FAILURES)
    for part in ("kind", "reason"):
        if value := getattr(chosen, part):
            found = found.filter(**{part: "" if value == UNSORTED else value})
    return found


def count_matching(scope: Scope, chosen: Filter) -> int:
    """Return how many failures fit, as they were last counted."""
    return int(matching_tallies(scope, chosen).aggregate(number=Sum("number", default=0))["number"])


def read_page(scope: Scope, chosen: Filter, after: Cursor | None) -> Page:
    """Return the next failures, mailing by mailing, the newest first. A handful of queries."""
    places = find_places(scope, chosen, after)
    rows = fetch_rows(places, scope, after)
    ranks = {place: rank for rank, place in enumerate(places)}
    rows.sort(key=lambda row: (ranks[place_of(row)], row.pk))
    if len(rows) <= PAGE_SIZE:
        return Page(rows, None)
    rows = rows[:PAGE_SIZE]
    return Page(rows, Cursor(place_of(rows[-1]), rows[-1].pk))


def place_of(delivery: Delivery) -> Place:
    """Return where a failure was counted."""
    return Place(delivery.campaign_id, delivery.lane.provider, delivery.kind, delivery.reason, delivery.state)


def find_places(scope: Scope, chosen: Filter, after: Cursor | None) -> dict[Place, int]:
    """Return the places whose rows fill a page and begin the next one, with the number of their rows."""
    found = matching_tallies(scope, chosen)
    if after is not None:
        found = found.filter(campaign_id__lte=after.place.campaign_id)
    counted = found.order_by("-campaign_id", "provider", "kind", "reason", "state").values_list(
        "campaign_id", "provider", "kind", "reason", "state", "number"
    )
    places: dict[Place, int] = {}
    rows = 0
    for campaign_id, provider, kind, reason, state, number in counted[:GROUPS_READ]:
        place = Place(campaign_id, provider, kind, reason, state)
        if after is not None and place.order() < after.place.order():
            continue
        if rows > PAGE_SIZE:
            break
        places[place] = number
        # How many rows of the first place are on earlier pages is not known; it fills nothing.
        rows += 0 if after is not None and place == after.place else number
    return places


def fetch_rows(places: dict[Place, int], scope: Scope, after: Cursor | None) -> list[Delivery]:
    """Return the rows of some places: of the small ones together, of the at most two large ones as many as fit."""
    lanes = scope.lanes()
    small = Q()
    found: list[Delivery] = []
    for place, number in places.items():
        condition = condition_of(place, lanes)
        begun = after is not None and place == after.place
        if number <= PAGE_SIZE and not begun:
            small |= condition
            continue
        if after is not None and begun:
            condition &= Q(pk__gt=after.delivery_id)
        found += failures_at(condition).order_by("pk")[: PAGE_SIZE + 1]
    if small:
        # What came in since the last count may make them larger.
        found += failures_at(small)[: 4 * PAGE_SIZE]
    return found


def condition_of(place: Place, lanes: dict[str, list[int]]) -> Q:
    """Return the condition of the rows of a place, as the index of failures has its columns."""
    return Q(
        campaign_id=place.campaign_id,
        lane_id__in=lanes.get(place.provider, []),
        kind=place.kind,
        reason=place.reason,
        state=place.state,
    )


def failures_at(condition: Q) -> DeliveryQuerySet:
    """Return the failed deliveries that a condition names."""
    return Delivery.objects.failures().filter(condition).select_related("lane").defer("attributes")


def read_all(scope: Scope, chosen: Filter) -> Iterator[Delivery]:
    """Yield every failure that fits with what the columns of a download need, mailing by mailing."""
    found = matching_tallies(scope, chosen).order_by("-campaign_id").values_list("campaign_id", flat=True).distinct()
    lanes = [pk for provider, pks in scope.lanes().items() if scope.provider in ("", provider) for pk in pks]
    for campaign_id in list(found):
        campaign = Campaign.objects.only("pk", "subject").get(pk=campaign_id)
        rows = Delivery.objects.filter(campaign=campaign, lane__in=lanes).failures().order_by("pk")
        yield from read_failures(campaign, chosen.apply(rows))
