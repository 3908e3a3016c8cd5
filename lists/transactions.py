"""Repeats a short transaction that the database gave up in favour of another one."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, OperationalError

T = TypeVar("T")

TRIES = 5
# Seconds before the second try; doubled each time.
FIRST_PAUSE = 0.05


def retry_transaction(run: Callable[[], T], *, also: tuple[type[DatabaseError], ...] = ()) -> T:
    """Return what `run` returns; repeat it when it was the victim of a deadlock or of a lock held too long.

    `run` must be one whole transaction, so that a failed try has left nothing. Raises OperationalError after the
    last try (PostgreSQL documentation, 13.5 Serialization Failure Handling). `also` are other errors that come from
    what somebody else's transaction wrote at that moment.
    """
    passing: tuple[type[DatabaseError], ...] = (OperationalError, *also)
    for attempt in range(TRIES - 1):
        try:
            return run()
        except passing:
            time.sleep(FIRST_PAUSE * 2**attempt)
    return run()
