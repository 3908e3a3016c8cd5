"""How many a search finds, counted in slices that a page can wait for."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from accounts.models import Workspace
from lists.finding import Search, people_found

# Seconds after which a slice ends.
BUDGET = 0.15
# Ids that the first statement looks at, and the most that one does.
FIRST = 10_000
LARGEST = 160_000


@dataclass(frozen=True, slots=True)
class Slice:
    """What was counted so far: `found` people with an id up to `after`."""

    found: int = 0
    after: int = 0
    is_complete: bool = False


def count_slice(
    workspace: Workspace,
    search: Search,
    counted: Slice,
    *,
    last_id: int,
    now: datetime,
    clock: Callable[[], float] = time.monotonic,
) -> Slice:
    """Count on from where `counted` ended, up to the subscriber `last_id`, until the time is over."""
    people = people_found(workspace, search, now=now)
    end = clock() + BUDGET
    found, after, size = counted.found, counted.after, FIRST
    while after < last_id:
        since = clock()
        upper = min(after + size, last_id)
        found += people.filter(pk__gt=after, pk__lte=upper).count()
        after = upper
        if clock() >= end:
            break
        if clock() - since < BUDGET / 8:
            size = min(size * 2, LARGEST)
    return Slice(found, after, after >= last_id)
