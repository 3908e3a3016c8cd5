"""Counts the people of a condition in slices: no page waits for a million rows, and nothing is stored in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final

from django.db.models import Count, Max, Q

from accounts.models import Workspace
from lists.models import Subscriber, SubscriberQuerySet, SubscriberStatus

# Seconds that one request counts, and the people that its first window holds.
BUDGET: Final = 0.2
FIRST_WINDOW: Final = 5000
LARGEST_WINDOW: Final = 100_000


@dataclass(frozen=True, slots=True)
class Slice:
    """How many were found up to the subscriber id `after`, and how many of them are sent to."""

    found: int = 0
    active: int = 0
    after: int = 0
    is_complete: bool = False


def mark_of(what: object) -> str:
    """Return a short mark of what is counted (JSON), so that a count is not gone on with for something else."""
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def read_slice(given: Mapping[str, str]) -> Slice:
    """Return how far a count came, as the page carries it; what is no number counts as nothing."""

    def number(name: str) -> int:
        text = given.get(name, "")
        return int(text) if text.isdecimal() and text.isascii() and len(text) < 19 else 0

    return Slice(number("found"), number("active"), number("after"))


def count_slice(
    workspace: Workspace,
    condition: Q,
    begun: Slice,
    *,
    budget: float = BUDGET,
    size: int = FIRST_WINDOW,
    clock: Callable[[], float] = monotonic,
) -> Slice:
    """Go on counting where `begun` ended, for about `budget` seconds, at least one window of `size` people.

    The page carries the figures from request to request; who comes or goes in between is counted or not.
    """
    people = Subscriber.objects.for_workspace(workspace)
    deadline = clock() + budget
    found, active, after, is_last = begun.found, begun.active, begun.after, False
    while not is_last:
        started = clock()
        end, is_last = find_window(people, after, size)
        window = people.filter(pk__gt=after, pk__lte=end).filter(condition)
        counted = window.aggregate(found=Count("pk"), active=Count("pk", filter=Q(status=SubscriberStatus.ACTIVE)))
        found, active, after = found + counted["found"], active + counted["active"], end
        now = clock()
        # The next window would take about twice as long, and must still fit.
        if not is_last and now + 2 * (now - started) > deadline:
            return Slice(found, active, after, is_complete=False)
        size = min(2 * size, LARGEST_WINDOW)
    return Slice(found, active, after, is_complete=True)


def find_window(people: SubscriberQuerySet, after: int, size: int) -> tuple[int, bool]:
    """Return the id that ends a window of at most 2 × `size` people of a workspace, and whether it is the last window.

    Asked status by status, since that is the index that holds the ids of one workspace in their order.
    """
    behind = people.filter(pk__gt=after)
    ids = [behind.filter(status=status).order_by("pk").values_list("pk", flat=True) for status in SubscriberStatus]
    if ends := [pk for found in ids for pk in found[size - 1 : size]]:
        return min(ends), False
    lasts = [found.aggregate(last=Max("pk"))["last"] for found in ids]
    return max((last for last in lasts if last is not None), default=after), True


def first_people(
    people: SubscriberQuerySet,
    workspace: Workspace,
    number: int,
    *,
    budget: float = BUDGET,
    size: int = FIRST_WINDOW,
    clock: Callable[[], float] = monotonic,
) -> tuple[list[Subscriber], bool]:
    """Return up to `number` people with the smallest ids, and whether all were looked at.

    False means that the time was over: there may be others, and where nobody was found nobody knows.
    """
    everyone = Subscriber.objects.for_workspace(workspace)
    deadline = clock() + budget
    found: list[Subscriber] = []
    after, is_last = 0, False
    while not is_last:
        started = clock()
        end, is_last = find_window(everyone, after, size)
        window = people.filter(pk__gt=after, pk__lte=end).order_by("pk")
        found += window[: number - len(found)]
        after, now = end, clock()
        if len(found) >= number:
            return found, True
        if not is_last and now + 2 * (now - started) > deadline:
            return found, False
        size = min(2 * size, LARGEST_WINDOW)
    return found, True
