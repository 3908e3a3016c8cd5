"""Keeps people who are erased while their file is read, or waits for its merge, from coming back with it."""

from django.db.models import Count, Max

from lists.erasing import find_erased
from lists.models import CsvImport, ErasedAddress, StagedRow

# Staged rows that are looked at together.
PIECE = 10_000


def note_erasures(workspace_id: int) -> list[int]:
    """Return the number and the newest of a workspace's erasures; an erasure changes the one or the other."""
    erased = ErasedAddress.objects.filter(workspace=workspace_id)
    found = erased.aggregate(number=Count("pk"), newest=Max("pk"))
    return [found["number"], found["newest"] or 0]


def has_erased_since(csv_import: CsvImport) -> bool:
    """Say whether somebody was erased since the reading of the file began."""
    return bool(csv_import.forecast.get("erasures") != note_erasures(csv_import.workspace_id))


def drop_erased(csv_import: CsvImport) -> int:
    """Delete the staged rows of addresses that were erased since the reading of the file began; return how many.

    To be called once the rows are compared with the subscribers: who is erased after that is missed by the merge, which
    begins anew.
    """
    if not has_erased_since(csv_import):
        return 0
    rows = StagedRow.objects.filter(csv_import=csv_import)
    number, last = 0, ""
    while keys := list(
        rows.filter(address_key__gt=last).order_by("address_key").values_list("address_key", flat=True)[:PIECE]
    ):
        erased = find_erased(csv_import.workspace, keys)
        number += rows.filter(address_key__in=erased).delete()[0] if erased else 0
        last = keys[-1]
    return number
