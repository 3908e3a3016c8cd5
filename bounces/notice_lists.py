"""Lists notices page by page, with counts, however many there are."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Membership
from bounces.models import Bounce, NoticeState, RawNotice, RawNoticeQuerySet
from bounces.parsed import NoticeKind

PAGE_SIZE = 50
# Counting on would cost a scan of the whole table, and nobody needs the number.
COUNT_UP_TO = 10_000
# The newest notices about one address.
FOUND_AT_MOST = 1000
# Numbers rise with the time of receipt, but for those that came in at the same moment.
OUT_OF_ORDER = 1000
REPORTS = "report"


@dataclass(frozen=True, slots=True)
class NoticeFilter:
    """Which notices are looked at; empty is all. `address` is a whole address that a notice tells of."""

    state: str = ""
    door: str = ""
    since: date | None = None
    until: date | None = None
    address: str = ""

    def is_narrow(self) -> bool:
        """Say whether more than the state is asked for."""
        return bool(self.door or self.since or self.until or self.address)

    def apply(self, notices: RawNoticeQuerySet) -> RawNoticeQuerySet:
        """Keep the notices that fit."""
        if self.state == REPORTS:
            notices = notices.filter(kind=NoticeKind.REPORT)
        elif self.state:
            notices = notices.filter(state=self.state)
        if self.door:
            notices = notices.filter(door=self.door)
        if self.since:
            notices = notices.filter(received_since(midnight(self.since)))
        if self.until:
            notices = notices.filter(received_before(midnight(self.until + timedelta(days=1))))
        return about(notices, self.address) if self.address else notices


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Notices, newest first; `newer` and `older` are where the neighbouring pages begin, None where there is none."""

    rows: list[RawNotice]
    newer: int | None = None
    older: int | None = None


@dataclass(frozen=True, slots=True)
class StateChip:
    """One choice of the filter; `count` says "10,000+" where there are more."""

    value: str
    label: str
    count: str


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins here."""
    return timezone.make_aware(datetime.combine(day, time.min))


def received_since(moment: datetime) -> Q:
    """Keep what came in since then. The number of the first one lets the index on the numbers serve."""
    first = RawNotice.objects.filter(received_at__gte=moment).order_by("received_at").values_list("pk", flat=True)[:1]
    lowest = next((pk - OUT_OF_ORDER for pk in first), None)
    return Q(pk__in=[]) if lowest is None else Q(received_at__gte=moment, pk__gte=lowest)


def received_before(moment: datetime) -> Q:
    """Keep what came in before then."""
    last = RawNotice.objects.filter(received_at__lt=moment).order_by("-received_at").values_list("pk", flat=True)[:1]
    highest = next((pk + OUT_OF_ORDER for pk in last), None)
    return Q(pk__in=[]) if highest is None else Q(received_at__lt=moment, pk__lte=highest)


def about(notices: RawNoticeQuerySet, address: str) -> RawNoticeQuerySet:
    """Keep the newest notices that tell of an address."""
    told = Bounce.objects.annotate(key=Lower("recipient")).filter(key=address.lower(), notice__in=notices)
    found = told.order_by("-notice").values_list("notice", flat=True)[:FOUND_AT_MOST]
    return notices.filter(pk__in=list(found))


def visible_sources(membership: Membership) -> list[RawNoticeQuerySet]:
    """Return the notices that a member may see, each set with an index of its own.

    Those of no workspace are the operator's.
    """
    own = [RawNotice.objects.for_workspace(membership.workspace)]
    return [*own, RawNotice.objects.filter(workspace__isnull=True)] if membership.user.is_superuser else own


def list_notices(
    membership: Membership, chosen: NoticeFilter, *, before: int | None = None, after: int | None = None
) -> NoticePage:
    """Return the page below the notice `before`, or the one above `after`; the newest where neither is given."""
    sources = [chosen.apply(notices) for notices in visible_sources(membership)]
    if after is not None:
        pks = newest([notices.filter(pk__gt=after).order_by("pk") for notices in sources], is_rising=True)
        if len(pks) > PAGE_SIZE:
            pks = pks[:PAGE_SIZE]
            return NoticePage(fetch(pks), newer=pks[-1], older=pks[0])
        # It is the first page; shown whole, also where some came in since.
        before = None
    below = [notices.filter(pk__lt=before) if before else notices for notices in sources]
    pks = newest([notices.order_by("-pk") for notices in below], is_rising=False)
    shown = pks[:PAGE_SIZE]
    newer = shown[0] if before and shown else None
    return NoticePage(fetch(shown), newer=newer, older=shown[-1] if len(pks) > PAGE_SIZE else None)


def newest(sources: Sequence[RawNoticeQuerySet], *, is_rising: bool) -> list[int]:
    """Return the first numbers of ordered sets, one more than a page shows."""
    found = [list(notices.values_list("pk", flat=True)[: PAGE_SIZE + 1]) for notices in sources]
    return list(heapq.merge(*found, reverse=not is_rising))[: PAGE_SIZE + 1]


def fetch(pks: Sequence[int]) -> list[RawNotice]:
    """Return notices without their content, newest first."""
    return list(RawNotice.objects.filter(pk__in=pks).defer("content").prefetch_related("bounces").order_by("-pk"))


def count_chips(membership: Membership) -> list[StateChip]:
    """Return the states, each with the number of its notices; the reports at the end."""
    sources = visible_sources(membership)
    choices = [*NoticeState.choices, (REPORTS, _("レポート"))]
    counted = [(value, label, count(sources, NoticeFilter(state=value))) for value, label in choices]
    return [StateChip(value, str(label), show_count(number)) for value, label, number in counted if number]


def count(sources: Sequence[RawNoticeQuerySet], chosen: NoticeFilter) -> int:
    """Return the number of notices that fit, at most about COUNT_UP_TO."""
    return sum(chosen.apply(notices).order_by()[:COUNT_UP_TO].count() for notices in sources)


def show_count(number: int) -> str:
    """Return a number for people."""
    return f"{COUNT_UP_TO:,}+" if number >= COUNT_UP_TO else f"{number:,}"
