"""Finds subscribers by address, name, status, list, segment and attributes: a page at a time, within a bounded time."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.lookups import Contains
from django.utils.translation import gettext as _

from accounts.models import Workspace
from accounts.numbers import read_number
from lists.address import clean_address, part_as_key
from lists.conditions import read_conditions
from lists.exceptions import InvalidAddress, ListsError
from lists.models import Segment, StopReason, Subscriber, SubscriberQuerySet, SubscriberStatus, Subscription
from lists.segment_sql import AttributeText, SmallLetters
from lists.segments import compile_group

PAGE: Final = 50
# Seconds after which a page shows what was found so far.
BUDGET: Final = 0.1
# People who are looked at by the first statement of a search that no index serves, and by the largest.
FIRST: Final = 2_000
LARGEST: Final = 64_000
# A list of up to so many places is gone through itself, whoever is asked for on it.
SHORT_LIST: Final = 5_000
MAX_WORDS: Final = 5
MAX_TEXT: Final = 320
# What a search is called in the address of a page.
PARAMETERS: Final = ("q", "status", "reason", "list", "segment", "attribute", "value")


class SearchRefused(ListsError):
    """The search cannot be done as it was asked for."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for; what is left out asks for nothing."""

    # Words, each of them a part of the address or of the name.
    q: str = ""
    status: str = ""
    reason: str = ""
    list_id: int | None = None
    segment_id: int | None = None
    # Names of attributes and a part of their values.
    attributes: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_query(cls, query: Mapping[str, Any], **fixed: Any) -> Search:
        """Return the search that a page's address describes; what makes no sense is left out."""
        name, value = _text(query.get("attribute")), _text(query.get("value"))
        fields = {
            "q": _text(query.get("q")),
            "status": _one_of(SubscriberStatus.values, query.get("status")),
            "reason": _one_of(StopReason.values, query.get("reason")),
            "list_id": read_number(query.get("list")),
            "segment_id": read_number(query.get("segment")),
            "attributes": ((name, value),) if name and value else (),
        }
        return cls(**fields | fixed)

    @classmethod
    def require(cls, query: Mapping[str, Any]) -> Search:
        """Return the search that a page's address describes, for what acts on all whom it finds.

        Raises SearchRefused where a part of it makes no sense: left out, it would mean more people.
        """
        search = cls.from_query(query)
        kept = search.as_query()
        if any(str(query.get(name) or "").strip() != kept.get(name, "") for name in PARAMETERS):
            raise SearchRefused(_("検索条件を読めませんでした。もう一度検索してから、操作してください。"))
        return search

    def as_query(self) -> dict[str, str]:
        """Return the parameters of a page's address, of which `from_query` makes the same search."""
        name, value = self.attributes[0] if self.attributes else ("", "")
        values = {
            "q": self.q,
            "status": self.status,
            "reason": self.reason,
            "list": str(self.list_id or ""),
            "segment": str(self.segment_id or ""),
            "attribute": name,
            "value": value,
        }
        return {key: text for key, text in values.items() if text}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Search:
        """Return the search that `as_json` wrote."""
        pairs = data.get("attributes", ())
        return cls(
            q=data.get("q", ""),
            status=data.get("status", ""),
            reason=data.get("reason", ""),
            list_id=data.get("list_id"),
            segment_id=data.get("segment_id"),
            attributes=tuple((name, value) for name, value in pairs),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the search as JSON, to be kept."""
        values = {
            "q": self.q,
            "status": self.status,
            "reason": self.reason,
            "list_id": self.list_id,
            "segment_id": self.segment_id,
            "attributes": [list(pair) for pair in self.attributes],
        }
        return {key: value for key, value in values.items() if value}

    def __bool__(self) -> bool:
        """Say whether anything is asked for."""
        return bool(self.as_json())


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search."""

    rows: list[Subscriber] = field(default_factory=list)
    # Where the next page begins; None: there is nothing more.
    next_before: int | None = None
    # False: the time was over before the page was full.
    is_complete: bool = True


def people_found(workspace: Workspace, search: Search, *, now: datetime) -> SubscriberQuerySet:
    """Return everybody whom the search finds, in no order and without any bound: for work in the background.

    Raises ListsError where the search cannot be done.
    """
    return Subscriber.objects.for_workspace(workspace).filter(condition_of(workspace, search, now=now))


def condition_of(workspace: Workspace, search: Search, *, now: datetime) -> Q:
    """Return the condition on the workspace's subscribers; raises ListsError where the search cannot be done."""
    condition = _condition(workspace, search, now)
    return condition & _on_list(search.list_id) if search.list_id is not None else condition


def _on_list(list_id: int) -> Q:
    return Q(Exists(Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list=list_id)))


def find(
    workspace: Workspace,
    search: Search,
    *,
    now: datetime,
    before: int | None = None,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Return the newest subscribers whom the search finds, of those with an id below `before`.

    A whole address that is there stands first. Where the time is over, `next_before` is where to go on. Goes through
    windows of ids of which each is one bounded statement, since no index serves a search for a part of a text.
    """
    started = clock()
    rows: list[Subscriber] = []
    exact = _find_address(workspace, search, now)
    if exact is not None and before is None:
        rows.append(exact)
    windows = _Windows(workspace, search, now, leave_out=exact)
    high, size = before, windows.first_size
    while True:
        since = clock()
        low = windows.lower_end(high, size)
        rows += windows.read(low, high)[: PAGE + 1 - len(rows)]
        if len(rows) > PAGE:
            return Found(rows[:PAGE], rows[PAGE - 1].pk)
        if low is None:
            return Found(rows)
        high = low
        if clock() - started >= budget:
            return Found(rows, high, is_complete=False)
        if clock() - since < budget / 6:
            size = min(size * 4, LARGEST)


class _Windows:
    """The people of a workspace, or of a list, in windows of ids from the newest to the oldest."""

    def __init__(self, workspace: Workspace, search: Search, now: datetime, *, leave_out: Subscriber | None) -> None:
        self.list_id = search.list_id
        people = Subscriber.objects.for_workspace(workspace)
        statuses = [search.status] if search.status else list(SubscriberStatus.values)
        # Reading a few stopped people is less than reading a long list for them.
        if search.status == SubscriberStatus.STOPPED and not self._is_short_list():
            self.list_id = None
        # What an index gives in the order of the ids, and the column they stand in.
        self.column = "pk" if self.list_id is None else "subscriber_id"
        self.drivers: list[QuerySet[Any]]
        if self.list_id is None:
            self.drivers = [people.filter(status=status) for status in statuses]
        else:
            self.drivers = [Subscription.objects.filter(mailing_list=self.list_id)]
        self.people = people.filter(_condition(workspace, search, now))
        if self.list_id is None:
            # Named, so that the index by status serves people of all states, too.
            self.people = self.people.filter(status__in=statuses)
            if search.list_id is not None:
                self.people = self.people.filter(_on_list(search.list_id))
        if leave_out is not None:
            self.people = self.people.exclude(pk=leave_out.pk)
        is_plain = not (search.q or search.reason or search.segment_id or search.attributes)
        is_served = is_plain and (search.list_id is None or not search.status)
        self.first_size = PAGE + 1 if is_served else FIRST

    def _is_short_list(self) -> bool:
        if self.list_id is None:
            return False
        return Subscription.objects.filter(mailing_list=self.list_id)[: SHORT_LIST + 1].count() <= SHORT_LIST

    def lower_end(self, high: int | None, size: int) -> int | None:
        """Return the lowest id of a window with about `size` people below `high`; None: it reaches to the end."""
        ends = []
        for driver in self.drivers:
            ids = driver if high is None else driver.filter(**{f"{self.column}__lt": high})
            ends += list(ids.order_by(f"-{self.column}").values_list(self.column, flat=True)[size - 1 : size])
        return max(ends, default=None)

    def read(self, low: int | None, high: int | None) -> list[Subscriber]:
        """Return up to PAGE + 1 of those who were searched, in a window, the newest first."""
        prefix = "pk" if self.list_id is None else "subscriptions__subscriber_id"
        window = {} if self.list_id is None else {"subscriptions__mailing_list": self.list_id}
        if low is not None:
            window[f"{prefix}__gte"] = low
        if high is not None:
            window[f"{prefix}__lt"] = high
        # By the column that leads: else SQLite looks for the places of everybody to save sorting those of a few.
        return list(self.people.filter(**window).order_by(f"-{prefix}")[: PAGE + 1])


def _find_address(workspace: Workspace, search: Search, now: datetime) -> Subscriber | None:
    """Return the subscriber whose whole address was typed, by the index."""
    if "@" not in search.q:
        return None
    try:
        key = clean_address(search.q).key
    except InvalidAddress:
        return None
    others = Search(**{name: getattr(search, name) for name in Search.__slots__ if name != "q"})
    return people_found(workspace, others, now=now).filter(address_key=key).first()


def _condition(workspace: Workspace, search: Search, now: datetime) -> Q:
    """Return what is asked for, without the list."""
    words = search.q.split()
    if len(words) > MAX_WORDS:
        sentence = _("検索の言葉は%d個までです。言葉を減らして、もう一度検索してください。")
        raise SearchRefused(sentence % MAX_WORDS)
    parts = [_has_word(word) for word in words]
    if search.status:
        parts.append(Q(status=search.status))
    if search.reason:
        parts.append(Q(stop_reason=search.reason))
    parts += [_has_value(name, value) for name, value in search.attributes]
    if search.segment_id is not None:
        segment = Segment.objects.filter(workspace=workspace, pk=search.segment_id).first()
        # Of another workspace, or deleted meanwhile: nobody is in it.
        nobody = Q(pk__in=())
        parts.append(compile_group(read_conditions(segment.conditions), workspace, now=now) if segment else nobody)
    return reduce(and_, parts, Q())


def _has_word(word: str) -> Q:
    folded = unicodedata.normalize("NFKC", word)
    condition = Q(address_key__contains=part_as_key(word))
    for spelling in {_small(word), _small(folded)}:
        condition |= Q(Contains(SmallLetters("name"), spelling))
    return condition


def _has_value(name: str, value: str) -> Q:
    spellings = {_small(value), _small(unicodedata.normalize("NFKC", value))}
    condition = Q()
    for spelling in spellings:
        condition |= Q(Contains(AttributeText(name), spelling))
    return condition


# As the databases do it, whatever their locale.
_SMALL = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def _small(text: str) -> str:
    return text.translate(_SMALL)


def _text(value: Any) -> str:
    return str(value or "").replace("\0", "").strip()[:MAX_TEXT]


def _one_of(values: Sequence[str], value: Any) -> str:
    return str(value) if value in values else ""
