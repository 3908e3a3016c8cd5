"""What imports leave behind: uploads nobody confirmed, files, refused rows, staged rows."""

from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.headcounts import mark_due
from lists.models import CsvImport, ImportState, StagedRow

# An uploaded file and the rows refused of it hold personal data and are needed for nothing once the import is over.
KEEP_FILES = timedelta(days=31)
AT_ONCE = 20
# Nobody comes back to the page of the columns, or to that of the dry run, after so long.
CANCEL_AFTER = timedelta(days=1)
# Staged rows that one statement deletes: others write in between.
PIECE = 50_000

# Without a condition SQLite deletes all rows at once (its documentation of DELETE, "The Truncate Optimization").
EMPTY = {"postgresql": "TRUNCATE lists_stagedrow", "sqlite": "DELETE FROM lists_stagedrow"}

# Where nobody works on the import.
RESTING = (ImportState.UPLOADED, ImportState.WAITING, ImportState.CHECKED, ImportState.QUEUED)
WORKING = (ImportState.CHECKING, ImportState.RUNNING)
OVER = (ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED)
UNDECIDED = (ImportState.UPLOADED, ImportState.CHECKED)
# Where nobody needs the staged rows. Those of one that waits are deleted by whoever takes it.
UNSTAGED = (ImportState.UPLOADED, *OVER)


def give_up(csv_import: CsvImport, *, now: datetime, message: str = "") -> bool:
    """Cancel an import that nobody works on; False where it went on. Its file and staged rows are not looked at."""
    resting = CsvImport.objects.filter(pk=csv_import.pk, state__in=RESTING)
    return bool(resting.update(state=ImportState.CANCELLED, finished_at=now, message=message))


def delete_file(csv_import: CsvImport) -> None:
    """Delete the uploaded file; one that is gone is no fault."""
    csv_import.file.delete(save=False)
    CsvImport.objects.filter(pk=csv_import.pk).update(file="")


def last_file_goes(workspace: Workspace) -> datetime | None:
    """Return when the last of the uploaded files is deleted, in which an erased address may stand; None without any."""
    files = CsvImport.objects.filter(workspace=workspace).exclude(file="")
    newest = files.order_by("-created_at").values_list("created_at", flat=True).first()
    return newest + KEEP_FILES if newest else None


def has_leftovers(now: datetime) -> bool:
    """Say whether there is anything for `clear_leftovers`; cheap enough for each tick."""
    kinds = (_unconfirmed(now), _cancelled(), _outdated(now), _unstaged())
    return any(imports.exists() for imports in kinds)


def clear_leftovers(now: datetime) -> None:
    """Cancel imports that nobody confirmed and delete what nobody needs: files of cancelled imports, what is left of the
    people in old ones, staged rows. In short transactions, so that others write in between.
    """
    for csv_import in _unconfirmed(now)[:AT_ONCE]:
        give_up(csv_import, now=now, message=_("1日のあいだ実行されなかったため、自動で取り消しました。"))
    # Also those whose process died before it could do so.
    for csv_import in _cancelled()[:AT_ONCE]:
        delete_file(csv_import)
    for csv_import in _outdated(now)[:AT_ONCE]:
        clear_people(csv_import)
    for csv_import in _unstaged():
        mark_merged(csv_import.pk, now)
        drop_staged(csv_import.pk)


def _unconfirmed(now: datetime) -> QuerySet[CsvImport]:
    """Return imports that wait for a person: since their upload, the end of their dry run or their reopening."""
    long_ago = now - CANCEL_AFTER
    is_quiet = Q(heartbeat_at=None) | Q(heartbeat_at__lt=long_ago)
    return CsvImport.objects.exclude(file="").filter(is_quiet, created_at__lt=long_ago, state__in=UNDECIDED)


def _cancelled() -> QuerySet[CsvImport]:
    return CsvImport.objects.exclude(file="").filter(state=ImportState.CANCELLED)


def _outdated(now: datetime) -> QuerySet[CsvImport]:
    return CsvImport.objects.filter(is_cleared=False, created_at__lt=now - KEEP_FILES, state__in=OVER)


def _unstaged() -> QuerySet[CsvImport]:
    return CsvImport.objects.filter(has_staged=True, state__in=UNSTAGED)


def clear_people(csv_import: CsvImport) -> None:
    """Delete what an import that is over has kept of the people in its file; its figures stay."""
    rows = csv_import.rejected_rows.all()
    while rows.filter(pk__in=rows.values("pk")[:PIECE]).delete()[0] == PIECE:
        pass
    delete_file(csv_import)
    figures = {name: value for name, value in csv_import.forecast.items() if name not in ("samples", "hints")}
    CsvImport.objects.filter(pk=csv_import.pk).update(forecast=figures, is_cleared=True)


def mark_merged(import_id: int, now: datetime) -> None:
    """Have the list counted anew where the import is done: its process died before it could ask for that."""
    done = CsvImport.objects.filter(pk=import_id, state=ImportState.DONE)
    for workspace_id, list_id in done.values_list("workspace_id", "mailing_list_id"):
        mark_due(workspace_id, [list_id], now=now)


def drop_staged(import_id: int) -> None:
    """Delete the staged rows of an import that needs them no more."""
    if not _truncate(import_id):
        rows = StagedRow.objects.filter(csv_import=import_id)
        while rows.filter(pk__in=rows.values("pk")[:PIECE]).delete()[0] == PIECE:
            pass
    CsvImport.objects.filter(pk=import_id, state__in=UNSTAGED).update(has_staged=False)


def _truncate(import_id: int) -> bool:
    """Empty the staging table at once where no other import has rows in it; False where one has, or writes just now.

    A million deleted rows would be dead weight for the next import until they are vacuumed.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE lists_stagedrow IN ACCESS EXCLUSIVE MODE NOWAIT")
            if CsvImport.objects.filter(has_staged=True).exclude(pk=import_id).exists():
                return False
            cursor.execute(EMPTY[connection.vendor])
    except OperationalError:
        # Somebody writes into it.
        return False
    return True
