"""Freezing the recipients of a campaign."""

import pytest
from django.db.models import F
from django.utils import timezone

from accounts.models import AuditEntry
from campaigns.deliveries import count_states, freeze_chunk, freeze_recipients, lists_changed
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState
from lists.models import MailingList, Subscription
from senders.models import SenderDomain
from tests.factories import make_campaign, make_list, make_subscriber, make_workspace

pytestmark = pytest.mark.django_db


def starting_campaign(readers=3, **fields):
    mailing_list = make_list()
    for _ in range(readers):
        make_subscriber(mailing_list)
    return make_campaign(mailing_list, state=CampaignState.STARTING, **fields)


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_every_recipient_has_a_row_and_the_campaign_sends(chunk):
    campaign = starting_campaign()
    now = timezone.now()
    assert freeze_recipients(campaign.pk, now=now, chunk=chunk)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SENDING
    assert campaign.recipient_count == 3
    assert campaign.lifetime_from == now
    rows = Delivery.objects.filter(campaign=campaign, state=DeliveryState.PENDING, due_at=now)
    assert rows.count() == 3


def test_freezes_address_name_and_attributes():
    campaign = starting_campaign(0)
    subscriber = make_subscriber(
        campaign.mailing_lists.get(), "Taro@docomo.ne.jp", name="太郎", attributes={"会員ランク": "金"}
    )
    freeze_recipients(campaign.pk, now=timezone.now())
    delivery = Delivery.objects.get()
    assert (delivery.address, delivery.address_key) == ("Taro@docomo.ne.jp", "taro@docomo.ne.jp")
    assert (delivery.name, delivery.attributes) == ("太郎", {"会員ランク": "金"})
    assert delivery.subscriber == subscriber
    assert delivery.lane.provider == "docomo"


def test_stopped_subscribers_get_no_row():
    """A11."""
    campaign = starting_campaign(1)
    make_subscriber(campaign.mailing_lists.get(), status="stopped")
    freeze_recipients(campaign.pk, now=timezone.now())
    assert Delivery.objects.count() == 1


def test_one_address_on_two_lists_gets_one_row():
    campaign = starting_campaign(1)
    other = make_list(campaign.workspace)
    Subscription.objects.create(
        mailing_list=other, subscriber=campaign.mailing_lists.get().subscriptions.get().subscriber
    )
    campaign.mailing_lists.add(other)
    freeze_recipients(campaign.pk, now=timezone.now())
    assert Delivery.objects.count() == 1


def test_a_crash_between_two_chunks_goes_on_behind_the_last_one():
    campaign = starting_campaign(5)
    now = timezone.now()
    lists_changed(campaign)
    assert freeze_chunk(campaign, now=now, chunk=2) == 2
    assert freeze_recipients(campaign.pk, now=now, chunk=2)
    assert Delivery.objects.count() == 5


def test_a_doubled_hint_makes_no_row_twice():
    campaign = starting_campaign()
    assert freeze_recipients(campaign.pk, now=timezone.now())
    assert freeze_recipients(campaign.pk, now=timezone.now())
    assert Delivery.objects.count() == 3


def test_a_list_that_was_replaced_in_between_is_frozen_anew():
    campaign = starting_campaign(4)
    now = timezone.now()
    lists_changed(campaign)
    freeze_chunk(campaign, now=now, chunk=2)
    mailing_list = campaign.mailing_lists.get()
    Subscription.objects.filter(mailing_list=mailing_list).delete()
    newcomer = make_subscriber(mailing_list)
    MailingList.objects.update(generation=F("generation") + 1)
    freeze_recipients(campaign.pk, now=now)
    assert list(Delivery.objects.values_list("subscriber", flat=True)) == [newcomer.pk]


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.CANCELLED, CampaignState.DONE])
def test_freezes_nothing_for_a_campaign_that_does_not_start(state):
    campaign = starting_campaign()
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    assert not freeze_recipients(campaign.pk, now=timezone.now())
    assert not Delivery.objects.exists()


def test_a_campaign_whose_list_became_empty_sends_to_nobody():
    campaign = starting_campaign(0)
    assert freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.recipient_count == 0


def test_a_sender_that_lost_its_proof_since_the_schedule_sends_the_mailing_back():
    """A1."""
    campaign = starting_campaign(1)
    SenderDomain.objects.update(verified_at=None)
    assert not freeze_recipients(campaign.pk, now=timezone.now())
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == (CampaignState.DRAFT, None)
    assert campaign.sender.domain.name in campaign.problem
    assert not Delivery.objects.exists()
    assert AuditEntry.objects.get().action == "campaign.refused"


def test_counts_have_every_state():
    campaign = starting_campaign(2)
    freeze_recipients(campaign.pk, now=timezone.now())
    counts = count_states(campaign)
    assert counts[DeliveryState.PENDING] == 2
    assert set(counts) == set(DeliveryState.values)
    assert sum(counts.values()) == 2


def test_subscribers_of_another_workspace_get_nothing():
    campaign = starting_campaign(1)
    make_subscriber(make_list(make_workspace()), "other@example.jp")
    freeze_recipients(campaign.pk, now=timezone.now())
    assert Delivery.objects.get().workspace == campaign.workspace
