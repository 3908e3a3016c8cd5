"""Shares the mails of one `send` among its connections, so that each gets exactly one outcome."""

import asyncio
from collections import deque

from mta.group_commit import GroupCommit
from mta.outcomes import Outcome, Outgoing, Result
from mta.routes import Route
from mta.smtp import Answer
from mta.verdicts import Phase


class Dispatch:
    """Holds the waiting mails, the tasks that send them, and what went wrong.

    `send` calls the upper half between and around its runs of the event loop, the connections the lower.
    """

    def __init__(self, route: Route, commits: GroupCommit, *, most_waiting: int, ends: float | None) -> None:
        self.route = route
        self.commits = commits
        # Loop time after which no mail is begun.
        self.ends = ends
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Outgoing] = deque()
        self._most_waiting = most_waiting
        self._couriers: list[asyncio.Task[None]] = []
        self._commit_task = self._watch(asyncio.create_task(commits.run()))
        # A mail came, or none will come any more; a mail was taken, or a task ended.
        self._news = asyncio.Event()
        self._change = asyncio.Event()
        self._complete = False
        self._stopped = False
        self._crash: BaseException | None = None
        self._last_fault = Answer(Phase.CONNECT, "no connection")

    def add_courier(self, task: asyncio.Task[None]) -> None:
        """Take in the task of one connection."""
        self._couriers.append(self._watch(task))

    def offer(self, message: Outgoing) -> bool:
        """Take a mail in; return True where `make_room` is to be called before the next."""
        if self.is_over():
            self._settle(message)
            return False
        self._waiting.append(message)
        self._news.set()
        return len(self._waiting) >= self._most_waiting

    async def make_room(self) -> None:
        """Work until half of the waiting mails are taken."""
        while len(self._waiting) > self._most_waiting // 2 and not self.is_over():
            self._change.clear()
            await self._change.wait()
        await self._raise_crash()

    def is_over(self) -> bool:
        """Say whether no mail will be begun any more: the time is over, or no connection is left."""
        return self._stopped or self._crash is not None or self.is_late() or self._is_dead()

    def stop(self) -> None:
        """Begin no further mail."""
        self._stopped = True
        self._news.set()

    async def finish(self) -> None:
        """Work until every mail has its outcome and every outcome is recorded."""
        self._complete = True
        self._news.set()
        while not self._is_dead() and self._crash is None:
            self._change.clear()
            await self._change.wait()
        await self._raise_crash()
        while self._waiting:
            self._settle(self._waiting.popleft())
        self.commits.finish()
        await asyncio.wait([self._commit_task])
        await self._raise_crash()

    # What the connections call

    async def has_work(self) -> bool:
        """Wait until a mail is there; False when no more will come."""
        while not self._waiting and not self._complete and not self.is_over():
            self._news.clear()
            await self._news.wait()
        return bool(self._waiting) and not self.is_over()

    def take(self) -> Outgoing | None:
        """Return the next mail, or None where there is none just now."""
        if not self._waiting or self.is_over():
            return None
        self._change.set()
        return self._waiting.popleft()

    def give_back(self, message: Outgoing) -> None:
        """Put a mail that was not begun back to the front."""
        self._waiting.appendleft(message)
        self._news.set()

    def report(self, message: Outgoing, result: Result, answer: Answer) -> None:
        """Hand in the outcome of a mail and what was said of it."""
        self.commits.report(
            Outcome(message.id, result, answer.code, answer.status, answer.text, answer.phase, self.route.host)
        )

    def blame(self, answer: Answer) -> None:
        """Remember why a connection ended; mails that no connection is left for are told this."""
        self._last_fault = answer

    def is_late(self) -> bool:
        """Say whether the time is over."""
        return self.ends is not None and self._loop.time() >= self.ends

    # Inside

    def _is_dead(self) -> bool:
        return all(task.done() for task in self._couriers)

    def _settle(self, message: Outgoing) -> None:
        if self._stopped or self.is_late():
            self.report(message, Result.UNTOUCHED, Answer(Phase.CONNECT, "not tried: the time was over"))
        else:
            self.report(message, Result.ROUTE_FAULT, self._last_fault)

    def _watch(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        task.add_done_callback(self._note_end)
        return task

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and self._crash is None:
            self._crash = task.exception()
        self._change.set()
        self._news.set()

    async def _raise_crash(self) -> None:
        """Raise what ended a task by surprise, after the others ended without another dot."""
        if self._crash is None:
            return
        for task in self._couriers:
            task.cancel()
        await asyncio.wait(self._couriers)
        # Where the ledger still works, what is known is kept.
        self.commits.finish()
        await asyncio.wait([self._commit_task])
        raise self._crash
