"""Pages of reports over many rows: numbers that are known already, rows found by their ids."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.utils.functional import cached_property

Row = TypeVar("Row", bound=Model)

PAGE_SIZE = 50
# Nobody turns more pages than these; the download has all rows.
SHOWN_AT_MOST = 10_000


class ReportPaginator(Paginator[int]):
    """Pages of the ids of `rows`, of which only the first `shown` can be turned to.

    `found` is their number where the caller knows it; else the ids are looked for, as many as can be turned to.
    Ids are read from an index alone; `fetch` then gets the rows of one page.
    """

    object_list: Any

    def __init__(self, rows: QuerySet[Any], found: int | None = None, *, shown: int = SHOWN_AT_MOST) -> None:
        ids = rows.values_list("pk", flat=True)
        self.shown = shown
        if found is None:
            seen = list(ids[: shown + 1])
            super().__init__(seen, PAGE_SIZE)
            self.found = len(seen)
        else:
            super().__init__(ids, PAGE_SIZE)
            self.found = found

    @cached_property
    def count(self) -> int:
        """Return the number of rows that can be turned to."""
        return min(self.found, self.shown)

    @property
    def is_capped(self) -> bool:
        """Say whether there are more rows than can be turned to."""
        return self.found > self.shown


def fetch(rows: QuerySet[Row], ids: Sequence[int]) -> list[Row]:
    """Return the rows with the ids, in the order of the ids."""
    by_id = rows.in_bulk(ids)
    return [by_id[pk] for pk in ids if pk in by_id]
