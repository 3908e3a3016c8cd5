"""The background figures: counted together, brought forward by what happens, final in the end."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import TruncDate
from django.utils import timezone
from redis import Redis

from campaigns import tally
from campaigns.deliveries import record_evidence
from campaigns.failures import Failure, record_notice
from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState, Tally
from campaigns.scheduling import cancel, pause, resume
from campaigns.tasks import TALLIES, count_tally, hint_tallies
from mta.verdicts import Kind, Reason
from tests.factories import make_campaign, make_delivery, make_lane, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db


def make_tallies(campaign, provider="other", **numbers):
    """Store figures of a campaign by state; failed ones are 宛先不明."""
    for state, number in numbers.items():
        hard = {"kind": "hard", "reason": "user_unknown"} if state in ("failed", "bounced") else {}
        Tally.objects.create(campaign=campaign, provider=provider, state=state, number=number, **hard)


def due_of(campaign):
    campaign.refresh_from_db()
    return campaign.tally_due_at


def test_counts_by_provider_state_kind_and_reason():
    now = timezone.now()
    campaign = make_campaign(state=CampaignState.SENDING)
    docomo = make_lane(campaign.workspace, provider="docomo")
    second = make_lane(campaign.workspace, provider="docomo", route="direct")
    for lane in (docomo, second):
        make_delivery(campaign, lane=lane, state="failed", kind="hard", reason="user_unknown")
    make_delivery(campaign, state="expired", kind="soft", reason="temporary")
    make_delivery(campaign, state="sent")
    make_delivery(campaign)
    make_delivery(state="sent")
    tally.refresh(campaign, now=now)
    found = tally.figures([campaign.pk])
    assert (found.number(), found.tried, found.accepted, found.failed) == (5, 4, 1, 3)
    assert found.error_percent == 75
    assert found.by_kind() == {"hard": 2, "soft": 1}
    assert found.by_reason() == {("hard", "user_unknown"): 2, ("soft", "temporary"): 1}
    assert {provider: rows.failed for provider, rows in found.by_provider().items()} == {"docomo": 2, "other": 1}


def test_a_second_count_replaces_the_first():
    campaign = make_campaign(state=CampaignState.SENDING)
    delivery = make_delivery(campaign, state="sent")
    tally.refresh(campaign, now=timezone.now())
    Delivery.objects.filter(pk=delivery.pk).update(state="bounced", kind="hard", reason="user_unknown")
    tally.refresh(campaign, now=timezone.now())
    assert list(Tally.objects.values_list("state", "kind", "number")) == [("bounced", "hard", 1)]


def test_figures_of_nothing_are_zero():
    found = tally.figures([])
    assert (found.number(), found.tried, found.error_percent, found.by_kind()) == (0, 0, 0, {})
    assert tally.figures(Campaign.objects.none()) == found


def test_figures_are_added_up_by_the_database_and_grouped_by_any_key(django_assert_num_queries):
    first, second = make_campaign(started_at=timezone.now()), make_campaign(started_at=timezone.now())
    make_tallies(first, sent=8, failed=2)
    make_tallies(second, sent=1, failed=1)
    with django_assert_num_queries(1):
        assert tally.figures(Campaign.objects.order_by("-pk")[:5]).error_percent == 25
    with django_assert_num_queries(1):
        by_campaign = tally.figures_by_campaign([first.pk, second.pk])
    assert {pk: found.failed for pk, found in by_campaign.items()} == {first.pk: 2, second.pk: 1}
    [(_, day)] = tally.figures_by(Campaign.objects.all(), TruncDate(F("campaign__started_at"))).items()
    assert day.number() == 12


def test_the_normal_rate_is_the_median_of_the_newest_mailings():
    mailing_list = make_list()
    workspace = mailing_list.workspace
    assert tally.normal_percent(workspace) is None
    for failed in (1, 2, 50):
        make_tallies(make_campaign(mailing_list, state="done"), sent=100 - failed, failed=failed)
    make_tallies(make_campaign(mailing_list, state="done"), sent=10, failed=39)
    make_tallies(make_campaign(mailing_list, state="sending"), sent=10, failed=90)
    make_tallies(make_campaign(state="done"), failed=100)
    assert tally.normal_percent(workspace) == 2
    newest = Campaign.objects.filter(state="done", workspace=workspace).order_by("pk")[2]
    assert tally.normal_percent(workspace, apart_from=newest) == 1.5
    for _ in range(10):
        make_tallies(make_campaign(mailing_list, state="done"), sent=96, failed=4)
    assert tally.normal_percent(workspace) == 4


@pytest.mark.parametrize("state", [CampaignState.STARTING, CampaignState.SENDING])
def test_a_running_mailing_is_counted_again_in_five_seconds(state):
    now = timezone.now()
    campaign = make_campaign(state=state)
    tally.refresh(campaign, now=now)
    assert timedelta(seconds=5) <= due_of(campaign) - now < timedelta(seconds=6)


def test_counting_takes_a_twentieth_of_the_time_at_most():
    now = timezone.now()
    slow = tally.next_due(Campaign(state=CampaignState.SENDING), timedelta(seconds=2), now=now)
    rests = tally.next_due(Campaign(state=CampaignState.DONE, finished_at=now), timedelta(seconds=2), now=now)
    assert (slow, rests) == (now + timedelta(seconds=40), now + timedelta(seconds=400))


@pytest.mark.parametrize("state", [CampaignState.DONE, CampaignState.CANCELLED])
def test_figures_are_final_a_day_after_the_result_is(state):
    """B7: 速報 for 7 days; a late notice has the figures counted once more."""
    now = timezone.now()
    campaign = make_campaign(state=state, finished_at=now - timedelta(days=7, hours=23))
    tally.refresh(campaign, now=now)
    assert due_of(campaign) - now >= timedelta(minutes=5)
    tally.refresh(campaign, now=now + timedelta(hours=2))
    assert due_of(campaign) is None
    tally.mark_due(campaign.pk, now=now + timedelta(days=30))
    assert due_of(campaign) == now + timedelta(days=30) + tally.SOON
    assert tally.refresh_due(campaign.pk, now=now + timedelta(days=31))
    assert due_of(campaign) is None


def test_a_mark_brings_a_resting_count_forward_and_writes_once():
    now = timezone.now()
    campaign = make_campaign(state=CampaignState.DONE, tally_due_at=now + timedelta(minutes=4))
    tally.mark_due(campaign.pk, now=now)
    assert due_of(campaign) == now + tally.SOON
    tally.mark_due(campaign.pk, now=now + timedelta(seconds=1))
    assert due_of(campaign) == now + tally.SOON


def test_counts_only_what_is_due_and_not_being_counted():
    now = timezone.now()
    never = make_campaign(state=CampaignState.DRAFT)
    later = make_campaign(state=CampaignState.SENDING, tally_due_at=now + timedelta(seconds=1))
    busy = make_campaign(tally_due_at=now, tally_not_before=now + timedelta(seconds=1))
    first = make_campaign(tally_due_at=now - timedelta(minutes=1))
    second = make_campaign(tally_due_at=now)
    assert tally.due_tallies(now=now, limit=10) == [first.pk, second.pk]
    assert tally.due_tallies(now=now, limit=1) == [first.pk]
    assert not any(tally.refresh_due(campaign.pk, now=now) for campaign in (never, later, busy))
    assert tally.refresh_due(first.pk, now=now)
    assert not tally.refresh_due(first.pk, now=now)


def test_a_notice_during_the_count_has_it_counted_again():
    now = timezone.now()
    campaign = make_campaign(state=CampaignState.DONE, finished_at=now)
    lease = now + tally.LEASE
    Campaign.objects.filter(pk=campaign.pk).update(tally_due_at=lease, tally_not_before=lease)
    tally.mark_due(campaign.pk, now=now)
    assert tally.due_tallies(now=now + timedelta(minutes=1), limit=10) == []
    assert tally.count(campaign, lease, now=now)
    assert due_of(campaign) == now + tally.SOON


def test_a_count_that_lost_its_lease_writes_nothing():
    now = timezone.now()
    campaign = make_campaign(state=CampaignState.SENDING)
    make_delivery(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(tally_not_before=now + timedelta(minutes=20))
    assert not tally.count(campaign, now + tally.LEASE, now=now)
    assert not Tally.objects.exists()


def test_a_count_whose_process_was_killed_falls_due_again():
    now = timezone.now()
    campaign = make_campaign(state=CampaignState.SENDING)
    Campaign.objects.filter(pk=campaign.pk).update(tally_due_at=now + tally.LEASE, tally_not_before=now + tally.LEASE)
    assert not tally.refresh_due(campaign.pk, now=now + timedelta(minutes=9))
    assert tally.refresh_due(campaign.pk, now=now + tally.LEASE)


def test_the_start_the_resume_and_the_cancelling_have_the_figures_counted():
    now = timezone.now()
    mailing_list = make_list()
    actor = make_user(mailing_list.workspace)
    make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, state=CampaignState.STARTING)
    assert freeze_recipients(campaign.pk, now=now)
    assert due_of(campaign) == now
    assert tally.refresh_due(campaign.pk, now=now)
    pause(campaign, actor=actor)
    tally.refresh(campaign, now=now)
    resume(campaign, actor=actor, now=now)
    assert due_of(campaign) == now + tally.SOON
    tally.refresh(campaign, now=now + timedelta(minutes=1))
    cancel(campaign, actor=actor, now=now + timedelta(minutes=1))
    assert tally.refresh_due(campaign.pk, now=now + timedelta(minutes=2))
    assert tally.figures([campaign.pk]).number([DeliveryState.CANCELLED]) == 1


def test_a_notice_and_a_late_proof_have_final_figures_counted_again():
    now = timezone.now()
    campaign = make_campaign(state=CampaignState.DONE, finished_at=now - timedelta(days=30))
    sent, doubt = make_delivery(campaign, state="sent"), make_delivery(campaign, state="doubt", fenced_at=now)
    record_notice(sent.pk, Failure(DeliveryState.BOUNCED, Kind.HARD, Reason.USER_UNKNOWN), now=now)
    assert due_of(campaign) == now + tally.SOON
    tally.refresh(campaign, now=now)
    assert due_of(campaign) is None
    assert record_evidence(doubt.pk, now=now)
    assert due_of(campaign) == now + tally.SOON
    tally.refresh(campaign, now=now)
    assert not record_evidence(doubt.pk, now=now)
    assert due_of(campaign) is None


def test_the_task_counts_what_is_due_and_a_doubled_hint_does_no_harm():
    campaign = make_campaign(state=CampaignState.SENDING, tally_due_at=timezone.now())
    make_delivery(campaign, state="sent")
    count_tally(campaign.pk)
    count_tally(campaign.pk)
    count_tally(campaign.pk + 1)
    assert tally.figures([campaign.pk]).accepted == 1


def test_the_tick_asks_for_a_bounded_number_of_counts(valkey):
    mailing_list = make_list()
    for _ in range(TALLIES + 1):
        make_campaign(mailing_list, state=CampaignState.SENDING, tally_due_at=timezone.now())
    with Redis.from_url(valkey) as broker:
        broker.delete("work")
        hint_tallies(now=timezone.now())
        assert broker.llen("work") == TALLIES
        broker.delete("work")
