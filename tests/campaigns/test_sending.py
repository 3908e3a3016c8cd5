"""Lanes sent over real SMTP, and the tasks that are hints."""

import asyncio
import socket
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import models, sending, tasks
from campaigns.lanes import FIRST_REST, HINT, lanes_with_work, take_hint
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState, Lane
from campaigns.scheduling import cancel, pause
from hypermail.celery import app as celery_app
from lists.models import StopReason
from lists.subscribers import stop
from mta.verdicts import Reason
from senders.dkim_keys import generate_key
from senders.models import DkimKey, SenderDomain
from tests.factories import make_campaign, make_delivery, make_lane, make_list, make_subscriber, make_user

# The ledger writes from a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def relay(smtp_sink, settings):
    settings.RELAY_URL = f"smtp://{smtp_sink.host}:{smtp_sink.port}"
    return smtp_sink


@pytest.fixture
def no_relay(settings):
    """A relay where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.RELAY_URL = f"smtp://127.0.0.1:{closed.getsockname()[1]}"
        yield


def sending_campaign(readers=3, **fields):
    mailing_list = make_list()
    campaign = make_campaign(
        mailing_list, state=CampaignState.SENDING, lifetime_from=timezone.now(), recipient_count=readers, **fields
    )
    for _ in range(readers):
        make_delivery(campaign, make_subscriber(mailing_list))
    return campaign


def lane_of(campaign):
    return Lane.objects.get(workspace=campaign.workspace)


def states():
    return sorted(Delivery.objects.values_list("state", flat=True))


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
        tasks.send_lane(lane_of(campaign).pk)
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


def test_a_relay_that_is_down_fails_nobody_and_rests_the_lane(no_relay):
    campaign = sending_campaign(3)
    lane = lane_of(campaign)
    before = timezone.now()
    sending.send_lane(lane.pk)
    lane.refresh_from_db()
    assert states() == [DeliveryState.PENDING] * 3
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert lane.held_until >= before + FIRST_REST
    assert "接続" in lane.held_because
    assert lane.fault_count == 1


def test_a_relay_that_came_back_clears_the_lane(relay):
    campaign = sending_campaign(1)
    lane = make_lane(campaign.workspace, fault_count=3, held_because="接続", held_until=timezone.now())
    sending.send_lane(lane.pk)
    lane.refresh_from_db()
    assert (lane.fault_count, lane.held_until, lane.held_because) == (0, None, "")


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
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert lane_of(campaign).held_because
    assert relay.messages == []


def drain():
    """Return the tasks that were published, as (name, arguments), and forget them."""
    published = []
    with celery_app.connection_for_read() as connection:
        for queue in ("work", "send", "tick"):
            simple = connection.SimpleQueue(queue)
            while True:
                try:
                    message = simple.get(block=False)
                except simple.Empty:
                    break
                message.ack()
                published.append((message.headers["task"], tuple(message.payload[0])))
            simple.close()
    return published


def test_the_tick_asks_for_what_is_due_once(relay):
    drain()
    campaign = sending_campaign(1)
    lane = lane_of(campaign)
    tasks.tick()
    assert drain() == [("campaigns.tasks.send_lane", (lane.pk,))] * tasks.HANDS
    tasks.tick()
    assert drain() == []


def test_a_lost_hint_is_given_again(relay):
    drain()
    campaign = sending_campaign(1)
    lane = lane_of(campaign)
    tasks.tick()
    drain()
    Lane.objects.update(hinted_until=timezone.now() - timedelta(seconds=1))
    tasks.tick()
    assert drain() == [("campaigns.tasks.send_lane", (lane.pk,))] * tasks.HANDS


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


def test_a_hint_is_taken_by_one_tick():
    lane = lane_of(sending_campaign(1))
    now = timezone.now()
    assert take_hint(lane, now=now)
    assert not take_hint(lane, now=now)
    assert take_hint(lane, now=now + HINT)


@pytest.mark.parametrize("field", ["paused_at", "held_until", "hinted_until"])
def test_a_lane_that_may_not_work_is_not_asked(field):
    campaign = sending_campaign(1)
    now = timezone.now()
    assert lanes_with_work(now=now).exists()
    make_lane(campaign.workspace, **{field: now + timedelta(minutes=1)})
    assert not lanes_with_work(now=now).exists()


def test_the_tick_brings_a_due_campaign_to_its_end(relay):
    drain()
    mailing_list = make_list()
    for _ in range(3):
        make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, state=CampaignState.SCHEDULED, scheduled_at=timezone.now())
    for _ in range(4):
        tasks.tick()
        for name, arguments in drain():
            celery_app.tasks[name](*arguments)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DONE
    assert states() == [DeliveryState.SENT] * 3


def test_a_test_mail_is_sent_and_shows_the_servers_answer(relay):
    drain()
    campaign = make_campaign()
    test_mail = models.TestMail.objects.create(campaign=campaign, address="me@example.com")
    tasks.tick()
    for name, arguments in drain() * 2:
        celery_app.tasks[name](*arguments)
    test_mail.refresh_from_db()
    assert (test_mail.state, test_mail.text) == (models.TestMailState.SENT, "250 2.0.0 OK")
    assert len(relay.messages) == 1


def test_a_test_mail_of_an_unproved_sender_does_not_leave(relay):
    """A1."""
    campaign = make_campaign()
    SenderDomain.objects.update(verified_at=None)
    test_mail = models.TestMail.objects.create(campaign=campaign, address="me@example.com")
    tasks.send_test_mail(test_mail.pk)
    test_mail.refresh_from_db()
    assert test_mail.state == models.TestMailState.FAILED
    assert relay.messages == []


@pytest.mark.usefixtures("no_relay")
def test_a_test_mail_that_cannot_leave_says_why():
    test_mail = models.TestMail.objects.create(campaign=make_campaign(), address="me@example.com")
    tasks.send_test_mail(test_mail.pk)
    test_mail.refresh_from_db()
    assert test_mail.state == models.TestMailState.FAILED
    assert test_mail.text


def test_a_test_mail_whose_process_died_is_given_up():
    test_mail = models.TestMail.objects.create(
        campaign=make_campaign(), address="me@example.com", state=models.TestMailState.SENDING
    )
    assert sending.give_up_test_mails(now=timezone.now()) == 0
    assert sending.give_up_test_mails(now=timezone.now() + timedelta(minutes=6)) == 1
    test_mail.refresh_from_db()
    assert test_mail.state == models.TestMailState.FAILED


def test_a_worker_killed_after_the_claim_loses_nobody(relay):
    campaign = sending_campaign(2)
    Delivery.objects.update(state=DeliveryState.CLAIMED, lease_token=uuid4(), lease_until=timezone.now(), attempts=1)
    tasks.tick()
    sending.send_lane(lane_of(campaign).pk)
    assert states() == [DeliveryState.SENT] * 2
    assert len(relay.messages) == 2
    assert Campaign.objects.get().state == CampaignState.SENDING
