"""Transactions that the database gave up are repeated."""

import sqlite3

import psycopg.errors
import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection, connections

from lists.transactions import TRIES, is_passing, retry_transaction


def make_error(cause: Exception) -> OperationalError:
    """Return an error as Django makes it of one of a driver."""
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


class Failing:
    """Fails so many times."""

    def __init__(self, failures: int, error: DatabaseError) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def run(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "done"


DEADLOCK = make_error(psycopg.errors.DeadlockDetected("deadlock detected"))


@pytest.mark.parametrize("failures", range(TRIES))
def test_repeats_until_it_works(failures: int) -> None:
    failing = Failing(failures, DEADLOCK)
    assert retry_transaction(failing.run) == "done"
    assert failing.calls == failures + 1


def test_gives_up_after_the_last_try() -> None:
    failing = Failing(TRIES + 1, DEADLOCK)
    with pytest.raises(OperationalError):
        retry_transaction(failing.run)
    assert failing.calls == TRIES


@pytest.mark.parametrize("cause", [psycopg.errors.DiskFull("disk full"), psycopg.errors.QueryCanceled("timeout"), sqlite3.OperationalError("disk I/O error")])  # fmt: skip
def test_what_does_not_pass_is_not_repeated(cause: Exception) -> None:
    failing = Failing(1, make_error(cause))
    with pytest.raises(OperationalError):
        retry_transaction(failing.run)
    assert failing.calls == 1


def test_other_errors_are_repeated_where_that_is_said() -> None:
    assert retry_transaction(Failing(1, IntegrityError("again")).run, also=(IntegrityError,)) == "done"
    with pytest.raises(IntegrityError):
        retry_transaction(Failing(1, IntegrityError("again")).run)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has many writers")
def test_a_writer_who_waited_too_long_for_another_passes() -> None:
    beside = connections["default"].copy()
    try:
        with beside.cursor() as other, connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 10")
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(OperationalError) as caught:
                cursor.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
            cursor.execute("PRAGMA busy_timeout = 30000")
    finally:
        beside.close()
    assert is_passing(caught.value)
