"""Second half of an import: one transaction of set-based statements from the staging table to the list.

Existing rows of others are locked only at its very end: those of the subscribers whom the file changes, in the order of
their ids. What is new is written before, and its foreign keys are checked before.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.utils.translation import gettext as _

from lists.exceptions import ImportRefused, StaleMatch
from lists.import_claims import Claim
from lists.import_matching import (
    MERGED,
    NEW_NAME,
    MergeCounts,
    count_matched,
    forget_matches,
    give_memory,
    match_rows,
    values_for,
)
from lists.models import CsvImport, ImportMode, ImportState, MailingList, PeopleState
from lists.transactions import retry_transaction

# Between two statements: hears a cancel, tells where the merge stands (1 to STEPS). Raises ClaimLost, ImportCancelled.
Pulse = Callable[[int], None]
STEPS = 6
# So often the merge begins anew because subscribers came or went while it ran.
TRIES = 5

# In the order of the addresses, in which their index is filled fastest.
UNKNOWN = """
INSERT INTO lists_subscriber (workspace_id, address, address_key, name, attributes,
    status, stop_reason, error_count, created_at, updated_at, last_import)
SELECT %(workspace)s, s.address, s.address_key, s.name, s.attributes,
    'active', '', 0, %(now)s, %(now)s, %(csv_import)s
FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND s.subscriber_id IS NULL
ORDER BY s.address_key
"""
PLACE = "INSERT INTO lists_subscription (mailing_list_id, subscriber_id, created_at)"
PLACE_KNOWN = f"""
{PLACE} SELECT %(mailing_list)s, s.subscriber_id, %(now)s FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND s.subscriber_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM lists_subscription AS p
    WHERE p.mailing_list_id = %(mailing_list)s AND p.subscriber_id = s.subscriber_id
)
ORDER BY s.subscriber_id
ON CONFLICT (mailing_list_id, subscriber_id) DO NOTHING
"""  # noqa: S608
# A consent for each new place (A4).
CONSENT = """
INSERT INTO lists_consent
    (subscriber_id, mailing_list_id, source, at, evidence, csv_import, text_version, recorded_by_id)
SELECT subscriber_id, %(mailing_list)s, 'csv', %(now)s, %(filename)s, %(csv_import)s, %(text_version)s, %(actor)s
"""
GONE = """
SELECT subscriber_id FROM lists_subscription WHERE mailing_list_id = %(mailing_list)s
EXCEPT SELECT subscriber_id FROM lists_stagedrow WHERE csv_import_id = %(csv_import)s
"""
# The sign keeps the planner from reading all consents of the list for each of them.
END_CONSENTS = """
UPDATE lists_consent SET ended_at = %(now)s, list_name = %(list_name)s
WHERE +mailing_list_id = %(mailing_list)s AND ended_at IS NULL AND subscriber_id IN
"""
REMOVE = f"DELETE FROM lists_subscription WHERE mailing_list_id = %(mailing_list)s AND subscriber_id IN ({GONE})"  # noqa: S608

LOCK_CHANGED = """
SELECT COUNT(*) FROM (
    SELECT x.id FROM lists_subscriber AS x JOIN lists_stagedrow AS s ON s.subscriber_id = x.id
    WHERE s.csv_import_id = %(csv_import)s AND s.is_changed
    ORDER BY x.id FOR NO KEY UPDATE OF x
) AS locked
"""
# Never anybody's status: stopped stays stopped (A11); nor their errors (A7). Whose address was changed since is somebody
# else; the planner is not to join by it.
UPDATE_CHANGED = f"""
UPDATE lists_subscriber AS x
SET address = s.address, name = {NEW_NAME}, attributes = MERGED, updated_at = %(now)s, last_import = %(csv_import)s
FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND s.is_changed AND x.id = s.subscriber_id
AND CASE WHEN x.address_key = s.address_key THEN TRUE ELSE FALSE END
"""  # noqa: S608


def merge_rows(csv_import: CsvImport, claim: Claim, *, pulse: Pulse, now: datetime) -> MergeCounts:
    """Bring the staged rows into the list and end the import, all in one transaction.

    Readers see the old list or the new one. Nobody's status is touched: stopped stays stopped. Raises ClaimLost,
    ImportCancelled, and ImportRefused where a replacement would empty the list.
    """
    PeopleState.objects.bulk_create([PeopleState(workspace_id=csv_import.workspace_id)], ignore_conflicts=True)
    for _attempt in range(TRIES - 1):
        match_rows(csv_import, claim)
        try:
            return retry_transaction(lambda: _merge(csv_import, claim, pulse, now))
        except (IntegrityError, StaleMatch):
            # Somebody added one of the addresses by hand, changed it or erased one of them just now.
            forget_matches(csv_import, claim)
    match_rows(csv_import, claim)
    return _merge(csv_import, claim, pulse, now)


def _merge(csv_import: CsvImport, claim: Claim, pulse: Pulse, now: datetime) -> MergeCounts:
    with transaction.atomic():
        claim.hold()
        give_memory()
        counts = _run_statements(csv_import, pulse, now)
        # In this order, as whoever freezes the recipients of a campaign locks them.
        PeopleState.objects.filter(pk=csv_import.workspace_id).update(generation=F("generation") + 1)
        kept = MailingList.objects.filter(pk=csv_import.mailing_list_id)
        if not kept.update(generation=F("generation") + 1):
            raise ImportRefused(_("リストが削除されたため、取り込みを中止しました。"), csv_import)
        claim.renew(
            state=ImportState.DONE,
            finished_at=now,
            step=STEPS,
            rows_new=counts.new,
            rows_updated=counts.updated,
            rows_unchanged=counts.unchanged,
            rows_stopped=counts.stopped,
            rows_unsubscribed=counts.unsubscribed,
            rows_removed=counts.removed,
        )
    return counts


def _run_statements(csv_import: CsvImport, pulse: Pulse, now: datetime) -> MergeCounts:
    values = values_for(csv_import) | {
        "now": connection.ops.adapt_datetimefield_value(now),
        "filename": csv_import.filename,
        "text_version": csv_import.text_version,
        "actor": csv_import.created_by_id,
        "list_name": csv_import.mailing_list.name,
    }
    pulse(1)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Merges of one workspace go one after the other: they meet in the same subscribers.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('lists.csv_merge', %(workspace)s))", values)
        counts = count_matched(csv_import)
        require_rows(csv_import, counts)
        pulse(2)
        if counts.removed:
            remove_missing(cursor, values)
        pulse(3)
        if counts.unknown:
            insert_unknown(cursor, values, counts.unknown)
        pulse(4)
        if counts.new > counts.unknown:
            place_known(cursor, values)
        pulse(5)
        if counts.changed:
            update_changed(cursor, values, counts.changed)
        pulse(6)
    return counts


def require_rows(csv_import: CsvImport, counts: MergeCounts) -> None:
    """Raise ImportRefused where a replacement has nothing to put in the list's place."""
    if csv_import.mode == ImportMode.REPLACE and not counts.valid:
        raise ImportRefused(
            _("取り込める行が1行もないため、差し替えを中止しました。リストは変わっていません。"), csv_import
        )


def make_stale() -> StaleMatch:
    """Return the error that makes a merge begin anew, with what people are told after the last time."""
    return StaleMatch(
        _(
            "取り込みの間に購読者が変更され続けたため、中止しました。リストは変わっていません。しばらくしてから、もう一度取り込んでください。"
        )
    )


def remove_missing(cursor: CursorWrapper, values: dict[str, Any]) -> None:
    """Take everybody off the list who is not in the file; their consents end."""
    if connection.vendor == "postgresql":
        removed = f"WITH gone AS ({REMOVE} RETURNING subscriber_id)"
        cursor.execute(f"{removed} {END_CONSENTS} (SELECT subscriber_id FROM gone)", values)  # noqa: S608
        return
    cursor.execute(f"{END_CONSENTS} ({GONE})", values)
    cursor.execute(REMOVE, values)


def insert_unknown(cursor: CursorWrapper, values: dict[str, Any], expected: int) -> None:
    """Add the addresses nobody has as subscribers, with their place and their consent; raises StaleMatch."""
    if connection.vendor == "postgresql":
        # One statement, which need not look for the new rows again.
        cursor.execute(
            f"WITH made AS ({UNKNOWN} RETURNING id), placed AS ("  # noqa: S608
            f"{PLACE} SELECT %(mailing_list)s, id, %(now)s FROM made RETURNING subscriber_id"
            f") {CONSENT} FROM placed",
            values,
        )
    else:
        # Its only writer is this transaction, so the new rows are those with the highest ids.
        last = values | {"last": _last_id(cursor, "lists_subscriber"), "last_place": _last_place(cursor)}
        cursor.execute(UNKNOWN, values)
        cursor.execute(
            f"{PLACE} SELECT %(mailing_list)s, id, %(now)s FROM lists_subscriber WHERE id > %(last)s",  # noqa: S608
            last,
        )
        _consent_after(cursor, last)
    if cursor.rowcount != expected:
        raise make_stale()


def place_known(cursor: CursorWrapper, values: dict[str, Any]) -> None:
    """Put the subscribers on the list who are known and not yet on it, with their consent."""
    if connection.vendor == "postgresql":
        cursor.execute(f"WITH placed AS ({PLACE_KNOWN} RETURNING subscriber_id) {CONSENT} FROM placed", values)
        return
    last = values | {"last_place": _last_place(cursor)}
    cursor.execute(PLACE_KNOWN, values)
    _consent_after(cursor, last)


def _last_place(cursor: CursorWrapper) -> int:
    return _last_id(cursor, "lists_subscription")


def _last_id(cursor: CursorWrapper, table: str) -> int:
    cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}")  # noqa: S608
    return int(cursor.fetchone()[0])


def _consent_after(cursor: CursorWrapper, values: dict[str, Any]) -> None:
    cursor.execute(f"{CONSENT} FROM lists_subscription WHERE id > %(last_place)s", values)


def update_changed(cursor: CursorWrapper, values: dict[str, Any], expected: int) -> None:
    """Write what the file says of the subscribers whom it changes; raises StaleMatch.

    Who counts an error or unsubscribes waits for these rows until the commit, so everything slow comes before.
    """
    if connection.vendor == "postgresql":
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # As everybody else who locks several: nobody waits in a circle.
        cursor.execute(LOCK_CHANGED, values)
    cursor.execute(UPDATE_CHANGED.replace("MERGED", MERGED[connection.vendor]), values)
    if cursor.rowcount != expected:
        raise make_stale()
