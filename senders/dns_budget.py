"""Bounds what one look at a domain asks of the DNS: hostile records may name others without end."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock

from senders.dns import Answer, CouldNotAsk, RecordType, Resolver

# Seconds and questions for all checks of one domain together: a person waits for them.
SECONDS = 12.0
QUESTIONS = 80
# Why a question was not asked: as many were asked as one look may, or the time is up.
TOO_MANY, TOO_LATE = "too many questions", "too late"


class BudgetResolver:
    """Asks another resolver each question once, until the time or the number of questions is used up.

    After that every new question is `CouldNotAsk`. May be used by several threads.
    """

    def __init__(
        self,
        inner: Resolver,
        *,
        seconds: float = SECONDS,
        questions: int = QUESTIONS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.inner = inner
        self.clock = clock
        self.until = clock() + seconds
        self.left = questions
        self.known: dict[tuple[str, RecordType], Future[Answer]] = {}
        self.lock = Lock()

    def find_txt(self, name: str) -> Answer:
        """Return the TXT records of a name."""
        return self.find(name, RecordType.TXT)

    def find(self, name: str, kind: RecordType) -> Answer:
        """Return the records of a type that a name has."""
        key = (name.lower(), kind)
        with self.lock:
            is_known = key in self.known
            if not is_known:
                if self.left <= 0:
                    return CouldNotAsk(TOO_MANY)
                if self.clock() >= self.until:
                    return CouldNotAsk(TOO_LATE)
                self.left -= 1
                self.known[key] = Future()
            answer = self.known[key]
        # Who comes while another thread asks waits for what that is told.
        if not is_known:
            try:
                answer.set_result(self.inner.find(name, kind))
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()
