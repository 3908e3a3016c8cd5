"""Servers that could not be reached a moment ago: they are left alone for a while."""

import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final

from mta.smtp_replies import Answer

# Seconds; our own caution. Shorter than the first wait of any retry, so that every retry is a real one.
_REST: Final = 60.0
# Of servers that took a mail and let us wait for minutes: its fate is unknown, and it takes up some of the window.
HELD_UP: Final = 3600.0
_MOST: Final = 10_000


class Resting:
    """Remembers why servers were given up, so that the next mails need not wait for the same time-outs."""

    def __init__(self, *, seconds: float = _REST, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._known: dict[Hashable, tuple[float, Answer]] = {}
        # Runs that their callers left go on in threads (mta.engine.Rest).
        self._lock = Lock()

    def add(self, servers: Hashable, answer: Answer, *, seconds: float | None = None) -> None:
        """Let servers rest; who rests for longer already goes on with that."""
        until = self._clock() + (self._seconds if seconds is None else seconds)
        with self._lock:
            known = self._known.pop(servers, None)
            if len(self._known) >= _MOST:
                del self._known[next(iter(self._known))]
            self._known[servers] = known if known is not None and known[0] > until else (until, answer)

    def drop(self, servers: Hashable, answer: Answer) -> None:
        """Let servers rest no longer that rest for just this answer."""
        with self._lock:
            known = self._known.get(servers)
            if known is not None and known[1] is answer:
                del self._known[servers]

    def find(self, servers: Hashable) -> Answer | None:
        """Return why servers rest, or None where they do not."""
        known = self._known.get(servers)
        return known[1] if known is not None and known[0] > self._clock() else None


# Of this process.
RESTING: Final = Resting()
