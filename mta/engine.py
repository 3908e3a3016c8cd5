"""Sends mails over one route: several connections, pipelined, fenced before each final dot."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from mta.direct import Direct, DirectDispatch
from mta.dispatch import Dispatch, Plan
from mta.group_commit import GroupCommit
from mta.outcomes import ClosingLedger, Ledger, Outcome, Outgoing, Result
from mta.relay import RelayDispatch
from mta.routes import Route
from mta.smtp import Timeouts, tls_context

try:
    from uvloop import new_event_loop
except ImportError:  # pragma: no cover
    # There is none for Windows; everything works without it, with a little more work for each mail.
    from asyncio import new_event_loop  # type: ignore[assignment]

__all__ = ["ClosingLedger", "Ledger", "Outcome", "Outgoing", "Rest", "Result", "Timeouts", "send", "send_batches"]

_DEFAULT_TIMEOUTS: Final = Timeouts()
# After so many mails the connections are looked after, so that distant servers work while the next ones are made.
_GLANCE: Final = 24
# A reply that has come goes through so many turns of the loop: it is read, it wakes its task, the task writes.
_TURNS: Final = 3


def send(
    messages: Iterable[Outgoing],
    route: Route,
    ledger: Ledger,
    *,
    connections: int,
    window: int,
    deadline: float | None = None,
    timeouts: Timeouts = _DEFAULT_TIMEOUTS,
) -> None:
    """Send `messages` over `route`; return when each has exactly one outcome in `ledger`.

    As `send_batches` with all of them in one batch.
    """
    send_batches(
        [messages], route, ledger, connections=connections, window=window, deadline=deadline, timeouts=timeouts
    )


def send_batches(
    batches: Iterable[Iterable[Outgoing]],
    route: Route,
    ledger: Ledger,
    *,
    connections: int,
    window: int,
    messages_per_connection: int | None = None,
    deadline: float | None = None,
    leave_after: float | None = None,
    timeouts: Timeouts = _DEFAULT_TIMEOUTS,
    direct: Direct | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = new_event_loop,
) -> "Rest | None":
    """Send batches of mails over `route`, each as the one before runs out, over the same connections.

    Returns when each mail that was read has exactly one outcome in `ledger`. A batch that was begun is read to its
    end; no other is begun once the time is over or the route is of no use.

    On the direct way `connections` are those to one set of servers, `direct` has what else is needed for it, and a
    mail that cannot be handed over is DEFERRED or REFUSED: that is its receiver's affair, where the network is there.

    The mails are read in the calling thread, outside of the event loop, a few mails ahead. At most
    `connections` connections are open, each for at most `messages_per_connection` mails, and at most `window` mails
    are fenced and not yet recorded. After `deadline` seconds no mail is begun, and those not begun become UNTOUCHED;
    only where the first connection to a place is being opened then, they wait for that. Where mails are still on their
    way `leave_after` seconds after the deadline, what is left to be done is returned.

    The ledger is called from one other thread. What it raises ends everything at once, without another
    dot, and is raised here. What `batches` raises is raised here after the mails on their way ended.
    """
    if connections < 1 or window < 1:
        raise ValueError("at least one connection and a window of one are needed")
    commits = GroupCommit(ledger, window=window)
    plan = Plan(
        route=route,
        tls=tls_context(route),
        timeouts=timeouts,
        connections=connections,
        messages_per_connection=messages_per_connection or route.messages_per_connection,
        seconds=deadline,
    )
    runner = asyncio.Runner(loop_factory=loop_factory)
    is_done = True
    try:
        dispatch = runner.run(begin(commits, plan, direct))
        try:
            feed(batches, dispatch, runner)
        except BaseException:
            dispatch.stop()
            runner.run(dispatch.finish())
            raise
        is_done = runner.run(dispatch.finish(leave_after=leave_after))
    finally:
        if is_done:
            close(runner, commits)
    return None if is_done else Rest(runner, dispatch, commits)


def close(runner: asyncio.Runner, commits: GroupCommit) -> None:
    """End the loop and the ledger's thread."""
    try:
        runner.close()
    finally:
        commits.close()


class Rest:
    """The mails of a run that were on their way when it was left. They stand still until `finish` is called."""

    def __init__(self, runner: asyncio.Runner, dispatch: Dispatch, commits: GroupCommit) -> None:
        self._runner = runner
        self._dispatch = dispatch
        self._commits = commits

    def finish(self) -> None:
        """Do what `send_batches` would have done to the end; may be called in another thread."""
        try:
            self._runner.run(self._dispatch.finish())
        finally:
            close(self._runner, self._commits)

    def stop(self) -> None:
        """Have no further mail begun; may be called while another thread is in `finish`."""
        with suppress(RuntimeError):
            # The loop has ended, and everything with it.
            self._runner.get_loop().call_soon_threadsafe(self._dispatch.stop)

    @property
    def connections(self) -> int:
        """How many connections are open or being opened."""
        return self._dispatch.connections

    @property
    def window(self) -> int:
        """How many mails may be fenced and not yet recorded."""
        return self._commits.window

    @property
    def fenced(self) -> int:
        """How many are."""
        return self._commits.fenced


async def begin(commits: GroupCommit, plan: Plan, direct: Direct | None) -> Dispatch:
    """Return what shares the mails among the connections of a route; it belongs to the loop that runs this."""
    if plan.route.kind == "direct":
        return DirectDispatch(commits, plan, direct or Direct())
    return RelayDispatch(commits, plan)


def feed(batches: Iterable[Iterable[Outgoing]], dispatch: Dispatch, runner: asyncio.Runner) -> None:
    """Read the mails and hand them over; the loop runs where there is no room for more, and for a glance in between."""
    for batch in batches:
        for number, message in enumerate(batch, 1):
            if dispatch.offer(message):
                runner.run(dispatch.make_room())
            elif number % _GLANCE == 0:
                glance(runner.get_loop())
        if dispatch.is_over():
            break


def glance(loop: asyncio.AbstractEventLoop, turns: int = _TURNS) -> None:
    """Let the loop do what can be done at once, without waiting for anything."""

    def turn(left: int) -> None:
        if left:
            loop.call_soon(turn, left - 1)
        else:
            loop.stop()

    loop.call_soon(turn, turns)
    loop.run_forever()
