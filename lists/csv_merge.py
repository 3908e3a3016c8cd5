"""Second half of an import: one transaction of set-based statements from the staging table to the list.

Existing rows are locked only at its very end, in the order in which everybody locks them: the subscribers whom the file
changes, by their ids, then the places of those who leave. What is new is written before, and its foreign keys are
checked before.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.utils.translation import gettext as _

from lists.attributes import ensure_attributes
from lists.columns import CONSENT_AT, CONSENT_IP
from lists.exceptions import DryRunOutdated, ImportRefused, StaleMatch
from lists.import_claims import Claim
from lists.import_erased import drop_erased
from lists.import_matching import (
    KEPT,
    MERGED,
    MERGES,
    NEW_NAME,
    OF_IMPORT,
    MergeCounts,
    count_matched,
    forget_matches,
    give_memory,
    id_ranges,
    is_matched,
    match_rows,
    values_for,
)
from lists.models import CsvImport, ImportMode, ImportState, MailingList, PeopleState
from lists.people_states import forget_comparisons
from lists.transactions import retry_transaction

logger = logging.getLogger(__name__)

# Between two statements: hears a cancel, tells where the merge stands (1 to STEPS). Raises ClaimLost, ImportCancelled.
Pulse = Callable[[int], None]
STEPS = 6
# So often the merge begins anew because subscribers came or went while it ran.
TRIES = 5

# In the order of the addresses, in which their index is filled fastest.
UNKNOWN = f"""
INSERT INTO lists_subscriber (workspace_id, address, address_key, name, attributes,
    status, stop_reason, error_count, created_at, updated_at, last_import)
SELECT %(workspace)s, s.address, s.address_key, s.name, s.attributes,
    'active', '', 0, %(now)s, %(now)s, %(csv_import)s
FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND s.subscriber_id IS NULL AND {MERGES}
ORDER BY s.address_key
"""  # noqa: S608
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
# A consent for each new place (A4); where the file tells when and from where the people agreed, with that.
CONSENT = """
INSERT INTO lists_consent
    (subscriber_id, mailing_list_id, source, evidence, csv_import, text_version, recorded_by_id, at)
SELECT placed.subscriber_id, %(mailing_list)s, 'csv', %(filename)s, %(csv_import)s, %(text_version)s, %(actor)s, %(now)s
"""
TOLD = CONSENT.replace(", at)", ", at, ip)").replace("%(now)s", "COALESCE(s.consent_at, %(now)s), s.consent_ip")
BY_ROW = "JOIN lists_stagedrow AS s ON s.csv_import_id = %(csv_import)s AND"
# Of those who were on the list before the merge.
GONE = f"""
SELECT subscriber_id FROM lists_subscription WHERE mailing_list_id = %(mailing_list)s AND +id <= %(last_place)s
EXCEPT SELECT subscriber_id FROM lists_stagedrow WHERE csv_import_id = %(csv_import)s
EXCEPT {KEPT}
"""  # noqa: S608
# The sign keeps the planner from reading all consents of the list for each of them.
END_CONSENTS = """
UPDATE lists_consent SET ended_at = %(now)s, list_name = %(list_name)s
WHERE +mailing_list_id = %(mailing_list)s AND ended_at IS NULL AND subscriber_id IN
"""
REMOVE = "DELETE FROM lists_subscription WHERE mailing_list_id = %(mailing_list)s AND subscriber_id IN"

LOCK_CHANGED = """
SELECT COUNT(*) FROM (
    SELECT x.id FROM lists_subscriber AS x JOIN lists_stagedrow AS s ON s.subscriber_id = x.id
    WHERE s.csv_import_id = %(csv_import)s AND s.is_changed
    ORDER BY x.id FOR NO KEY UPDATE OF x
) AS locked
"""
# Never anybody's status: stopped stays stopped (A11); nor their errors (A7). Whose address was changed since is somebody
# else; the planner is not to join by it.
CHANGES = f"""
lists_subscriber AS x SET address = s.address, name = {NEW_NAME}, attributes = MERGED,
    updated_at = %(now)s, last_import = %(csv_import)s
FROM lists_stagedrow AS s
WHERE OF_IMPORT AND s.is_changed AND x.id = s.subscriber_id
AND CASE WHEN x.address_key = s.address_key THEN TRUE ELSE FALSE END
"""
# SQLite keeps in memory what a statement is going to write, so it goes by pieces; and the pages as they were, so that it
# can take back a statement alone (https://sqlite.org/tempfiles.html, 2.5): not with OR FAIL, after which the transaction
# is taken back.
UPDATE_CHANGED = {
    "postgresql": f"UPDATE {CHANGES}",
    "sqlite": f"UPDATE OR FAIL {CHANGES} AND s.id BETWEEN %(first)s AND %(last)s",
}


def merge_rows(csv_import: CsvImport, claim: Claim, *, pulse: Pulse, now: datetime) -> MergeCounts:
    """Bring the staged rows into the list and end the import, all in one transaction.

    Readers see the old list or the new one. Nobody's status is touched: stopped stays stopped. Raises ClaimLost,
    ImportCancelled, ImportRefused where a replacement would empty the list, DryRunOutdated where others would leave than
    its dry run showed, and StaleMatch where subscribers come and go without end.
    """
    PeopleState.objects.bulk_create([PeopleState(workspace_id=csv_import.workspace_id)], ignore_conflicts=True)
    for _attempt in range(TRIES):
        if not is_matched(csv_import):
            match_rows(csv_import, claim)
        drop_erased(csv_import)
        try:
            return retry_transaction(lambda: _merge(csv_import, claim, pulse, now))
        except (IntegrityError, StaleMatch) as error:
            # Somebody added one of the addresses by hand, changed it or erased one of them just now.
            # Without its text, in which an address may stand.
            logger.info("import %d is compared anew: %s", csv_import.pk, type(error).__name__)
            forget_matches(csv_import, claim)
    raise make_stale()


def _merge(csv_import: CsvImport, claim: Claim, pulse: Pulse, now: datetime) -> MergeCounts:
    with transaction.atomic():
        claim.hold()
        give_memory()
        counts = _run_statements(csv_import, pulse, now)
        # In this order, as whoever freezes the recipients of a campaign locks them; a file that changes nobody makes no
        # campaign begin anew.
        rise = int(counts.changes_anybody)
        PeopleState.objects.filter(pk=csv_import.workspace_id).update(generation=F("generation") + rise)
        # Locked out by the line above: whoever deletes an attribute that nobody has a value for.
        ensure_attributes(csv_import.workspace, csv_import.kinds, csv_import.labels)
        raise_generation(csv_import, by=rise)
        forget_comparisons(csv_import.workspace_id)
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
            rows_kept=counts.kept,
        )
    return counts


def raise_generation(csv_import: CsvImport, *, by: int) -> None:
    """Say that the list is another one now; raises ImportRefused where it is gone, and DryRunOutdated where a 差し替え
    was checked against a list that has changed since.
    """
    kept = MailingList.objects.filter(pk=csv_import.mailing_list_id)
    if csv_import.mode == ImportMode.REPLACE:
        kept = kept.filter(generation=csv_import.checked_generation or 0)
    if kept.update(generation=F("generation") + by):
        return
    if MailingList.objects.filter(pk=csv_import.mailing_list_id).exists():
        raise DryRunOutdated(_("確認のあとにリストが変わったため、もう一度確認します。"), csv_import)
    raise ImportRefused(_("リストが削除されたため、取り込みを中止しました。"), csv_import)


def _run_statements(csv_import: CsvImport, pulse: Pulse, now: datetime) -> MergeCounts:
    values = values_for(csv_import) | {
        "now": connection.ops.adapt_datetimefield_value(now),
        "filename": csv_import.filename,
        "text_version": csv_import.text_version,
        "actor": csv_import.created_by_id,
        "list_name": csv_import.mailing_list.name,
        "tells_consent": not {CONSENT_AT, CONSENT_IP}.isdisjoint(csv_import.columns.values()),
    }
    pulse(1)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Merges of one workspace go one after the other: they meet in the same subscribers.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('lists.csv_merge', %(workspace)s))", values)
            # Else foreign keys of new rows are checked by plans that this connection made while the tables were small:
            # they read all subscribers for each row.
            cursor.execute("DISCARD PLANS")
        counts = count_matched(csv_import)
        require_rows(csv_import, counts)
        values["last_place"] = _last_place(cursor)
        pulse(2)
        if counts.unknown:
            insert_unknown(cursor, values, counts.unknown)
        pulse(3)
        if counts.new > counts.unknown:
            place_known(cursor, values, counts.new - counts.unknown)
        pulse(4)
        # Who counts an error or unsubscribes waits for these rows until the commit, so everything slow comes before.
        if counts.changed or counts.removed:
            lock_changed(cursor, values)
        if counts.removed:
            remove_missing(cursor, values)
        pulse(5)
        if counts.changed:
            update_changed(cursor, values, counts.changed)
        pulse(6)
    return counts


def require_rows(csv_import: CsvImport, counts: MergeCounts) -> None:
    """Raise ImportRefused where a replacement has nothing to put in the list's place."""
    if csv_import.mode == ImportMode.REPLACE and not counts.valid:
        raise ImportRefused(_("取り込める行が1行もないため、差し替えを中止しました。"), csv_import)


def make_stale() -> StaleMatch:
    """Return the error that makes a merge begin anew, with what people are told after the last time."""
    return StaleMatch(
        _("取り込みの間に購読者が変更され続けたため、中止しました。しばらくしてから、もう一度取り込んでください。")
    )


def remove_missing(cursor: CursorWrapper, values: dict[str, Any]) -> None:
    """Take everybody off the list who is not in the file; their consents end."""
    if connection.vendor == "postgresql":
        removed = f"WITH gone AS ({REMOVE} ({GONE}) RETURNING subscriber_id)"
        cursor.execute(f"{removed} {END_CONSENTS} (SELECT subscriber_id FROM gone)", values)  # noqa: S608
        return
    # Found once; those who leave are remembered in memory, as the statement that finds them does.
    cursor.execute(f"CREATE TEMPORARY TABLE gone AS {GONE}", values)
    cursor.execute(f"{END_CONSENTS} (SELECT subscriber_id FROM gone)", values)  # noqa: S608
    cursor.execute(f"{REMOVE} (SELECT subscriber_id FROM gone)", values)  # noqa: S608
    cursor.execute("DROP TABLE gone")


def insert_unknown(cursor: CursorWrapper, values: dict[str, Any], expected: int) -> None:
    """Add the addresses nobody has as subscribers, with their place and their consent; raises StaleMatch."""
    if connection.vendor == "postgresql":
        # One statement, which need not look for the new rows again.
        key, consents = "", f"{CONSENT} FROM placed"
        if values["tells_consent"]:
            key = ", address_key"
            consents = (
                f"{TOLD} FROM placed JOIN made ON made.id = placed.subscriber_id"
                f" {BY_ROW} s.address_key = made.address_key AND {MERGES}"
            )
        cursor.execute(
            f"WITH made AS ({UNKNOWN} RETURNING id{key}), placed AS ("  # noqa: S608
            f"{PLACE} SELECT %(mailing_list)s, id, %(now)s FROM made RETURNING subscriber_id"
            f") {consents}",
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


def place_known(cursor: CursorWrapper, values: dict[str, Any], expected: int) -> None:
    """Put the subscribers on the list who are known and not yet on it, with their consent; raises StaleMatch."""
    if connection.vendor == "postgresql":
        consents = f"{CONSENT} FROM placed"
        if values["tells_consent"]:
            consents = f"{TOLD} FROM placed {BY_ROW} s.subscriber_id = placed.subscriber_id"
        cursor.execute(f"WITH placed AS ({PLACE_KNOWN} RETURNING subscriber_id) {consents}", values)
    else:
        last = values | {"last_place": _last_place(cursor)}
        cursor.execute(PLACE_KNOWN, values)
        _consent_after(cursor, last)
    if cursor.rowcount != expected:
        raise make_stale()


def _last_place(cursor: CursorWrapper) -> int:
    return _last_id(cursor, "lists_subscription")


def _last_id(cursor: CursorWrapper, table: str) -> int:
    cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}")  # noqa: S608
    return int(cursor.fetchone()[0])


def _consent_after(cursor: CursorWrapper, values: dict[str, Any]) -> None:
    consents = f"{CONSENT} FROM lists_subscription AS placed"
    if values["tells_consent"]:
        consents = (
            f"{TOLD} FROM lists_subscription AS placed JOIN lists_subscriber AS x ON x.id = placed.subscriber_id"
            f" {BY_ROW} s.address_key = x.address_key AND {MERGES}"
        )
    cursor.execute(f"{consents} WHERE placed.id > %(last_place)s", values)


def lock_changed(cursor: CursorWrapper, values: dict[str, Any]) -> None:
    """Lock the subscribers whom the file changes, in the order in which everybody locks several.

    What is new is checked before, so that nothing slow is left for the commit. SQLite's only writer needs no lock.
    """
    if connection.vendor == "postgresql":
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(LOCK_CHANGED, values)


def update_changed(cursor: CursorWrapper, values: dict[str, Any], expected: int) -> None:
    """Write what the file says of the subscribers whom it changes; raises StaleMatch."""
    vendor = connection.vendor
    sql = UPDATE_CHANGED[vendor].replace("MERGED", MERGED[vendor]).replace("OF_IMPORT", OF_IMPORT[vendor])
    ranges = id_ranges(values["csv_import"]) if vendor == "sqlite" else [(0, 0)]
    changed = 0
    for first, last in ranges:
        cursor.execute(sql, values | {"first": first, "last": last})
        changed += cursor.rowcount
    if changed != expected:
        raise make_stale()
