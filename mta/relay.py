"""The way over a relay: one queue for all mails, and one connection after the other to the same host."""

from typing import Final

from mta.dispatch import Dispatch, Plan, Queue
from mta.group_commit import GroupCommit
from mta.outcomes import Outgoing, Result
from mta.smtp import Connection, open_connection
from mta.smtp_replies import Fault

# Mails read ahead for each connection: enough that none waits while the caller makes the next, and that the
# caller is not asked for each mail by itself.
_AHEAD: Final = 4


class RelayQueue(Queue):
    """The mails for a relay: what it does before it looks at a recipient is the route's affair."""

    def __init__(self, dispatch: Dispatch) -> None:
        plan = dispatch.plan
        super().__init__(dispatch, connections=plan.connections, messages_per_connection=plan.messages_per_connection)
        self.last_host = plan.route.host
        self.is_given_up = False

    def give_up(self) -> None:
        self.is_given_up = True

    async def open(self) -> Connection:
        plan, not_after = self.dispatch.plan, self.dispatch.not_after
        return await open_connection(plan.route, timeouts=plan.timeouts, tls=plan.tls, not_after=not_after)

    def result_of_fault(self, fault: Fault, *, is_fresh: bool) -> Result:
        return Result.ROUTE_FAULT


class RelayDispatch(Dispatch):
    """All mails go to one relay; when no connection to it is left, it is given up."""

    def __init__(self, commits: GroupCommit, plan: Plan) -> None:
        super().__init__(commits, plan, most_waiting=_AHEAD * plan.connections)
        self._queue = RelayQueue(self)

    def place(self, message: Outgoing) -> None:
        self._queue.put(message)

    def is_dead(self) -> bool:
        return self._queue.is_given_up

    def settle(self, message: Outgoing) -> None:
        if self.is_dead() and not self.is_stopped:
            self.report(message, Result.ROUTE_FAULT, self._queue.last_fault.answer, self._queue.last_host)
        else:
            super().settle(message)
