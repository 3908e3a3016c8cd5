"""Leases, fences and lifetimes that ran out, and campaigns that are over."""

import logging
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import reaper, scheduling
from campaigns.deliveries import CANCELLED_AT_ONCE
from campaigns.lifetimes import restart_lifetimes
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState, DoubtPolicy, Lane
from lists.models import AddressError
from mta.circuit import Admission, note_fault
from mta.verdicts import Kind, Phase, Reason
from tests.factories import make_campaign, make_deliveries, make_delivery, make_subscriber, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


def sending_campaign(now, **fields):
    return make_campaign(**{"state": CampaignState.SENDING, "lifetime_from": now} | fields)


def test_a_claim_whose_lease_is_over_is_given_back(now):
    delivery = make_delivery(state=DeliveryState.CLAIMED, lease_token=uuid4(), lease_until=now, attempts=1)
    assert reaper.reap_claims(now=now) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.lease_token) == (DeliveryState.PENDING, 0, None)


def test_a_claim_whose_lease_lives_stays(now):
    make_delivery(state=DeliveryState.CLAIMED, lease_token=uuid4(), lease_until=now + timedelta(seconds=1), attempts=1)
    assert reaper.reap_claims(now=now) == 0


def test_a_fence_is_not_given_back_but_comes_in_doubt_after_15_minutes(now):
    fields = {"state": DeliveryState.FENCED, "lease_token": uuid4(), "lease_until": now}
    old = make_delivery(fenced_at=now - timedelta(minutes=15), **fields)
    young = make_delivery(fenced_at=now - timedelta(minutes=14), **fields)
    assert reaper.reap_claims(now=now) == 0
    assert reaper.reap_fences(now=now) == 1
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, young.state) == (DeliveryState.DOUBT, DeliveryState.FENCED)
    assert old.lease_token is not None


def test_a_doubt_is_held_by_default(now):
    """F7: never silently resent."""
    make_delivery(sending_campaign(now), state=DeliveryState.DOUBT, fenced_at=now - timedelta(days=1))
    assert reaper.resend_doubts(now=now) == 0


def test_a_doubt_is_resent_once_where_the_policy_says_so(now):
    campaign = sending_campaign(now, doubt_policy=DoubtPolicy.RESEND)
    delivery = make_delivery(campaign, state=DeliveryState.DOUBT, fenced_at=now - timedelta(minutes=15))
    assert reaper.resend_doubts(now=now) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.resends) == (DeliveryState.PENDING, 1)
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.DOUBT)
    assert reaper.resend_doubts(now=now) == 0


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.DEFERRED])
def test_a_row_whose_lifetime_is_over_expires_with_its_last_reply(now, state):
    """B5, A14."""
    long_ago = now - timedelta(hours=25)
    campaign = sending_campaign(long_ago)
    delivery = make_delivery(
        campaign,
        state=state,
        mail_date=long_ago,
        kind=Kind.SOFT,
        reason=Reason.MAILBOX_FULL,
        code="4.2.2",
        text="mailbox full",
        phase="rcpt",
    )
    assert reaper.expire_deliveries(now=now) == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason, delivery.text) == (
        DeliveryState.EXPIRED,
        Reason.MAILBOX_FULL,
        "mailbox full",
    )
    assert AddressError.objects.get().counted


def test_a_row_that_only_met_faults_of_ours_expires_without_blaming_the_address(now):
    long_ago = now - timedelta(hours=25)
    delivery = make_delivery(sending_campaign(long_ago), mail_date=long_ago)
    assert reaper.expire_deliveries(now=now) == 1
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.EXPIRED
    assert delivery.text
    assert not AddressError.objects.exists()


def test_nothing_expires_while_the_circuit_of_its_route_is_open(now):
    long_ago = now - timedelta(hours=25)
    delivery = make_delivery(sending_campaign(long_ago), mail_date=long_ago)
    elsewhere = make_delivery(sending_campaign(long_ago), mail_date=long_ago)
    Lane.objects.filter(pk=elsewhere.lane_id).update(route="route-7")
    note_fault("relay", Admission(), phase=Phase.CONNECT, because="refused", now=now)
    assert reaper.expire_deliveries(now=now) == 1
    delivery.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (delivery.state, elsewhere.state) == (DeliveryState.PENDING, DeliveryState.EXPIRED)


def test_after_a_long_outage_lifetimes_begin_anew(now):
    long_ago = now - timedelta(hours=25)
    waiting = make_delivery(sending_campaign(long_ago), mail_date=long_ago)
    elsewhere = make_delivery(sending_campaign(long_ago), mail_date=long_ago)
    Lane.objects.filter(pk=elsewhere.lane_id).update(route="route-7")
    assert restart_lifetimes("relay", now=now) == 1
    waiting.campaign.refresh_from_db()
    elsewhere.campaign.refresh_from_db()
    assert (waiting.campaign.lifetime_from, elsewhere.campaign.lifetime_from) == (now, long_ago)


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.DEFERRED])
def test_a_row_that_is_due_has_its_try_before_it_expires(now, state):
    """In a lane that was paused (A13) or has more first tries than its pace allows (C23), or after a power cut."""
    long_ago = now - timedelta(hours=25)
    delivery = make_delivery(sending_campaign(long_ago), state=state, mail_date=long_ago, due_at=now)
    assert reaper.expire_deliveries(now=now + timedelta(days=1)) == 0
    # It was tried meanwhile, and came to nothing by a fault that is not its own.
    Delivery.objects.filter(pk=delivery.pk).update(due_at=now + timedelta(seconds=30))
    assert reaper.expire_deliveries(now=now) == 1


def test_of_many_rows_that_wait_only_the_next_are_looked_at(now):
    """The others come to the front as time goes by: none is forgotten, however many there are."""
    long_ago, lately = now - timedelta(hours=25), now - timedelta(hours=1)
    campaign = sending_campaign(long_ago)
    for minutes in range(1, 21):
        make_delivery(campaign, mail_date=lately, due_at=now + timedelta(minutes=minutes))
    last = make_delivery(campaign, mail_date=long_ago, due_at=now + timedelta(minutes=21))
    assert reaper.expire_deliveries(now=now, look=10) == 0
    # Those before it have had their tries.
    assert reaper.expire_deliveries(now=now + timedelta(minutes=12), look=10) == 1
    last.refresh_from_db()
    assert last.state == DeliveryState.EXPIRED


def test_what_is_looked_at_is_read_from_the_index_of_due_rows_in_its_order(now):
    campaign = sending_campaign(now)
    delivery = make_delivery(campaign, due_at=now + timedelta(minutes=1))
    plan = reaper.next_due(campaign.pk, delivery.lane_id, now=now)[:10].explain()
    if connection.vendor == "sqlite":
        assert "USING INDEX delivery_due" in plan
        assert "TEMP B-TREE" not in plan
    else:
        with connection.cursor() as cursor:
            # Few rows would be read and sorted.
            cursor.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
            )
        plan = reaper.next_due(campaign.pk, delivery.lane_id, now=now)[:10].explain()
        assert "Index Scan using delivery_due" in plan
        assert "Sort" not in plan


def test_nothing_expires_that_was_never_tried_or_was_resumed_lately(now):
    long_ago = now - timedelta(hours=25)
    make_delivery(sending_campaign(long_ago))
    make_delivery(sending_campaign(now), mail_date=long_ago)
    make_delivery(sending_campaign(long_ago, state=CampaignState.PAUSED), mail_date=long_ago)
    assert reaper.expire_deliveries(now=now) == 0


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.DEFERRED])
def test_a_row_that_came_back_after_the_cancellation_is_cancelled_too(now, state):
    campaign = sending_campaign(now, state=CampaignState.CANCELLED, finished_at=now)
    late, running = make_delivery(campaign, state=state), make_delivery(sending_campaign(now), state=state)
    assert reaper.cancel_leftovers(now=now) == 1
    late.refresh_from_db()
    running.refresh_from_db()
    assert (late.state, running.state) == (DeliveryState.CANCELLED, state)


def test_a_large_cancelled_campaign_is_cleared_piece_by_piece(now):
    """Nobody waits for a million rows; none of them is claimed or fenced meanwhile."""
    campaign = sending_campaign(now)
    rest = 7
    make_deliveries(campaign, CANCELLED_AT_ONCE + rest)
    assert scheduling.cancel(campaign, actor=make_user(), now=now) == CANCELLED_AT_ONCE + rest
    assert Delivery.objects.filter(campaign=campaign, state=DeliveryState.PENDING).count() == rest
    assert reaper.cancel_leftovers(now=now) == rest
    assert reaper.cancel_leftovers(now=now) == 0


def test_a_campaign_is_done_when_every_row_is_terminal_and_the_sums_agree(now):
    campaign = sending_campaign(now, recipient_count=2)
    make_delivery(campaign, state=DeliveryState.SENT)
    make_delivery(campaign, state=DeliveryState.DOUBT, fenced_at=now)
    assert reaper.finish_campaigns(now=now) == [campaign]
    campaign.refresh_from_db()
    assert (campaign.state, campaign.finished_at) == (CampaignState.DONE, now)


@pytest.mark.parametrize(
    "state", [DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.FENCED, DeliveryState.DEFERRED]
)
def test_a_campaign_with_an_open_row_is_not_done(now, state):
    campaign = sending_campaign(now, recipient_count=1)
    make_delivery(campaign, state=state, lease_token=uuid4(), lease_until=now, fenced_at=now)
    assert reaper.finish_campaigns(now=now) == []


def test_a_campaign_whose_doubt_is_still_to_be_resent_is_not_done(now):
    campaign = sending_campaign(now, recipient_count=1, doubt_policy=DoubtPolicy.RESEND)
    delivery = make_delivery(campaign, state=DeliveryState.DOUBT, fenced_at=now)
    assert reaper.finish_campaigns(now=now) == []
    Delivery.objects.filter(pk=delivery.pk).update(resends=1)
    assert reaper.finish_campaigns(now=now) == [campaign]


def test_a_campaign_whose_sums_disagree_is_never_called_done(now, caplog):
    campaign = sending_campaign(now, recipient_count=2)
    make_delivery(campaign, make_subscriber(campaign.mailing_lists.get()), state=DeliveryState.SENT)
    with caplog.at_level(logging.CRITICAL):
        assert reaper.finish_campaigns(now=now) == []
    assert "do not add up" in caplog.text
    assert Campaign.objects.get().state == CampaignState.SENDING


def test_what_is_left_is_cancelled_however_long_nobody_worked(now):
    """The machine was down for weeks right after 残りを中止."""
    campaign = sending_campaign(now)
    make_deliveries(campaign, CANCELLED_AT_ONCE + 7)
    scheduling.cancel(campaign, actor=make_user(), now=now)
    later = now + timedelta(days=30)
    assert [reaper.cancel_leftovers(now=later) for _tick in range(2)] == [7, 0]
    assert not Delivery.objects.filter(campaign=campaign).exclude(state=DeliveryState.CANCELLED).exists()
    campaign.refresh_from_db()
    assert campaign.cleared_at == later


def test_a_cancelled_campaign_is_looked_after_while_a_mail_of_it_may_come_back(now):
    campaign = sending_campaign(now, state=CampaignState.CANCELLED, finished_at=now)
    row = make_delivery(
        campaign, state=DeliveryState.FENCED, lease_token=uuid4(), lease_until=now, fenced_at=now, attempts=1
    )
    later = now + timedelta(days=2)
    assert reaper.cancel_leftovers(now=later) == 0
    Delivery.objects.filter(pk=row.pk).update(state=DeliveryState.DEFERRED, lease_token=None, lease_until=None)
    assert reaper.cancel_leftovers(now=later) == 1


def test_cancelled_campaigns_are_looked_after_for_a_day_and_then_no_more(now, django_assert_num_queries):
    old = [sending_campaign(now, state=CampaignState.CANCELLED, finished_at=now) for _ in range(30)]
    assert reaper.cancel_leftovers(now=now + timedelta(hours=23)) == 0
    assert not Campaign.objects.filter(cleared_at__isnull=False).exists()
    later = now + timedelta(days=1)
    for _tick in range(2):
        reaper.cancel_leftovers(now=later)
    assert Campaign.objects.filter(cleared_at=later).count() == len(old)
    # Nothing of all that were ever cancelled is looked at any more.
    with django_assert_num_queries(2):
        reaper.cancel_leftovers(now=later)
