"""The circuit of a route: what opens it, who probes, and the slow start."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from mta import circuit
from mta.circuit import FIRST_WAIT, PROBE, Admission, Health, Signs, judge, more_connections, wait_after
from mta.models import RouteCircuit
from mta.outcomes import Outcome, Result
from mta.verdicts import Phase

NOW = datetime(2025, 6, 1, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def outcome(result: Result, phase: Phase = Phase.DOT, code: int | None = None, text: str = "") -> Outcome:
    return Outcome(1, result, code, "", text, phase)


ACCEPTED = outcome(Result.ACCEPTED, code=250)
UNKNOWN_USER = outcome(Result.REFUSED, Phase.RCPT, 550)
GREYLISTED = outcome(Result.DEFERRED, Phase.RCPT, 451)
NO_CONNECTION = outcome(Result.ROUTE_FAULT, Phase.CONNECT)
MAIL_REFUSED = outcome(Result.ROUTE_FAULT, Phase.MAIL, 550)
LOST_LATE = outcome(Result.ROUTE_FAULT, Phase.DATA)
DOUBT = outcome(Result.DOUBT)
UNTOUCHED = outcome(Result.UNTOUCHED, Phase.CONNECT)
WITHDRAWN = outcome(Result.WITHDRAWN, Phase.DATA)
# No host of the receiver could be reached; the address cannot be sent to; too large for the server.
NO_HOST = outcome(Result.DEFERRED, Phase.CONNECT)
IMPOSSIBLE = outcome(Result.REFUSED, Phase.RCPT)
TOO_LARGE = outcome(Result.REFUSED, Phase.MAIL, 552)


@pytest.mark.parametrize(
    ("seen", "health"),
    [
        ([], Health.UNKNOWN),
        ([ACCEPTED], Health.WORKS),
        ([UNKNOWN_USER], Health.WORKS),
        ([GREYLISTED], Health.WORKS),
        ([NO_CONNECTION, ACCEPTED], Health.WORKS),
        ([LOST_LATE, LOST_LATE, GREYLISTED], Health.WORKS),
        ([DOUBT, DOUBT, ACCEPTED], Health.WORKS),
        ([NO_CONNECTION], Health.FAULTY),
        ([MAIL_REFUSED], Health.FAULTY),
        # The time was over before they were begun, whoever was slow; who keeps a mail waiting to the end is at fault.
        ([UNTOUCHED, UNTOUCHED], Health.UNKNOWN),
        ([NO_CONNECTION, IMPOSSIBLE, TOO_LARGE], Health.FAULTY),
        # One mail may have caused it; two did not.
        ([LOST_LATE], Health.UNKNOWN),
        ([LOST_LATE, UNTOUCHED], Health.UNKNOWN),
        ([LOST_LATE, LOST_LATE], Health.FAULTY),
        ([DOUBT], Health.UNKNOWN),
        ([DOUBT, DOUBT], Health.FAULTY),
        ([WITHDRAWN], Health.UNKNOWN),
        ([NO_HOST, IMPOSSIBLE, TOO_LARGE], Health.UNKNOWN),
    ],
)
def test_what_a_turn_tells_of_its_route(seen: list[Outcome], health: Health) -> None:
    signs = Signs()
    signs.see(seen)
    assert judge(signs, is_probe=False) is health


@pytest.mark.parametrize(
    ("seen", "health"),
    [
        ([], Health.UNKNOWN),
        ([NO_HOST], Health.WORKS),
        ([GREYLISTED, NO_CONNECTION], Health.WORKS),
        ([DOUBT, DOUBT], Health.UNKNOWN),
        ([UNTOUCHED], Health.UNKNOWN),
        # Our own network is not there.
        ([NO_CONNECTION], Health.FAULTY),
        ([LOST_LATE, DOUBT], Health.FAULTY),
    ],
)
def test_on_the_direct_way_a_receivers_fault_is_not_the_routes(seen: list[Outcome], health: Health) -> None:
    signs = Signs()
    signs.see(seen)
    assert judge(signs, is_probe=False, is_direct=True) is health


@pytest.mark.parametrize("seen", [LOST_LATE, DOUBT, NO_CONNECTION])
def test_a_probe_without_an_answer_is_a_fault(seen: Outcome) -> None:
    signs = Signs()
    signs.see([seen])
    assert judge(signs, is_probe=True) is Health.FAULTY


def test_keeps_the_first_fault() -> None:
    signs = Signs()
    first = outcome(Result.ROUTE_FAULT, Phase.AUTH, 535, "wrong password")
    signs.see([UNTOUCHED, first, NO_CONNECTION])
    assert signs.fault is first


@pytest.mark.parametrize(
    ("faults", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (20, 300), (9999, 300)]
)
def test_waits_longer_after_each_fault(faults: int, seconds: int) -> None:
    assert wait_after(faults) == timedelta(seconds=seconds)


def test_the_connections_of_a_slow_start_double() -> None:
    started: list[int | None] = [1]
    while (last := started[-1]) is not None:
        started.append(more_connections(last, 20))
    assert started == [1, 2, 4, 8, 16, None]
    assert more_connections(1, 1) is None


# ── stored ────────────────────────────────────────────────────────────────────────────────────────────────────────


def fail(admission: Admission | None, now: datetime, route: str = "relay") -> bool:
    assert admission is not None
    return circuit.note_fault(route, admission, phase=Phase.CONNECT, because="refused", now=now)


def succeed(admission: Admission | None, now: datetime, route: str = "relay") -> timedelta | None:
    assert admission is not None
    return circuit.note_success(route, admission, full=20, now=now)


@pytest.mark.django_db
def test_a_healthy_route_costs_one_query(django_assert_num_queries):
    with django_assert_num_queries(1):
        admission = circuit.admit("relay", now=NOW)
        assert succeed(admission, NOW) is None
        circuit.release("relay", admission)
    assert admission == Admission()
    assert RouteCircuit.objects.count() == 0


@pytest.mark.django_db
def test_a_fault_closes_the_way_for_everybody_until_the_probe():
    assert fail(circuit.admit("relay", now=NOW), NOW)
    assert circuit.admit("relay", now=NOW + FIRST_WAIT - SECOND) is None
    assert circuit.resting_routes(now=NOW + FIRST_WAIT - SECOND) == ["relay"]
    assert circuit.resting_routes(now=NOW + FIRST_WAIT) == []
    assert circuit.admit("route-1", now=NOW) == Admission()
    probe = circuit.admit("relay", now=NOW + FIRST_WAIT)
    assert probe is not None
    assert (probe.is_probe, probe.connections) == (True, 1)
    assert circuit.admit("relay", now=NOW + FIRST_WAIT) is None
    assert circuit.resting_routes(now=NOW + FIRST_WAIT) == ["relay"]


@pytest.mark.django_db
def test_turns_that_fail_together_open_the_circuit_once():
    first, second = (circuit.admit("relay", now=NOW) for _ in range(2))
    assert fail(first, NOW)
    assert not fail(second, NOW + SECOND)
    stored = RouteCircuit.objects.get()
    assert (stored.faults, stored.opened_at, stored.retry_at) == (1, NOW, NOW + FIRST_WAIT)


@pytest.mark.django_db
def test_each_probe_that_fails_makes_the_wait_longer():
    now = NOW
    assert fail(circuit.admit("relay", now=now), now)
    waits = []
    for _ in range(10):
        retry_at = RouteCircuit.objects.get().retry_at
        assert retry_at is not None
        waits.append(retry_at - now)
        now = retry_at
        assert fail(circuit.admit("relay", now=now), now)
    assert [wait.total_seconds() for wait in waits] == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]
    assert RouteCircuit.objects.get().opened_at == NOW


@pytest.mark.django_db
def test_a_probe_that_succeeds_closes_the_circuit_with_a_slow_start():
    fail(circuit.admit("relay", now=NOW), NOW)
    now = NOW + FIRST_WAIT
    assert succeed(circuit.admit("relay", now=now), now) == FIRST_WAIT
    started = []
    for _ in range(6):
        admission = circuit.admit("relay", now=now)
        assert admission is not None
        assert not admission.is_probe
        started.append(admission.connections)
        succeed(admission, now)
    assert started == [1, 2, 4, 8, 16, None]
    stored = RouteCircuit.objects.get()
    assert (stored.faults, stored.opened_at, stored.because) == (0, None, "")


@pytest.mark.django_db
def test_a_fault_in_the_slow_start_waits_longer_than_the_first():
    fail(circuit.admit("relay", now=NOW), NOW)
    now = NOW + FIRST_WAIT
    succeed(circuit.admit("relay", now=now), now)
    assert fail(circuit.admit("relay", now=now), now)
    assert RouteCircuit.objects.get().retry_at == now + 2 * FIRST_WAIT


@pytest.mark.django_db
def test_two_turns_of_a_slow_start_count_once():
    fail(circuit.admit("relay", now=NOW), NOW)
    now = NOW + FIRST_WAIT
    succeed(circuit.admit("relay", now=now), now)
    first, second = (circuit.admit("relay", now=now) for _ in range(2))
    succeed(first, now)
    succeed(second, now)
    assert RouteCircuit.objects.get().connections == 2


@pytest.mark.django_db
def test_the_probe_of_a_dead_process_is_made_by_another():
    fail(circuit.admit("relay", now=NOW), NOW)
    now = NOW + FIRST_WAIT
    dead = circuit.admit("relay", now=now)
    assert circuit.admit("relay", now=now + PROBE - SECOND) is None
    later = now + PROBE
    other = circuit.admit("relay", now=later)
    assert other is not None
    # What the dead one says when it wakes up counts no more.
    assert not fail(dead, later)
    assert succeed(dead, later) is None
    assert succeed(other, later) == later - NOW


@pytest.mark.django_db
def test_a_probe_that_told_nothing_is_handed_back():
    fail(circuit.admit("relay", now=NOW), NOW)
    now = NOW + FIRST_WAIT
    probe = circuit.admit("relay", now=now)
    assert probe is not None
    circuit.release("relay", probe)
    again = circuit.admit("relay", now=now)
    assert again is not None
    assert again.is_probe


@pytest.mark.django_db(transaction=True)
def test_of_processes_that_race_one_opens_and_one_probes():
    opened: list[bool] = []
    probes: list[Admission | None] = []

    def race(work):
        barrier = threading.Barrier(4)

        def run():
            barrier.wait()
            try:
                work()
            finally:
                connection.close()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)

    race(lambda: opened.append(fail(Admission(), NOW)))
    assert sorted(opened) == [False, False, False, True]
    race(lambda: probes.append(circuit.admit("relay", now=NOW + FIRST_WAIT)))
    assert sum(probe is not None for probe in probes) == 1
    assert RouteCircuit.objects.get().faults == 1
