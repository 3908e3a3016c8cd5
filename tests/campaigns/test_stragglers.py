"""Servers that let us wait: a turn ends, its mails have their time, and nobody else waits for them."""

import time
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns import sending, stragglers, tasks, turns
from campaigns.chains import start_missing
from campaigns.claims import LEASE
from campaigns.lanes import lanes_with_work
from campaigns.models import Chain, Delivery, DeliveryState, Lane
from campaigns.sending import End, take_turn
from campaigns.stragglers import STRAGGLERS
from hypermail.single_machine import WORKER_SECONDS
from mta import circuit
from mta.circuit import Admission
from mta.models import MailRoute, RouteCircuit
from mta.verdicts import Phase
from tests.campaigns.turns import attempts, circuit_of, lane_of, relay_url, sending_campaign, states
from tests.mta.fault_server import Fault, FaultServer, Hang, Say, Wait

# The ledger writes from a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)
PENDING, SENT, DOUBT = DeliveryState.PENDING, DeliveryState.SENT, DeliveryState.DOUBT
# Seconds: the time of a turn, with which it is left, and how late a slow server answers.
TURN, WAIT = 0.8, 2.0


@dataclass(frozen=True)
class Times:
    """What the tests replace: until when mails are begun, and the seconds that one has then up to its dot."""

    turn: timedelta
    late: float


AS_EVER = Times(sending.TURN + sending.AFTER_TURN, sending.TIMEOUTS.late)


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def begin(lane, server):
    """Take turns until one begins mails: on a busy machine the short time of one may be over before that."""
    for _turn in range(50):
        connections = server.connections
        end = take_turn(lane)
        if server.connections > connections:
            return end
        let_go_on()
    raise AssertionError("no turn began a mail")


def let_stragglers_end():
    wait_until(lambda: not STRAGGLERS.known())


@pytest.fixture(autouse=True)
def short_turns(monkeypatch):
    """All times of a turn are shorter, in the same order."""
    monkeypatch.setattr(sending, "TURN", timedelta(seconds=TURN / 2))
    monkeypatch.setattr(sending, "AFTER_TURN", timedelta(seconds=TURN / 4))
    monkeypatch.setattr(sending, "LEAVE", timedelta(seconds=TURN / 4))
    monkeypatch.setattr(sending, "TIMEOUTS", replace(sending.TIMEOUTS, late=2 * WAIT, dot=4 * WAIT))
    yield
    let_stragglers_end()


def let_go_on():
    """Let the waits of circuit, lanes and rows be over."""
    now = timezone.now()
    RouteCircuit.objects.update(retry_at=now)
    Lane.objects.update(held_until=None)
    Delivery.objects.filter(state=PENDING).update(due_at=now)


# Slow relays


@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.RCPT, Phase.DOT])
def test_a_relay_that_answers_after_the_turn_sends_all_the_same(settings, phase):
    with FaultServer([Fault(phase, Wait(WAIT))]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        lane = lane_of(sending_campaign(3))
        begin(lane, relay)
        assert states() != [SENT] * 3
        let_stragglers_end()
    assert states() == [SENT] * 3
    assert attempts() == {1}
    assert not RouteCircuit.objects.exists()


def test_a_slow_relay_is_found_to_work_by_its_probe(settings):
    with FaultServer([Fault(Phase.GREETING, Wait(WAIT))]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        lane = lane_of(sending_campaign(2))
        circuit.note_fault("relay", Admission(), phase=Phase.CONNECT, because="refused", now=timezone.now())
        let_go_on()
        begin(lane, relay)
        assert circuit_of().probe_until is not None
        let_stragglers_end()
        assert circuit_of().opened_at is None
        begin(lane, relay)
        let_stragglers_end()
    assert states() == [SENT] * 2


def test_a_relay_that_hangs_keeps_no_process_and_opens_its_circuit(settings):
    with FaultServer([Fault(Phase.GREETING, Hang())]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        begin(lane_of(sending_campaign(3)), relay)
        assert not RouteCircuit.objects.exists()
        let_stragglers_end()
    assert states() == [PENDING] * 3
    assert attempts() == {0}
    assert circuit_of().phase == "greeting"


def test_a_process_asks_a_silent_relay_once_at_a_time_and_other_routes_meanwhile(settings):
    with FaultServer([Fault(Phase.GREETING, Wait(WAIT))]) as slow, FaultServer() as quick:
        settings.RELAY_URL = relay_url(slow.port)
        route = MailRoute.objects.create(name="中継", host="127.0.0.1", port=quick.port, security="none")
        one, two, three = sending_campaign(1), sending_campaign(1), sending_campaign(2)
        Lane.objects.filter(workspace=three.workspace).update(route=route.key())
        begin(lane_of(one), slow)
        assert take_turn(lane_of(two)) is End.WAITS
        assert slow.connections == 1
        assert lane_of(two) not in lanes_with_work(now=timezone.now())
        begin(lane_of(three), quick)
        assert len(quick.accepted) == 2
        let_stragglers_end()
        let_go_on()
        begin(lane_of(two), slow)
        let_stragglers_end()
    assert states() == [SENT] * 4


def test_a_relay_that_lets_one_mail_wait_takes_the_others(settings):
    """What is known is noted at once, and a connection less is opened."""
    settings.SEND_CONNECTIONS = 2
    with FaultServer([Fault(Phase.DOT, Wait(WAIT), times=1)]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        lane = lane_of(sending_campaign(6))
        RouteCircuit.objects.create(route="relay", connections=2, faults=1)
        begin(lane, relay)
        sent = states().count(SENT)
        assert sent > 0
        assert circuit_of().connections is None
        other = lane_of(sending_campaign(6))
        assert STRAGGLERS.connections(other) == 1
        begin(other, relay)
        assert relay.most_open <= 2
        let_stragglers_end()
    assert set(states()) <= {SENT, PENDING}
    assert circuit_of().opened_at is None


def test_a_relay_whose_connections_are_all_taken_is_left_alone(settings):
    settings.SEND_CONNECTIONS = 1
    with FaultServer([Fault(Phase.DOT, Wait(WAIT), skip=1, times=1)], features=()) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        lane, other = lane_of(sending_campaign(2)), lane_of(sending_campaign(1))
        begin(lane, relay)
        assert take_turn(other) is End.WAITS
        assert relay.connections == 1
        let_stragglers_end()


# Others


def test_receivers_that_hang_at_the_dot_keep_no_other_workspace_waiting(settings):
    """A16, C28: with one process, of as many workspaces as you like; each gets its turn after theirs."""
    settings.SEND_PROCESSES = 1
    with FaultServer([Fault(Phase.DOT, Hang())]) as hanging, FaultServer() as relay:
        settings.RELAY_URL = relay_url(relay.port)
        other = sending_campaign(3)
        for number in range(3):
            route = MailRoute.objects.create(name=f"{number}", host="127.0.0.1", port=hanging.port, security="none")
            bad = sending_campaign(2)
            Lane.objects.filter(workspace=bad.workspace).update(route=route.key())
        for _round in range(20):
            for link in start_missing(now=timezone.now(), room=9):
                turns.run(link)
            if Delivery.objects.filter(campaign=other, state=SENT).count() == 3:
                break
            Chain.objects.update(busy_until=None)
        # Those that hang are still waited for.
        assert DOUBT not in states()
        let_stragglers_end()
    assert states().count(SENT) == 3
    assert set(states()) <= {DOUBT, SENT, PENDING}


def test_rows_in_doubt_are_limited_for_all_turns_of_a_process_together(settings):
    settings.SEND_WINDOW = 8
    assert STRAGGLERS.window() == 4
    settings.SEND_WINDOW = 3
    with FaultServer([Fault(Phase.DOT, Hang())]) as hanging:
        lanes = []
        for number in range(4):
            route = MailRoute.objects.create(name=f"{number}", host="127.0.0.1", port=hanging.port, security="none")
            campaign = sending_campaign(2)
            Lane.objects.filter(workspace=campaign.workspace).update(route=route.key())
            lanes.append(lane_of(campaign))
        ends = [*(begin(lane, hanging) for lane in lanes[:3]), take_turn(lanes[3])]
        assert Delivery.objects.filter(state=DeliveryState.FENCED).count() == 3
        assert [end is End.WAITS for end in ends] == [False, False, False, True]
        let_stragglers_end()
    assert set(states()) <= {PENDING, DOUBT}


def test_one_workspace_has_only_so_many(settings, monkeypatch):
    monkeypatch.setattr(stragglers, "MOST", 1)
    with FaultServer([Fault(Phase.DOT, Wait(WAIT), times=1)]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        campaign = sending_campaign(4)
        begin(lane_of(campaign), relay)
        assert take_turn(lane_of(sending_campaign(1, campaign.workspace))) is End.WAITS
        begin(lane_of(sending_campaign(1)), relay)
        let_stragglers_end()
    assert states().count(SENT) >= 2


def test_a_mail_that_was_begun_comes_to_its_dot_before_its_lease_is_over():
    assert AS_EVER.turn + timedelta(seconds=AS_EVER.late) < LEASE


# The end of a process


def test_a_process_that_ends_waits_for_the_answer_to_a_dot(settings):
    with FaultServer([Fault(Phase.DOT, Wait(WAIT))]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        begin(lane_of(sending_campaign(1)), relay)
        tasks.end_stragglers()
        assert states() == [SENT]
        assert STRAGGLERS.known() == []


def test_a_process_that_ends_begins_no_further_mail(settings):
    """What it had claimed and not begun is given back at once."""
    settings.SEND_CONNECTIONS = 1
    with FaultServer([Fault(Phase.GREETING, Wait(WAIT))]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        begin(lane_of(sending_campaign(3)), relay)
        STRAGGLERS.end(patience=0.5)
        wait_until(lambda: states() == [PENDING] * 3)
        let_stragglers_end()
    assert relay.accepted == []
    assert attempts() == {0}


def test_the_end_of_a_process_has_an_end(settings):
    with FaultServer([Fault(Phase.DOT, Hang())]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        begin(lane_of(sending_campaign(1)), relay)
        STRAGGLERS.end(patience=0.1)
        assert len(STRAGGLERS.known()) == 1
        let_stragglers_end()
    assert stragglers.PATIENCE + 6 < WORKER_SECONDS


def test_refusals_are_noted_by_the_thread_too(settings):
    with FaultServer([Fault(Phase.RCPT, Wait(WAIT), times=1), Fault(Phase.DATA, Say(b"554 5.7.1 no\r\n"))]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        begin(lane_of(sending_campaign(1)), relay)
        let_stragglers_end()
    assert states() == [DeliveryState.FAILED]
