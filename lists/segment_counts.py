"""Counts the people of a condition in slices: no page waits for a million rows, and nothing is stored in between."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from django.db.models import Count, Max, Q

from accounts.models import Workspace
from accounts.numbers import read_number
from lists.models import Subscriber, SubscriberQuerySet, SubscriberStatus

# Seconds that one request counts, and the people that its first window holds; less time, fewer people.
BUDGET: Final = 0.2
FIRST_WINDOW: Final = 5000
SMALLEST_WINDOW: Final = 250
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
    found, active, after = (read_number(given.get(name)) or 0 for name in ("found", "active", "after"))
    return Slice(found, active, after)


def count_slice(
    workspace: Workspace | None,
    condition: Q,
    begun: Slice,
    *,
    budget: float = BUDGET,
    size: int = 0,
    clock: Callable[[], float] = monotonic,
) -> Slice:
    """Go on counting where `begun` ended, for about `budget` seconds, at least one window of `size` people (0 = as many
    as fit the time).

    Without a workspace the people of all are counted. The page carries the figures from request to request; who comes or goes in between is counted or not.
    """
    people = Subscriber.objects.for_workspace(workspace) if workspace else Subscriber.objects.all()
    statuses = list(SubscriberStatus) if workspace else []
    deadline, size = clock() + budget, size or first_window(budget)
    found, active, after, is_last = begun.found, begun.active, begun.after, False
    while not is_last:
        started = clock()
        end, is_last = find_window(people, after, size, statuses)
        window = people.filter(pk__gt=after, pk__lte=end).filter(condition)
        counted = window.aggregate(found=Count("pk"), active=Count("pk", filter=Q(status=SubscriberStatus.ACTIVE)))
        found, active, after = found + counted["found"], active + counted["active"], end
        now = clock()
        # The next window would take about twice as long, and must still fit.
        if not is_last and now + 2 * (now - started) > deadline:
            return Slice(found, active, after, is_complete=False)
        size = min(2 * size, LARGEST_WINDOW)
    return Slice(found, active, after, is_complete=True)


def first_window(budget: float) -> int:
    """Return how many people the first window of a look of so many seconds holds."""
    return max(round(FIRST_WINDOW * min(budget / BUDGET, 1)), SMALLEST_WINDOW)


def find_window(
    people: SubscriberQuerySet, after: int, size: int, statuses: Sequence[SubscriberStatus] = tuple(SubscriberStatus)
) -> tuple[int, bool]:
    """Return the id that ends a window of at most 2 × `size` people of a workspace, and whether it is the last window.

    Asked status by status, since that is the index that holds the ids of one workspace in their order; where there are no
    `statuses`, of all workspaces, by the primary key.
    """
    behind = people.filter(pk__gt=after)
    parts = [behind.filter(status=status) for status in statuses] or [behind]
    ids = [part.order_by("pk").values_list("pk", flat=True) for part in parts]
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
    size: int = 0,
    clock: Callable[[], float] = monotonic,
) -> tuple[list[Subscriber], bool]:
    """Return up to `number` people with the smallest ids, and whether all were looked at.

    False means that the time was over: there may be others, and where nobody was found nobody knows.
    """
    everyone = Subscriber.objects.for_workspace(workspace)
    deadline, size = clock() + budget, size or first_window(budget)
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
