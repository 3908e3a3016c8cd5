"""Turns in a lane over real SMTP."""

import asyncio
import socket
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns import sending, tasks
from campaigns.claims import claim_due
from campaigns.lanes import hold_lane, lanes_with_work, rest_lane
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState, DomainCap, Lane
from campaigns.pacing import Grant
from campaigns.scheduling import cancel, pause
from campaigns.sending import End, take_turn
from lists.models import Exclusion, ExclusionKind, StopReason, Subscriber, SubscriberStatus
from lists.subscribers import stop
from mta.circuit import FIRST_WAIT, LONGEST_WAIT, Admission
from mta.mail_routes import load_route
from mta.verdicts import Reason
from senders.dkim_keys import generate_key
from senders.models import DkimKey
from tests.campaigns.turns import attempts, circuit_of, drain, lane_of, relay_url, sending_campaign, states
from tests.factories import make_lane, make_user

# The ledger writes from a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(smtp_sink, settings):
    settings.RELAY_URL = relay_url(smtp_sink.port)
    return smtp_sink


@pytest.fixture
def no_relay(settings):
    """A relay where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.RELAY_URL = relay_url(closed.getsockname()[1])
        yield


def test_every_row_is_sent_once_and_recorded(relay):
    campaign = sending_campaign(25)
    assert not sending.send_lane(lane_of(campaign).pk, batch=10)
    assert states() == [DeliveryState.SENT] * 25
    assert sorted(message.rcpt_to[0] for message in relay.messages) == sorted(
        Delivery.objects.values_list("address", flat=True)
    )


def test_a_doubled_hint_sends_nothing_twice(relay):
    campaign = sending_campaign(5)
    for _ in range(3):
        sending.send_lane(lane_of(campaign).pk)
    assert len(relay.messages) == 5


def test_replies_become_states(relay):
    campaign = sending_campaign(3)
    good, gone, later = Delivery.objects.order_by("pk")
    relay.replies[gone.address] = "550 5.1.1 User unknown"
    relay.replies[later.address] = "451 4.7.1 Greylisted, try again"
    sending.send_lane(lane_of(campaign).pk)
    for delivery in (good, gone, later):
        delivery.refresh_from_db()
    assert good.state == DeliveryState.SENT
    assert (gone.state, gone.reason) == (DeliveryState.FAILED, Reason.USER_UNKNOWN)
    assert later.state == DeliveryState.DEFERRED
    assert later.due_at > timezone.now()
    assert len(relay.messages) == 1


def test_a_relay_that_is_down_fails_nobody_and_opens_its_circuit(no_relay):
    campaign = sending_campaign(3)
    before = timezone.now()
    assert not sending.send_lane(lane_of(campaign).pk)
    assert states() == [DeliveryState.PENDING] * 3
    assert attempts() == {0}
    circuit = circuit_of()
    assert circuit.opened_at is not None
    assert circuit.opened_at >= before
    assert circuit.retry_at == circuit.opened_at + FIRST_WAIT
    assert (circuit.phase, circuit.faults) == ("connect", 1)
    assert not lanes_with_work(now=before + timedelta(seconds=1)).exists()


def test_a_lane_that_sends_again_forgets_its_faults(relay):
    campaign = sending_campaign(1)
    lane = make_lane(campaign.workspace, fault_count=3, held_because="鍵", held_until=timezone.now())
    sending.send_lane(lane.pk)
    lane.refresh_from_db()
    assert (lane.fault_count, lane.held_until, lane.held_because) == (0, None, "")


def test_a_lane_rests_longer_each_time_and_a_shorter_hold_changes_nothing():
    lane = lane_of(sending_campaign(1))
    now = timezone.now()
    for fault in range(10):
        rest_lane(lane, "鍵", now=now)
        lane.refresh_from_db()
        assert lane.held_until == now + min(FIRST_WAIT * 2**fault, LONGEST_WAIT)
    hold_lane(lane, "", until=now + timedelta(seconds=1))
    lane.refresh_from_db()
    assert (lane.held_until, lane.held_because) == (now + LONGEST_WAIT, "鍵")


def test_nobody_who_unsubscribed_in_mid_send_is_sent_to(relay):
    campaign = sending_campaign(3)
    gone = Delivery.objects.first()
    stop(gone.subscriber, StopReason.UNSUBSCRIBED, actor=None, now=timezone.now())
    sending.send_lane(lane_of(campaign).pk)
    gone.refresh_from_db()
    assert gone.state == DeliveryState.EXCLUDED
    assert gone.address not in [message.rcpt_to[0] for message in relay.messages]
    assert len(relay.messages) == 2


@pytest.mark.parametrize(
    ("steer", "left"), [(pause, DeliveryState.PENDING), (cancel, DeliveryState.CANCELLED)], ids=["paused", "cancelled"]
)
def test_a_campaign_stopped_in_mid_send_sends_no_more(relay, steer, left):
    campaign = sending_campaign(40)
    actor = make_user(campaign.workspace)
    handle = relay.handle_DATA

    stopped = asyncio.Event()

    async def stop_after_the_first(server, session, envelope):
        """No mail is answered before the campaign was stopped, so only what was on its way by then is sent."""
        answer = await handle(server, session, envelope)
        if len(relay.messages) == 1:
            arguments = {"actor": actor} | ({"now": timezone.now()} if steer is cancel else {})
            await to_thread(steer, campaign, **arguments)
            stopped.set()
        await stopped.wait()
        return answer

    relay.handle_DATA = stop_after_the_first
    sending.send_lane(lane_of(campaign).pk)
    sent = Delivery.objects.filter(state=DeliveryState.SENT).count()
    assert sent == len(relay.messages)
    assert 1 <= sent < 40
    assert Delivery.objects.filter(state=left).count() == 40 - sent


def test_an_entry_of_the_exclusion_list_made_in_mid_send_keeps_the_rest_from_leaving(relay):
    """E13: what is claimed already does not leave either, and says 送信除外."""
    campaign = sending_campaign(40)
    handle = relay.handle_DATA
    excluded = asyncio.Event()

    async def exclude_after_the_first(server, session, envelope):
        """No mail is answered before the entry stands, so only what was on its way by then is sent."""
        answer = await handle(server, session, envelope)
        if len(relay.messages) == 1:
            entry = Exclusion(workspace=campaign.workspace, kind=ExclusionKind.DOMAIN, value="example.jp")
            await to_thread(entry.save)
            excluded.set()
        await excluded.wait()
        return answer

    relay.handle_DATA = exclude_after_the_first
    sending.send_lane(lane_of(campaign).pk)
    # What the fence held back was given back, and is looked at by the next claim.
    sending.send_lane(lane_of(campaign).pk)
    sent = Delivery.objects.filter(state=DeliveryState.SENT).count()
    assert sent == len(relay.messages)
    assert 1 <= sent < 40
    assert states() == [DeliveryState.EXCLUDED] * (40 - sent) + [DeliveryState.SENT] * sent


async def to_thread(function, *arguments, **named):
    """Run a function that uses the database in a thread of its own, and close its connection."""

    def run():
        try:
            function(*arguments, **named)
        finally:
            connection.close()

    await asyncio.to_thread(run)


def test_a_row_that_cannot_be_built_fails_alone(relay):
    campaign = sending_campaign(3)
    broken = Delivery.objects.first()
    Delivery.objects.filter(pk=broken.pk).update(address="a\r\nb@example.jp")
    sending.send_lane(lane_of(campaign).pk)
    broken.refresh_from_db()
    assert broken.state == DeliveryState.FAILED
    assert broken.rule == "ours"
    assert len(relay.messages) == 2


def test_a_signing_key_that_cannot_be_read_fails_nobody_and_sends_nothing_unsigned(relay):
    campaign = sending_campaign(2)
    key = generate_key(campaign.sender.domain)
    DkimKey.objects.filter(pk=key.pk).update(private_key=b"broken")
    sending.send_lane(lane_of(campaign).pk)
    assert states() == [DeliveryState.PENDING] * 2
    assert attempts() == {0}
    assert lane_of(campaign).held_because
    assert relay.messages == []


def test_a_step_that_fails_does_not_keep_the_others_from_being_done():
    done = []

    def broken(*, now):
        raise ValueError("broken")

    def fine(*, now):
        done.append(now)

    now = timezone.now()
    with pytest.raises(ExceptionGroup):
        tasks.take_steps([broken, fine], now=now)
    assert done == [now]


@pytest.mark.parametrize("field", ["paused_at", "held_until"])
def test_a_lane_that_may_not_work_is_not_asked(field):
    campaign = sending_campaign(1)
    now = timezone.now()
    assert lanes_with_work(now=now).exists()
    make_lane(campaign.workspace, **{field: now + timedelta(minutes=1)})
    assert not lanes_with_work(now=now).exists()


def test_a_worker_killed_after_the_claim_loses_nobody(relay):
    campaign = sending_campaign(2)
    Delivery.objects.update(state=DeliveryState.CLAIMED, lease_token=uuid4(), lease_until=timezone.now(), attempts=1)
    tasks.slow_tick()
    sending.send_lane(lane_of(campaign).pk)
    assert states() == [DeliveryState.SENT] * 2
    assert len(relay.messages) == 2
    assert Campaign.objects.get().state == CampaignState.SENDING


# ── what a turn heeds ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_turn_in_a_healthy_lane_asks_the_database_a_handful_of_times(relay, django_assert_max_num_queries):
    """Beside what the claims themselves cost."""
    lane = lane_of(sending_campaign(12))
    with CaptureQueriesContext(connection) as one_claim:
        claim_due(lane, now=timezone.now(), limit=1)
    Delivery.objects.filter(state=DeliveryState.CLAIMED).update(state=DeliveryState.PENDING, lease_token=None)
    claims = 5
    with django_assert_max_num_queries(claims * len(one_claim) + 10):
        sending.send_lane(lane.pk, batch=3)
    assert states() == [DeliveryState.SENT] * 12


def test_a_lane_that_may_send_nothing_now_is_held_until_the_time_that_was_told(relay):
    """C23: a capped domain."""
    campaign = sending_campaign(5)
    lane = make_lane(campaign.workspace, domain="example.jp")
    Delivery.objects.update(lane=lane)
    DomainCap.objects.create(workspace=campaign.workspace, domain="example.jp", per_minute=1)
    now = timezone.now()
    ends = [sending.take_turn(Lane.objects.get(pk=lane.pk)) for _ in range(2)]
    lane.refresh_from_db()
    assert ends[-1] is sending.End.WAITS
    assert lane.held_until is not None
    assert lane.held_until > now
    assert lane.held_because == ""
    assert len(relay.messages) <= 1
    assert not lanes_with_work(now=lane.held_until - timedelta(milliseconds=1)).exists()
    assert lanes_with_work(now=lane.held_until).exists()


def test_connections_are_the_fewest_that_anybody_allows(settings):
    lane = lane_of(sending_campaign(1))
    settings.SEND_CONNECTIONS = 20

    def turn(route_allows, admitted, granted):
        route = replace(load_route("relay"), connections=route_allows, messages_per_connection=route_allows)
        return sending.Turn(lane, route, Admission(admitted), Grant(1, None, granted, granted), 10)

    assert [
        turn(*limits).connections for limits in ((None, None, None), (8, None, 12), (8, 2, None), (None, 4, 3))
    ] == [
        20,
        8,
        2,
        3,
    ]
    assert [turn(*limits).messages_per_connection for limits in ((None, 1, None), (8, 1, 3), (8, 1, None))] == [
        None,
        3,
        8,
    ]


@pytest.mark.parametrize(
    ("waiting", "admission", "seconds"),
    [(0, Admission(), 5), (1, Admission(), 1), (0, Admission(4), 1)],
    ids=["alone", "others wait", "slow start"],
)
def test_a_turn_is_short_where_others_wait(waiting, admission, seconds):
    drain()
    lane = lane_of(sending_campaign(1))
    for number in range(waiting):
        tasks.send_turn.apply_async((0, 0, number), queue="send")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        turn = sending.Turn(lane, load_route("relay"), admission, Grant(10), 10)
        ended = []
        for _ in range(60):
            clock.shift(0.1)
            ended.append(turn.is_over())
    assert ended.index(True) + 1 == seconds * 10
    drain()


def test_a_slow_lane_gives_back_what_it_has_not_begun(relay):
    """And the rows are tried again at once, with no attempt burnt."""
    campaign = sending_campaign(10)
    lane = lane_of(campaign)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        turn = sending.Turn(lane, load_route("relay"), Admission(), Grant(10), 10)
        [mails] = [next(turn.batches())]
        assert next(mails)
        clock.shift(sending.TURN + sending.LAST_BATCH)
        assert list(mails) == []
        turn.return_left()
    assert states() == [DeliveryState.CLAIMED] + [DeliveryState.PENDING] * 9
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0] * 9 + [1]


def test_a_turn_excludes_more_than_one_claim_of_an_excluded_lane(relay):
    """A13: a large lane that was excluded does not keep its mailing open for hours."""
    campaign = sending_campaign(25)
    lane = lane_of(campaign)
    Lane.objects.filter(pk=lane.pk).update(excluded_at=timezone.now())
    lane.refresh_from_db()
    assert take_turn(lane, batch=10) is End.EMPTY
    assert states() == [DeliveryState.EXCLUDED] * 25
    assert not relay.messages


def test_recipients_who_left_do_not_end_the_turn_of_those_behind_them(relay):
    campaign = sending_campaign(25)
    first = Delivery.objects.order_by("pk").values_list("subscriber", flat=True)[:10]
    gone = {"status": SubscriberStatus.STOPPED, "stop_reason": StopReason.UNSUBSCRIBED, "stopped_at": timezone.now()}
    Subscriber.objects.filter(pk__in=list(first)).update(**gone)
    assert take_turn(lane_of(campaign), batch=10) is End.EMPTY
    assert states() == [DeliveryState.EXCLUDED] * 10 + [DeliveryState.SENT] * 15
