"""What a 差し替え would take off the list, told before it is queued."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, cast

from lists.csv_import import Choice, preview_import
from lists.csv_reading import read_rows
from lists.csv_staging import check_row, make_layout
from lists.exceptions import RowRefused
from lists.models import CsvImport, Subscription

# Files up to so many rows are read to the end while the person waits; for larger ones only sizes are told.
EXACT_ROWS = 5000
# Addresses that go into one statement.
BATCH = 500


@dataclass(frozen=True, slots=True)
class Removal:
    """How many are on the list now and how many of them a file takes off; None where nobody counted."""

    current: int
    removed: int | None

    def is_harmless(self) -> bool:
        """Say whether nobody would be taken off."""
        return self.removed == 0


def foresee_removal(csv_import: CsvImport, choice: Choice) -> Removal:
    """Return what replacing the list by the file as chosen would remove; raises UnreadableFile.

    A file without a single valid address removes nobody: its import is refused.
    """
    places = Subscription.objects.filter(mailing_list=csv_import.mailing_list_id)
    current = places.count()
    if not current:
        return Removal(0, 0)
    if csv_import.rows_total > EXACT_ROWS:
        return Removal(current, None)
    keys = iter(set(_read_keys(csv_import, choice)))
    kept = 0
    has_keys = False
    while piece := list(islice(keys, BATCH)):
        has_keys = True
        kept += places.filter(subscriber__address_key__in=piece).count()
    return Removal(current, current - kept if has_keys else 0)


def _read_keys(csv_import: CsvImport, choice: Choice) -> Iterator[str]:
    """Yield the address keys of the valid rows."""
    headers = preview_import(csv_import, choice.format).headers if choice.format.has_header else []
    layout = make_layout(CsvImport(columns=choice.columns, mode=choice.mode, headers=headers))
    with csv_import.file.open("rb") as file:
        rows = read_rows(cast(BinaryIO, file.file), choice.format.encoding, choice.format.separator)
        for row in islice(rows, int(choice.format.has_header), None):
            try:
                yield check_row(row, layout).address_key
            except RowRefused:
                continue
