"""What follows a merge, and what happens between the dry run and it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from lists.address import clean_address
from lists.csv_staging import BATCH, LARGE, REJECTED_KEPT, begin_staging
from lists.editing import Person, edit_subscriber
from lists.erasing import digest_of
from lists.exceptions import RowRefused
from lists.import_checking import check_import
from lists.import_claims import claim_check
from lists.import_leftovers import clear_leftovers
from lists.import_running import approve_import, reopen_import
from lists.models import (
    Consent,
    CsvImport,
    ErasedAddress,
    Headcount,
    ImportMode,
    ImportState,
    MailingList,
    PeopleState,
    RejectedRow,
    StagedRow,
    Subscriber,
)
from tests.factories import make_list, make_subscriber, make_user
from tests.lists.clock import NOW
from tests.lists.importing import apply_import

Importer = Callable[..., CsvImport]
pytestmark = pytest.mark.django_db

FILE = """メールアドレス,氏名,会社名
taro@example.jp,山田 太郎,みほん商店
hanako@example.com,鈴木 花子,
"""


def addresses(mailing_list: MailingList) -> set[str]:
    return set(Subscriber.objects.filter(subscriptions__mailing_list=mailing_list).values_list("address", flat=True))


def counts(csv_import: CsvImport) -> dict[str, int]:
    names = ("new", "updated", "unchanged", "rejected", "duplicate", "stopped", "removed")
    return {name: value for name in names if (value := getattr(csv_import, f"rows_{name}"))}


def test_consents_say_file_wording_and_who_and_end_with_the_place_a4(queue_csv: Importer) -> None:
    """A4."""
    mailing_list = make_list()
    user = make_user(mailing_list.workspace)
    csv_import = queue_csv(mailing_list, FILE, user=user)
    CsvImport.objects.update(text_version="2026年4月版")
    assert apply_import(csv_import.pk, now=NOW)
    consent = Consent.objects.get(subscriber__address="taro@example.jp")
    assert (consent.csv_import, consent.text_version, consent.recorded_by) == (csv_import.pk, "2026年4月版", user)
    again = queue_csv(mailing_list, "email\nhanako@example.com\n", ImportMode.REPLACE)
    assert apply_import(again.pk, now=NOW + timedelta(days=1))
    consent.refresh_from_db()
    assert (consent.ended_at, consent.list_name) == (NOW + timedelta(days=1), mailing_list.name)
    assert Consent.objects.get(subscriber__address="hanako@example.com").ended_at is None


def test_who_froze_a_segment_sees_that_people_changed(import_csv: Importer) -> None:
    mailing_list = make_list()
    import_csv(mailing_list, FILE)
    # A file that changes nobody is none of his business.
    import_csv(mailing_list, FILE)
    assert PeopleState.objects.get(workspace=mailing_list.workspace).generation == 1
    assert set(Subscriber.objects.values_list("last_import", flat=True)) == {CsvImport.objects.order_by("pk")[0].pk}
    assert Headcount.objects.filter(mailing_list=mailing_list, due_at=NOW).exists()


def test_an_import_touches_neither_errors_nor_stops_a7(import_csv: Importer) -> None:
    """A7."""
    mailing_list = make_list()
    make_subscriber(mailing_list, "taro@example.jp", name="前", error_count=2, errors_due_at=NOW)
    import_csv(mailing_list, FILE)
    taro = Subscriber.objects.get(address="taro@example.jp")
    assert (taro.name, taro.error_count, taro.errors_due_at) == ("山田 太郎", 2, NOW)


def test_an_address_that_is_erased_after_the_dry_run_does_not_come_in(queue_csv: Importer) -> None:
    mailing_list = make_list()
    csv_import = queue_csv(mailing_list, FILE)
    check_import(csv_import.pk, now=NOW)
    workspace = mailing_list.workspace
    ErasedAddress.objects.create(workspace=workspace, digest=digest_of(workspace.pk, "taro@example.jp"), at=NOW)
    assert apply_import(csv_import.pk, now=NOW)
    assert addresses(mailing_list) == {"hanako@example.com"}
    assert RejectedRow.objects.get().code == "erased"
    csv_import.refresh_from_db()
    assert (csv_import.forecast["rejected"], csv_import.rows_rejected) == ({"erased": 1}, 1)


def test_who_was_edited_after_the_dry_run_is_compared_again(queue_csv: Importer) -> None:
    mailing_list = make_list()
    csv_import = queue_csv(mailing_list, FILE)
    check_import(csv_import.pk, now=NOW)
    make_subscriber(mailing_list, "taro@example.jp", name="手で追加")
    assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert counts(csv_import) == {"new": 1, "updated": 1}
    assert Subscriber.objects.get(address="taro@example.jp").name == "山田 太郎"


def test_who_was_edited_by_hand_after_the_dry_run_becomes_what_the_file_says(queue_csv: Importer) -> None:
    mailing_list = make_list()
    taro = make_subscriber(mailing_list, "taro@example.jp", name="山田 太郎", attributes={"会社名": "みほん商店"})
    csv_import = queue_csv(mailing_list, FILE)
    check_import(csv_import.pk, now=NOW)
    edit_subscriber(
        taro,
        Person(clean_address("taro@example.jp"), name="手で直した名前"),
        mailing_lists=[mailing_list],
        evidence="",
        actor=make_user(mailing_list.workspace),
        now=NOW,
    )
    assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert counts(csv_import) == {"new": 1, "updated": 1}
    taro.refresh_from_db()
    assert taro.name == "山田 太郎"


def test_what_another_file_brought_after_the_dry_run_is_compared_again(queue_csv: Importer) -> None:
    mailing_list = make_list()
    csv_import = queue_csv(mailing_list, FILE)
    check_import(csv_import.pk, now=NOW)
    elsewhere = make_list(mailing_list.workspace)
    assert apply_import(queue_csv(elsewhere, FILE.replace("太郎", "次郎")).pk, now=NOW)
    assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert counts(csv_import) == {"new": 2}
    assert Subscriber.objects.get(address="taro@example.jp").name == "山田 太郎"


def test_what_the_dry_run_compared_is_not_compared_again_on_sqlite(queue_csv: Importer) -> None:
    mailing_list = make_list()
    make_subscriber(mailing_list, "taro@example.jp")
    csv_import = queue_csv(mailing_list, FILE)
    check_import(csv_import.pk, now=NOW)
    with CaptureQueriesContext(connection) as queries:
        assert apply_import(csv_import.pk, now=NOW)
    compared = [query for query in queries if "SET subscriber_id = x.id" in query["sql"]]
    assert bool(compared) == (connection.vendor == "postgresql")


def test_a_list_deleted_meanwhile_takes_nothing_in(queue_csv: Importer) -> None:
    mailing_list = make_list()
    csv_import = queue_csv(mailing_list, FILE)
    MailingList.objects.update(deleted_at=NOW)
    assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (csv_import.state, Subscriber.objects.count()) == (ImportState.FAILED, 0)
    assert "リストが削除された" in csv_import.message


def test_more_rows_than_an_import_may_have_are_refused(queue_csv: Importer, settings: Any) -> None:
    settings.IMPORT_MAX_ROWS = 1
    csv_import = queue_csv(make_list(), FILE)
    assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.FAILED
    assert "行が多すぎます(1行まで)" in csv_import.message


def test_a_dry_run_that_was_reopened_begins_anew(queue_csv: Importer) -> None:
    mailing_list = make_list()
    csv_import = queue_csv(mailing_list, FILE)
    check_import(csv_import.pk, now=NOW)
    assert reopen_import(csv_import, now=NOW)
    assert not approve_import(csv_import, actor=None)
    clear_leftovers(NOW)
    assert not StagedRow.objects.exists()
    assert csv_import.file


def test_a_large_file_goes_in_by_many_batches(queue_csv: Importer) -> None:
    mailing_list = make_list()
    make_subscriber(mailing_list, "reader7@example.jp", name="前")
    rows = LARGE + BATCH // 2
    lines = [f"reader{number}@example.jp,名前" for number in range(rows)]
    lines[BATCH] = "だめ,名前"
    # The same address far apart, and a whole batch of nothing new.
    lines += ["READER3@example.jp,名前"] * BATCH
    csv_import = queue_csv(mailing_list, "email,name\n" + "\n".join(lines) + "\n")
    with CaptureQueriesContext(connection) as queries:
        assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert counts(csv_import) == {"new": rows - 2, "updated": 1, "rejected": 1, "duplicate": BATCH}
    assert mailing_list.subscriptions.count() == rows - 1
    assert Subscriber.objects.get(address_key="reader3@example.jp").address == "reader3@example.jp"
    assert RejectedRow.objects.filter(code="duplicate", reason__contains="5行目").count() == BATCH
    # By sets: the number of statements follows the batches, not the rows.
    assert len(queries) < 150
    with connection.cursor() as cursor:
        assert "staged_by_address" in connection.introspection.get_constraints(cursor, StagedRow._meta.db_table)


def test_a_large_file_after_a_small_one_is_checked_by_a_plan_of_its_own(queue_csv: Importer) -> None:
    """With the plan of the small one all subscribers are read for each new row."""
    mailing_list = make_list()
    for number in range(60):
        make_subscriber(mailing_list, f"known{number}@example.jp", name="前")
    with connection.cursor() as cursor:
        # PostgreSQL knows of a small table now, and plans the checks of foreign keys for it.
        cursor.execute("ANALYZE")
    # Somebody is changed, so that the checks are made before the commit.
    assert apply_import(queue_csv(mailing_list, "email,name\nknown0@example.jp,後\n").pk, now=NOW)
    rows = "\n".join(f"reader{number}@example.jp,名前" for number in range(20_000))
    assert apply_import(queue_csv(mailing_list, f"email,name\nknown1@example.jp,後\n{rows}\n").pk, now=NOW)
    assert mailing_list.subscriptions.count() == 20_060
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT SUM(seq_tup_read) FROM pg_stat_xact_user_tables")
            assert cursor.fetchone()[0] < 200 * 20_000


def test_only_the_first_rejected_rows_are_kept_and_all_are_counted(queue_csv: Importer) -> None:
    csv_import = queue_csv(make_list(), FILE)
    claim = claim_check(csv_import.pk, now=NOW)
    assert claim is not None
    staging = begin_staging(csv_import, claim, NOW)
    staging.kept = REJECTED_KEPT - 1
    for line in (2, 3):
        staging.refuse(line, RowRefused("だめです", "メールアドレス", "a\0b\ud800", "address"))
    assert staging.reasons == {"address": 2}
    assert staging.rejected == [(2, "メールアドレス", "ab?", "だめです", "address", csv_import.pk)]
