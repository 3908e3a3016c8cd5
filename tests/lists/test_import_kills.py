"""An import that is killed, cancelled or read at any moment: the list is as it was, or complete."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from django.db import connection, connections

from lists.import_checking import check_import
from lists.import_claims import DEAD_AFTER, WORK, requeue_dead
from lists.import_leftovers import clear_leftovers
from lists.import_running import approve_import, cancel_import
from lists.models import CsvImport, ImportMode, ImportState, MailingList, StagedRow, Subscriber
from tests.dead_sessions import wait_until_gone
from tests.factories import make_list, make_subscriber
from tests.lists.clock import NOW
from tests.lists.importing import apply_import

Importer = Callable[..., CsvImport]
pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 60
FILE = "email,name\n" + "".join(f"reader{number}@example.jp,新しい名前\n" for number in range(ROWS)) + "だめ,\n"
NEW = {f"reader{number}@example.jp" for number in range(ROWS)}
OLD = {"reader1@example.jp", "reader2@example.jp", "leaver@example.jp"}
MOMENTS = 20


def make_full_list() -> MailingList:
    mailing_list = make_list()
    for address in sorted(OLD):
        make_subscriber(mailing_list, address, name="前の名前")
    return mailing_list


def addresses(mailing_list: MailingList) -> set[str]:
    return set(mailing_list.subscriptions.values_list("subscriber__address", flat=True))


def people(mailing_list: MailingList) -> list[dict[str, Any]]:
    return list(Subscriber.objects.filter(workspace=mailing_list.workspace).order_by("pk").values())


def at_statement(number: int, act: Callable[[], None]) -> Callable[..., Any]:
    """Return an execute wrapper that acts once, when the statement of that number begins."""
    statements = count()

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if next(statements) == number:
            act()
        return execute(sql, params, many, context)

    return wrapper


def count_statements(queue_csv: Importer) -> int:
    """Return how many statements the import has."""
    csv_import = queue_csv(make_full_list(), FILE, ImportMode.REPLACE)
    statements = count()

    def wrapper(execute: Any, *args: Any) -> Any:
        next(statements)
        return execute(*args)

    with connection.execute_wrapper(wrapper):
        assert apply_import(csv_import.pk, now=NOW)
    return next(statements)


def moments(statements: int) -> Iterator[tuple[int, float]]:
    """Yield twenty statements, from the first to the last, and how many seconds after its beginning it is interrupted."""
    for moment in range(MOMENTS):
        yield moment * (statements - 1) // (MOMENTS - 1), 0.002 * (moment % 2)


def kill_at(number: int, delay: float, work: Callable[[], Any]) -> None:
    """Do some work in a process of its own that is killed by SIGKILL at its statement of that number."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException), connection.execute_wrapper(at_statement(number, lambda: die(delay))):
            work()
        # Not pytest's own end.
        os._exit(0)
    os.waitpid(pid, 0)
    wait_until_gone()


def die(delay: float) -> None:
    """Kill this process, at once or while it goes on."""
    if not delay:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()


def test_kill_9_at_twenty_moments(queue_csv: Importer) -> None:
    states = set()
    for number, delay in moments(count_statements(queue_csv)):
        mailing_list = make_full_list()
        csv_import = queue_csv(mailing_list, FILE, ImportMode.REPLACE)
        before = people(mailing_list)
        import_id = csv_import.pk
        kill_at(number, delay, lambda import_id=import_id: apply_import(import_id, now=NOW))  # type: ignore[misc]
        csv_import.refresh_from_db()
        states.add(csv_import.state)
        if csv_import.state == ImportState.DONE:
            assert addresses(mailing_list) == NEW
        else:
            assert (addresses(mailing_list), people(mailing_list)) == (OLD, before)
            CsvImport.objects.filter(state__in=WORK.values()).update(heartbeat_at=NOW - DEAD_AFTER * 2)
            requeue_dead(NOW)
            assert apply_import(csv_import.pk, now=NOW)
        csv_import.refresh_from_db()
        assert csv_import.state == ImportState.DONE
        assert addresses(mailing_list) == NEW
        assert (csv_import.rows_new, csv_import.rows_updated, csv_import.rows_removed) == (ROWS - 2, 2, 1)
        assert csv_import.rejected_rows.count() == 1
        clear_leftovers(NOW)
        assert not StagedRow.objects.exists()
    # They reach from before the first claim to after the merge.
    assert {ImportState.WAITING, ImportState.CHECKING, ImportState.RUNNING} <= states


def test_cancel_at_twenty_moments(queue_csv: Importer) -> None:
    ends = set()
    for number, _delay in moments(count_statements(queue_csv)):
        mailing_list = make_full_list()
        csv_import = queue_csv(mailing_list, FILE, ImportMode.REPLACE)
        before = people(mailing_list)
        canceller = Canceller(csv_import)
        # On SQLite it waits until the transaction of that moment is over.
        with connection.execute_wrapper(at_statement(number, canceller.start)):
            apply_import(csv_import.pk, now=NOW)
        canceller.thread.join(60)
        csv_import.refresh_from_db()
        ends.add(csv_import.state)
        if canceller.was_heard:
            assert csv_import.state == ImportState.CANCELLED
            assert (addresses(mailing_list), people(mailing_list)) == (OLD, before)
            assert not csv_import.file
        else:
            assert csv_import.state == ImportState.DONE
            assert addresses(mailing_list) == NEW
        clear_leftovers(NOW)
        assert not StagedRow.objects.exists()
    assert ImportState.CANCELLED in ends


class Canceller:
    """Somebody who cancels an import in another process's name: with a connection of his own."""

    def __init__(self, csv_import: CsvImport) -> None:
        self.csv_import = CsvImport.objects.select_related("workspace", "mailing_list").get(pk=csv_import.pk)
        self.was_heard = False
        self.thread = threading.Thread(target=self.run)

    def start(self) -> None:
        self.thread.start()
        # Before the statement goes on, where no lock stands against it.
        self.thread.join(0.05)

    def run(self) -> None:
        try:
            self.was_heard = cancel_import(self.csv_import, actor=None, now=NOW)
        finally:
            connection.close()


def take_time(execute: Any, *args: Any) -> Any:
    """Do a statement after a moment."""
    time.sleep(0.01)
    return execute(*args)


def test_whoever_reads_during_a_replacement_sees_the_old_list_or_the_new_one(queue_csv: Importer) -> None:
    mailing_list = make_full_list()
    csv_import = queue_csv(mailing_list, FILE, ImportMode.REPLACE)
    check_import(csv_import.pk, now=NOW)
    approve_import(csv_import, actor=None)
    seen: list[set[str]] = []
    is_over = threading.Event()

    def read() -> None:
        try:
            while not is_over.is_set():
                seen.append(addresses(mailing_list))
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    # Every statement gives the reader time to look.
    with connection.execute_wrapper(take_time):
        apply_import(csv_import.pk, now=NOW)
    is_over.set()
    reader.join(60)
    assert addresses(mailing_list) == NEW
    assert OLD in seen
    assert all(found in (OLD, NEW) for found in seen)


def test_a_dead_process_leaves_a_cancelled_import_cancelled(queue_csv: Importer) -> None:
    mailing_list = make_full_list()
    csv_import = queue_csv(mailing_list, FILE)
    CsvImport.objects.update(
        state=ImportState.RUNNING, attempt=1, heartbeat_at=NOW - DEAD_AFTER * 2, cancel_asked_at=NOW
    )
    assert requeue_dead(NOW) == 0
    clear_leftovers(NOW)
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.file.name) == (ImportState.CANCELLED, "")


def test_a_staging_table_emptied_by_a_crash_is_filled_again(queue_csv: Importer) -> None:
    mailing_list = make_full_list()
    csv_import = queue_csv(mailing_list, FILE, ImportMode.REPLACE)
    check_import(csv_import.pk, now=NOW)
    approve_import(csv_import, actor=None)
    StagedRow.objects.all().delete()
    assert apply_import(csv_import.pk, now=NOW)
    assert addresses(mailing_list) == NEW
    csv_import.refresh_from_db()
    assert csv_import.rejected_rows.count() == csv_import.rows_rejected == 1
