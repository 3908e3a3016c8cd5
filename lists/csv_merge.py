"""Second half of an import: one short transaction of set-based statements from the staging table to the list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.models import Workspace
from lists.csv_columns import NAME
from lists.exceptions import ImportRefused
from lists.import_claims import Claim
from lists.models import CsvImport, ImportMode, ImportState, MailingList, StagedRow

# The attributes of a subscriber (x) with those of its row (s) laid over them, and as they are. SQLite's
# json_patch also normalises the text, so that both are compared in the same form.
MERGED = {"postgresql": "(x.attributes || s.attributes)", "sqlite": "json_patch(x.attributes, s.attributes)"}
PLAIN = {"postgresql": "x.attributes", "sqlite": "json_patch(x.attributes, '{}')"}

NEW_NAME = "CASE WHEN s.name <> '' OR %(empties_name)s THEN s.name ELSE x.name END"
IS_CHANGED = f"(x.address <> s.address OR x.name <> {NEW_NAME} OR PLAIN <> MERGED)"

KNOWN = """
FROM lists_stagedrow AS s
JOIN lists_subscriber AS x ON x.workspace_id = %(workspace)s AND x.address_key = s.address_key
"""
ON_LIST = """
EXISTS (SELECT 1 FROM lists_subscription AS p WHERE p.mailing_list_id = %(mailing_list)s AND p.subscriber_id = x.id)
"""
COUNT_STOPPED = f"SELECT COUNT(*) {KNOWN} WHERE s.csv_import_id = %(csv_import)s AND x.status = 'stopped'"
COUNT_UPDATED = f"SELECT COUNT(*) {KNOWN} WHERE s.csv_import_id = %(csv_import)s AND {IS_CHANGED} AND {ON_LIST}"

UPDATE_KNOWN = """
UPDATE lists_subscriber AS x
SET address = s.address, name = NEW_NAME, attributes = MERGED, updated_at = %(now)s
FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND x.workspace_id = %(workspace)s AND x.address_key = s.address_key
AND IS_CHANGED
""".replace("NEW_NAME", NEW_NAME).replace("IS_CHANGED", IS_CHANGED)
# In the order of the addresses: two workspaces' worth of imports that meet never wait in a circle.
INSERT_UNKNOWN = """
INSERT INTO lists_subscriber
(workspace_id, address, address_key, name, attributes, status, stop_reason, error_count, created_at, updated_at)
SELECT %(workspace)s, s.address, s.address_key, s.name, s.attributes, 'active', '', 0, %(now)s, %(now)s
FROM lists_stagedrow AS s
WHERE s.csv_import_id = %(csv_import)s AND NOT EXISTS (
    SELECT 1 FROM lists_subscriber AS x WHERE x.workspace_id = %(workspace)s AND x.address_key = s.address_key
)
ORDER BY s.address_key
ON CONFLICT (workspace_id, address_key) DO NOTHING
"""
INSERT_CONSENTS = f"""
INSERT INTO lists_consent (subscriber_id, mailing_list_id, source, at, evidence)
SELECT x.id, %(mailing_list)s, 'csv', %(now)s, %(filename)s {KNOWN}
WHERE s.csv_import_id = %(csv_import)s AND NOT {ON_LIST}
"""
INSERT_SUBSCRIPTIONS = f"""
INSERT INTO lists_subscription (mailing_list_id, subscriber_id, created_at)
SELECT %(mailing_list)s, x.id, %(now)s {KNOWN}
WHERE s.csv_import_id = %(csv_import)s AND NOT {ON_LIST}
ORDER BY x.id
ON CONFLICT (mailing_list_id, subscriber_id) DO NOTHING
"""
DELETE_MISSING = """
DELETE FROM lists_subscription WHERE mailing_list_id = %(mailing_list)s AND NOT EXISTS (
    SELECT 1 FROM lists_subscriber AS x
    JOIN lists_stagedrow AS s ON s.csv_import_id = %(csv_import)s AND s.address_key = x.address_key
    WHERE x.id = lists_subscription.subscriber_id
)
"""


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What a merge did. Every valid row is new, updated or unchanged; `stopped` are among these."""

    new: int
    updated: int
    unchanged: int
    stopped: int
    removed: int


def merge_rows(csv_import: CsvImport, claim: Claim, *, now: datetime) -> MergeCounts:
    """Bring the staged rows into the list and end the import, all in one transaction.

    Readers see the old list or the new one. Nobody's status is touched: stopped stays stopped. Raises
    ClaimLost, and ImportRefused where a replacement would empty the list.
    """
    with transaction.atomic():
        claim.renew()
        # Merges of one workspace go one after the other: they meet in the same subscribers.
        Workspace.objects.select_for_update(no_key=True).get(pk=csv_import.workspace_id)
        counts = _run_statements(csv_import, now)
        MailingList.objects.filter(pk=csv_import.mailing_list_id).update(generation=F("generation") + 1)
        claim.renew(
            state=ImportState.DONE,
            finished_at=now,
            rows_new=counts.new,
            rows_updated=counts.updated,
            rows_unchanged=counts.unchanged,
            rows_stopped=counts.stopped,
            rows_removed=counts.removed,
        )
    return counts


def _run_statements(csv_import: CsvImport, now: datetime) -> MergeCounts:
    valid = StagedRow.objects.filter(csv_import=csv_import).count()
    replaces = csv_import.mode == ImportMode.REPLACE
    if replaces and not valid:
        raise ImportRefused(
            _("取り込める行が1行もないため、差し替えを中止しました。リストは変わっていません。"), csv_import
        )
    values = {
        "csv_import": csv_import.pk,
        "workspace": csv_import.workspace_id,
        "mailing_list": csv_import.mailing_list_id,
        "filename": csv_import.filename,
        "now": connection.ops.adapt_datetimefield_value(now),
        "empties_name": replaces and NAME in csv_import.columns.values(),
    }
    updated = removed = 0
    with connection.cursor() as cursor:
        stopped = _count(cursor, COUNT_STOPPED, values)
        if csv_import.mode != ImportMode.ADD:
            updated = _count(cursor, COUNT_UPDATED, values)
            _execute(cursor, UPDATE_KNOWN, values)
        _execute(cursor, INSERT_UNKNOWN, values)
        _execute(cursor, INSERT_CONSENTS, values)
        new = _execute(cursor, INSERT_SUBSCRIPTIONS, values)
        if replaces:
            removed = _execute(cursor, DELETE_MISSING, values)
    return MergeCounts(new, updated, unchanged=valid - new - updated, stopped=stopped, removed=removed)


def _execute(cursor: CursorWrapper, statement: str, values: dict[str, Any]) -> int:
    """Run a statement in the words of the database and return how many rows it changed."""
    merged, plain = MERGED[connection.vendor], PLAIN[connection.vendor]
    cursor.execute(statement.replace("MERGED", merged).replace("PLAIN", plain), values)
    return int(cursor.rowcount)


def _count(cursor: CursorWrapper, statement: str, values: dict[str, Any]) -> int:
    _execute(cursor, statement, values)
    return int(cursor.fetchone()[0])
