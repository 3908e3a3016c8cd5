"""What an import is kept from: running what nobody saw, ending by interruptions, leaving data behind."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from lists.erasing import digest_of
from lists.exceptions import ClaimLost
from lists.import_checking import check_import, work
from lists.import_claims import DEAD_AFTER, MAX_INTERRUPTIONS, claim_check, claim_import, requeue_dead
from lists.import_erased import drop_erased
from lists.import_leftovers import clear_leftovers, has_leftovers
from lists.import_running import CannotCancel, approve_import, cancel_import, reopen_import, run_import, work_on
from lists.list_deletion import delete_list
from lists.models import (
    CsvImport,
    ErasedAddress,
    ImportMode,
    ImportState,
    MailingList,
    RejectedRow,
    StagedRow,
    Subscriber,
    Subscription,
)
from tests.factories import make_subscriber, make_user
from tests.lists.clock import NOW
from tests.lists.importing import apply_import
from tests.lists.pages import text_of

Importer = Callable[..., CsvImport]
pytestmark = pytest.mark.django_db

FILE = "email,name\ntaro@example.jp,太郎\nhanako@example.jp,花子\nだめ,\n"
OTHERS = "email\none@example.jp\ntwo@example.jp\n"
MONTH = timedelta(days=32)


def checked(csv_import: CsvImport) -> CsvImport:
    assert check_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.CHECKED
    return csv_import


# Only what was shown is done.


def test_a_replacement_is_checked_again_where_the_list_changed_since(
    mailing_list: MailingList, queue_csv: Importer, import_csv: Importer
) -> None:
    csv_import = checked(queue_csv(mailing_list, FILE, ImportMode.REPLACE))
    import_csv(mailing_list, OTHERS)
    assert not approve_import(csv_import, actor=None, attempt=csv_import.attempt)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.WAITING
    checked(csv_import)
    assert csv_import.forecast["removed"] == 2
    assert approve_import(csv_import, actor=None, attempt=csv_import.attempt)


def test_a_replacement_that_waited_for_another_import_is_checked_again(
    mailing_list: MailingList, queue_csv: Importer, import_csv: Importer
) -> None:
    csv_import = checked(queue_csv(mailing_list, FILE, ImportMode.REPLACE))
    assert approve_import(csv_import, actor=None, attempt=csv_import.attempt)
    import_csv(mailing_list, OTHERS)
    assert run_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.WAITING
    assert mailing_list.subscriptions.count() == 2


def test_an_older_dry_run_that_is_still_on_a_screen_runs_nothing(
    editor: Client, mailing_list: MailingList, queue_csv: Importer
) -> None:
    csv_import = checked(queue_csv(mailing_list, FILE))
    page = text_of(editor.get(reverse("import_check", args=[csv_import.pk])))
    assert f'name="attempt" value="{csv_import.attempt}"' in page
    CsvImport.objects.update(attempt=csv_import.attempt + 1)
    for shown in (str(csv_import.attempt), "", "x" * 10):
        response = editor.post(reverse("import_run", args=[csv_import.pk]), {"attempt": shown}, follow=True)
        assert "まだ取り込んでいません" in text_of(response)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.CHECKED


def test_the_page_of_an_outdated_replacement_asks_to_check_again(
    editor: Client, mailing_list: MailingList, queue_csv: Importer
) -> None:
    csv_import = checked(queue_csv(mailing_list, FILE, ImportMode.REPLACE))
    MailingList.objects.update(generation=7)
    assert "もう一度確認する" in text_of(editor.get(reverse("import_check", args=[csv_import.pk])))


# Interruptions.


def test_reopening_uses_up_no_attempt(mailing_list: MailingList, queue_csv: Importer) -> None:
    csv_import = queue_csv(mailing_list, FILE)
    for _time in range(MAX_INTERRUPTIONS + 1):
        checked(csv_import)
        assert reopen_import(csv_import, now=NOW)
        CsvImport.objects.update(state=ImportState.WAITING)
    assert claim_check(csv_import.pk, now=NOW)
    assert requeue_dead(NOW + 2 * DEAD_AFTER) == 1
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.interruptions) == (ImportState.WAITING, 1)


def test_a_failure_leads_back_to_the_columns_of_the_same_file(
    editor: Client, mailing_list: MailingList, queue_csv: Importer
) -> None:
    csv_import = queue_csv(mailing_list, "email,name\nだめ,x\n", ImportMode.REPLACE)
    assert check_import(csv_import.pk, now=NOW)
    url = reverse("import_reopen", args=[csv_import.pk])
    assert url in text_of(editor.get(reverse("import_detail", args=[csv_import.pk])))
    response: Any = editor.post(url)
    assert response["Location"] == reverse("import_columns", args=[csv_import.pk])
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.message, csv_import.finished_at) == (ImportState.UPLOADED, "", None)
    CsvImport.objects.update(state=ImportState.FAILED, file="")
    assert not reopen_import(csv_import, now=NOW)
    assert url not in text_of(editor.get(reverse("import_detail", args=[csv_import.pk])))


def test_a_claim_that_is_lost_at_the_very_end_is_no_error(mailing_list: MailingList, queue_csv: Importer) -> None:
    csv_import = queue_csv(mailing_list, FILE)
    claim = claim_check(csv_import.pk, now=NOW)
    assert claim

    def lose() -> None:
        CsvImport.objects.update(state=ImportState.CANCELLED)
        raise FileNotFoundError

    assert not work(csv_import, claim, lose, now=NOW)
    with pytest.raises(ClaimLost):
        claim.renew()


def test_a_list_that_is_deleted_while_its_import_runs_takes_nothing_in(
    mailing_list: MailingList, queue_csv: Importer
) -> None:
    csv_import = checked(queue_csv(mailing_list, FILE))
    assert approve_import(csv_import, actor=None)
    deleted: list[bool] = []

    def delete() -> None:
        if not deleted:
            deleted.append(True)
            delete_list(mailing_list, actor=make_user(mailing_list.workspace), now=NOW)

    # Just before the merge.
    with connection.execute_wrapper(at_statement('"lists_peoplestate"', delete)):
        assert not run_import(csv_import.pk, now=NOW)
    assert deleted
    csv_import.refresh_from_db()
    assert (csv_import.state, Subscriber.objects.count()) == (ImportState.CANCELLED, 0)
    clear_leftovers(NOW)
    csv_import.refresh_from_db()
    assert not csv_import.file
    assert not StagedRow.objects.exists()


# What is left behind.


def test_refused_rows_and_samples_of_any_import_are_gone_after_a_month(
    mailing_list: MailingList, queue_csv: Importer, import_csv: Importer
) -> None:
    done = import_csv(mailing_list, FILE)
    cancelled = checked(queue_csv(mailing_list, FILE))
    assert cancel_import(cancelled, actor=None, now=NOW)
    clear_leftovers(done.created_at + timedelta(days=30))
    assert RejectedRow.objects.count() == 2
    assert has_leftovers(done.created_at + MONTH)
    clear_leftovers(done.created_at + MONTH)
    assert not RejectedRow.objects.exists()
    for csv_import in CsvImport.objects.all():
        assert csv_import.forecast["rejected"] == {"address": 1}
        assert "example.jp" not in str(csv_import.forecast)
    assert not has_leftovers(done.created_at + MONTH)


def test_the_file_of_an_import_that_was_cancelled_by_its_takeover_goes(
    mailing_list: MailingList, queue_csv: Importer, media: Path
) -> None:
    csv_import = queue_csv(mailing_list, FILE)
    claim_check(csv_import.pk, now=NOW)
    CsvImport.objects.update(cancel_asked_at=NOW)
    assert requeue_dead(NOW + 2 * DEAD_AFTER) == 0
    assert list(media.glob("imports/*"))
    clear_leftovers(NOW)
    assert not list(media.glob("imports/*"))


def test_a_dry_run_is_kept_for_a_day_from_its_end(mailing_list: MailingList, queue_csv: Importer) -> None:
    csv_import = checked(queue_csv(mailing_list, FILE))
    CsvImport.objects.update(created_at=csv_import.created_at - timedelta(days=2))
    assert csv_import.heartbeat_at
    clear_leftovers(csv_import.heartbeat_at + timedelta(hours=23))
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.CHECKED
    clear_leftovers(csv_import.heartbeat_at + timedelta(hours=25))
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.file.name) == (ImportState.CANCELLED, "")
    assert "1日のあいだ実行されなかった" in csv_import.message
    assert not StagedRow.objects.exists()


def test_a_process_that_dies_while_it_stores_a_file_leaves_a_row_that_leads_to_it(
    mailing_list: MailingList, queue_csv: Importer, media: Path
) -> None:
    media.mkdir()
    # Where the folder should be there is a file: it cannot be written.
    (media / "imports").write_text("")
    with pytest.raises(OSError, match="imports"):
        queue_csv(mailing_list, FILE)
    assert CsvImport.objects.get().file.name.startswith("imports/")


# People who come, go and are erased at that moment.


def at_statement(words: str, act: Callable[[], Any]) -> Callable[..., Any]:
    """Return an execute wrapper that acts before each statement in which the words stand."""

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if words in sql:
            act()
        return execute(sql, params, many, context)

    return wrapper


def test_a_known_person_who_gets_no_place_is_compared_again(mailing_list: MailingList, queue_csv: Importer) -> None:
    person = make_subscriber(address="taro@example.jp", workspace=mailing_list.workspace)
    csv_import = checked(queue_csv(mailing_list, FILE))
    assert approve_import(csv_import, actor=None)
    acted: list[bool] = []

    def forget() -> None:
        if not acted:
            acted.append(True)
            StagedRow.objects.filter(subscriber_id=person.pk).update(subscriber_id=None)

    with connection.execute_wrapper(
        at_statement(
            "INSERT INTO lists_subscription (mailing_list_id, subscriber_id, created_at) SELECT %(mailing_list)s, s",
            forget,
        )
    ):
        assert run_import(csv_import.pk, now=NOW)
    assert acted
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.rows_new) == (ImportState.DONE, 2)
    assert Subscription.objects.filter(subscriber=person).exists()


def test_a_list_of_people_that_never_holds_still_is_told(mailing_list: MailingList, queue_csv: Importer) -> None:
    person = make_subscriber(address="taro@example.jp", workspace=mailing_list.workspace)
    csv_import = checked(queue_csv(mailing_list, FILE))
    assert approve_import(csv_import, actor=None)

    def forget() -> None:
        StagedRow.objects.filter(subscriber_id=person.pk).update(subscriber_id=None)

    with connection.execute_wrapper(
        at_statement(
            "INSERT INTO lists_subscription (mailing_list_id, subscriber_id, created_at) SELECT %(mailing_list)s, s",
            forget,
        )
    ):
        assert run_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.FAILED
    assert "変更され続けた" in csv_import.message
    assert not Subscription.objects.exists()
    assert Subscriber.objects.count() == 1


def test_an_erasure_that_was_not_seen_while_the_file_was_read_is_heard_before_the_merge(
    mailing_list: MailingList, queue_csv: Importer
) -> None:
    csv_import = checked(queue_csv(mailing_list, FILE))
    assert drop_erased(csv_import) == 0
    workspace = mailing_list.workspace
    digest = digest_of(workspace.pk, "taro@example.jp")
    # One went and one came: the number is as before.
    ErasedAddress.objects.create(workspace=workspace, digest=digest, at=NOW)
    assert drop_erased(csv_import) == 1
    assert list(StagedRow.objects.values_list("address", flat=True)) == ["hanako@example.jp"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_comparing_renews_the_heartbeat(mailing_list: MailingList, queue_csv: Importer) -> None:
    csv_import = queue_csv(mailing_list, FILE)
    beats = 0

    def count() -> None:
        nonlocal beats
        beats += 1

    with connection.execute_wrapper(at_statement('"lists_csvimport" SET "heartbeat_at"', count)):
        checked(csv_import)
    assert beats > 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has many writers")
def test_cancelling_while_sqlite_has_no_time_is_told(mailing_list: MailingList, queue_csv: Importer) -> None:
    csv_import = checked(queue_csv(mailing_list, FILE))
    assert approve_import(csv_import, actor=None)
    assert claim_import(csv_import.pk, now=NOW)
    told: list[str] = []

    def cancel() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 10")
            cancel_import(csv_import, actor=None, now=NOW)
        except CannotCancel as error:
            told.append(error.sentence)
        finally:
            connection.close()

    with connection.cursor() as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        thread = threading.Thread(target=cancel)
        thread.start()
        thread.join(30)
        cursor.execute("ROLLBACK")
    assert told
    assert "もう一度お試しください" in told[0]


def test_nothing_is_done_for_an_import_that_is_over(mailing_list: MailingList, queue_csv: Importer) -> None:
    csv_import = queue_csv(mailing_list, FILE)
    assert apply_import(csv_import.pk, now=NOW)
    assert not work_on(csv_import.pk, now=NOW)
