"""On SQLite, too, no statement of an import goes through all staged rows again for each piece of them, or for a few."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lists.import_running import approve_import, work_on
from lists.models import CsvImport, ImportMode, MailingList
from tests.factories import make_subscriber
from tests.lists.clock import NOW

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL knows how many rows there are"),
]
FILE = "メールアドレス,氏名\nnew@example.jp,新\nmember@example.jp,名\ninfo@example.jp,\nstopped@example.jp,\nmember@example.jp,\n"

# The statements, and how the staged rows are found.
PLANS = {
    "UPDATE lists_stagedrow AS s SET subscriber_id = x.id": "SEARCH s USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    "COUNT(CASE WHEN x.stop_reason": "SEARCH s USING INDEX staged_by_address (csv_import_id=? AND address_key=?)",
    "COUNT(s.subscriber_id), COUNT(p.id)": "SCAN s",
    "UPDATE OR FAIL": "SEARCH s USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
    "AS kept": "SEARCH s USING INDEX staged_by_flags (csv_import_id=? AND flags>?)",
    'COUNT("lists_stagedrow"."id") AS "number"': "lists_stagedrow USING COVERING INDEX staged_by_flags (csv_import_id=?",
}


def test_the_staged_rows_are_found_in_order_or_by_an_index(
    mailing_list: MailingList, queue_csv: Callable[..., CsvImport]
) -> None:
    make_subscriber(mailing_list, "member@example.jp")
    make_subscriber(mailing_list, "stopped@example.jp", status="stopped")
    csv_import = queue_csv(mailing_list, FILE, mode=ImportMode.REPLACE)
    plans: dict[str, str] = {}

    def explain(
        execute: Callable[..., Any], sql: str, params: Sequence[object], many: bool, context: dict[str, Any]
    ) -> Any:
        for part in PLANS:
            if part in sql:
                execute("EXPLAIN QUERY PLAN " + sql, params, many, context)
                plans[part] = "\n".join(row[-1] for row in context["cursor"].fetchall())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        assert work_on(csv_import.pk, now=NOW)
        csv_import.refresh_from_db()
        assert approve_import(csv_import, actor=None)
        assert work_on(csv_import.pk, now=NOW)
    for part, expected in PLANS.items():
        assert expected in plans.get(part, "never asked"), (part, plans.get(part))


def test_who_leaves_is_looked_for_once(mailing_list: MailingList, import_csv: Callable[..., CsvImport]) -> None:
    """And nothing of the search stays on the connection, which imports the next file, too."""
    for leaver in ("first@example.jp", "second@example.jp"):
        make_subscriber(mailing_list, leaver)
        with CaptureQueriesContext(connection) as asked:
            csv_import = import_csv(mailing_list, FILE, mode=ImportMode.REPLACE)
        assert csv_import.rows_removed == 1
        assert sum("EXCEPT" in query["sql"] for query in asked.captured_queries) == 1
