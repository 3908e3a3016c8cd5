"""Runs an import that was confirmed, and cancels one at any moment."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from lists.column_memory import remember
from lists.csv_merge import Pulse, merge_rows
from lists.exceptions import ListsError
from lists.headcounts import mark_due
from lists.import_checking import check_import, stage_and_note, work
from lists.import_claims import Claim, claim_import
from lists.import_erased import has_erased_since
from lists.import_leftovers import WORKING, delete_file, drop_staged, give_up
from lists.import_matching import MergeCounts
from lists.models import CsvImport, ImportMode, ImportState, StagedRow
from lists.transactions import is_passing

logger = logging.getLogger(__name__)

# From so many changed rows on the planner is told at once; autovacuum would come only a minute later.
MANY = 10_000
# So often a file is read again before its merge, where somebody was erased meanwhile. No oftener: erasing in bulk goes on
# for long, and itself takes people out of what was read before.
READ_AGAIN = 2

TELL_STEP = """
UPDATE lists_csvimport SET step = %s, heartbeat_at = clock_timestamp()
WHERE id = %s AND state = %s AND attempt = %s AND cancel_asked_at IS NULL
"""


class CannotCancel(ListsError):
    """The database has no time for it just now."""


def work_on(import_id: int, *, now: datetime) -> bool:
    """Check an import that waits for that, or do one that was approved; False where there was nothing to do."""
    return check_import(import_id, now=now) or run_import(import_id, now=now)


def approve_import(csv_import: CsvImport, *, actor: User | None, attempt: int | None = None) -> bool:
    """Let a checked import wait for its run; False where it was approved or cancelled before.

    `attempt` is the one whose dry run was shown, None where nobody was asked. False as well, and to be checked again,
    where that is not the last one or where people came onto a list that is to be replaced, or left it, since then.
    """
    checked = CsvImport.objects.filter(pk=csv_import.pk, state=ImportState.CHECKED)
    is_current = ~Q(mode=ImportMode.REPLACE) | Q(mailing_list__generation=F("checked_generation"))
    with transaction.atomic():
        shown = checked if attempt is None else checked.filter(attempt=attempt)
        approved = shown.filter(is_current).update(state=ImportState.QUEUED, hinted_until=None, interruptions=0)
        if approved:
            detail = {"file": csv_import.filename, "mode": csv_import.mode, "import": csv_import.pk}
            audit.record(csv_import.workspace, actor, "list.import", csv_import.mailing_list.name, **detail)
        else:
            checked.exclude(is_current).update(state=ImportState.WAITING, hinted_until=None, interruptions=0)
    return bool(approved)


def run_import(import_id: int, *, now: datetime) -> bool:
    """Do an approved import; False where it was not waiting, its list is busy or another process took over.

    What cannot be imported ends in FAILED with a sentence and the list untouched, what was cancelled in CANCELLED. Any
    other error is raised and leaves the import to be claimed again.
    """
    claim = claim_import(import_id, now=now)
    if claim is None:
        return False
    csv_import = CsvImport.objects.select_related("mailing_list", "workspace").get(pk=import_id)
    return work(csv_import, claim, lambda: _run(csv_import, claim, now), now=now)


def _run(csv_import: CsvImport, claim: Claim, now: datetime) -> None:
    for _attempt in range(READ_AGAIN):
        if is_staged(csv_import):
            break
        stage_and_note(csv_import, claim, now=now)
    with tell_steps(claim) as pulse:
        counts = merge_rows(csv_import, claim, pulse=pulse, now=now)
    logger.info("import %d done: %s", csv_import.pk, counts)
    _finish(csv_import, counts, now)


@contextmanager
def tell_steps(claim: Claim) -> Iterator[Pulse]:
    """Give a function that tells others, while the merge's transaction is open, at which of its statements it stands.

    It keeps the heartbeat and hears a cancel as well. SQLite has only one writer, which is the merge itself: there it
    only asks whether the claim still holds, and so it does within somebody else's transaction.
    """
    if not tells_steps() or connection.in_atomic_block:
        yield lambda _step: claim.require()
        return
    beside = connection.copy()

    def pulse(step: int) -> None:
        values = (step, claim.import_id, claim.state.value, claim.attempt)
        with beside.cursor() as cursor:
            cursor.execute(TELL_STEP, values)
            is_held = cursor.rowcount == 1
        if not is_held:
            claim.require()

    try:
        yield pulse
    finally:
        beside.close()


def tells_steps() -> bool:
    """Say whether a merge tells where it stands, and hears that it is to be cancelled."""
    return connection.vendor == "postgresql"


def is_staged(csv_import: CsvImport) -> bool:
    """Say whether the staging table still holds what the dry run left: a crash of PostgreSQL empties it, and an
    address that was erased since must not come in.
    """
    if has_erased_since(csv_import):
        return False
    return StagedRow.objects.filter(csv_import=csv_import).count() == csv_import.rows_staged


def _finish(csv_import: CsvImport, counts: MergeCounts, now: datetime) -> None:
    """Do what follows a merge; a process that dies here leaves it to the tick and to autovacuum."""
    mark_due(csv_import.workspace_id, [csv_import.mailing_list_id], now=now)
    # While these are there, the tick takes the rest upon itself.
    drop_staged(csv_import.pk)
    if csv_import.has_header:
        remember(csv_import.mailing_list, csv_import.headers, csv_import.columns, now)
    if counts.new + counts.updated + counts.removed > MANY:
        refresh_statistics()


def refresh_statistics() -> None:
    """Tell the planner of many changed rows."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # As SQLite's documentation of ANALYZE advises for large tables.
            cursor.execute("PRAGMA analysis_limit = 400")
        for table in ("lists_subscriber", "lists_subscription", "lists_consent"):
            cursor.execute(f"ANALYZE {table}")


def reopen_import(csv_import: CsvImport, *, now: datetime) -> bool:
    """Go back from the dry run, or from a failure, to the choice of the columns; False where the import went on or its
    file is gone.
    """
    ended = CsvImport.objects.filter(pk=csv_import.pk, state__in=(ImportState.CHECKED, ImportState.FAILED))
    # The heartbeat is what the day begins with after which it is given up.
    return bool(
        ended.exclude(file="").update(
            state=ImportState.UPLOADED,
            heartbeat_at=now,
            finished_at=None,
            message="",
            step=0,
            interruptions=0,
        )
    )


def cancel_import(csv_import: CsvImport, *, actor: User | None, now: datetime) -> bool:
    """Cancel an import at any moment before it is over; False where it was over.

    One that nobody works on ends at once; a process that works on it hears it before its next batch or statement and
    leaves the list as it was. Raises CannotCancel where SQLite's only writer has it for longer than one can wait.
    """
    try:
        with transaction.atomic():
            working = CsvImport.objects.filter(pk=csv_import.pk, state__in=WORKING, cancel_asked_at=None)
            is_over = give_up(csv_import, now=now)
            asked = is_over or bool(working.update(cancel_asked_at=now))
            if asked:
                detail = {"file": csv_import.filename, "mode": csv_import.mode, "import": csv_import.pk}
                audit.record(csv_import.workspace, actor, "list.import_cancel", csv_import.mailing_list.name, **detail)
    except OperationalError as error:
        if not is_passing(error):
            raise
        sentence = _("今はリストに書き込んでいるため、取り消せませんでした。しばらくしてから、もう一度お試しください。")
        raise CannotCancel(sentence, csv_import) from error
    if is_over:
        # Its staged rows go with the next tick.
        delete_file(csv_import)
    return asked
