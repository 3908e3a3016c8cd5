"""Compares the staged rows of an import with the subscribers who are there, and counts what a merge would do."""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min

from lists.columns import NAME
from lists.import_claims import Claim
from lists.models import CsvImport, ImportMode, StagedRow

# More memory for the joins and indexes of many rows than the databases give by default.
MEMORY = {"postgresql": "SET LOCAL work_mem = '64MB'", "sqlite": "PRAGMA cache_size = -65536"}
# Rows that are compared in one transaction where others wait for it.
PIECE = 20_000

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

MATCH = """
UPDATE lists_stagedrow AS s SET subscriber_id = x.id, is_changed = CHANGED
FROM lists_subscriber AS x
WHERE s.csv_import_id = %(csv_import)s AND x.workspace_id = %(workspace)s AND x.address_key = s.address_key
AND (s.subscriber_id IS NULL OR s.subscriber_id <> x.id OR s.is_changed <> CHANGED)
AND s.id BETWEEN %(first)s AND %(last)s
"""
CHANGED = f"(x.address <> s.address OR x.name <> {NEW_NAME} OR ADDS)"

# Whoever a row was compared with may have gone since, or have another address.
FORGET = """
UPDATE lists_stagedrow SET subscriber_id = NULL, is_changed = FALSE
WHERE csv_import_id = %(csv_import)s AND subscriber_id IS NOT NULL AND id BETWEEN %(first)s AND %(last)s
AND NOT EXISTS (
    SELECT 1 FROM lists_subscriber AS x
    WHERE x.id = lists_stagedrow.subscriber_id AND x.address_key = lists_stagedrow.address_key
)
"""

COUNT_PLACED = """
SELECT COUNT(*), COUNT(s.subscriber_id), COUNT(p.id), COUNT(CASE WHEN s.is_changed THEN 1 END),
    COUNT(CASE WHEN p.id IS NOT NULL AND s.is_changed THEN 1 END)
FROM lists_stagedrow AS s
LEFT JOIN lists_subscription AS p ON p.mailing_list_id = %(mailing_list)s AND p.subscriber_id = s.subscriber_id
WHERE s.csv_import_id = %(csv_import)s
"""
# The stopped are few, and have an index of their own.
COUNT_STOPPED = """
SELECT COUNT(*), COUNT(CASE WHEN x.stop_reason IN ('unsubscribed', 'complaint') THEN 1 END)
FROM lists_subscriber AS x
JOIN lists_stagedrow AS s ON s.csv_import_id = %(csv_import)s AND s.address_key = x.address_key
WHERE x.workspace_id = %(workspace)s AND x.status = 'stopped'
"""
COUNT_PLACES = "SELECT COUNT(*) FROM lists_subscription WHERE mailing_list_id = %(mailing_list)s"


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What a merge does. Every valid row is new on the list, updated or unchanged; `stopped` are among these, and
    `unsubscribed` (購読解除, 苦情) among the stopped. `unknown` is how many become subscribers, `changed` how many
    subscribers are changed, be they on the list or new on it.
    """

    valid: int
    unknown: int
    changed: int
    new: int
    updated: int
    unchanged: int
    removed: int
    stopped: int
    unsubscribed: int


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
    changed = "FALSE" if csv_import.mode == ImportMode.ADD else CHANGED
    _run_in_pieces(csv_import, claim, MATCH.replace("CHANGED", changed).replace("ADDS", ADDS[connection.vendor]))
    learn_staged()


def forget_matches(csv_import: CsvImport, claim: Claim) -> None:
    """Take out of the staged rows the subscribers who do not have their address any more.

    Raises ClaimLost, ImportCancelled.
    """
    _run_in_pieces(csv_import, claim, FORGET)


def _run_in_pieces(csv_import: CsvImport, claim: Claim, sql: str) -> None:
    values = values_for(csv_import)
    for first, last in id_ranges(csv_import):
        with transaction.atomic(), connection.cursor() as cursor:
            claim.require()
            give_memory()
            cursor.execute(sql, values | {"first": first, "last": last})


def id_ranges(csv_import: CsvImport) -> list[tuple[int, int]]:
    """Return ranges of the ids of the staged rows, each for one transaction.

    PostgreSQL does them all at once and holds nobody up; on SQLite others are to write in between.
    """
    rows = StagedRow.objects.filter(csv_import=csv_import)
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return []
    step = PIECE if connection.vendor == "sqlite" else ends["last"] - ends["first"] + 1
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
        cursor.execute(COUNT_PLACED, values)
        valid, known, placed, changed, updated = cursor.fetchone()
        cursor.execute(COUNT_STOPPED, values)
        stopped, unsubscribed = cursor.fetchone()
        removed = 0
        if csv_import.mode == ImportMode.REPLACE:
            cursor.execute(COUNT_PLACES, values)
            removed = cursor.fetchone()[0] - placed
    return MergeCounts(
        valid=valid,
        unknown=valid - known,
        changed=changed,
        new=valid - placed,
        updated=updated,
        unchanged=placed - updated,
        removed=removed,
        stopped=stopped,
        unsubscribed=unsubscribed,
    )
