"""When a deferred delivery is tried again, and when it is given up (B4, B5)."""

import re
from datetime import datetime, timedelta
from typing import Final

# The newsletter. After the first try, the second, …; the last one repeats. Quick at first for greylisting (C21),
# whose usual wait is five minutes, then no faster than the 30 minutes of RFC 5321 section 4.5.4.1.
SCHEDULE: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60))
# Mail that other programs hand in: every minute (C20), for the thirty minutes of its life (C19).
RELAYED: Final = (timedelta(minutes=1),)
RELAYED_LIFETIME: Final = timedelta(minutes=30)

# What a server asks for is obeyed within these bounds; both are our own caution. A wait of a second would only be
# asked for again, and nobody who means it asks for more than a day.
_SHORTEST_TOLD: Final = timedelta(seconds=10)
_LONGEST_TOLD: Final = timedelta(days=1)
# Where the wait that was asked for outlives the delivery, a last try is made this long before the end.
_LAST_TRY: Final = timedelta(minutes=1)
# Rows that were deferred together come due apart: each waits up to this part of its wait longer.
_SPREAD: Final = 0.1
# Knuth's multiplicative hash: neighbouring numbers come far apart.
_SCATTER: Final = 2654435761

# What is longer says nothing new, and only costs time.
_LONGEST_TEXT: Final = 1000
# "Greylisted for 300 seconds" (postgrey --greylist-text), "please come back in 00:04:59" (milter-greylist), "Greylisted,
# please try again in 5 minutes", "retry after 300 seconds", "please wait 60 seconds".
_TOLD = re.compile(
    r"\b(?:(?:try|retry|come back|again|back) (?:again )?(?:in|after)|gr[ea]y-?list(?:ed|ing)(?: is in effect)? for|wait)"
    r" (?:about |at least |another )?"
    r"(?:(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)\b"
    r"|(?P<number>\d{1,6}|an?|one) ?(?P<unit>s|m|h|seconds?|secs?|minutes?|mins?|hours?|hrs?)\b)",
    re.ASCII,
)
_UNITS: Final = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


def next_attempt(
    attempts: int,
    *,
    now: datetime,
    first_due: datetime,
    lifetime: timedelta,
    schedule: tuple[timedelta, ...] = SCHEDULE,
    text: str = "",
    key: int = 0,
) -> datetime | None:
    """Return when to try again after `attempts` burnt tries; None when the lifetime is used up.

    `lifetime` counts from `first_due`, the time the first try was due. `text` is what the server said with its 4xx. By
    `key`, the row's number, rows that were deferred together come due apart.
    """
    ends = first_due + lifetime
    wait = schedule[min(max(attempts, 1), len(schedule)) - 1]
    told = told_wait(text)
    # An earlier try than ours is made where a server asks for it, but not for ever.
    if told is not None and (told > wait or attempts <= len(schedule)):
        last = ends - _LAST_TRY
        wait = last - now if now < last < now + told else told
    due = now + wait
    if due >= ends:
        return None
    return min(due + wait * _SPREAD * fraction(key), ends - timedelta(microseconds=1))


def told_wait(text: str) -> timedelta | None:
    """Return how long a server asks to wait, kept within bounds; None where it does not say. Never raises."""
    match = _TOLD.search(" ".join(text[:_LONGEST_TEXT].lower().split()))
    if match is None:
        return None
    if match["unit"]:
        number = int(match["number"]) if match["number"].isdigit() else 1
        told = number * _UNITS[match["unit"][0]]
    else:
        told = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]), seconds=int(match["seconds"]))
    return min(max(told, _SHORTEST_TOLD), _LONGEST_TOLD)


def fraction(key: int) -> float:
    """Return a number from 0 up to 1 that is always the same for a key."""
    return (key * _SCATTER % 2**32) / 2**32
