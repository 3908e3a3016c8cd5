"""Sends mails over one route: several connections, pipelined, fenced before each final dot."""

import asyncio
from collections.abc import Iterable
from typing import Final

from mta.courier import Courier
from mta.dispatch import Dispatch
from mta.group_commit import GroupCommit
from mta.outcomes import ClosingLedger, Ledger, Outcome, Outgoing, Result
from mta.routes import Route
from mta.smtp import Timeouts, tls_context

__all__ = ["ClosingLedger", "Ledger", "Outcome", "Outgoing", "Result", "Timeouts", "send"]

_DEFAULT_TIMEOUTS: Final = Timeouts()
# Mails read ahead for each connection: enough that none waits while the caller makes the next.
_AHEAD: Final = 2


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
    deadline: float | None = None,
    timeouts: Timeouts = _DEFAULT_TIMEOUTS,
) -> None:
    """Send batches of mails over `route`, each as the one before runs out, over the same connections.

    Returns when each mail that was read has exactly one outcome in `ledger`. A batch that was begun is read to its
    end; no other is begun once the time is over or the route is of no use.

    The mails are read in the calling thread, outside of the event loop, a few mails ahead. At most
    `connections` connections are open and at most `window` mails are fenced and not yet recorded.
    After `deadline` seconds no mail is begun, and those not begun become UNTOUCHED.

    The ledger is called from one other thread. What it raises ends everything at once, without another
    dot, and is raised here. What `batches` raises is raised here after the mails on their way ended.
    """
    if connections < 1 or window < 1:
        raise ValueError("at least one connection and a window of one are needed")
    commits = GroupCommit(ledger, window=window)
    try:
        with asyncio.Runner() as runner:
            dispatch = runner.run(_begin(route, commits, connections, deadline, timeouts))
            try:
                for batch in batches:
                    for message in batch:
                        if dispatch.offer(message):
                            runner.run(dispatch.make_room())
                    if dispatch.is_over():
                        break
            except BaseException:
                dispatch.stop()
                raise
            finally:
                runner.run(dispatch.finish())
    finally:
        commits.close()


async def _begin(
    route: Route, commits: GroupCommit, connections: int, deadline: float | None, timeouts: Timeouts
) -> Dispatch:
    ends = None if deadline is None else asyncio.get_running_loop().time() + deadline
    dispatch = Dispatch(route, commits, most_waiting=_AHEAD * connections, ends=ends)
    tls = None if route.security == "none" else tls_context(route)
    for _number in range(connections):
        dispatch.add_courier(asyncio.create_task(Courier(dispatch, tls, timeouts).run()))
    return dispatch
