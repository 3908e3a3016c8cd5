"""エラーレポート: the figures of a period by kind and reason, provider, list and mailing (B10, B11, A12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.utils.translation import gettext as _

from bounces.report_scope import Scope
from campaigns.models import FAILURES, Audience, AudiencePart, Campaign, DeliveryState, Part
from campaigns.tag_words import readable
from campaigns.tally import PRELIMINARY, TRIED, Figures, Row, percent
from lists.models import MailingList, Segment
from mta.providers import PROVIDER_LABELS
from mta.verdicts import Kind, Reason

# As many mailings are named, those with the most failures first; 配信履歴 has them all.
MAILINGS_SHOWN = 20
# Above both, the blocks of a provider are worth writing to it (D6, D7).
BLOCKED_PERCENT = 5.0
BLOCKED_NUMBER = 10


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far the figures can be trusted: what was counted since when, and how many mailings may still change."""

    mailings: int
    # Of these, notices may still come in (速報, B7).
    preliminary: int
    # Began, and were not counted yet.
    uncounted: int
    # The figures of every mailing are at least this new; None where all are final.
    counted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of a table: `percent` of what was tried there, `query` leads to its rows."""

    label: str
    number: int
    percent: float
    query: str


@dataclass(frozen=True, slots=True)
class Line:
    """A kind or a reason: `percent` of all failures, and a cell for each provider."""

    label: str
    number: int
    percent: float
    query: str
    cells: tuple[Cell, ...]
    reasons: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """What went to one provider, list or segment; without a query no page shows its rows."""

    key: str
    label: str
    tried: int
    accepted: int
    failed: int
    blocked: int
    query: str

    @property
    def percent(self) -> float:
        """エラー率."""
        return percent(self.failed, self.tried)

    @property
    def is_blocked(self) -> bool:
        """Say whether so much was blocked that the provider should be written to."""
        return self.blocked >= BLOCKED_NUMBER and percent(self.blocked, self.tried) >= BLOCKED_PERCENT


@dataclass(frozen=True, slots=True)
class Mailing:
    """The figures of one mailing. `subject` is filled in only where it is shown."""

    pk: int
    started_at: datetime
    tried: int
    accepted: int
    failed: int
    blocked: int
    subject: str = ""

    @property
    def percent(self) -> float:
        """エラー率."""
        return percent(self.failed, self.tried)


def read_figures(scope: Scope) -> Figures:
    """Return the figures of a scope, added up by the database."""
    counted = scope.tallies().values_list("provider", "state", "kind", "reason").annotate(Sum("number"))
    return Figures(tuple(Row(*row) for row in counted.order_by()))


def look_at_freshness(scope: Scope, *, now: datetime) -> Freshness:
    """Return how new the figures are and what may still change."""
    open_ends = Q(finished_at__isnull=True) | Q(finished_at__gt=now - PRELIMINARY)
    waiting = Q(tally_due_at__isnull=False)
    found = scope.campaigns().aggregate(
        mailings=Count("pk"),
        preliminary=Count("pk", filter=open_ends),
        uncounted=Count("pk", filter=waiting & Q(tally_not_before__isnull=True)),
        counted_at=Min("tally_not_before", filter=waiting),
    )
    counted_at = found.pop("counted_at")
    return Freshness(counted_at=min(counted_at, now) if counted_at else None, **found)


def read_mailings(scope: Scope) -> list[Mailing]:
    """Return the mailings that have figures, newest first, without their subjects. Two queries."""
    counted = (
        scope.tallies()
        .values_list("campaign_id")
        .annotate(
            tried=Sum("number", filter=Q(state__in=TRIED), default=0),
            accepted=Sum("number", filter=Q(state=DeliveryState.SENT), default=0),
            failed=Sum("number", filter=Q(state__in=FAILURES), default=0),
            blocked=Sum("number", filter=Q(state__in=FAILURES, kind=Kind.BLOCK), default=0),
        )
        .order_by()
    )
    figures = {pk: rest for pk, *rest in counted}
    starts = scope.campaigns().order_by("-started_at", "-pk").values_list("pk", "started_at")
    return [Mailing(pk, at, *figures[pk]) for pk, at in starts if at is not None and pk in figures]


def name_mailings(mailings: Sequence[Mailing]) -> list[Mailing]:
    """Return the mailings with the most failures, with their subjects; those without any are left out."""
    worst = sorted((one for one in mailings if one.failed), key=lambda one: (-one.failed, -one.pk))[:MAILINGS_SHOWN]
    subjects = dict(Campaign.objects.filter(pk__in=[one.pk for one in worst]).values_list("pk", "subject"))
    return [replace(one, subject=readable(subjects.get(one.pk, ""))) for one in worst]


def group_by_provider(figures: Figures, scope: Scope) -> list[Group]:
    """Return the figures of each provider that was sent to, the one with most mails first (A12)."""
    groups = []
    for provider, part in figures.by_provider().items():
        if part.tried:
            label = str(_(PROVIDER_LABELS.get(provider, provider)))
            blocked = part.by_kind().get(Kind.BLOCK, 0)
            query = scope.query({"provider": provider})
            groups.append(Group(provider, label, part.tried, part.accepted, part.failed, blocked, query))
    return sorted(groups, key=lambda group: -group.tried)


def group_by_list(mailings: Iterable[Mailing], scope: Scope) -> list[Group]:
    """Return the figures of each list; a mailing to several lists counts under each of them. Two queries."""
    places = Audience.objects.filter(campaign__in=scope.campaigns().values("pk"))
    sent = mailings_to(places.values_list("campaign_id", "mailing_list_id"), mailings)
    names = MailingList.objects.filter(workspace=scope.workspace, pk__in=sent).values_list("pk", "name")
    return sum_up({pk: (name, scope.query({"list": str(pk)})) for pk, name in names}, sent)


def group_by_segment(mailings: Iterable[Mailing], scope: Scope) -> list[Group]:
    """Return the figures of each segment that was sent to, whoever else a mailing went to. Two queries."""
    parts = AudiencePart.objects.filter(campaign__in=scope.campaigns().values("pk"), part=Part.INCLUDE_SEGMENT)
    sent = mailings_to(parts.values_list("campaign_id", "segment_id"), mailings)
    names = Segment.objects.filter(workspace=scope.workspace, pk__in=sent).values_list("pk", "name")
    # A report looks at lists and not at segments, so no query leads to the rows of one.
    return sum_up({pk: (name, "") for pk, name in names}, sent)


def mailings_to(places: Iterable[tuple[int, Any]], mailings: Iterable[Mailing]) -> dict[int, list[Mailing]]:
    """Return the mailings by what they were sent to."""
    figures = {mailing.pk: mailing for mailing in mailings}
    sent: dict[int, list[Mailing]] = {}
    for campaign_id, pk in places:
        if mailing := figures.get(campaign_id):
            sent.setdefault(pk, []).append(mailing)
    return sent


def sum_up(named: Mapping[int, tuple[str, str]], sent: Mapping[int, Sequence[Mailing]]) -> list[Group]:
    """Return the figures of what is named, with its label and its query; the one with most failures first."""
    groups = [
        Group(
            key=str(pk),
            label=label,
            tried=sum(mailing.tried for mailing in sent[pk]),
            accepted=sum(mailing.accepted for mailing in sent[pk]),
            failed=sum(mailing.failed for mailing in sent[pk]),
            blocked=sum(mailing.blocked for mailing in sent[pk]),
            query=query,
        )
        for pk, (label, query) in named.items()
    ]
    return sorted(groups, key=lambda group: (-group.failed, group.label))


def table_of_kinds(figures: Figures, providers: Sequence[Group], scope: Scope) -> list[Line]:
    """Return the kinds with their reasons, the commonest first, each with a cell for every provider."""
    failures = figures.failures()
    kinds = dict(Kind.choices)
    reasons = dict(Reason.choices)
    table = []
    for kind, rows in failures.grouped("kind").items():
        lines = tuple(
            make_line(part, failures.number(), reasons.get(reason), {"kind": kind, "reason": reason}, providers, scope)
            for reason, part in rows.grouped("reason").items()
        )
        table.append(make_line(rows, failures.number(), kinds.get(kind), {"kind": kind}, providers, scope, lines))
    return table


def make_line(
    part: Figures,
    whole: int,
    label: object,
    words: Mapping[str, str],
    providers: Sequence[Group],
    scope: Scope,
    reasons: tuple[Line, ...] = (),
) -> Line:
    """Return one line of the table; `words` are those of the URL that leads to its rows."""
    numbers = {provider: rows.number() for provider, rows in part.by_provider().items()}
    cells = tuple(
        Cell(
            group.label,
            numbers.get(group.key, 0),
            percent(numbers.get(group.key, 0), group.tried),
            scope.query({**words, "provider": group.key}),
        )
        for group in providers
    )
    number = part.number()
    return Line(str(label or _("未分類")), number, percent(number, whole), scope.query(words), cells, reasons)
