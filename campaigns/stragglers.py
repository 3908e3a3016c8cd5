"""Mails still on their way when their turn is over: threads wait for them, so that the process takes other turns."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import connection

from campaigns.models import Lane
from mta.engine import Rest
from mta.routes import Route

# Of one workspace in one process; our own caution. Each is a thread that sleeps, with a few connections.
MOST: Final = 16
# Rows in doubt that a turn leaves to the turns after it, where mails hang at the final dot in all of its connections.
SPARE: Final = 4
# Seconds: how long a process that ends waits for answers to dots that were sent, and for outcomes to be recorded.
# With the six that Celery takes for itself that is less than its supervisor gives it (hypermail.single_machine).
PATIENCE: Final = 8.0
MOMENT: Final = 1.0
LOOK: Final = 0.05


@dataclass(eq=False, slots=True)
class Straggler:
    """What is left of one turn. `is_silent` says whether its route has not answered for any of its mails yet."""

    lane: Lane
    route: Route
    rest: Rest
    is_silent: Callable[[], bool]

    def shares_relay(self, lane: Lane) -> bool:
        """Say whether it uses the relay that a lane uses."""
        return self.route.kind == "relay" and self.lane.route == lane.route


class Stragglers:
    """Those of one process. Its main thread adds them and asks; each one's own thread removes it."""

    def __init__(self) -> None:
        self._known: set[Straggler] = set()
        self._lock = threading.Lock()

    def add(self, straggler: Straggler, then: Callable[[], object]) -> None:
        """Wait in a thread until its mails have their outcomes, and call `then` in it.

        A process that ends does not wait for the thread: what is claimed or fenced then is looked after as if it had
        been killed (campaigns.reaper).
        """

        def work() -> None:
            try:
                straggler.rest.finish()
                then()
            finally:
                connection.close()
                with self._lock:
                    self._known.remove(straggler)

        with self._lock:
            self._known.add(straggler)
        threading.Thread(target=work, name=f"straggler of lane {straggler.lane.pk}", daemon=True).start()

    def known(self) -> list[Straggler]:
        """Return them as they are now."""
        with self._lock:
            return list(self._known)

    def keep_out(self, lane: Lane, *, connections: int) -> bool:
        """Say whether this process takes no turn in a lane now, whose route allows so many connections.

        So it is where the workspace has too many stragglers, where those of all leave no row to be in doubt, and where
        the relay lets others of this process wait: for all connections, or with nothing answered.
        """
        known = self.known()
        if sum(one.lane.workspace_id == lane.workspace_id for one in known) >= MOST or not self.window():
            return True
        on_relay = [one for one in known if one.shares_relay(lane)]
        return any(one.is_silent() for one in on_relay) or self.connections(lane) >= connections

    def window(self) -> int:
        """Return how many rows a turn may have in doubt, so that it is SEND_WINDOW for the whole process; 0 = none."""
        free: int = settings.SEND_WINDOW - sum(one.rest.window for one in self.known())
        return max(free - SPARE, min(free, 1), 0)

    def connections(self, lane: Lane) -> int:
        """Return how many connections to the relay of a lane are taken."""
        return sum(one.rest.connections for one in self.known() if one.shares_relay(lane))

    def end(self, *, patience: float = PATIENCE) -> None:
        """Begin no further mail, and wait for those in doubt, `patience` seconds at most."""
        for straggler in self.known():
            straggler.rest.stop()
        began = time.monotonic()
        while known := self.known():
            seconds = time.monotonic() - began
            if seconds > patience or (seconds > MOMENT and not any(one.rest.fenced for one in known)):
                return
            time.sleep(LOOK)


# Of this process.
STRAGGLERS: Final = Stragglers()
