"""What the page of a mailing tells while it waits and runs: people, providers, what each waits for, why mails failed."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns import progress
from campaigns.models import Campaign, CampaignState, DeliveryState, Label, Lane
from campaigns.quiet_words import moment_words
from campaigns.tally import refresh
from mta.models import Pace
from mta.routes import RELAY
from mta.verdicts import Kind, Reason
from tests.factories import make_campaign, make_deliveries, make_delivery, make_lane, make_list, make_subscriber

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(workspace):
    """A mailing with rows at two providers that was counted."""
    mailing_list = make_list(workspace)
    campaign = make_campaign(mailing_list, state=CampaignState.SENDING, started_at=timezone.now(), recipient_count=6)
    gmail, other = make_lane(workspace, provider="gmail"), make_lane(workspace)
    make_deliveries(campaign, 2, lane=gmail)
    make_delivery(campaign, make_subscriber(mailing_list), lane=other, state=DeliveryState.DEFERRED)
    make_delivery(campaign, make_subscriber(mailing_list), lane=other, state=DeliveryState.SENT)
    for reason in (Reason.USER_UNKNOWN, Reason.MAILBOX_FULL):
        person = make_subscriber(mailing_list)
        make_delivery(campaign, person, lane=gmail, state=DeliveryState.BOUNCED, kind=Kind.HARD, reason=reason)
    refresh(campaign, now=timezone.now())
    campaign.refresh_from_db()
    return campaign


def rows(client, campaign):
    """Return provider, numbers and what is waited for, as the page has them."""
    page = client.get(reverse("campaign_progress", args=[campaign.pk]))
    return [
        (row.provider.provider, row.waiting, row.deferred, row.accepted, row.failed, str(row.provider.standing))
        for row in page.context["lane_rows"]
    ], page.content.decode()


def test_each_provider_tells_its_numbers_and_that_it_goes(viewer, running):
    found, page = rows(viewer, running)
    assert found == [("gmail", 2, 0, 0, 2, "normal"), ("other", 0, 1, 1, 0, "normal")]
    assert "順に送信中" in page
    assert "再送の時刻" in page


def test_a_capped_domain_is_named_where_it_waits(viewer, running):
    lane = running.deliveries.filter(lane__provider="other").first().lane
    Lane.objects.filter(pk=lane.pk).update(domain="xn--wgv71a119e.jp")
    _found, page = rows(viewer, running)
    assert "上限を決めたドメイン: 日本語.jp" in page
    assert page.count("上限を決めたドメイン") == 1


def test_what_holds_a_provider_back_is_told_at_its_line(viewer, running):
    now = timezone.now()
    Pace.objects.create(route=RELAY, provider="gmail", level=1, suspended_until=now + timedelta(minutes=5))
    running.deliveries.first().lane.__class__.objects.filter(provider="other").update(paused_at=now)
    found, page = rows(viewer, running)
    assert [row[-1] for row in found] == ["suspended", "paused"]
    assert "一時停止中(相手の要請)" in page
    assert "手動で停止中" in page
    assert "順に送信中" not in page


def test_a_paused_mailing_waits_for_a_person(viewer, running):
    Campaign.objects.update(state=CampaignState.PAUSED)
    _found, page = rows(viewer, running)
    assert page.count("再開の操作") == 2


def test_in_closed_hours_the_lines_tell_when_they_end(viewer, running):
    now = timezone.now()
    end = now + timedelta(hours=1)
    Campaign.objects.update(closed_from=now - timedelta(hours=1), closed_until=end)
    _found, page = rows(viewer, running)
    assert page.count("配信禁止時間の終わり") == 2
    # In each line, and once for all.
    assert page.count(moment_words(end, now)) == 3


def test_before_the_first_count_and_at_the_end_there_are_no_lines(viewer, running):
    running.tallies.all().delete()
    assert rows(viewer, running)[0] == []
    refresh(running, now=timezone.now())
    Campaign.objects.update(state=CampaignState.DONE)
    assert "lanes-heading" not in viewer.get(reverse("campaign_detail", args=[running.pk])).content.decode()


def test_the_reasons_are_the_same_counted_now_and_in_the_background(running):
    now = progress.count_reasons(running, progress.measure(running))
    kept = progress.count_reasons(running, progress.measure(running, large=1))
    assert sorted(now, key=str) == sorted(kept, key=str)
    assert {(row.value, row.number) for row in now} == {("user_unknown", 1), ("mailbox_full", 1)}


def test_a_large_mailing_reads_no_row_for_its_reasons(running, django_assert_num_queries):
    measured = progress.measure(running, large=1)
    with django_assert_num_queries(1) as queries:
        progress.count_reasons(running, measured)
    assert "campaigns_delivery" not in queries[0]["sql"]


def test_a_scheduled_mailing_tells_to_whom_and_from_whom(viewer, workspace):
    mailing_list = make_list(workspace, name="会員")
    campaign = make_campaign(
        mailing_list, state=CampaignState.SCHEDULED, scheduled_at=timezone.now() + timedelta(days=1)
    )
    Label.objects.create(workspace=workspace, name="定期便").campaigns.add(campaign)
    page = viewer.get(reverse("campaign_detail", args=[campaign.pk])).content.decode()
    assert "予約の内容" in page
    for words in ("会員", "定期便", campaign.sender.address, reverse("campaign_audience", args=[campaign.pk])):
        assert words in page


def test_without_scripts_there_is_a_link_to_look_again(viewer, running):
    page = viewer.get(reverse("campaign_detail", args=[running.pk])).content.decode()
    assert "<noscript>" in page
    assert "最新の状況を表示する" in page
