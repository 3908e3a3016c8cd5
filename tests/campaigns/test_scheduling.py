"""Schedule, start, pause, resume, cancel: each with its guard."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from campaigns import scheduling
from campaigns.models import Campaign, CampaignState, DeliveryState
from campaigns.sendable import CampaignError
from tests.factories import (
    make_campaign,
    make_delivery,
    make_list,
    make_sender,
    make_subscriber,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def campaign():
    mailing_list = make_list()
    make_subscriber(mailing_list)
    return make_campaign(mailing_list)


@pytest.fixture
def actor(campaign):
    return make_user(campaign.workspace)


def state_of(campaign):
    return Campaign.objects.values_list("state", flat=True).get(pk=campaign.pk)


def test_schedules_a_draft_and_writes_it_down(campaign, actor, now):
    at = now + timedelta(days=1)
    scheduling.schedule(campaign, at, actor=actor, now=now)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == (CampaignState.SCHEDULED, at)
    assert AuditEntry.objects.get().action == "campaign.schedule"


def test_a_second_click_schedules_nothing(campaign, actor, now):
    scheduling.schedule(campaign, now, actor=actor, now=now)
    with pytest.raises(CampaignError, match="すでに予約または配信"):
        scheduling.schedule(campaign, now, actor=actor, now=now)
    assert AuditEntry.objects.count() == 1


def test_a_draft_that_somebody_else_changed_meanwhile_is_not_sent(campaign, actor, now):
    Campaign.objects.filter(pk=campaign.pk).update(revision=2)
    with pytest.raises(CampaignError, match="別の画面で変更"):
        scheduling.schedule(campaign, now, actor=actor, now=now)


@pytest.mark.parametrize(("offset", "sentence"), [(timedelta(minutes=-2), "過去"), (timedelta(days=400), "1年以上先")])
def test_refuses_a_time_in_the_past_or_far_ahead(campaign, actor, now, offset, sentence):
    with pytest.raises(CampaignError, match=sentence):
        scheduling.schedule(campaign, now + offset, actor=actor, now=now)
    assert state_of(campaign) == CampaignState.DRAFT


def test_refuses_an_empty_list(actor, now):
    with pytest.raises(CampaignError, match="配信できる宛先がありません"):
        scheduling.schedule(make_campaign(), now, actor=actor, now=now)


def test_refuses_a_list_on_which_everybody_is_stopped(actor, now):
    mailing_list = make_list()
    make_subscriber(mailing_list, status="stopped")
    with pytest.raises(CampaignError, match="配信できる宛先がありません"):
        scheduling.schedule(make_campaign(mailing_list), now, actor=actor, now=now)


def test_refuses_a_campaign_without_a_list(campaign, actor, now):
    campaign.mailing_lists.clear()
    with pytest.raises(CampaignError, match="リストが選ばれていません"):
        scheduling.schedule(campaign, now, actor=actor, now=now)


def test_refuses_a_campaign_without_a_sender(campaign, actor, now):
    campaign.sender = None
    with pytest.raises(CampaignError, match="送信元が選ばれていません"):
        scheduling.schedule(campaign, now, actor=actor, now=now)


def test_refuses_a_sender_whose_domain_did_not_prove_itself(campaign, actor, now):
    """A1."""
    campaign.sender = make_sender(campaign.workspace, "news@unproved.example")
    campaign.sender.domain.verified_at = None
    campaign.sender.domain.save()
    with pytest.raises(CampaignError, match=r"unproved\.example"):
        scheduling.schedule(campaign, now, actor=actor, now=now)


def test_refuses_a_merge_tag_that_does_not_exist(campaign, actor, now):
    campaign.text = "{{naem}} 様"
    with pytest.raises(CampaignError, match=r"\{\{naem\}\}"):
        scheduling.schedule(campaign, now, actor=actor, now=now)


def test_refuses_an_empty_text(campaign, actor, now):
    campaign.text = " \n"
    with pytest.raises(CampaignError, match="本文を入力"):
        scheduling.schedule(campaign, now, actor=actor, now=now)


def test_a_scheduled_campaign_goes_back_to_a_draft_until_it_starts(campaign, actor, now):
    scheduling.schedule(campaign, now + timedelta(hours=1), actor=actor, now=now)
    scheduling.unschedule(campaign, actor=actor)
    assert state_of(campaign) == CampaignState.DRAFT
    with pytest.raises(CampaignError, match="すでに配信が始まっている"):
        scheduling.unschedule(campaign, actor=actor)


def test_starts_what_is_due_once(campaign, actor, now):
    scheduling.schedule(campaign, now + timedelta(hours=1), actor=actor, now=now)
    assert scheduling.start_due(now=now) == 0
    assert scheduling.start_due(now=now + timedelta(hours=1)) == 1
    assert scheduling.start_due(now=now + timedelta(hours=1)) == 0
    assert state_of(campaign) == CampaignState.STARTING


def test_pauses_and_resumes_with_a_new_lifetime(campaign, actor, now):
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.SENDING)
    scheduling.pause(campaign, actor=actor)
    assert state_of(campaign) == CampaignState.PAUSED
    with pytest.raises(CampaignError, match="一時停止できません"):
        scheduling.pause(campaign, actor=actor)
    scheduling.resume(campaign, actor=actor, now=now)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.lifetime_from) == (CampaignState.SENDING, now)
    with pytest.raises(CampaignError, match="再開できません"):
        scheduling.resume(campaign, actor=actor, now=now)


@pytest.mark.parametrize("state", [CampaignState.STARTING, CampaignState.SENDING, CampaignState.PAUSED])
def test_cancels_what_no_dot_was_sent_for_and_leaves_the_rest(campaign, actor, now, state):
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    fields = {"lease_token": uuid4(), "lease_until": now, "fenced_at": now}
    rows = {
        row_state: make_delivery(campaign, make_subscriber(workspace=campaign.workspace), state=row_state, **fields)
        for row_state in DeliveryState
    }
    gone = {DeliveryState.PENDING, DeliveryState.DEFERRED, DeliveryState.CLAIMED}
    assert scheduling.cancel(campaign, actor=actor, now=now) == len(gone)
    assert state_of(campaign) == CampaignState.CANCELLED
    for row_state, row in rows.items():
        row.refresh_from_db()
        assert row.state == (DeliveryState.CANCELLED if row_state in gone else row_state)


@pytest.mark.parametrize(
    "state", [CampaignState.DRAFT, CampaignState.SCHEDULED, CampaignState.DONE, CampaignState.CANCELLED]
)
def test_cancels_nothing_that_does_not_run(campaign, actor, now, state):
    Campaign.objects.filter(pk=campaign.pk).update(state=state, scheduled_at=now)
    with pytest.raises(CampaignError, match="中止できません"):
        scheduling.cancel(campaign, actor=actor, now=now)
    assert state_of(campaign) == state


def test_error_names_its_campaign(campaign, now):
    campaign.sender = None
    with pytest.raises(CampaignError) as caught:
        scheduling.schedule(campaign, now, actor=make_user(make_workspace()), now=now)
    assert caught.value.campaign is campaign
