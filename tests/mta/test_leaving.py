"""Slow servers: what was begun has its time, and whoever asked for it need not wait until it is over."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mta.engine import Outgoing, Rest, Result, Timeouts, send_batches
from mta.resting import Resting
from mta.verdicts import Phase
from tests.mta.fault_server import Fault, FaultServer, Hang, Held, Wait
from tests.mta.memory_ledger import MemoryLedger
from tests.mta.sending import BODY, LOOPS, PATIENT, PIPELINING, STEPWISE, make_mails, make_route, send_to
from tests.mta.test_direct import ROUTE, World, to
from tests.mta.test_direct import world as world

# The server's wait is longer than the time of the run, and shorter than what a mail may take that was begun.
DEADLINE, WAIT = 1.5, 3.5


def leave(server: FaultServer, count: int, ledger: MemoryLedger, *, loop: str = "uvloop", **options: object) -> Rest:
    """Send, and return what was on its way when the time was over."""
    rest = send_batches(
        [make_mails(count)],
        make_route(server.port),
        ledger,
        connections=options.pop("connections", 1),
        window=64,
        deadline=options.pop("deadline", DEADLINE),
        leave_after=0.1,
        timeouts=options.pop("timeouts", PATIENT),
        loop_factory=options.pop("loop_factory", LOOPS[loop]),
    )
    assert rest is not None, Counter(ledger.outcomes.values())
    return rest


def run_apart(work: Callable[[], None]) -> None:
    """Run something in a thread of its own, as the callers do."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()


@pytest.mark.parametrize("features", [PIPELINING, STEPWISE])
@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.EHLO, Phase.MAIL, Phase.RCPT, Phase.DATA])
def test_answer_after_the_time_of_the_run_is_waited_for(phase: Phase, features: tuple[str, ...]) -> None:
    with FaultServer([Fault(phase, Wait(WAIT))], features) as server:
        ledger = send_to(server, make_mails(1), deadline=DEADLINE)
    assert ledger.results() == [Result.ACCEPTED]


@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.EHLO])
def test_mails_wait_for_the_first_connection(phase: Phase) -> None:
    """A relay that greets late takes what waits for it, and not just one mail a connection."""
    with FaultServer([Fault(phase, Wait(WAIT))]) as server:
        ledger = send_to(server, make_mails(8), connections=2, deadline=DEADLINE)
    assert ledger.results() == [Result.ACCEPTED] * 8


def test_mails_that_wait_for_a_mail_before_them_are_not_begun() -> None:
    with FaultServer([Fault(Phase.RCPT, Wait(WAIT))]) as server:
        ledger = send_to(server, make_mails(4), deadline=DEADLINE)
    assert ledger.results() == [Result.ACCEPTED] + [Result.UNTOUCHED] * 3


def test_late_mail_has_so_long_for_all_its_steps_together() -> None:
    timeouts = replace(PATIENT, late=WAIT)
    faults = [Fault(phase, Wait(WAIT / 2)) for phase in (Phase.GREETING, Phase.EHLO, Phase.MAIL, Phase.RCPT)]
    with FaultServer(faults) as server:
        ledger = send_to(server, make_mails(1), deadline=DEADLINE, timeouts=timeouts)
    assert ledger.results() == [Result.ROUTE_FAULT]
    assert ledger.fenced == set()
    assert server.accepted == []


def test_timeouts_are_those_of_the_standard() -> None:
    """RFC 5321 section 4.5.3.2, from the greeting to the end of the data."""
    timeouts = Timeouts()
    phases = (Phase.GREETING, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT)
    assert [timeouts.seconds(phase) for phase in phases] == [300, 300, 300, 120, 600]
    assert timeouts.body == 180


# Leaving


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.RCPT, Phase.DOT])
def test_caller_leaves_and_the_rest_goes_on_in_a_thread(phase: Phase, loop: str) -> None:
    ledger = MemoryLedger()
    with FaultServer([Fault(phase, Held(), times=1)]) as server:
        rest = leave(server, 1, ledger, loop=loop)
        assert ledger.outcomes == {}
        assert rest.connections == 1
        assert rest.fenced == (phase is Phase.DOT)
        server.release()
        run_apart(rest.finish)
    assert ledger.results() == [Result.ACCEPTED]
    assert ledger.closed >= 1


def test_nobody_is_left_where_all_is_done_in_time() -> None:
    with FaultServer() as server:
        ledger = MemoryLedger()
        rest = send_batches(
            [make_mails(20)],
            make_route(server.port),
            ledger,
            connections=2,
            window=8,
            deadline=10,
            leave_after=1,
            timeouts=PATIENT,
        )
    assert rest is None
    assert Counter(ledger.results()) == {Result.ACCEPTED: 20}


def test_what_is_left_has_a_window_of_its_own_that_is_no_larger_than_needed() -> None:
    ledger = MemoryLedger()
    with FaultServer([Fault(Phase.DOT, Held())]) as server:
        rest = leave(server, 12, ledger, connections=12, deadline=4)
        assert (rest.fenced, rest.window) == (12, 12)
        server.release()
        run_apart(rest.finish)
    assert ledger.results() == [Result.ACCEPTED] * 12
    with FaultServer([Fault(Phase.GREETING, Held())]) as server:
        rest = leave(server, 12, MemoryLedger(), connections=3)
        assert (rest.fenced, rest.window) == (0, 3)
        server.release()
        run_apart(rest.finish)


class EarlyLoop(asyncio.SelectorEventLoop):
    """By its clock each of its timers comes 1.8 ms too early, as some of uvloop's do, which count whole ones."""

    held: float | None = None

    def time(self) -> float:
        return super().time() if self.held is None else self.held

    def call_at(self, when: float, callback: Any, *args: Any, **options: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        def come() -> None:
            callback(*args)
            # The clock stands still until what was woken has had its turn.
            self.held = when - 0.0018
            self.call_soon(self.call_soon, self.go_on)

        return super().call_at(when - 0.0018, come, **options)

    def go_on(self) -> None:
        self.held = None


def test_a_timer_that_comes_early_ends_the_wait_for_room() -> None:
    with FaultServer([Fault(Phase.GREETING, Held())]) as server:
        ledger = MemoryLedger()
        rest = leave(server, 300, ledger, loop_factory=EarlyLoop, connections=3)
        # It came back although no server has answered, with what no connection had taken.
        assert Result.ACCEPTED not in ledger.results()
        server.release()
        run_apart(rest.finish)
    assert len(ledger.outcomes) == 300
    assert set(ledger.results()) == {Result.ACCEPTED, Result.UNTOUCHED}


def test_crash_of_the_ledger_is_raised_where_the_rest_is_finished() -> None:
    ledger = MemoryLedger(before_record=lambda outcomes: 1 / 0)
    with FaultServer([Fault(Phase.DOT, Held())]) as server:
        rest = leave(server, 1, ledger)
        server.release()
        with pytest.raises(ZeroDivisionError):
            rest.finish()


# The direct way


def test_receiver_that_greets_late_takes_its_mails(world: World) -> None:
    world.serve("127.0.0.2", [Fault(Phase.GREETING, Wait(WAIT))])
    world.domain("one.example", "127.0.0.2")
    ledger = world.send(to("one.example", 4), connections=1, deadline=DEADLINE)
    assert ledger.results() == [Result.ACCEPTED] * 4


def test_server_that_hangs_leaves_time_to_the_next_one(world: World) -> None:
    world.serve("127.0.0.2", [Fault(Phase.GREETING, Hang())])
    second = world.serve("127.0.0.3")
    world.domain("one.example", "127.0.0.2", "127.0.0.3")
    timeouts = replace(PATIENT, late=1)
    ledger = world.send(to("one.example", 2), connections=1, deadline=DEADLINE, timeouts=timeouts)
    assert ledger.results() == [Result.ACCEPTED] * 2
    assert len(second.accepted) == 2


@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.RCPT, Phase.DOT])
def test_receiver_that_keeps_mails_waiting_gets_no_others_meanwhile(world: World, phase: Phase) -> None:
    slow = world.serve("127.0.0.2", [Fault(phase, Held())])
    quick = world.serve("127.0.0.3")
    world.domain("slow.example", "127.0.0.2")
    world.domain("quick.example", "127.0.0.3")
    direct, first, second = world.setup(resting=Resting()), MemoryLedger(), MemoryLedger()
    mails = [Outgoing(1, "news@shop.example", "a@slow.example", BODY)]
    mails.append(Outgoing(2, "news@shop.example", "a@quick.example", BODY))
    options = {"connections": 1, "window": 8, "deadline": DEADLINE, "timeouts": PATIENT, "direct": direct}
    rest = send_batches([mails], ROUTE, first, leave_after=0.1, **options)
    assert rest is not None
    assert send_batches([mails], ROUTE, second, **options) is None
    assert second.results() == [Result.DEFERRED, Result.ACCEPTED]
    assert slow.connections == 1
    slow.release()
    run_apart(rest.finish)
    assert first.results() == [Result.ACCEPTED] * 2
    assert len(quick.accepted) == 2
    # It answered: it is asked again at once.
    assert world.send(["a@slow.example"], direct=direct).results() == [Result.ACCEPTED]
