"""What a page with a search for subscribers shows: the form's values, the rows, where to go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from accounts.models import Workspace
from accounts.numbers import read_number
from lists.attributes import attributes_of
from lists.exceptions import ListsError
from lists.finding import Found, Search, find
from lists.models import MailingList, Segment, StopReason, SubscriberStatus

# The rows of a search that goes on are asked for with this parameter, without the page around them.
PART: Final = "part"
MOST_OFFERED: Final = 200


@dataclass(frozen=True, slots=True)
class Results:
    """The rows of a page, and the addresses to go on with."""

    found: Found
    # How many rows stood above these, of the same page.
    shown: int = 0
    # The next page, or where to look further; empty at the end.
    next_url: str = ""
    # The same without the page around it.
    part_url: str = ""
    is_first: bool = True
    problem: str = ""

    @property
    def total(self) -> int:
        """Return how many rows the page has by now."""
        return self.shown + len(self.found.rows)


def read_results(workspace: Workspace, search: Search, query: Mapping[str, Any], *, now: datetime) -> Results:
    """Return the rows that a page's address asks for: those of the search below ?before=, after ?shown= rows."""
    before = read_number(query.get("before"))
    shown = (read_number(query.get("shown")) or 0) if query.get(PART) else 0
    try:
        found = find(workspace, search, now=now, before=before)
    except ListsError as error:
        # A segment that names a list that is gone.
        return Results(Found(), problem=error.sentence)
    results = Results(found, shown, is_first=before is None)
    if found.next_before is None:
        return results
    asked = {key: value for key, value in query.items() if key not in ("before", "shown", PART)}
    more = asked | {"before": str(found.next_before)}
    rest = more | {PART: "1", "shown": str(results.total)}
    return Results(found, shown, f"?{urlencode(more)}", f"?{urlencode(rest)}", before is None)


def search_context(workspace: Workspace, search: Search, *, is_list: bool = False) -> dict[str, Any]:
    """Return what the form of a search offers; a list's own page offers no other lists."""
    lists = MailingList.objects.filter(workspace=workspace).order_by("name")
    details = (search.reason, search.segment_id, search.attributes, None if is_list else search.list_id)
    return {
        "search": search,
        "query": urlencode(search.as_query()),
        "attribute": search.attributes[0] if search.attributes else ("", ""),
        "statuses": SubscriberStatus.choices,
        "reasons": StopReason.choices,
        "attributes": attributes_of(workspace),
        "segments": Segment.objects.filter(workspace=workspace).order_by("name")[:MOST_OFFERED],
        "lists": () if is_list else lists[:MOST_OFFERED],
        "has_details": any(details),
    }
