"""Compares the staged rows of an import with the subscribers who are there, and counts what a merge would do."""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min

from lists.columns import NAME
from lists.import_claims import Claim
from lists.models import KEEPS_PLACE, CsvImport, ImportMode, StagedRow, Subscriber

# More memory for the joins and indexes of many rows than the databases give by default.
MEMORY = {"postgresql": "SET LOCAL work_mem = '64MB'", "sqlite": "PRAGMA cache_size = -65536"}
# Rows that are compared in one transaction, during which no heartbeat is renewed. On SQLite everybody waits for it; on
# PostgreSQL each piece reads all subscribers again.
PIECE = {"postgresql": 1_000_000, "sqlite": 20_000}

# The attributes of a subscriber (x) with those of its row (s) laid over them, and whether that changes them. SQLite's
# json_patch also normalises the text, so that both are compared in the same form.
MERGED = {"postgresql": "(x.attributes || s.attributes)", "sqlite": "json_patch(x.attributes, s.attributes)"}
ADDS = {
    "postgresql": "NOT (x.attributes @> s.attributes)",
    "sqlite": "(x.attributes <> s.attributes"
    " AND json_patch(x.attributes, '{}') <> json_patch(x.attributes, s.attributes))",
}
# An empty name leaves the known one as it is, unless a 差し替え brings names.
NEW_NAME = "CASE WHEN s.name <> '' OR %(empties_name)s THEN s.name ELSE x.name END"

# A row that is merged into the list. The others only keep the place of somebody whose row is refused.
MERGES = f"s.flags < {KEEPS_PLACE}"
# The others, by the index of the flagged rows.
KEEPS = f"s.flags > 0 AND s.flags >= {KEEPS_PLACE}"
# The staged rows of one import in the order in which they are stored. SQLite would take its only index that begins with
# the import, and jump from each of its entries to the row; with a piece of the rows, through the whole index each time.
OF_IMPORT = {"postgresql": "s.csv_import_id = %(csv_import)s", "sqlite": "+s.csv_import_id = %(csv_import)s"}

MATCH = f"""
UPDATE lists_stagedrow AS s SET subscriber_id = x.id, is_changed = CHANGED
FROM lists_subscriber AS x
WHERE OF_IMPORT AND {MERGES} AND x.workspace_id = %(workspace)s AND x.address_key = s.address_key
AND (s.subscriber_id IS NULL OR s.subscriber_id <> x.id OR s.is_changed <> CHANGED)
AND s.id BETWEEN %(first)s AND %(last)s
"""  # noqa: S608
CHANGED = f"(x.address <> s.address OR x.name <> {NEW_NAME} OR ADDS)"

# Whoever a row was compared with may have gone since, or have another address.
FORGET = """
UPDATE lists_stagedrow AS s SET subscriber_id = NULL, is_changed = FALSE
WHERE OF_IMPORT AND s.subscriber_id IS NOT NULL AND s.id BETWEEN %(first)s AND %(last)s
AND NOT EXISTS (SELECT 1 FROM lists_subscriber AS x WHERE x.id = s.subscriber_id AND x.address_key = s.address_key)
"""

COUNT_PLACED = f"""
SELECT COUNT(*), COUNT(s.subscriber_id), COUNT(p.id), COUNT(CASE WHEN s.is_changed THEN 1 END),
    COUNT(CASE WHEN p.id IS NOT NULL AND s.is_changed THEN 1 END)
FROM lists_stagedrow AS s
LEFT JOIN lists_subscription AS p ON p.mailing_list_id = %(mailing_list)s AND p.subscriber_id = s.subscriber_id
WHERE OF_IMPORT AND {MERGES}
"""  # noqa: S608
# The stopped are few, and have an index of their own. SQLite joins in the order of a CROSS JOIN; by its own choice it
# looks up the subscriber of every staged row.
COUNT_STOPPED = f"""
SELECT COUNT(*), COUNT(CASE WHEN x.stop_reason IN ('unsubscribed', 'complaint') THEN 1 END)
FROM lists_subscriber AS x CROSS JOIN lists_stagedrow AS s
WHERE x.workspace_id = %(workspace)s AND x.status = 'stopped'
AND s.csv_import_id = %(csv_import)s AND s.address_key = x.address_key AND {MERGES}
"""  # noqa: S608
COUNT_PLACES = "SELECT COUNT(*) FROM lists_subscription WHERE mailing_list_id = %(mailing_list)s"
# Who is on the list and whose row is refused: asked anew each time, so that whoever came just now is not missed.
KEPT = f"""
SELECT p.subscriber_id FROM lists_stagedrow AS s
JOIN lists_subscriber AS x ON x.workspace_id = %(workspace)s AND x.address_key = s.address_key
JOIN lists_subscription AS p ON p.mailing_list_id = %(mailing_list)s AND p.subscriber_id = x.id
WHERE s.csv_import_id = %(csv_import)s AND {KEEPS}
"""  # noqa: S608
COUNT_KEPT = f"SELECT COUNT(*) FROM ({KEPT}) AS kept"  # noqa: S608


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What a merge does. Every valid row is new on the list, updated or unchanged; `stopped` are among these, and
    `unsubscribed` (購読解除, 苦情) among the stopped. `unknown` is how many become subscribers, `changed` how many
    subscribers are changed, be they on the list or new on it. `removed` and `kept` (by a refused row) are those of a
    差し替え.
    """

    valid: int
    unknown: int
    changed: int
    new: int
    updated: int
    unchanged: int
    removed: int
    kept: int
    stopped: int
    unsubscribed: int

    @property
    def changes_anybody(self) -> bool:
        """Say whether somebody is new, other than before, or taken off the list."""
        return bool(self.new or self.changed or self.removed)


def values_for(csv_import: CsvImport) -> dict[str, Any]:
    """Return what the statements about one import need."""
    empties_name = csv_import.mode == ImportMode.REPLACE and NAME in csv_import.columns.values()
    return {
        "csv_import": csv_import.pk,
        "workspace": csv_import.workspace_id,
        "mailing_list": csv_import.mailing_list_id,
        "empties_name": empties_name,
    }


def match_rows(csv_import: CsvImport, claim: Claim) -> None:
    """Write into each staged row which subscriber has its address, and whether the row would change it.

    May be done again: only what is different now is written. Raises ClaimLost, ImportCancelled.
    """
    # Before the first row is looked at: whoever changes one of them from here on takes it back.
    claim.renew(is_matched=True)
    if Subscriber.objects.filter(workspace=csv_import.workspace_id).exists():
        changed = "FALSE" if csv_import.mode == ImportMode.ADD else CHANGED
        _run_in_pieces(csv_import, claim, MATCH.replace("CHANGED", changed).replace("ADDS", ADDS[connection.vendor]))
    learn_staged()


def is_matched(csv_import: CsvImport) -> bool:
    """Say whether the staged rows are surely those that the dry run compared with the subscribers as they are now.

    On SQLite, where transactions follow each other, whoever changes a subscriber says so (`forget_comparisons`). On
    PostgreSQL one that began before the dry run may end after it.
    """
    return connection.vendor == "sqlite" and CsvImport.objects.filter(pk=csv_import.pk, is_matched=True).exists()


def forget_matches(csv_import: CsvImport, claim: Claim) -> None:
    """Take out of the staged rows the subscribers who do not have their address any more.

    Raises ClaimLost, ImportCancelled.
    """
    claim.renew(is_matched=False)
    _run_in_pieces(csv_import, claim, FORGET)


def _run_in_pieces(csv_import: CsvImport, claim: Claim, sql: str) -> None:
    sql, values = sql.replace("OF_IMPORT", OF_IMPORT[connection.vendor]), values_for(csv_import)
    for first, last in id_ranges(csv_import.pk):
        # In a transaction of its own: whoever erases people locks staged rows first, and the import's row after.
        claim.renew()
        with transaction.atomic(), connection.cursor() as cursor:
            claim.require()
            give_memory()
            cursor.execute(sql, values | {"first": first, "last": last})


def id_ranges(import_id: int) -> list[tuple[int, int]]:
    """Return ranges of the ids of the staged rows, each for one statement about PIECE rows."""
    rows = StagedRow.objects.filter(csv_import=import_id)
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return []
    step = PIECE[connection.vendor]
    return [(first, first + step - 1) for first in range(ends["first"], ends["last"] + 1, step)]


def learn_staged() -> None:
    """Let PostgreSQL look at the staged rows as they are now.

    By what it knows of those before, it joins a million rows one by one where a single one is changed.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE lists_stagedrow")


def give_memory() -> None:
    """Let the statements of the present transaction sort and join in memory (SQLite: of the present connection)."""
    with connection.cursor() as cursor:
        cursor.execute(MEMORY[connection.vendor])


def count_matched(csv_import: CsvImport) -> MergeCounts:
    """Return what merging the matched rows would do."""
    values = values_for(csv_import)
    with connection.cursor() as cursor:
        cursor.execute(COUNT_PLACED.replace("OF_IMPORT", OF_IMPORT[connection.vendor]), values)
        valid, known, placed, changed, updated = cursor.fetchone()
        cursor.execute(COUNT_STOPPED, values)
        stopped, unsubscribed = cursor.fetchone()
        removed = kept = 0
        if csv_import.mode == ImportMode.REPLACE:
            cursor.execute(COUNT_KEPT, values)
            (kept,) = cursor.fetchone()
            cursor.execute(COUNT_PLACES, values)
            removed = cursor.fetchone()[0] - placed - kept
    return MergeCounts(
        valid=valid,
        unknown=valid - known,
        changed=changed,
        new=valid - placed,
        updated=updated,
        unchanged=placed - updated,
        removed=removed,
        kept=kept,
        stopped=stopped,
        unsubscribed=unsubscribed,
    )
