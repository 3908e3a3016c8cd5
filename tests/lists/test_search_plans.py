"""The windows of the subscriber search are read by an index, whatever is asked for: no statement grows with the table."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from lists.finding import Search, find
from lists.models import MailingList, Subscriber, Subscription
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db
SEARCHES = {
    "everybody": {},
    "a part of a name": {"q": "山田"},
    "a whole address": {"q": "plan7@example.jp"},
    "a status": {"status": "active"},
    "the stopped": {"status": "stopped"},
    "a reason": {"status": "stopped", "reason": "manual"},
    "an attribute": {"attributes": (("ランク", "金"),)},
}


@pytest.fixture
def readers(mailing_list: MailingList) -> MailingList:
    """A list of many, in a workspace beside a larger one."""
    for owner, number in ((mailing_list, 300), (make_list(), 3000)):
        people = Subscriber.objects.bulk_create(
            Subscriber(
                workspace=owner.workspace, address=f"plan{index}@example.jp", address_key=f"plan{index}@example.jp"
            )
            for index in range(number)
        )
        Subscription.objects.bulk_create(Subscription(mailing_list=owner, subscriber=person) for person in people)
    make_subscriber(mailing_list, status="stopped")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return mailing_list


@pytest.mark.parametrize("is_on_list", [False, True])
@pytest.mark.parametrize("asked", SEARCHES.values(), ids=SEARCHES.keys())
def test_an_index_serves_each_window(readers: MailingList, asked: dict[str, str], is_on_list: bool) -> None:
    search = Search(**asked, list_id=readers.pk if is_on_list else None)
    before = Subscriber.objects.filter(workspace=readers.workspace_id).latest("pk").pk
    with CaptureQueriesContext(
        connection,
    ) as asked_of:
        find(readers.workspace, search, now=timezone.now(), before=before)
    selects = [query["sql"] for query in asked_of.captured_queries if query["sql"].startswith("SELECT")]
    assert selects
    for sql in selects:
        assert not whole_tables(sql), sql


def test_a_list_is_read_by_its_places_however_short_it_is(readers: MailingList) -> None:
    """SQLite would rather go through everybody than sort the few who are on the list."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite did")
    short = make_list(readers.workspace)
    with CaptureQueriesContext(connection) as asked_of:
        find(readers.workspace, Search(q="山田", list_id=short.pk), now=timezone.now())
    (sql,) = [query["sql"] for query in asked_of.captured_queries if "LIKE" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql)
        assert Subscription._meta.db_table in str(cursor.fetchone()[-1])


def whole_tables(sql: str) -> list[str]:
    """Return the lines of a statement's plan that go through a whole table of people or places."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # So few rows would be read faster without an index.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + sql)
        else:
            cursor.execute("EXPLAIN QUERY PLAN " + sql)
        lines = [str(row[-1]) for row in cursor.fetchall()]
    tables = (Subscriber._meta.db_table, Subscription._meta.db_table)
    starts = ("SCAN ", "Seq Scan on ")
    return [line for line in lines if any(start + table in line for start in starts for table in tables)]
