"""The figures of a mailing, for its pages."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from tracking.models import ANY_LINK, HOURS, OPEN, Figure, HourFigure, TrackedLink, TrackedMailing


@dataclass(frozen=True, slots=True)
class LinkFigure:
    """How often a link was followed, and by how many people; by machines apart."""

    number: int
    target: str
    clicks: int
    people: int
    machine: int


@dataclass(frozen=True, slots=True)
class Reactions:
    """How people reacted to a mailing."""

    # Recipients whose picture was loaded, and those of them for whom only a relay did it.
    opened: int
    proxy_only: int
    opens: int
    machine_opens: int
    clicked: int
    clicks: int
    machine_clicks: int
    # Without them clicks are not measured, and without the picture opens.
    links: tuple[LinkFigure, ...]
    has_picture: bool


def reactions_of(campaign: int) -> Reactions | None:
    """Return the figures of a mailing; None where it has no links of ours."""
    has_picture = TrackedMailing.objects.filter(pk=campaign).values_list("has_picture", flat=True).first()
    if has_picture is None:
        return None
    figures = {row.number: row for row in Figure.objects.filter(mailing=campaign)}
    opens = figures.get(OPEN) or Figure()
    clicks = figures.get(ANY_LINK) or Figure()
    return Reactions(
        opened=opens.people,
        proxy_only=opens.people - opens.humans,
        opens=opens.human_hits + opens.proxy_hits,
        machine_opens=opens.machine_hits,
        clicked=clicks.people,
        clicks=clicks.human_hits,
        machine_clicks=clicks.machine_hits,
        links=links_of(campaign, figures),
        has_picture=has_picture,
    )


def links_of(campaign: int, figures: dict[int, Figure]) -> tuple[LinkFigure, ...]:
    """Return the links of a mailing in the order of its text, with their figures."""
    stored = TrackedLink.objects.filter(mailing=campaign).order_by("number").values_list("number", "target")
    found = []
    for number, target in stored:
        figure = figures.get(number) or Figure()
        found.append(LinkFigure(number, target, figure.human_hits, figure.people, figure.machine_hits))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class HourCount:
    """What an hour added: people who opened and clicked for the first time, and all that they did."""

    hour: int
    opened: int = 0
    opens: int = 0
    clicked: int = 0
    clicks: int = 0


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours since the sending began, from 0 to HOURS - 1, and all that came later."""

    begun_at: datetime
    counts: tuple[HourCount, ...]
    later: HourCount


def hours_of(campaign: int) -> Hours | None:
    """Return the figures of a mailing by hour; None where it has no links of ours."""
    begun_at = TrackedMailing.objects.filter(pk=campaign).values_list("frozen_at", flat=True).first()
    if begun_at is None:
        return None
    stored = HourFigure.objects.filter(mailing=campaign).values_list("hour", "opened", "opens", "clicked", "clicks")
    counts = {hour: HourCount(hour, *rest) for hour, *rest in stored}
    every = tuple(counts.get(hour) or HourCount(hour) for hour in range(HOURS))
    return Hours(begun_at, every, counts.get(HOURS) or HourCount(HOURS))


@dataclass(frozen=True, slots=True)
class Reached:
    """How many people opened and clicked a mailing; None for what was not measured."""

    opened: int | None
    clicked: int | None


def reached_by(campaigns: Collection[int]) -> dict[int, Reached]:
    """Return how many people each mailing reached; those without links of ours are missing. Two queries."""
    has_links = Exists(TrackedLink.objects.filter(mailing=OuterRef("pk")))
    mailings = TrackedMailing.objects.filter(pk__in=campaigns).values_list("pk", "has_picture", has_links)
    figures = Figure.objects.filter(mailing__in=campaigns, number__in=(OPEN, ANY_LINK))
    people = {(pk, number): number_of for pk, number, number_of in figures.values_list("mailing", "number", "people")}
    return {
        pk: Reached(
            opened=people.get((pk, OPEN), 0) if has_picture else None,
            clicked=people.get((pk, ANY_LINK), 0) if is_followed else None,
        )
        for pk, has_picture, is_followed in mailings
    }
