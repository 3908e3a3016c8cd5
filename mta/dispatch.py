"""Shares the mails of one `send` among its connections, so that each gets exactly one outcome."""

import asyncio
import ssl
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from mta.courier import Courier
from mta.group_commit import GroupCommit
from mta.outcomes import Outcome, Outgoing, Result
from mta.routes import Route
from mta.smtp import Connection, Timeouts
from mta.smtp_replies import Answer, Fault
from mta.verdicts import Phase

# Seconds that a place has from its first connection on, where that is opened late, for the mails that waited for it; no
# more than the whole time was.
_FIRST: Final = 5.0
# Seconds by which a timer may come before its time: uvloop counts whole milliseconds.
_EARLY: Final = 0.002
# Mails that may be fenced at once after the caller left: who is waited for then is slow.
_FEW: Final = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """How one `send` goes; `seconds` is the time after which no mail is begun, None = without end.

    Where the first connection to a place is being opened then, its mails wait for that a while longer.
    """

    route: Route
    tls: ssl.SSLContext | None
    timeouts: Timeouts
    connections: int
    messages_per_connection: int | None
    seconds: float | None


class Dispatch:
    """Holds the queues, the tasks that send their mails, and what went wrong.

    `send` calls it between and around its runs of the event loop, the queues while it runs.
    """

    def __init__(self, commits: GroupCommit, plan: Plan, *, most_waiting: int) -> None:
        self.commits = commits
        self.plan = plan
        self.loop = asyncio.get_running_loop()
        # Loop time after which no mail is begun.
        self.ends = None if plan.seconds is None else self.loop.time() + plan.seconds
        # Loop time after which no mail is waited for that has not come to its dot.
        self.not_after = None if self.ends is None else self.ends + plan.timeouts.late
        # Mails in all queues.
        self.waiting = 0
        # No mail will be offered any more.
        self.is_complete = False
        self.is_stopped = False
        self._most_waiting = most_waiting
        self._enough = most_waiting // 2
        self._queues: list[Queue] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._commit_task = asyncio.create_task(commits.run())
        self._commit_task.add_done_callback(self._note_end)
        # A mail was taken, a task ended, or the time is over.
        self._change = asyncio.Event()
        self._crash: BaseException | None = None
        if self.ends is not None:
            self.loop.call_at(self.ends, self.wake_all)

    # What `send` calls

    def offer(self, message: Outgoing) -> bool:
        """Take a mail in; return True where `make_room` is to be called before the next."""
        if self.is_over():
            self.settle(message)
            return False
        self.place(message)
        return self.waiting >= self._most_waiting

    async def make_room(self) -> None:
        """Work until half of the waiting mails are taken."""
        while self.waiting > self._enough and not self.is_over():
            if not self._tasks:
                await self.judge_stranded()
                break
            self._change.clear()
            await self._change.wait()
        await self._raise_crash()

    def is_over(self) -> bool:
        """Say whether no mail is taken in any more: the time is over, or no connection is left."""
        return self.has_ended() or self.is_late()

    def has_ended(self) -> bool:
        """Say whether no mail will be begun any more, whatever the time."""
        return self.is_stopped or self._crash is not None or self.is_dead()

    def stop(self) -> None:
        """Begin no further mail."""
        self.is_stopped = True
        self.wake_all()

    async def finish(self, *, leave_after: float | None = None) -> bool:
        """Work until every mail has its outcome and every outcome is recorded.

        Returns False where mails are still on their way `leave_after` seconds after the time is over (None = never); it
        is to be called again then, from whatever thread.
        """
        self.is_complete = True
        self.wake_all()
        leaves = None if leave_after is None or self.ends is None else self.ends + leave_after
        while self._tasks and self._crash is None:
            # The mails on their way may take long yet; nobody has to wait for them.
            self.settle_over()
            self._change.clear()
            try:
                async with asyncio.timeout_at(leaves):
                    await self._change.wait()
            except TimeoutError:
                self.leave()
                return False
        await self._raise_crash()
        await self.judge_stranded()
        self.settle_waiting()
        self.commits.finish()
        await asyncio.wait([self._commit_task])
        await self._raise_crash()
        return True

    @property
    def connections(self) -> int:
        """How many connections are open or being opened."""
        return sum(queue.active for queue in self._queues)

    # What the kinds of routes decide

    def place(self, message: Outgoing) -> None:
        """Put a mail into its queue."""
        raise NotImplementedError

    def settle(self, message: Outgoing) -> None:
        """Say of a mail that will not be begun any more what became of it."""
        self.report(message, Result.UNTOUCHED, Answer(Phase.CONNECT, "not tried: the time was over"), "")

    def settle_over(self) -> None:
        """Settle the mails that will not be begun any more."""
        for queue in self._queues:
            if queue.is_over():
                queue.settle_waiting()

    def settle_waiting(self) -> None:
        """Settle all mails that were not begun."""
        for queue in self._queues:
            queue.settle_waiting()

    def leave(self) -> None:
        """Note that the caller goes on with other work, while some mails are still on their way."""
        self.commits.spare(min(self.connections, _FEW))

    def is_dead(self) -> bool:
        """Say whether no connection is left, and no new one is of use."""
        return False

    async def judge_stranded(self) -> None:
        """Settle the mails that only wait to be told whose fault it is; nothing else is on its way any more."""

    # What the queues call

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something until it ends; what it raises ends everything."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)
        return task

    def add_queue(self, queue: "Queue") -> None:
        """Take in a queue; its mails are settled when the time is over."""
        self._queues.append(queue)

    def report(self, message: Outgoing, result: Result, answer: Answer, host: str) -> None:
        """Hand in the outcome of a mail and what was said of it."""
        phase, text, code, status = answer
        self.commits.report(Outcome(message.id, result, code, status, text, phase, host))

    def note_change(self) -> None:
        """Let `make_room` and `finish` look again."""
        self._change.set()

    def note_taken(self) -> None:
        """Count a mail that waits no longer."""
        self.waiting -= 1
        if self.waiting <= self._enough:
            self._change.set()

    def is_late(self) -> bool:
        """Say whether the time is over."""
        return self.ends is not None and self.has_come(self.ends)

    def has_come(self, moment: float) -> bool:
        """Say whether a loop time has come, also to whom a timer for it wakes."""
        return self.loop.time() + _EARLY >= moment

    def wake_all(self) -> None:
        """Let everything that waits look again."""
        for queue in self._queues:
            queue.wake()
        self._change.set()

    # Inside

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and self._crash is None:
            self._crash = task.exception()
        if self._crash is not None:
            self.wake_all()
        self._change.set()

    async def _raise_crash(self) -> None:
        """Raise what ended a task by surprise, after the others ended without another dot."""
        if self._crash is None:
            return
        if tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        # Where the ledger still works, what is known is kept.
        self.commits.finish()
        await asyncio.wait([self._commit_task])
        raise self._crash


class Queue:
    """The mails for one place, and the connections to it: opened when mails come, up to `connections` at once."""

    # Whether MAIL is refused for the sake of one mail, and not because of who we are.
    refuses_single_mails = False

    def __init__(self, dispatch: Dispatch, *, connections: int, messages_per_connection: int | None) -> None:
        self.dispatch = dispatch
        self.commits = dispatch.commits
        self.connections = connections
        self.messages_per_connection = messages_per_connection
        self.last_fault = Fault(Answer(Phase.CONNECT, "no connection"))
        self.last_host = ""
        self.couriers = 0
        # Of these, those that have a connection or are opening one, and those that are opening one.
        self.active = 0
        self._opening = 0
        # Loop time after which no mail is begun here, known from the first connection on.
        self._ends: float | None = None
        self.waiting: deque[Outgoing] = deque()
        # A mail came, or none will come any more.
        self._news = asyncio.Event()
        dispatch.add_queue(self)

    # What the dispatch calls

    def put(self, message: Outgoing) -> None:
        """Take a mail in."""
        self.waiting.append(message)
        self.dispatch.waiting += 1
        self.wake()
        self.hire()

    def hire(self) -> bool:
        """Open one more connection where that is of use; return whether it is."""
        if self.couriers >= self.connections or not self.wants_courier():
            return False
        self.couriers += 1
        self.dispatch.start(self.work())
        return True

    def remove(self) -> Outgoing | None:
        """Return a mail that was not begun, or None where there is none."""
        if not self.waiting:
            return None
        self.dispatch.waiting -= 1
        return self.waiting.popleft()

    def settle_waiting(self) -> None:
        """Settle all mails that were not begun."""
        while (message := self.remove()) is not None:
            self.dispatch.settle(message)

    def is_over(self) -> bool:
        """Say whether no mail will be begun here any more."""
        return self.dispatch.has_ended() or (self.dispatch.is_late() and self._is_late())

    def _is_late(self) -> bool:
        """Say whether the time is over here too: not while the first connection is being opened, nor at once then."""
        if self._ends is None:
            return not self._opening
        return self.dispatch.has_come(self._ends)

    def wake(self) -> None:
        """Let connections that wait for mails look again."""
        self._news.set()

    # What the kinds of routes decide

    def wants_courier(self) -> bool:
        """Say whether one more connection is of use."""
        return True

    async def work(self) -> None:
        """Send mails over one connection at a time until there is nothing left to do."""
        self.active += 1
        try:
            is_well = await Courier(self).run()
        finally:
            self.active -= 1
            self.couriers -= 1
        if is_well:
            return
        if self.couriers:
            # It takes fewer connections than we should like.
            self.connections = self.couriers
        else:
            self.give_up()

    def give_up(self) -> None:
        """Note that no connection is left and a fresh one was of no use; `last_fault` tells why."""
        raise NotImplementedError

    async def open(self) -> Connection:
        """Open a connection and return it; raises Fault."""
        raise NotImplementedError

    def result_of_fault(self, fault: Fault, *, is_fresh: bool) -> Result:
        """Return what becomes of the mail a connection failed with; `is_fresh`: it had settled none before."""
        raise NotImplementedError

    # What the connections call

    async def connect(self) -> Connection:
        """Return a fresh connection; raises Fault."""
        self._opening += 1
        try:
            connection = await self.open()
        finally:
            self._opening -= 1
        if self._ends is None:
            seconds = self.dispatch.plan.seconds
            self._ends = self.dispatch.loop.time() + (_FIRST if seconds is None else min(_FIRST, seconds))
            self.dispatch.loop.call_at(self._ends, self.dispatch.wake_all)
        return connection

    def has_mails(self) -> bool:
        """Say whether a mail may be taken."""
        return bool(self.waiting) and not self.is_over()

    async def has_work(self) -> bool:
        """Wait until a mail is there; False when a connection need not be kept for more."""
        while not self.waiting and not self.dispatch.is_complete and not self.is_over():
            self._news.clear()
            await self._news.wait()
        return self.has_mails()

    def take(self) -> Outgoing | None:
        """Return the next mail, or None where there is none just now."""
        if not self.waiting or self.is_over():
            return None
        self.dispatch.note_taken()
        return self.waiting.popleft()

    def give_back(self, message: Outgoing) -> None:
        """Put a mail that was not begun back to the front."""
        self.waiting.appendleft(message)
        self.dispatch.waiting += 1
        self.wake()

    def report(self, message: Outgoing, result: Result, answer: Answer, host: str) -> None:
        """Hand in the outcome of a mail."""
        self.dispatch.report(message, result, answer, host)

    def blame(self, fault: Fault, host: str) -> None:
        """Remember why a connection ended; mails that no connection is left for are told this."""
        self.last_fault, self.last_host = fault, host or self.last_host
