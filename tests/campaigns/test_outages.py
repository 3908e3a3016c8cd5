"""Relays that are down, hang, refuse or change: nobody fails, no attempt is burnt, and sending goes on by itself."""

import socket
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import reaper, sending
from campaigns.lanes import lanes_with_work
from campaigns.models import Campaign, Delivery, DeliveryState, Lane
from campaigns.sending import End, take_turn
from mta import circuit
from mta.circuit import Admission, resting_routes
from mta.models import MailRoute, RouteCircuit
from mta.secrets import encrypt
from mta.verdicts import Phase
from tests.campaigns.turns import attempts, circuit_of, lane_of, relay_url, sending_campaign, states
from tests.mta.certificates import make_certificate, server_context
from tests.mta.fault_server import Close, Drop, Fault, FaultServer, Say

# The ledger writes from a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)
PENDING, SENT = DeliveryState.PENDING, DeliveryState.SENT


def let_probe():
    """Let the waits of circuit, lanes and rows be over."""
    now = timezone.now()
    RouteCircuit.objects.update(retry_at=now)
    Lane.objects.update(held_until=None)
    Delivery.objects.filter(state=PENDING).update(due_at=now)


def nobody_failed(number):
    return states() == [PENDING] * number and attempts() == {0}


@pytest.fixture
def closed_port():
    """A port where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield closed.getsockname()[1]


def test_a_relay_that_is_down_for_longer_than_the_retry_interval(settings, closed_port):
    """Nobody fails, no attempt is burnt, nothing expires; then everything is sent."""
    settings.RELAY_URL = relay_url(closed_port)
    campaign = sending_campaign(30)
    lane = lane_of(campaign)
    for faults in range(1, 9):
        assert not sending.send_lane(lane.pk)
        assert nobody_failed(30)
        assert circuit_of().faults == faults
        let_probe()
    # A probe has one row.
    long_ago = timezone.now() - timedelta(hours=30)
    Delivery.objects.update(mail_date=long_ago)
    Campaign.objects.update(lifetime_from=long_ago)
    RouteCircuit.objects.update(opened_at=long_ago)
    assert reaper.expire_deliveries(now=timezone.now()) == 0
    with FaultServer() as relay:
        settings.RELAY_URL = relay_url(relay.port)
        assert sending.send_lane(lane.pk)
        assert len(relay.accepted) == 1
        # The lifetimes began anew with the probe that came through.
        assert reaper.expire_deliveries(now=timezone.now()) == 0
        while sending.send_lane(lane.pk):
            pass
    assert states() == [SENT] * 30
    assert attempts() == {1}
    assert len(relay.accepted) == len({mail.rcpt_to for mail in relay.accepted}) == 30


@pytest.mark.parametrize(
    ("fault", "phase"),
    [
        (Fault(Phase.GREETING, Say(b"554 5.3.2 go away\r\n", close=True)), "greeting"),
        (Fault(Phase.GREETING, Say(b"421 4.3.2 too busy\r\n", close=True)), "greeting"),
        (Fault(Phase.GREETING, Say(b"SSH-2.0-OpenSSH_9.2\r\n")), "greeting"),
        (Fault(Phase.GREETING, Close()), "greeting"),
        (Fault(Phase.EHLO, Close()), "ehlo"),
        (Fault(Phase.MAIL, Say(b"550 5.7.1 sender refused\r\n")), "mail"),
        (Fault(Phase.MAIL, Say(b"451 4.3.0 database away\r\n")), "mail"),
        (Fault(Phase.MAIL, Drop()), "mail"),
        (Fault(Phase.RCPT, Say(b"421 4.3.2 closing\r\n", close=True)), "rcpt"),
        (Fault(Phase.DATA, Drop(), after_bytes=100), "data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_relay_at_fault_in_any_phase_fails_nobody(settings, fault, phase):
    with FaultServer([fault]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        campaign = sending_campaign(5)
        lane = lane_of(campaign)
        assert take_turn(lane) is End.WAITS
        assert nobody_failed(5)
        assert circuit_of().opened_at is not None
        assert circuit_of().phase == phase
        assert not lanes_with_work(now=timezone.now()).exists()
        # The relay is mended: a probe, and everything goes.
        fault.times = 0
        let_probe()
        while take_turn(lane) is End.MORE:
            pass
    assert states() == [SENT] * 5
    assert circuit_of().opened_at is None
    assert len(relay.accepted) == 5


def test_the_probe_is_one_connection_with_one_mail(settings):
    """However many processes ask."""
    fault = Fault(Phase.MAIL, Say(b"451 4.3.0 wait\r\n"))
    with FaultServer([fault]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        first, second = sending_campaign(10), sending_campaign(10)
        take_turn(lane_of(first))
        let_probe()
        relay.connections = 0
        barrier = threading.Barrier(2)

        def work(lane):
            barrier.wait()
            try:
                take_turn(lane)
            finally:
                connection.close()

        workers = [threading.Thread(target=work, args=(lane_of(campaign),)) for campaign in (first, second)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=60)
    assert relay.connections == 1
    assert nobody_failed(20)
    assert circuit_of().faults == 2


def test_a_probe_that_hangs_at_the_dot_is_heard():
    """No other process begins one meanwhile, which would hang as well and make the first one's word void."""
    now = timezone.now()
    circuit.note_fault("relay", Admission(), phase=Phase.CONNECT, because="refused", now=now)
    begun = now + circuit.FIRST_WAIT
    probe = circuit.admit("relay", now=begun)
    assert probe is not None
    # Connecting, greeting, TLS, logging in and the mail itself, and then the answer to the dot.
    waits = timedelta(seconds=sending.TIMEOUTS.late + sending.TIMEOUTS.dot)
    ended = begun + sending.TURN + sending.AFTER_TURN + waits
    assert circuit.admit("relay", now=ended) is None
    assert circuit.note_fault("relay", probe, phase=Phase.DOT, because="silent", now=ended)
    assert circuit_of().faults == 2


def test_the_probe_that_ends_a_long_outage_does_not_expire_for_it(settings):
    """Its row was tried first before the outage, and is asked to come again later: its lifetime begins anew too."""
    with FaultServer([Fault(Phase.RCPT, Say(b"451 4.7.1 Greylisted\r\n"))]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        campaign = sending_campaign(1)
        long_ago = timezone.now() - timedelta(hours=30)
        Delivery.objects.update(mail_date=long_ago)
        Campaign.objects.update(lifetime_from=long_ago)
        circuit.note_fault("relay", Admission(), phase=Phase.CONNECT, because="refused", now=long_ago)
        take_turn(lane_of(campaign))
    assert circuit_of().opened_at is None
    assert states() == [DeliveryState.DEFERRED]


def test_a_password_that_was_changed(tmp_path):
    tls = server_context(make_certificate(tmp_path))
    with FaultServer(tls=tls, login=("user", "new"), features=("AUTH PLAIN", "STARTTLS")) as relay:
        route = MailRoute.objects.create(
            name="中継",
            host="127.0.0.1",
            port=relay.port,
            verify=False,
            username="user",
            password=encrypt(b"old"),
        )
        campaign = sending_campaign(4)
        Lane.objects.update(route=route.key())
        lane = lane_of(campaign)
        take_turn(lane)
        assert nobody_failed(4)
        stored = circuit_of(route.key())
        assert (stored.phase, "wrong user or password" in stored.because) == ("auth", True)
        MailRoute.objects.update(password=encrypt(b"new"))
        let_probe()
        while take_turn(lane) is End.MORE:
            pass
    assert states() == [SENT] * 4


def test_a_route_that_cannot_be_loaded_waits_with_its_sentence():
    campaign = sending_campaign(2)
    Lane.objects.update(route="route-404")
    assert take_turn(lane_of(campaign)) is End.WAITS
    assert "見つかりません" in circuit_of("route-404").because
    assert resting_routes(now=timezone.now()) == ["route-404"]
    assert nobody_failed(2)
    let_probe()
    take_turn(lane_of(campaign))
    assert circuit_of("route-404").faults == 2


def test_one_lost_connection_among_others_opens_nothing(settings):
    with FaultServer([Fault(Phase.DATA, Drop(), times=1)]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        lane = lane_of(sending_campaign(20))
        take_turn(lane)
    assert states() == [PENDING] + [SENT] * 19
    assert not RouteCircuit.objects.exists()


def test_a_mail_that_the_relay_cannot_digest_stops_nobody_else(settings):
    """Alone in its turn, it does not speak for the route."""
    with FaultServer() as relay:
        settings.RELAY_URL = relay_url(relay.port)
        poison, other = sending_campaign(1), sending_campaign(3)
        relay.faults = [Fault(Phase.DATA, Drop(), rcpt=Delivery.objects.get(campaign=poison).address)]
        take_turn(lane_of(poison))
        assert not RouteCircuit.objects.exists()
        take_turn(lane_of(other))
        assert len(relay.accepted) == 3
        row = Delivery.objects.get(campaign=poison)
    assert (row.state, row.attempts) == (PENDING, 0)
    assert row.due_at > timezone.now()


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.DATA])
def test_a_mailing_that_the_relay_cannot_digest_leaves_the_route_to_others(settings, phase):
    """Its lane rests longer each time, instead of opening the circuit of all whenever it is closed."""
    with FaultServer() as relay:
        settings.RELAY_URL = relay_url(relay.port)
        poison, other = sending_campaign(5), sending_campaign(3)
        for row in Delivery.objects.filter(campaign=poison):
            Delivery.objects.filter(pk=row.pk).update(address=f"r{row.pk}@poison.example")
        relay.faults = [Fault(phase, Drop(), rcpt="poison.example")]
        assert take_turn(lane_of(poison)) is End.WAITS
        RouteCircuit.objects.update(retry_at=timezone.now())
        assert [lane.pk for lane in lanes_with_work(now=timezone.now())] == [lane_of(other).pk]
        while take_turn(lane_of(other)) is End.MORE:
            pass
        assert len(relay.accepted) == 3
        Delivery.objects.filter(campaign=poison).update(due_at=timezone.now())
        assert not lanes_with_work(now=timezone.now()).exists()
    assert circuit_of().opened_at is None
    assert lane_of(poison).fault_count == 1


def test_recipients_that_are_all_refused_open_nothing(settings):
    with FaultServer([Fault(Phase.RCPT, Say(b"550 5.1.1 unknown\r\n"))]) as relay:
        settings.RELAY_URL = relay_url(relay.port)
        take_turn(lane_of(sending_campaign(5)))
    assert states() == [DeliveryState.FAILED] * 5
    assert not RouteCircuit.objects.exists()


def test_a_relay_that_leaves_after_the_dot_is_not_given_the_whole_list(settings):
    """F7: what is doubtful stays so, and the rest waits until the relay answers."""
    with FaultServer([Fault(Phase.DOT, Drop())]) as relay:
        settings.RELAY_URL, settings.SEND_CONNECTIONS = relay_url(relay.port), 2
        lane = lane_of(sending_campaign(30))
        take_turn(lane, batch=3)
        doubts = states().count(DeliveryState.DOUBT)
        assert 2 <= doubts <= 10
        assert circuit_of().phase == "dot"
        let_probe()
        take_turn(lane)
    assert states().count(DeliveryState.DOUBT) == doubts + 1


def test_a_probe_that_finds_no_row_is_handed_back(settings, closed_port):
    settings.RELAY_URL = relay_url(closed_port)
    lane = lane_of(sending_campaign(1))
    take_turn(lane)
    let_probe()
    Delivery.objects.update(due_at=timezone.now() + timedelta(hours=1))
    assert take_turn(lane) is End.NOTHING
    stored = circuit_of()
    assert (stored.probe_until, stored.faults) == (None, 1)


def test_a_short_outage_leaves_lifetimes_alone(settings, closed_port):
    settings.RELAY_URL = relay_url(closed_port)
    campaign = sending_campaign(1)
    take_turn(lane_of(campaign))
    let_probe()
    with FaultServer() as relay:
        settings.RELAY_URL = relay_url(relay.port)
        take_turn(lane_of(campaign))
    before = campaign.lifetime_from
    campaign.refresh_from_db()
    assert campaign.lifetime_from == before
    assert states() == [SENT]
