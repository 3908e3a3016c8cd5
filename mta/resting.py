"""Servers that could not be reached a moment ago: they are left alone for a while."""

import time
from collections.abc import Callable, Hashable
from typing import Final

from mta.smtp_replies import Answer

# Seconds; our own caution. Shorter than the first wait of any retry, so that every retry is a real one.
_REST: Final = 60.0
_MOST: Final = 10_000


class Resting:
    """Remembers why servers were given up, so that the next mails need not wait for the same time-outs."""

    def __init__(self, *, seconds: float = _REST, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._known: dict[Hashable, tuple[float, Answer]] = {}

    def add(self, servers: Hashable, answer: Answer) -> None:
        """Let servers rest."""
        self._known.pop(servers, None)
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[servers] = (self._clock() + self._seconds, answer)

    def find(self, servers: Hashable) -> Answer | None:
        """Return why servers rest, or None where they do not."""
        known = self._known.get(servers)
        return known[1] if known is not None and known[0] > self._clock() else None


# Of this process.
RESTING: Final = Resting()
