"""When a deferred delivery is tried again, and when it is given up (B4, B5)."""

from datetime import datetime, timedelta
from typing import Final

# After the first try, the second, …; the last one repeats. Quick at first for greylisting (C21),
# whose usual wait is five minutes, then no faster than the 30 minutes of RFC 5321 section 4.5.4.1.
SCHEDULE: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))


def next_attempt(attempts: int, *, now: datetime, first_due: datetime, lifetime: timedelta) -> datetime | None:
    """Return when to try again after `attempts` burnt tries; None when the lifetime is used up.

    `lifetime` counts from `first_due`, the time the first try was due.
    """
    wait = SCHEDULE[min(max(attempts, 1), len(SCHEDULE)) - 1]
    due = now + wait
    return due if due < first_due + lifetime else None
