"""What imports leave behind: uploads nobody confirmed, files, staged rows."""

from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.db.models import Q

from lists.headcounts import mark_due
from lists.models import CsvImport, ImportState, StagedRow

# An uploaded file holds personal data and is needed for nothing once the import is over.
KEEP_FILES = timedelta(days=31)
FILES_A_TICK = 20
# Nobody comes back to the page of the columns, or to that of the dry run, after so long.
CANCEL_AFTER = timedelta(days=1)
# Staged rows that one statement deletes: others write in between.
PIECE = 50_000

# Without a condition SQLite deletes all rows at once (its documentation of DELETE, "The Truncate Optimization").
EMPTY = {"postgresql": "TRUNCATE lists_stagedrow", "sqlite": "DELETE FROM lists_stagedrow"}

# Where nobody works on the import.
RESTING = (ImportState.UPLOADED, ImportState.WAITING, ImportState.CHECKED, ImportState.QUEUED)
WORKING = (ImportState.CHECKING, ImportState.RUNNING)
# Where staged rows are still needed.
STAGED = (ImportState.CHECKED, ImportState.QUEUED, *WORKING)
UNDECIDED = (ImportState.UPLOADED, ImportState.CHECKED)


def give_up(csv_import: CsvImport, *, now: datetime) -> bool:
    """Cancel an import that nobody works on; False where it went on. Its file and staged rows are not looked at."""
    resting = CsvImport.objects.filter(pk=csv_import.pk, state__in=RESTING)
    return bool(resting.update(state=ImportState.CANCELLED, finished_at=now))


def delete_file(csv_import: CsvImport) -> None:
    """Delete the uploaded file; one that is gone is no fault."""
    csv_import.file.delete(save=False)
    CsvImport.objects.filter(pk=csv_import.pk).update(file="")


def clear_leftovers(now: datetime) -> None:
    """Cancel imports nobody confirmed; delete files that were kept long enough with their rejected rows, and staged
    rows of imports that are over; a few at a time.
    """
    with_file = CsvImport.objects.exclude(file="")
    for csv_import in with_file.filter(created_at__lt=now - CANCEL_AFTER, state__in=UNDECIDED)[:FILES_A_TICK]:
        if give_up(csv_import, now=now):
            delete_file(csv_import)
    old = with_file.filter(created_at__lt=now - KEEP_FILES)
    for csv_import in old.exclude(state__in=(*RESTING, *WORKING))[:FILES_A_TICK]:
        # What was refused of it holds the same data.
        csv_import.rejected_rows.all().delete()
        delete_file(csv_import)
    first = StagedRow.objects.order_by("csv_import", "address_key", "line").values_list("csv_import", flat=True)
    # Asked in the order of the index: one row of each import that has any.
    import_id = first.first()
    while import_id is not None:
        if not CsvImport.objects.filter(pk=import_id, state__in=STAGED).exists():
            mark_merged(import_id, now)
            drop_staged(import_id)
        import_id = first.filter(csv_import__gt=import_id).first()


def mark_merged(import_id: int, now: datetime) -> None:
    """Have the list counted anew where the import is done: its process died before it could ask for that."""
    done = CsvImport.objects.filter(pk=import_id, state=ImportState.DONE)
    for workspace_id, list_id in done.values_list("workspace_id", "mailing_list_id"):
        mark_due(workspace_id, [list_id], now=now)


def drop_staged(import_id: int) -> None:
    """Delete the staged rows of an import that is over."""
    if not _truncate(import_id):
        rows = StagedRow.objects.filter(csv_import=import_id)
        while rows.filter(pk__in=rows.values("pk")[:PIECE]).delete()[0] == PIECE:
            pass


def _truncate(import_id: int) -> bool:
    """Empty the staging table at once where no other import has rows in it; False where one has, or writes just now.

    A million deleted rows would be dead weight for the next import until they are vacuumed.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE lists_stagedrow IN ACCESS EXCLUSIVE MODE NOWAIT")
            if StagedRow.objects.filter(Q(csv_import__lt=import_id) | Q(csv_import__gt=import_id)).exists():
                return False
            cursor.execute(EMPTY[connection.vendor])
    except OperationalError:
        # Somebody writes into it.
        return False
    return True
