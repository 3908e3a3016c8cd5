"""Chains of turns: how many a workspace has, who is next, and what lost and doubled messages do."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from campaigns import chains, send_queue, tasks, turns
from campaigns.chains import ALIVE, Link, begin_turn, end_chain, start_missing, take_lane
from campaigns.models import CampaignState, Chain, Delivery, DeliveryState
from mta.circuit import Admission, note_fault
from mta.verdicts import Phase
from tests.campaigns.turns import drain, lane_of, relay_url, sending_campaign, states, work_off
from tests.factories import make_campaign, make_delivery, make_lane, make_list, make_subscriber, make_workspace

# The ledger writes from a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)
SECOND = timedelta(seconds=1)
ROOM = 100
TASK = "campaigns.tasks.send_turn"


@pytest.fixture
def relay(smtp_sink, settings):
    settings.RELAY_URL = relay_url(smtp_sink.port)
    return smtp_sink


@pytest.fixture(autouse=True)
def empty_queue():
    drain()


def lanes(campaign, *providers, **fields):
    """Give a campaign a due row in a lane of each provider; return the lanes."""
    made = []
    for provider in providers:
        lane = make_lane(campaign.workspace, provider=provider, **fields)
        make_delivery(campaign, make_subscriber(campaign.mailing_lists.get()), lane=lane)
        made.append(lane)
    return made


def test_a_workspace_with_many_lanes_gets_as_many_chains_as_one_with_few(settings):
    """A16, C28."""
    settings.SEND_PROCESSES = 3
    many, few = sending_campaign(1), sending_campaign(1)
    lanes(many, *(f"provider{number}" for number in range(10)))
    started = start_missing(now=timezone.now(), room=ROOM)
    assert sorted(link[:2] for link in started) == sorted(
        (campaign.workspace_id, number) for campaign in (many, few) for number in range(3)
    )
    assert start_missing(now=timezone.now(), room=ROOM) == []


def test_everybody_gets_a_first_chain_before_anybody_gets_a_second():
    first, second, third = (sending_campaign(1).workspace_id for _ in range(3))
    now = timezone.now()
    Chain.objects.create(workspace_id=first, number=0, began_at=now - SECOND)
    Chain.objects.create(workspace_id=second, number=0, began_at=now - 2 * SECOND)
    started = start_missing(now=now, room=4)
    assert [(link.workspace_id, link.number) for link in started] == [(third, 0), (second, 0), (first, 0), (third, 1)]


def test_no_chain_is_begun_where_the_queue_is_full():
    sending_campaign(1)
    assert start_missing(now=timezone.now(), room=0) == []
    assert start_missing(now=timezone.now(), room=-3) == []


def test_a_workspace_without_work_gets_no_chain():
    make_delivery(make_campaign(state=CampaignState.PAUSED))
    now = timezone.now()
    make_delivery(make_campaign(state=CampaignState.SENDING), due_at=now + SECOND)
    assert start_missing(now=now, room=ROOM) == []


def test_a_chain_that_was_lost_is_begun_anew_and_keeps_its_step():
    workspace = sending_campaign(1).workspace_id
    now = timezone.now()
    started = start_missing(now=now, room=ROOM)
    assert start_missing(now=now + ALIVE - SECOND, room=ROOM) == []
    assert start_missing(now=now + ALIVE, room=ROOM) == started
    assert started == [Link(workspace, 0, 0), Link(workspace, 1, 0)]


def test_of_two_messages_with_one_step_the_second_does_nothing():
    workspace = sending_campaign(1).workspace_id
    now = timezone.now()
    [link, _other] = start_missing(now=now, room=ROOM)
    assert begin_turn(link, now=now)
    assert not begin_turn(link, now=now)
    chain = Chain.objects.get(workspace=workspace, number=0)
    assert (chain.step, chain.began_at, chain.busy_until) == (1, now, now + ALIVE)
    end_chain(link)
    assert start_missing(now=now, room=ROOM) == [Link(workspace, 0, 1)]


def test_a_turn_that_took_too_long_does_not_end_the_chain_that_followed_it():
    sending_campaign(1)
    now = timezone.now()
    [slow, _other] = start_missing(now=now, room=ROOM)
    begin_turn(slow, now=now)
    later = now + ALIVE
    [follower, *_others] = start_missing(now=later, room=ROOM)
    assert begin_turn(follower, now=later)
    end_chain(slow)
    assert Chain.objects.get(number=0).busy_until == later + ALIVE


def test_two_ticks_at_once_begin_each_chain_once():
    sending_campaign(1)
    now = timezone.now()
    Chain.objects.all().delete()
    barrier = threading.Barrier(2)
    started: list[Link] = []

    def run():
        barrier.wait()
        try:
            started.extend(start_missing(now=now, room=ROOM))
        finally:
            connection.close()

    ticks = [threading.Thread(target=run) for _ in range(2)]
    for tick in ticks:
        tick.start()
    for tick in ticks:
        tick.join(timeout=60)
    assert sorted(link.number for link in started) == [0, 1]


def test_lanes_are_served_in_turn():
    campaign = sending_campaign(0)
    first, second, third = lanes(campaign, "docomo", "au", "gmail")
    now = timezone.now()
    served = [take_lane(campaign.workspace_id, now=now + number * SECOND) for number in range(5)]
    assert served == [first, second, third, first, second]


@pytest.mark.parametrize("field", ["paused_at", "held_until"])
def test_a_lane_that_waits_keeps_no_chain_from_the_others(field):
    """A13."""
    campaign = sending_campaign(0)
    lanes(campaign, "docomo", **{field: timezone.now() + timedelta(minutes=1)})
    [other] = lanes(campaign, "au")
    now = timezone.now()
    assert [take_lane(campaign.workspace_id, now=now + number * SECOND) for number in range(3)] == [other] * 3


def test_a_lane_of_an_open_circuit_keeps_no_chain_from_the_others():
    campaign = sending_campaign(0)
    lanes(campaign, "docomo", route="route-7")
    [other] = lanes(campaign, "au")
    now = timezone.now()
    note_fault("route-7", Admission(), phase=Phase.CONNECT, because="refused", now=now)
    assert [take_lane(campaign.workspace_id, now=now) for _ in range(2)] == [other] * 2


def test_there_is_no_lane_where_nothing_is_due():
    assert take_lane(make_workspace().pk, now=timezone.now()) is None


# ── with the queue ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_tick_asks_for_what_is_due_once(relay):
    workspace = sending_campaign(1).workspace_id
    tasks.tick()
    assert drain() == [(TASK, (workspace, 0, 0)), (TASK, (workspace, 1, 0))]
    tasks.tick()
    assert drain() == []


def test_a_lost_message_is_sent_again(relay):
    workspace = sending_campaign(1).workspace_id
    tasks.tick()
    drain()
    Chain.objects.update(busy_until=timezone.now())
    tasks.tick()
    assert drain() == [(TASK, (workspace, 0, 0)), (TASK, (workspace, 1, 0))]


def test_a_doubled_message_starts_no_second_chain(relay):
    workspace = sending_campaign(5).workspace_id
    tasks.tick()
    work_off(drain() * 3)
    follow = drain()
    # The second chain found nothing left.
    assert follow == [(TASK, (workspace, 0, 1))]
    assert states() == [DeliveryState.SENT] * 5
    assert len(relay.messages) == 5
    # Nothing is left, so the chains end.
    work_off(follow * 2)
    assert drain() == []
    assert set(Chain.objects.values_list("busy_until", flat=True)) == {None}


def test_a_chain_ends_where_the_queue_is_long(relay, settings):
    """Then the tick decides by who was served longest ago, and not the order of the queue."""
    settings.SEND_PROCESSES = 1
    campaign = sending_campaign(1)
    [link] = start_missing(now=timezone.now(), room=ROOM)
    for step in range(chains.most_queued()):
        tasks.send_turn.apply_async((0, 0, step), queue="send")
    assert send_queue.waiting() == chains.most_queued()
    assert turns.run(link) is None
    assert Delivery.objects.get(campaign=campaign).state == DeliveryState.SENT


def test_a_broker_that_is_away_counts_as_an_empty_queue(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert send_queue.waiting() == 0


@contextmanager
def locked_rows():
    """Have another connection hold all rows."""
    locked, done = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                list(Delivery.objects.select_for_update())
                locked.set()
                done.wait(timeout=60)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(timeout=60)
        yield
    finally:
        done.set()
        holder.join(timeout=60)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no single rows")
def test_rows_that_others_hold_are_left_alone_for_a_second(relay):
    """Otherwise the chain would spin."""
    lane = lane_of(sending_campaign(1))
    [link, _other] = start_missing(now=timezone.now(), room=ROOM)
    with locked_rows():
        assert turns.run(link) == link._replace(step=1)
    lane.refresh_from_db()
    assert lane.held_until is not None
    assert lane.held_until > timezone.now() - SECOND
    assert states() == [DeliveryState.PENDING]


def test_the_tick_brings_a_due_campaign_to_its_end(relay):
    mailing_list = make_list()
    for _ in range(3):
        make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, state=CampaignState.SCHEDULED, scheduled_at=timezone.now())
    for _ in range(4):
        tasks.tick()
        work_off(drain())
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DONE
    assert states() == [DeliveryState.SENT] * 3


# ── two workspaces ────────────────────────────────────────────────────────────────────────────────────────────────


def take_turns(most: int, until) -> int:
    """Work off the queue as one process would, with a tick after every turn; return after how many turns `until` held."""
    tasks.hint_turns(now=timezone.now())
    waiting = drain()
    for taken in range(1, most + 1):
        work_off([waiting.pop(0)])
        tasks.hint_turns(now=timezone.now())
        waiting += drain()
        if until():
            return taken
    raise AssertionError(f"not within {most} turns")


def test_a_huge_mailing_with_retries_does_not_keep_a_small_one_waiting(relay):
    """A16, C28: B's mail is through after a few turns, however many lanes and due retries A has."""
    huge = sending_campaign(0)
    long_ago = datetime(2025, 1, 1, tzinfo=UTC)
    for number in range(10):
        lane = make_lane(huge.workspace, provider=f"provider{number}")
        for row in range(6):
            state = DeliveryState.DEFERRED if row % 2 else DeliveryState.PENDING
            reader = make_subscriber(huge.mailing_lists.get())
            make_delivery(huge, reader, lane=lane, state=state, due_at=long_ago, attempts=row % 2)
    for address in Delivery.objects.filter(state=DeliveryState.DEFERRED).values_list("address", flat=True):
        relay.replies[address] = "451 4.2.1 try again in 10 seconds"
    # A lane in a turn.
    assert take_turns(3, lambda: len(relay.messages) >= 9) == 3
    small = sending_campaign(4)
    # Two messages of A's chains may be before B's first.
    assert take_turns(3, lambda: not Delivery.objects.filter(campaign=small, state=DeliveryState.PENDING).exists()) <= 3
    assert Delivery.objects.filter(campaign=small, state=DeliveryState.SENT).count() == 4
    assert Delivery.objects.filter(campaign=huge, due_at=long_ago, attempts__lte=1).count() >= 24
