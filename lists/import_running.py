"""Runs an import that was confirmed, and cancels one at any moment."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction

from accounts import audit
from accounts.models import User
from lists.column_memory import remember
from lists.csv_merge import Pulse, merge_rows
from lists.headcounts import mark_due
from lists.import_checking import check_import, count_erased, stage_and_note, work
from lists.import_claims import Claim, claim_import
from lists.import_leftovers import WORKING, delete_file, drop_staged, give_up
from lists.import_matching import MergeCounts
from lists.models import CsvImport, ImportState, StagedRow

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


def approve_import(csv_import: CsvImport, *, actor: User | None) -> bool:
    """Let a checked import wait for its run; False where it was approved or cancelled before.

    Whoever approves it has stated that its recipients agreed (A4).
    """
    with transaction.atomic():
        checked = CsvImport.objects.filter(pk=csv_import.pk, state=ImportState.CHECKED)
        approved = checked.update(state=ImportState.QUEUED, hinted_until=None)
        if approved:
            detail = {"file": csv_import.filename, "mode": csv_import.mode, "import": csv_import.pk}
            audit.record(csv_import.workspace, actor, "list.import", csv_import.mailing_list.name, **detail)
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
    if connection.vendor != "postgresql" or connection.in_atomic_block:
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


def is_staged(csv_import: CsvImport) -> bool:
    """Say whether the staging table still holds what the dry run left: a crash of PostgreSQL empties it, and an
    address that was erased since must not come in.
    """
    if csv_import.forecast.get("erased_addresses") != count_erased(csv_import):
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


def reopen_import(csv_import: CsvImport) -> bool:
    """Go back from the dry run to the choice of the columns; False where it was approved or cancelled meanwhile."""
    checked = CsvImport.objects.filter(pk=csv_import.pk, state=ImportState.CHECKED)
    return bool(checked.update(state=ImportState.UPLOADED, hinted_until=None))


def cancel_import(csv_import: CsvImport, *, actor: User | None, now: datetime) -> bool:
    """Cancel an import at any moment before it is over; False where it was over.

    One that nobody works on ends at once; a process that works on it hears it before its next batch or statement and
    leaves the list as it was.
    """
    with transaction.atomic():
        working = CsvImport.objects.filter(pk=csv_import.pk, state__in=WORKING, cancel_asked_at=None)
        is_over = give_up(csv_import, now=now)
        asked = is_over or bool(working.update(cancel_asked_at=now))
        if asked:
            detail = {"file": csv_import.filename, "mode": csv_import.mode, "import": csv_import.pk}
            audit.record(csv_import.workspace, actor, "list.import_cancel", csv_import.mailing_list.name, **detail)
    if is_over:
        # Its staged rows go with the next tick.
        delete_file(csv_import)
    return asked


def apply_import(import_id: int, *, now: datetime) -> bool:
    """Check a queued import and run it, in one go; False where there was nothing to do or its list is busy."""
    checked = check_import(import_id, now=now)
    csv_import = CsvImport.objects.select_related("workspace", "mailing_list", "created_by").get(pk=import_id)
    is_waiting = approve_import(csv_import, actor=csv_import.created_by) or csv_import.state == ImportState.QUEUED
    return run_import(import_id, now=now) if is_waiting else checked
