"""Fences and outcomes in group commits: one thread, one call for all that wait."""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from mta.outcomes import ClosingLedger, JoiningLedger, Ledger, Outcome

# Seconds that what is there already waits for the answers to dots that were sent.
_PATIENCE: Final = 0.005


class GroupCommit:
    """Passes fences and outcomes of all connections to the ledger.

    While one call is at work, more gathers for the next; so the number of commits follows the speed of
    the database, not the number of mails. At most `window` ids are fenced and not yet recorded.

    A commit for few costs nearly as much as one for many. So that the connections do not fall into two halves which
    wait for each other's commits, one waits a moment for the answers that are still to come.
    """

    def __init__(self, ledger: Ledger, *, window: int) -> None:
        self._ledger = ledger
        self._window = window
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mta-ledger")
        self._fences: deque[tuple[int, asyncio.Future[bool]]] = deque()
        self._outcomes: list[Outcome] = []
        # Fenced and not yet recorded, and those of them whose outcome has not come.
        self._open: set[int] = set()
        self._unanswered: set[int] = set()
        # Set where a commit is to be made.
        self._work = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._is_sparing = False
        # Asked for in the commit that is at work.
        self._asked = 0

    @property
    def window(self) -> int:
        """The ids that may be fenced and not yet recorded."""
        return self._window

    @property
    def fenced(self) -> int:
        """How many are."""
        return len(self._open)

    def spare(self, few: int) -> None:
        """Go on with a window that is no larger than what is fenced, or `few`; the ledger keeps nothing open between."""
        self._window = min(self._window, max(len(self._open) + self._asked, few, 1))
        self._is_sparing = True
        if isinstance(self._ledger, ClosingLedger):
            self._thread.submit(self._ledger.close)

    async def fence(self, message_id: int) -> bool:
        """Return, when the mark is durable, whether the mail may go."""
        granted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._fences.append((message_id, granted))
        self._note_work()
        return await granted

    def report(self, outcome: Outcome) -> None:
        """Hand in an outcome; it is kept with the next commit."""
        self._outcomes.append(outcome)
        self._unanswered.discard(outcome.id)
        self._note_work()

    def finish(self) -> None:
        """Let `run` return when nothing is left to do."""
        self._closed = True
        self._work.set()

    async def run(self) -> None:
        """Commit until finished; raises what the ledger raises."""
        loop = self._loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            if self._unanswered:
                # The time is over; what has come meanwhile is read in this turn of the loop.
                await asyncio.sleep(0)
            self._work.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._outcomes or self._fences:
                outcomes, self._outcomes = self._outcomes, []
                # Where the connection is gone by now, nothing is to be fenced.
                self._fences = deque(fence for fence in self._fences if not fence[1].done())
                room = self._window - len(self._open.difference(outcome.id for outcome in outcomes))
                wanted = [self._fences.popleft() for _turn in range(min(room, len(self._fences)))]
                if not wanted and not outcomes:
                    # The window is full: only an outcome makes room.
                    continue
                ids = [message_id for message_id, _granted in wanted]
                self._asked = len(ids)
                granted = await loop.run_in_executor(self._thread, self._commit, outcomes, ids)
                self._asked = 0
                self._open.difference_update(outcome.id for outcome in outcomes)
                self._open |= granted
                self._unanswered |= granted
                for message_id, future in wanted:
                    if not future.done():
                        future.set_result(message_id in granted)
                if self._outcomes or self._fences:
                    self._note_work()
            if self._closed and not self._outcomes:
                return

    def _note_work(self) -> None:
        """Have a commit made: at once where no answer is to come, else after a moment."""
        if self._closed or not self._unanswered or self._loop is None:
            self._work.set()
        elif self._timer is None:
            # The loop may stand still: mails are offered in between.
            self._timer = self._loop.call_later(_PATIENCE, self._end_patience)

    def _end_patience(self) -> None:
        self._timer = None
        self._work.set()

    def close(self) -> None:
        """End the thread; its last call lets the ledger close what it holds."""
        if isinstance(self._ledger, ClosingLedger):
            self._thread.submit(self._ledger.close).result()
        self._thread.shutdown()

    def _commit(self, outcomes: Sequence[Outcome], ids: Sequence[int]) -> set[int]:
        try:
            return self._tell_ledger(outcomes, ids)
        finally:
            if self._is_sparing and isinstance(self._ledger, ClosingLedger):
                self._ledger.close()

    def _tell_ledger(self, outcomes: Sequence[Outcome], ids: Sequence[int]) -> set[int]:
        if isinstance(self._ledger, JoiningLedger):
            return self._ledger.commit(outcomes, ids).intersection(ids)
        # Outcomes first: they make room in the window.
        if outcomes:
            self._ledger.record(outcomes)
        return set(self._ledger.fence(ids)).intersection(ids) if ids else set()
