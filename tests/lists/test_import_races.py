"""An import while people change and erase whom it is about."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.models import Role
from bounces.erasing import erase_people
from lists.address import clean_address
from lists.editing import Person, edit_subscriber
from lists.erasing import find_erased
from lists.import_checking import check_import
from lists.import_leftovers import clear_leftovers
from lists.import_running import approve_import, run_import
from lists.models import CsvImport, Headcount, ImportMode, ImportState, MailingList, StagedRow, Subscriber
from tests.factories import make_subscriber, make_user
from tests.lists.clock import NOW

Importer = Callable[..., CsvImport]
pytestmark = pytest.mark.django_db(transaction=True)

FILE = "email,name\nold@example.jp,新しい名前\nother@example.jp,別の人\n"


def check_and_approve(csv_import: CsvImport) -> None:
    assert check_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.CHECKED
    assert approve_import(csv_import, actor=None)


def change_address(person: Subscriber, address: str, mailing_lists: list[MailingList]) -> None:
    edit_subscriber(
        person,
        Person(clean_address(address), person.name),
        mailing_lists=mailing_lists,
        evidence="電話で確認",
        actor=make_user(person.workspace, Role.EDITOR),
        now=NOW,
    )


def at_statement(words: str, act: Callable[[], Any], number: int = 1) -> Callable[..., Any]:
    """Return an execute wrapper that acts once, before the statement of that number in which the words stand."""
    met = 0

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal met
        if words in sql:
            met += 1
            if met == number:
                act()
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.parametrize("mode", [ImportMode.MERGE, ImportMode.ADD, ImportMode.REPLACE])
def test_an_address_that_was_changed_after_the_dry_run_is_a_new_person(
    mailing_list: MailingList, queue_csv: Importer, mode: ImportMode
) -> None:
    person = make_subscriber(mailing_list, "old@example.jp", name="前の名前")
    csv_import = queue_csv(mailing_list, FILE, mode)
    check_and_approve(csv_import)
    change_address(person, "new@example.jp", [mailing_list])
    assert run_import(csv_import.pk, now=NOW)
    person.refresh_from_db()
    assert (person.address, person.address_key, person.name) == ("new@example.jp", "new@example.jp", "前の名前")
    on_list = set(mailing_list.subscriptions.values_list("subscriber__address_key", flat=True))
    others = {"old@example.jp", "other@example.jp"}
    assert on_list == (others if mode == ImportMode.REPLACE else others | {"new@example.jp"})


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer")
def test_an_address_that_is_changed_while_the_merge_runs_keeps_to_its_person(
    mailing_list: MailingList, queue_csv: Importer
) -> None:
    person = make_subscriber(mailing_list, "old@example.jp", name="前の名前")
    csv_import = queue_csv(mailing_list, FILE)
    check_and_approve(csv_import)

    def change() -> None:
        try:
            change_address(person, "new@example.jp", [mailing_list])
        finally:
            connection.close()

    def change_beside() -> None:
        thread = threading.Thread(target=change)
        thread.start()
        thread.join(30)

    # Between the comparison and the last statement.
    with connection.execute_wrapper(at_statement("INSERT INTO lists_subscriber", change_beside)):
        assert run_import(csv_import.pk, now=NOW)
    person.refresh_from_db()
    assert (person.address, person.name) == ("new@example.jp", "前の名前")
    assert Subscriber.objects.filter(address_key="old@example.jp", name="新しい名前").exists()


def test_a_person_is_erased_while_their_file_is_read(mailing_list: MailingList, queue_csv: Importer) -> None:
    person = make_subscriber(mailing_list, "old@example.jp")
    csv_import = queue_csv(mailing_list, FILE)

    def erase() -> None:
        erase_people([person.pk], workspace=mailing_list.workspace, actor=None, now=NOW)

    # Its rows stand there and are not counted yet.
    with connection.execute_wrapper(at_statement("lists_rejectedrow (csv_import_id", erase)):
        check_and_approve(csv_import)
    assert find_erased(mailing_list.workspace, ["old@example.jp"])
    assert run_import(csv_import.pk, now=NOW)
    assert list(Subscriber.objects.values_list("address", flat=True)) == ["other@example.jp"]


def test_a_person_is_erased_while_a_lost_staging_table_is_filled_again(
    mailing_list: MailingList, queue_csv: Importer
) -> None:
    person = make_subscriber(mailing_list, "old@example.jp")
    csv_import = queue_csv(mailing_list, FILE)
    check_and_approve(csv_import)
    StagedRow.objects.all().delete()

    def erase() -> None:
        erase_people([person.pk], workspace=mailing_list.workspace, actor=None, now=NOW)

    # After it was asked whether anybody was erased, before the rows stand there.
    with connection.execute_wrapper(at_statement('UPDATE "lists_csvimport" SET "heartbeat_at"', erase, 2)):
        assert run_import(csv_import.pk, now=NOW)
    assert find_erased(mailing_list.workspace, ["old@example.jp"])
    assert list(Subscriber.objects.values_list("address", flat=True)) == ["other@example.jp"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps its index")
def test_the_staging_index_that_a_dead_process_left_away_comes_back(
    mailing_list: MailingList, queue_csv: Importer
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX staged_by_address")
        assert check_import(queue_csv(mailing_list, FILE).pk, now=NOW)
        assert "staged_by_address" in connection.introspection.get_constraints(cursor, StagedRow._meta.db_table)


def test_a_process_that_dies_after_the_merge_leaves_the_figures_to_the_tick(
    mailing_list: MailingList, queue_csv: Importer
) -> None:
    Headcount.objects.create(workspace=mailing_list.workspace, mailing_list=mailing_list, counted_at=NOW)
    csv_import = queue_csv(mailing_list, FILE)
    check_and_approve(csv_import)

    def die() -> None:
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        connection.execute_wrapper(at_statement('lists_headcount" SET', die)),
    ):
        run_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.DONE
    clear_leftovers(NOW)
    assert Headcount.objects.get(mailing_list=mailing_list).due_at is not None
    assert not StagedRow.objects.exists()
