"""Repeats a short transaction that the database gave up in favour of another one."""

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, OperationalError

T = TypeVar("T")

TRIES = 5
# PostgreSQL documentation, appendix A: serialization_failure, deadlock_detected, lock_not_available.
PASSING_STATES = ("40001", "40P01", "55P03")
# SQLite's primary result codes, in the lower byte of the extended ones.
PASSING_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# Seconds before the second try; doubled each time.
FIRST_PAUSE = 0.05


def retry_transaction(run: Callable[[], T], *, also: tuple[type[DatabaseError], ...] = ()) -> T:
    """Return what `run` returns; repeat it when it was the victim of a deadlock or of a lock held too long.

    `run` must be one whole transaction, so that a failed try has left nothing. Raises OperationalError after the
    last try, and at once where it would not pass, as on a full disk (PostgreSQL documentation, 13.5 Serialization
    Failure Handling). `also` are other errors that come from what somebody else's transaction wrote at that moment.
    """
    caught: tuple[type[DatabaseError], ...] = (OperationalError, *also)
    for attempt in range(TRIES - 1):
        try:
            return run()
        except caught as error:
            if not (isinstance(error, also) or is_passing(error)):
                raise
            time.sleep(FIRST_PAUSE * 2**attempt)
    return run()


def is_passing(error: DatabaseError) -> bool:
    """Say whether a database error comes from others who wrote at that moment."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in PASSING_CODES
    return getattr(cause, "sqlstate", None) in PASSING_STATES
