"""Importing a CSV file into a list: modes, counts, refusals, crashes, and a plain reference to compare with."""

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection

from accounts.models import AuditEntry
from lists.csv_import import Choice, create_import, queue_import
from lists.csv_reading import Format
from lists.exceptions import ImportRefused, UnreadableFile
from lists.import_checking import check_import
from lists.import_claims import DEAD_AFTER, MAX_INTERRUPTIONS, WORK, claim_check, claim_import, requeue_dead, take_hints
from lists.import_leftovers import clear_leftovers
from lists.import_running import approve_import
from lists.models import (
    Consent,
    CsvImport,
    ImportMode,
    ImportState,
    MailingList,
    RejectedRow,
    StagedRow,
    StopReason,
    Subscriber,
    SubscriberStatus,
    Subscription,
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


def test_imports_a_list(import_csv: Importer) -> None:
    mailing_list = make_list()
    done = import_csv(mailing_list, FILE)
    assert done.state == ImportState.DONE
    assert counts(done) == {"new": 2}
    assert done.rows_total == 2
    assert addresses(mailing_list) == {"taro@example.jp", "hanako@example.com"}
    taro = Subscriber.objects.get(address="taro@example.jp")
    assert (taro.name, taro.attributes, taro.status) == ("山田 太郎", {"会社名": "みほん商店"}, "active")
    mailing_list.refresh_from_db()
    assert mailing_list.generation == 1
    assert not StagedRow.objects.exists()


def test_keeps_the_consent_of_each_new_subscriber_a4(import_csv: Importer) -> None:
    """A4."""
    mailing_list = make_list()
    import_csv(mailing_list, FILE, name="会員名簿.csv")
    import_csv(mailing_list, FILE, name="again.csv")
    consent = Consent.objects.get(subscriber__address="taro@example.jp")
    assert (consent.source, consent.evidence, consent.at, consent.mailing_list) == (
        "csv",
        "会員名簿.csv",
        NOW,
        mailing_list,
    )
    assert Consent.objects.count() == 2
    assert AuditEntry.objects.filter(workspace=mailing_list.workspace, action="list.import").count() == 2


def test_importing_twice_changes_nothing(import_csv: Importer) -> None:
    mailing_list = make_list()
    import_csv(mailing_list, FILE)
    before = list(Subscriber.objects.order_by("pk").values())
    assert counts(import_csv(mailing_list, FILE)) == {"unchanged": 2}
    assert counts(import_csv(mailing_list, FILE, ImportMode.REPLACE)) == {"unchanged": 1, "updated": 1}
    assert counts(import_csv(mailing_list, FILE, ImportMode.REPLACE)) == {"unchanged": 2}
    assert [row["name"] for row in before] == list(Subscriber.objects.order_by("pk").values_list("name", flat=True))


def test_an_empty_cell_leaves_what_is_known_when_merging(import_csv: Importer) -> None:
    mailing_list = make_list()
    subscriber = make_subscriber(
        mailing_list, "taro@example.jp", name="山田", attributes={"会社名": "旧", "ランク": "A"}
    )
    merged = import_csv(mailing_list, "メールアドレス,氏名,会社名\ntaro@example.jp,,\n")
    subscriber.refresh_from_db()
    assert counts(merged) == {"unchanged": 1}
    assert (subscriber.name, subscriber.attributes) == ("山田", {"会社名": "旧", "ランク": "A"})
    replaced = import_csv(mailing_list, "メールアドレス,氏名,会社名\ntaro@example.jp,,\n", ImportMode.REPLACE)
    subscriber.refresh_from_db()
    assert counts(replaced) == {"updated": 1}
    assert (subscriber.name, subscriber.attributes) == ("", {"会社名": "", "ランク": "A"})


def test_adding_only_leaves_those_who_are_known_as_they_are(import_csv: Importer) -> None:
    mailing_list = make_list()
    make_subscriber(mailing_list, "taro@example.jp", name="前の名前")
    make_subscriber(make_list(mailing_list.workspace), "hanako@example.com", name="別のリスト")
    done = import_csv(mailing_list, FILE, ImportMode.ADD)
    assert counts(done) == {"new": 1, "unchanged": 1}
    assert set(Subscriber.objects.values_list("name", flat=True)) == {"前の名前", "別のリスト"}


def test_replacing_removes_from_the_list_but_keeps_the_subscriber(import_csv: Importer) -> None:
    mailing_list = make_list()
    other = make_list(mailing_list.workspace)
    old = make_subscriber(mailing_list, "old@example.jp")
    Subscription.objects.create(mailing_list=other, subscriber=old)
    done = import_csv(mailing_list, FILE, ImportMode.REPLACE)
    assert counts(done) == {"new": 2, "removed": 1}
    assert addresses(mailing_list) == {"taro@example.jp", "hanako@example.com"}
    assert addresses(other) == {"old@example.jp"}


@pytest.mark.parametrize("mode", ImportMode.values)
def test_a_file_never_revives_who_is_stopped_a11(import_csv: Importer, mode: str) -> None:
    """A11."""
    mailing_list = make_list()
    make_subscriber(mailing_list, "taro@example.jp", status="stopped", stop_reason="unsubscribed")
    make_subscriber(address="hanako@example.com", workspace=mailing_list.workspace, status="stopped")
    done = import_csv(mailing_list, FILE, ImportMode(mode))
    assert done.rows_stopped == 2
    assert addresses(mailing_list) == {"taro@example.jp", "hanako@example.com"}
    assert set(Subscriber.objects.values_list("status", flat=True)) == {SubscriberStatus.STOPPED}
    assert Subscriber.objects.get(address="taro@example.jp").stop_reason == StopReason.UNSUBSCRIBED


def test_other_workspaces_are_never_touched(import_csv: Importer) -> None:
    stranger = make_subscriber(make_list(), "taro@example.jp", name="よその人")
    import_csv(make_list(), FILE, ImportMode.REPLACE)
    stranger.refresh_from_db()
    assert stranger.name == "よその人"
    assert stranger.subscriptions.count() == 1


def test_rejected_rows_say_line_column_value_and_reason(import_csv: Importer) -> None:
    mailing_list = make_list()
    done = import_csv(
        mailing_list,
        "メールアドレス,氏名,会社名\n"
        "ｔａｒｏ＠example.jp,山田 太郎,\n"
        "no-at.example.jp,鈴木,\n"
        "TARO@example.jp,重複,\n"
        'x@example.jp,"悪い\r\nBcc: evil@example.com",\n'
        "y@example.jp," + "長" * 10_000 + ",\n"
        "z@example.jp,列,が,多い\n"
        ",空,\n"
        "メールアドレス,氏名,会社名\n"
        '"q@example.jp"x,引用符,\n'
        "c@example.jp,ok,a\x07b\n"
        "v@example.jp,ok," + "値" * 1001 + "\n"
        "short@example.jp\n",
    )
    assert counts(done) == {"new": 2, "rejected": 9, "duplicate": 1}
    assert done.rows_total == 12
    assert addresses(mailing_list) == {"taro@example.jp", "short@example.jp"}
    rows = list(RejectedRow.objects.order_by("line").values_list("line", "column", "reason"))
    expected = [
        (3, "メールアドレス", "「@」がありません。"),
        (4, "メールアドレス", "同じアドレスが2行目にもあります(最初の行だけを使います)。"),
        (5, "氏名", "お名前に改行や制御文字が入っています。"),
        (7, "氏名", "お名前が長すぎます(200文字まで)。"),
        (8, "", "列の数が見出しより多いです。値の中の区切り文字を確かめてください。"),
        (9, "メールアドレス", "メールアドレスが空です。"),
        (10, "", "見出しの行が繰り返されています。"),
        (11, "", '引用符「"」の使い方が正しくありません。'),
        (12, "会社名", "制御文字が入っています。"),
        (13, "会社名", "値が長すぎます(1000文字まで)。"),
    ]
    assert rows == expected
    assert RejectedRow.objects.get(line=3).value == "no-at.example.jp"


def test_family_and_given_name_are_joined(import_csv: Importer) -> None:
    import_csv(make_list(), "メール,姓,名\na@example.jp,山田,太郎\nb@example.jp,鈴木,\n")
    assert set(Subscriber.objects.values_list("name", flat=True)) == {"山田 太郎", "鈴木"}


@pytest.mark.parametrize("codec", ["cp932", "utf-8-sig", "utf-16", "euc_jp", "iso2022_jp"])
def test_every_encoding_gives_the_same_list_f2(import_csv: Importer, codec: str) -> None:
    """F2."""
    import_csv(make_list(), FILE.encode(codec))
    assert set(Subscriber.objects.values_list("name", flat=True)) == {"山田 太郎", "鈴木 花子"}


def test_old_carrier_addresses_are_imported_f1(import_csv: Importer) -> None:
    """F1."""
    mailing_list = make_list()
    import_csv(mailing_list, "email\na..b@docomo.ne.jp\nc.@ezweb.ne.jp\n")
    assert addresses(mailing_list) == {"a..b@docomo.ne.jp", "c.@ezweb.ne.jp"}


def test_an_exported_formula_guard_is_taken_off_again(import_csv: Importer) -> None:
    import_csv(make_list(), "email,name\n'+tag@example.jp,'=山田\n")
    subscriber = Subscriber.objects.get()
    assert (subscriber.address, subscriber.name) == ("+tag@example.jp", "=山田")


def test_a_replacement_without_a_valid_row_leaves_the_list(import_csv: Importer) -> None:
    mailing_list = make_list()
    make_subscriber(mailing_list, "old@example.jp")
    done = import_csv(mailing_list, "メールアドレス\nだめ\n", ImportMode.REPLACE)
    assert done.state == ImportState.FAILED
    assert "差し替えを中止" in done.message
    assert addresses(mailing_list) == {"old@example.jp"}
    assert done.rejected_rows.count() == 1
    mailing_list.refresh_from_db()
    assert mailing_list.generation == 0


def test_a_quote_that_never_closes_deep_in_the_file_leaves_the_list(import_csv: Importer) -> None:
    mailing_list = make_list()
    rows = "".join(f"a{number}@example.jp,x\n" for number in range(3000))
    done = import_csv(mailing_list, f'email,name\n{rows}"last@example.jp,x\n')
    assert done.state == ImportState.FAILED
    assert "3002行目から始まる引用符" in done.message
    assert not Subscription.objects.exists()
    assert not StagedRow.objects.exists()


def test_a_file_that_vanished_is_told(queue_csv: Importer, media: Path) -> None:
    csv_import = queue_csv(make_list(), FILE)
    for path in media.glob("imports/*"):
        path.unlink()
    assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.FAILED
    assert "見つかりません" in csv_import.message


def test_a_file_above_the_limit_is_refused(settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 100
    with pytest.raises(UnreadableFile, match="大きすぎます"):
        create_import(make_list(), ContentFile(b"x" * 101, name="big.csv"), None)


def test_an_import_without_an_address_column_is_refused() -> None:
    mailing_list = make_list()
    user = make_user(mailing_list.workspace)
    csv_import = create_import(mailing_list, ContentFile("ID,氏名\n1,山田\n".encode(), name="x.csv"), user)
    layout = Format(csv_import.encoding, csv_import.separator, csv_import.has_header)
    with pytest.raises(ImportRefused, match="メールアドレスの列"):
        queue_import(csv_import, Choice(layout, csv_import.columns, ImportMode.MERGE), user)


def test_an_import_is_queued_once(queue_csv: Importer) -> None:
    csv_import = queue_csv(make_list(), FILE)
    layout = Format(csv_import.encoding, csv_import.separator, csv_import.has_header)
    user = make_user(csv_import.workspace)
    assert not queue_import(csv_import, Choice(layout, csv_import.columns, ImportMode.REPLACE), user)
    csv_import.refresh_from_db()
    assert csv_import.mode == ImportMode.MERGE


# Claims, crashes and two at once.


def test_a_task_told_twice_imports_once(queue_csv: Importer) -> None:
    csv_import = queue_csv(make_list(), FILE)
    assert list(take_hints(NOW)) == [csv_import.pk]
    assert list(take_hints(NOW)) == []
    assert list(take_hints(NOW + timedelta(minutes=1))) == [csv_import.pk]
    assert apply_import(csv_import.pk, now=NOW)
    assert not apply_import(csv_import.pk, now=NOW)
    assert list(take_hints(NOW + timedelta(minutes=2))) == []


def test_the_second_import_of_a_list_waits(queue_csv: Importer) -> None:
    mailing_list = make_list()
    first, second, elsewhere = (
        queue_csv(mailing_list, FILE),
        queue_csv(mailing_list, FILE),
        queue_csv(make_list(), FILE),
    )
    for csv_import in (first, second, elsewhere):
        assert check_import(csv_import.pk, now=NOW)
        assert approve_import(csv_import, actor=None)
    assert claim_import(first.pk, now=NOW)
    assert claim_import(second.pk, now=NOW) is None
    assert list(take_hints(NOW)) == [elsewhere.pk]
    assert claim_import(elsewhere.pk, now=NOW)


class CrashError(Exception):
    """The process is gone."""


def crash_at(number: int) -> Callable[..., Any]:
    """Return an execute wrapper that fails at the statement of that number."""
    statements = count()

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if next(statements) == number:
            raise CrashError
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", [ImportMode.MERGE, ImportMode.REPLACE])
def test_a_crash_at_any_statement_leaves_the_list_or_completes_it(queue_csv: Importer, mode: ImportMode) -> None:
    for number in range(300):
        mailing_list = make_list()
        make_subscriber(mailing_list, "taro@example.jp", name="前の名前")
        make_subscriber(mailing_list, "old@example.jp")
        csv_import = queue_csv(mailing_list, FILE, mode)
        before = list(Subscriber.objects.filter(workspace=mailing_list.workspace).order_by("pk").values())
        try:
            with connection.execute_wrapper(crash_at(number)):
                apply_import(csv_import.pk, now=NOW)
        except CrashError:
            pass
        else:
            break
        csv_import.refresh_from_db()
        if csv_import.state != ImportState.DONE:
            assert list(Subscriber.objects.filter(workspace=mailing_list.workspace).order_by("pk").values()) == before
            assert addresses(mailing_list) == {"taro@example.jp", "old@example.jp"}
            CsvImport.objects.filter(state__in=WORK.values()).update(heartbeat_at=NOW - DEAD_AFTER * 2)
            requeue_dead(NOW)
            assert apply_import(csv_import.pk, now=NOW)
        assert {"taro@example.jp", "hanako@example.com"} <= addresses(mailing_list)
        assert ("old@example.jp" in addresses(mailing_list)) == (mode == ImportMode.MERGE)
        csv_import.refresh_from_db()
        assert (csv_import.rows_new, csv_import.rows_updated) == (1, 1)
    else:
        pytest.fail("the import has more statements than were interrupted")
    assert number > 50


def test_a_dead_import_is_begun_anew_and_given_up_in_the_end(queue_csv: Importer) -> None:
    csv_import = queue_csv(make_list(), FILE)
    for attempt in range(1, MAX_INTERRUPTIONS + 1):
        assert claim_check(csv_import.pk, now=NOW)
        assert requeue_dead(NOW + DEAD_AFTER / 2) == 0
        assert requeue_dead(NOW + DEAD_AFTER * 2) == (attempt < MAX_INTERRUPTIONS)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.FAILED
    assert "何度も中断" in csv_import.message


def test_a_process_that_was_taken_for_dead_writes_no_more(queue_csv: Importer) -> None:
    mailing_list = make_list()
    csv_import = queue_csv(mailing_list, FILE)
    merging = False

    def take_over(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """Let another process claim the import just before the merge begins."""
        nonlocal merging
        if not merging and sql.startswith("INSERT") and "lists_peoplestate" in sql:
            merging = True
            CsvImport.objects.filter(pk=csv_import.pk).update(attempt=99)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(take_over):
        assert not apply_import(csv_import.pk, now=NOW)
    assert merging
    assert addresses(mailing_list) == set()
    assert StagedRow.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_list_at_once_both_arrive(queue_csv: Importer) -> None:
    mailing_list = make_list()
    imports = [
        queue_csv(mailing_list, "email\n" + "".join(f"{side}{number}@example.jp\n" for number in range(50)))
        for side in ("left", "right")
    ]
    barrier = threading.Barrier(2)

    def work(csv_import: CsvImport) -> None:
        try:
            barrier.wait()
            while not apply_import(csv_import.pk, now=NOW):
                pass
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(csv_import,)) for csv_import in imports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(addresses(mailing_list)) == 100
    mailing_list.refresh_from_db()
    assert mailing_list.generation == 2


def test_files_are_deleted_after_a_month(import_csv: Importer, media: Path) -> None:
    csv_import = import_csv(make_list(), FILE + "だめ,,\n")
    clear_leftovers(csv_import.created_at + timedelta(days=30))
    assert len(list(media.glob("imports/*"))) == 1
    assert RejectedRow.objects.exists()
    clear_leftovers(csv_import.created_at + timedelta(days=32))
    assert list(media.glob("imports/*")) == []
    assert not RejectedRow.objects.exists()
    csv_import.refresh_from_db()
    assert not csv_import.file
    with pytest.raises(UnreadableFile, match="保存期間"):
        queue_import(csv_import, Choice(Format("cp932", ",", True), {"0": "address"}, ImportMode.ADD), make_user())


def test_an_upload_nobody_confirmed_is_cancelled_after_a_day(queue_csv: Importer, media: Path) -> None:
    mailing_list = make_list()
    queued = queue_csv(mailing_list, FILE)
    upload = create_import(mailing_list, ContentFile(FILE.encode(), name="meibo.csv"), make_user())
    clear_leftovers(upload.created_at + timedelta(hours=23))
    assert CsvImport.objects.filter(state=ImportState.UPLOADED).exists()
    clear_leftovers(upload.created_at + timedelta(hours=25))
    upload.refresh_from_db()
    queued.refresh_from_db()
    assert (upload.state, upload.file.name) == (ImportState.CANCELLED, "")
    assert queued.state == ImportState.WAITING
    assert len(list(media.glob("imports/*"))) == 1


def test_staged_rows_of_a_process_that_died_are_cleared(import_csv: Importer) -> None:
    csv_import = import_csv(make_list(), FILE)
    StagedRow.objects.create(csv_import=csv_import, line=2, address="a@example.jp", address_key="a@example.jp")
    CsvImport.objects.update(has_staged=True)
    clear_leftovers(NOW)
    assert not StagedRow.objects.exists()
