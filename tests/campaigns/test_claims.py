"""Claims and fences: who may send a row, and when."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.claims import LEASE, claim_due, fence
from campaigns.models import CampaignState, Delivery, DeliveryState
from lists.models import Exclusion, ExclusionKind, StopReason
from lists.subscribers import stop
from tests.factories import make_campaign, make_delivery, make_lane, make_list, make_subscriber

pytestmark = pytest.mark.django_db


def sending_campaign(**fields):
    return make_campaign(state=CampaignState.SENDING, lifetime_from=timezone.now(), **fields)


def state_of(delivery):
    return Delivery.objects.values_list("state", flat=True).get(pk=delivery.pk)


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.DEFERRED])
def test_claims_a_due_row_under_a_lease(state):
    now = timezone.now()
    delivery = make_delivery(sending_campaign(), state=state, attempts=2, due_at=now)
    claim = claim_due(delivery.lane, now=now, limit=10)
    delivery.refresh_from_db()
    assert [row.pk for row in claim.deliveries] == [delivery.pk]
    assert delivery.state == DeliveryState.CLAIMED
    assert delivery.lease_token == claim.token
    assert delivery.lease_until == now + LEASE
    assert delivery.attempts == 3
    assert delivery.mail_date == now


def test_a_claimed_row_says_what_the_stored_one_says():
    now = timezone.now()
    make_delivery(sending_campaign(), attributes={"会社名": "みほん商店"}, due_at=now - timedelta(days=2))
    stored = Delivery.objects.get()
    [row] = claim_due(stored.lane, now=now, limit=10).deliveries
    stored.refresh_from_db()
    loaded = row.__dict__.keys() - {"_state"}
    assert {name: row.__dict__[name] for name in loaded} == {name: stored.__dict__[name] for name in loaded}
    assert row.campaign == stored.campaign
    # What its mail does not need is read when it is asked for.
    assert "code" not in loaded
    assert (row.code, row.subscriber, row.lease_token) == (stored.code, stored.subscriber, stored.lease_token)


def test_the_date_of_a_mail_is_frozen_at_the_first_claim():
    first = timezone.now() - timedelta(hours=2)
    delivery = make_delivery(sending_campaign(), state=DeliveryState.DEFERRED, mail_date=first)
    [claimed] = claim_due(delivery.lane, now=timezone.now(), limit=10).deliveries
    assert claimed.mail_date == first


@pytest.mark.parametrize("state", [state for state in CampaignState if state != CampaignState.SENDING])
def test_claims_nothing_of_a_campaign_that_does_not_send(state):
    delivery = make_delivery(make_campaign(state=state, scheduled_at=timezone.now()))
    assert claim_due(delivery.lane, now=timezone.now(), limit=10).deliveries == []
    assert state_of(delivery) == DeliveryState.PENDING


def test_claims_nothing_that_is_not_due():
    now = timezone.now()
    delivery = make_delivery(sending_campaign(), due_at=now + timedelta(seconds=1))
    assert claim_due(delivery.lane, now=now, limit=10).deliveries == []


@pytest.mark.parametrize("field", ["paused_at", "held_until"])
def test_claims_nothing_from_a_lane_that_is_paused_or_rests(field):
    """A13."""
    now = timezone.now()
    campaign = sending_campaign()
    lane = make_lane(campaign.workspace, **{field: now + timedelta(minutes=1)})
    delivery = make_delivery(campaign, lane=lane)
    assert claim_due(lane, now=now, limit=10).deliveries == []
    assert state_of(delivery) == DeliveryState.PENDING


@pytest.mark.parametrize(
    "state", [state for state in DeliveryState if state not in (DeliveryState.PENDING, DeliveryState.DEFERRED)]
)
def test_claims_no_row_in_another_state(state):
    now = timezone.now()
    delivery = make_delivery(
        sending_campaign(), state=state, lease_token=uuid4(), lease_until=now + LEASE, fenced_at=now
    )
    assert claim_due(delivery.lane, now=now, limit=10).deliveries == []
    assert state_of(delivery) == state


def test_a_row_whose_subscriber_was_stopped_becomes_excluded():
    """E13: the row says 送信除外, never 配信済み."""
    delivery = make_delivery(sending_campaign())
    stop(delivery.subscriber, StopReason.UNSUBSCRIBED, actor=None, now=timezone.now())
    assert claim_due(delivery.lane, now=timezone.now(), limit=10).deliveries == []
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.EXCLUDED
    assert delivery.get_state_display() == "送信除外"
    assert delivery.lease_token is None


def test_a_row_whose_subscriber_was_deleted_becomes_excluded():
    delivery = make_delivery(sending_campaign())
    delivery.subscriber.delete()
    assert claim_due(delivery.lane, now=timezone.now(), limit=10).deliveries == []
    assert state_of(delivery) == DeliveryState.EXCLUDED


def test_rows_of_an_excluded_provider_become_excluded_while_others_go_on():
    """A13."""
    campaign = sending_campaign()
    docomo = make_lane(campaign.workspace, provider="docomo", excluded_at=timezone.now())
    out = make_delivery(campaign, lane=docomo)
    other = make_delivery(campaign)
    assert claim_due(docomo, now=timezone.now(), limit=10).deliveries == []
    assert [row.pk for row in claim_due(other.lane, now=timezone.now(), limit=10).deliveries] == [other.pk]
    assert state_of(out) == DeliveryState.EXCLUDED


def fenced_pair():
    """Return two claimed rows of one campaign and their claim."""
    campaign = sending_campaign()
    lane = make_delivery(campaign).lane
    make_delivery(campaign)
    return campaign, claim_due(lane, now=timezone.now(), limit=10)


def exclude(campaign, value, *, everywhere=False, **fields):
    kind = ExclusionKind.ADDRESS if "@" in value else ExclusionKind.DOMAIN
    return Exclusion.objects.create(
        workspace=None if everywhere else campaign.workspace, kind=kind, value=value, **fields
    )


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("value", ["mori@mail.example.com", "mail.example.com", "example.com"])
def test_a_row_whose_address_came_on_the_exclusion_list_becomes_excluded(value, everywhere):
    """E13: the row says 送信除外 and why, never 配信済み."""
    campaign = sending_campaign()
    mailing_list = campaign.mailing_lists.get()
    out = make_delivery(campaign, make_subscriber(mailing_list, "Mori@mail.example.com"))
    stays = make_delivery(campaign, make_subscriber(mailing_list, "omori@myexample.com"))
    exclude(campaign, value, everywhere=everywhere)
    claim = claim_due(out.lane, now=timezone.now(), limit=10)
    assert [row.pk for row in claim.deliveries] == [stays.pk]
    assert claim.left_out == 1
    out.refresh_from_db()
    assert out.get_state_display() == "送信除外"
    assert "除外リスト" in out.text
    assert (out.lease_token, out.attempts) == (None, 1)


def test_an_entry_of_another_workspace_or_one_that_is_over_excludes_nobody():
    delivery = make_delivery(sending_campaign())
    now = timezone.now()
    exclude(make_campaign(), delivery.address)
    exclude(delivery.campaign, delivery.address, expires_at=now)
    assert [row.pk for row in claim_due(delivery.lane, now=now, limit=10).deliveries] == [delivery.pk]
    assert fence([delivery.pk], Delivery.objects.get().lease_token, now=now) == {delivery.pk}


def test_the_exclusion_list_costs_a_claim_no_query_of_its_own(django_assert_num_queries):
    delivery = make_delivery(sending_campaign())
    with CaptureQueriesContext(connection) as without:
        claim_due(delivery.lane, now=timezone.now(), limit=10)
    Delivery.objects.update(state=DeliveryState.PENDING)
    exclude(delivery.campaign, "somebody@example.com")
    with django_assert_num_queries(len(without)):
        claim_due(delivery.lane, now=timezone.now(), limit=10)


def test_fences_own_rows():
    _campaign, claim = fenced_pair()
    ids = [row.pk for row in claim.deliveries]
    assert fence(ids, claim.token, now=timezone.now()) == set(ids)
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.FENCED}


def test_fences_nothing_with_another_token():
    _campaign, claim = fenced_pair()
    assert fence([row.pk for row in claim.deliveries], uuid4(), now=timezone.now()) == set()


def test_fences_nothing_after_the_lease():
    _campaign, claim = fenced_pair()
    assert fence([row.pk for row in claim.deliveries], claim.token, now=claim.until) == set()


def test_fences_nothing_twice():
    _campaign, claim = fenced_pair()
    ids = [row.pk for row in claim.deliveries]
    fence(ids, claim.token, now=timezone.now())
    assert fence(ids, claim.token, now=timezone.now()) == set()


@pytest.mark.parametrize("state", [CampaignState.PAUSED, CampaignState.CANCELLED])
def test_fences_nothing_of_a_campaign_stopped_in_mid_send(state):
    campaign, claim = fenced_pair()
    campaign.state = state
    campaign.save()
    assert fence([row.pk for row in claim.deliveries], claim.token, now=timezone.now()) == set()


def test_fences_nobody_who_unsubscribed_in_mid_send():
    _campaign, claim = fenced_pair()
    gone, stays = claim.deliveries
    stop(gone.subscriber, StopReason.UNSUBSCRIBED, actor=None, now=timezone.now())
    assert fence([gone.pk, stays.pk], claim.token, now=timezone.now()) == {stays.pk}


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("is_domain", [False, True])
def test_fences_nobody_who_came_on_the_exclusion_list_in_mid_send(is_domain, everywhere):
    """E13."""
    campaign = sending_campaign()
    mailing_list = campaign.mailing_lists.get()
    lane = make_delivery(campaign, make_subscriber(mailing_list, "mori@www.example.com")).lane
    make_delivery(campaign, make_subscriber(mailing_list, "mori@example.jp"))
    claim = claim_due(lane, now=timezone.now(), limit=10)
    gone, stays = claim.deliveries
    exclude(campaign, "example.com" if is_domain else gone.address, everywhere=everywhere)
    assert fence([gone.pk, stays.pk], claim.token, now=timezone.now()) == {stays.pk}


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_claim_the_same_row():
    mailing_list = make_list()
    campaign = sending_campaign(mailing_list=mailing_list)
    for _ in range(60):
        make_delivery(campaign, make_subscriber(mailing_list))
    lane = make_lane(campaign.workspace)
    barrier = threading.Barrier(2)
    claimed: list[int] = []

    def work():
        barrier.wait()
        while rows := claim_due(lane, now=timezone.now(), limit=7).deliveries:
            claimed.extend(row.pk for row in rows)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert sorted(claimed) == sorted(Delivery.objects.values_list("pk", flat=True))
