"""Pages on which campaigns are followed and steered."""

from datetime import time, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry
from campaigns import progress
from campaigns.models import PLANNED, Campaign, CampaignState, DeliveryState, QuietHours
from campaigns.tally import refresh
from lists.models import MailingList
from mta.circuit import FIRST_WAIT, Admission, note_fault
from mta.models import RouteCircuit
from mta.verdicts import Phase
from tests.factories import (
    make_campaign,
    make_delivery,
    make_lane,
    make_list,
    make_mail_route,
    make_subscriber,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing_list(workspace):
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    return mailing_list


@pytest.fixture
def campaign(mailing_list):
    return make_campaign(mailing_list)


# What 配信前チェック asks whoever schedules to confirm.
TICKS = ["test_mail", "hour_night"]


def text_of(response):
    return response.content.decode()


def post(client, name, campaign, **data):
    return client.post(reverse(name, args=[campaign.pk]), data, follow=True)


def test_empty_index_says_what_to_do_next(client_for):
    client = client_for(make_user(make_workspace()))
    assert "最初のメールを作る" in text_of(client.get(reverse("campaign_index")))
    assert "まだありません" in text_of(client.get(reverse("history")))


def test_index_lists_and_filters(editor, campaign):
    assert campaign.subject in text_of(editor.get(reverse("campaign_index")))
    assert campaign.subject not in text_of(editor.get(reverse("campaign_index"), {"state": "done"}))


def test_index_asks_a_fixed_number_of_queries(editor, mailing_list, django_assert_max_num_queries):
    for _ in range(12):
        make_campaign(mailing_list)
    with django_assert_max_num_queries(14):
        editor.get(reverse("campaign_index"))


def test_send_now_starts_one_mailing_however_often_it_is_clicked(editor, campaign):
    assert "配信を開始しました" in text_of(post(editor, "campaign_send_now", campaign, tick="test_mail"))
    assert "すでに予約または配信" in text_of(post(editor, "campaign_send_now", campaign, tick="test_mail"))
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.SCHEDULED
    assert campaign.scheduled_at <= timezone.now()


def test_what_is_sent_is_what_was_looked_at(editor, campaign):
    """Somebody else's save after the page was shown is neither scheduled nor sent by its buttons."""
    page = text_of(editor.get(reverse("campaign_preview", args=[campaign.pk])))
    shown = campaign.revision
    assert f'name="revision" value="{shown}"' in page
    Campaign.objects.filter(pk=campaign.pk).update(subject="別の件名", revision=shown + 1)
    given = {
        "tick": TICKS,
        "revision": shown,
        "at": (timezone.localtime() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M"),
    }
    for name in ("campaign_send_now", "campaign_schedule"):
        again = text_of(post(editor, name, campaign, **given))
        assert "この画面を開いた後に、内容が変更されました" in again
        assert f'name="revision" value="{shown + 1}"' in again
    assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.DRAFT
    post(editor, "campaign_send_now", campaign, **given | {"revision": shown + 1})
    assert Campaign.objects.get(pk=campaign.pk).state == CampaignState.SCHEDULED


def test_a_year_that_was_mistyped_is_told(editor, campaign, workspace):
    QuietHours.objects.create(workspace=workspace, begins=time(21), ends=time(8))
    given = {"at": "9999-12-31T23:59"}
    assert "1年以上先です" in text_of(post(editor, "campaign_schedule", campaign, **given))
    assert editor.get(reverse("campaign_schedule_note", args=[campaign.pk]), given).status_code == 200


def test_a_scheduled_mailing_gets_another_time(editor, campaign):
    first, later = (timezone.localtime().replace(hour=12, minute=0) + timedelta(days=days) for days in (1, 3))
    post(editor, "campaign_schedule", campaign, at=first.strftime("%Y-%m-%dT%H:%M"), tick=TICKS)
    assert "配信日時を変更する" in text_of(editor.get(reverse("campaign_detail", args=[campaign.pk])))
    given = later.strftime("%Y-%m-%dT%H:%M")
    page = text_of(post(editor, "campaign_reschedule", campaign, at=given))
    assert "配信日時を変更しました" in page
    campaign.refresh_from_db()
    assert timezone.localtime(campaign.scheduled_at).strftime("%Y-%m-%dT%H:%M") == given
    night = later.replace(hour=23).strftime("%Y-%m-%dT%H:%M")
    assert "夜間・早朝" in text_of(post(editor, "campaign_reschedule", campaign, at=night))
    assert "過去です" in text_of(post(editor, "campaign_reschedule", campaign, at="2020-01-01T10:00"))
    Campaign.objects.update(state=CampaignState.STARTING, started_at=timezone.now())
    assert "日時を変更できません" in text_of(post(editor, "campaign_reschedule", campaign, at=given))
    assert AuditEntry.objects.filter(action="campaign.reschedule").count() == 2


def test_a_cancelled_mailing_says_how_many_it_did_not_go_to(editor, campaign):
    for state in ("sent", "sent", "failed", "cancelled", "pending"):
        make_delivery(campaign, make_subscriber(campaign.mailing_lists.get()), state=state)
    Campaign.objects.update(state=CampaignState.CANCELLED, started_at=timezone.now(), finished_at=timezone.now())
    page = text_of(editor.get(reverse("campaign_detail", args=[campaign.pk])))
    assert "中止したため、2 件には送っていません" in page
    assert "送信した宛先" in page


def test_schedules_for_japanese_time_and_takes_it_back(editor, campaign):
    at = timezone.localtime() + timedelta(days=1)
    page = text_of(post(editor, "campaign_schedule", campaign, at=at.strftime("%Y-%m-%dT%H:%M"), tick=TICKS))
    assert "予約しました" in page
    campaign.refresh_from_db()
    assert timezone.localtime(campaign.scheduled_at).strftime("%H:%M") == at.strftime("%H:%M")
    assert "下書きに戻しました" in text_of(post(editor, "campaign_unschedule", campaign))


@pytest.mark.parametrize(
    ("at", "sentence"), [("2020-01-01T10:00", "過去"), ("", "入力してください"), ("あした", "の形で入力")]
)
def test_refuses_a_bad_time_with_a_sentence(editor, campaign, at, sentence):
    assert sentence in text_of(post(editor, "campaign_schedule", campaign, at=at))
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT


def test_an_empty_list_is_refused_where_it_is_sent(editor, campaign, mailing_list):
    mailing_list.subscriptions.all().delete()
    assert "配信できる宛先がありません" in text_of(post(editor, "campaign_send_now", campaign))


def test_pause_resume_and_cancel(editor, campaign):
    Campaign.objects.update(state=CampaignState.SENDING, started_at=timezone.now())
    assert "一時停止しました" in text_of(post(editor, "campaign_pause", campaign))
    assert "再開しました" in text_of(post(editor, "campaign_resume", campaign))
    assert "中止しました" in text_of(post(editor, "campaign_cancel", campaign))
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.CANCELLED


def sent_campaign(mailing_list):
    campaign = make_campaign(
        mailing_list, state=CampaignState.DONE, started_at=timezone.now(), finished_at=timezone.now()
    )
    make_delivery(campaign, state=DeliveryState.SENT, text="250 OK")
    make_delivery(campaign, state=DeliveryState.BOUNCED, text="user unknown", reason="user_unknown", code="5.1.1")
    make_delivery(campaign, state=DeliveryState.FAILED)
    return campaign


def test_the_result_page_shows_providers_and_the_rate(editor, mailing_list):
    """A12, B7, B9: 速報, tried, 受信サーバー受付 and 失敗 side by side, each provider's failures a link."""
    campaign = sent_campaign(mailing_list)
    refresh(campaign, now=timezone.now())
    response = editor.get(reverse("campaign_detail", args=[campaign.pk]))
    [row] = response.context["providers"]
    assert (row.tried, row.accepted, row.failed) == (3, 1, 2)
    page = text_of(response)
    assert "速報" in page
    assert "66.7%" in page
    assert f"{reverse('failed_addresses', args=[campaign.pk])}?provider=other#rows" in page


def test_large_campaigns_are_not_counted_row_by_row(editor, mailing_list):
    campaign = sent_campaign(mailing_list)
    refresh(campaign, now=timezone.now())
    Campaign.objects.update(recipient_count=3)
    make_delivery(campaign, state=DeliveryState.SENT)
    campaign.refresh_from_db()
    found = progress.measure(campaign, large=3)
    assert (found.sent, found.failed) == (1, 2)


def test_the_rows_behind_a_number_are_as_many(editor, mailing_list):
    """B9."""
    campaign = sent_campaign(mailing_list)
    url = reverse("campaign_deliveries", args=[campaign.pk])
    for state, number in (("sent", 1), ("failures", 2), ("bounced", 1), ("waiting", 0), ("", 3), ("x", 3)):
        assert len(editor.get(url, {"state": state}).context["rows"]) == number
    assert len(editor.get(url, {"q": "reader", "state": "sent"}).context["rows"]) == 1


def test_the_page_follows_a_running_campaign_and_stops_asking_at_the_end(editor, campaign):
    url = reverse("campaign_progress", args=[campaign.pk])
    Campaign.objects.update(state=CampaignState.SENDING, started_at=timezone.now())
    assert "every 1s" in text_of(editor.get(url))
    Campaign.objects.update(state=CampaignState.DONE)
    assert "every 1s" not in text_of(editor.get(url))


def test_a_start_shows_how_far_it_is_and_counts_no_row(editor, mailing_list, django_assert_max_num_queries):
    campaign = make_campaign(mailing_list, state=CampaignState.STARTING)
    page = reverse("campaign_progress", args=[campaign.pk])
    assert "いま 0 件" in text_of(editor.get(page))
    Campaign.objects.filter(pk=campaign.pk).update(recipient_count=2000, expected_count=1_000_000)
    with django_assert_max_num_queries(20) as queries:
        shown = text_of(editor.get(page))
    assert "2,000 / 1,000,000" in shown
    assert "受信サーバー受付" not in shown
    assert 'hx-trigger="every 1s"' in shown
    assert not [query for query in queries if "COUNT" in query["sql"] and "campaigns_delivery" in query["sql"]]


def test_detail_of_a_draft_opens_its_check_page(editor, campaign):
    response = editor.get(reverse("campaign_detail", args=[campaign.pk]))
    assert response.url == reverse("campaign_preview", args=[campaign.pk])


def test_a_lane_at_rest_is_explained(editor, campaign):
    delivery = make_delivery(campaign)
    delivery.lane.held_until = timezone.now() + timedelta(minutes=1)
    delivery.lane.held_because = "接続: Connection refused"
    delivery.lane.save()
    Campaign.objects.update(state=CampaignState.SENDING, started_at=timezone.now())
    assert "Connection refused" in text_of(editor.get(reverse("campaign_detail", args=[campaign.pk])))


def test_a_hold_that_is_over_is_not_shown(editor, campaign):
    delivery = make_delivery(campaign)
    delivery.lane.held_until = timezone.now() - timedelta(seconds=1)
    delivery.lane.held_because = "MAIL FROM: 550 refused"
    delivery.lane.save()
    Campaign.objects.update(state=CampaignState.SENDING, started_at=timezone.now())
    assert "550 refused" not in text_of(editor.get(reverse("campaign_detail", args=[campaign.pk])))


def test_an_open_circuit_is_explained_on_pages_whose_rows_wait_for_it(editor, campaign, django_assert_max_num_queries):
    now = timezone.now()
    Campaign.objects.update(state=CampaignState.SENDING, started_at=now)
    url = reverse("campaign_progress", args=[campaign.pk])
    note_fault("relay", Admission(), phase=Phase.AUTH, because="<b>wrong password", now=now)
    assert "障害" not in text_of(editor.get(url))
    make_delivery(campaign)
    page = text_of(editor.get(url))
    assert "配信経路の障害のため" in page
    assert "AUTH: &lt;b&gt;wrong password" in page
    assert f"{timezone.localtime(now + FIRST_WAIT):%H:%M:%S} にもう一度" in page
    RouteCircuit.objects.update(retry_at=now)
    with django_assert_max_num_queries(25):
        assert "確かめています" in text_of(editor.get(url))


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ({"state": "sent"}, "250 OK", "user unknown"),
        ({"state": "failures"}, "user unknown", "250 OK"),
        ({"q": "nobody"}, "該当する配信先はありません", "250 OK"),
    ],
)
def test_deliveries_are_filtered_by_state_and_address(editor, mailing_list, query, shown, hidden):
    campaign = sent_campaign(mailing_list)
    page = text_of(editor.get(reverse("campaign_deliveries", args=[campaign.pk]), query))
    assert shown in page
    assert hidden not in page


@pytest.mark.parametrize("state", PLANNED)
def test_a_list_that_a_planned_mailing_uses_is_not_deleted(editor, mailing_list, state):
    make_campaign(mailing_list, state=state, scheduled_at=timezone.now())
    page = text_of(editor.post(reverse("list_delete", args=[mailing_list.pk]), follow=True))
    assert "予約中または配信中" in page
    assert MailingList.objects.exists()


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.DONE, CampaignState.CANCELLED])
def test_a_list_that_no_planned_mailing_uses_is_deleted_and_history_stays(editor, mailing_list, state):
    campaign = make_campaign(mailing_list, state=state)
    editor.post(reverse("list_delete", args=[mailing_list.pk]))
    assert not MailingList.objects.exists()
    assert Campaign.objects.filter(pk=campaign.pk).exists()


STEERING = (
    "campaign_send_now",
    "campaign_schedule",
    "campaign_unschedule",
    "campaign_pause",
    "campaign_resume",
    "campaign_cancel",
    "campaign_copy",
    "campaign_delete",
    "campaign_test",
)


@pytest.mark.parametrize("name", STEERING)
def test_a_viewer_steers_nothing_and_get_does_nothing(viewer, editor, campaign, name):
    url = reverse(name, args=[campaign.pk])
    assert viewer.post(url).status_code == 403
    assert editor.get(url).status_code == 405
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT


@pytest.mark.parametrize(
    "name", [*STEERING, "campaign_detail", "campaign_edit", "campaign_preview", "campaign_deliveries"]
)
def test_a_stranger_finds_nothing(client_for, campaign, name):
    stranger = client_for(make_user(make_workspace()))
    url = reverse(name, args=[campaign.pk])
    response = stranger.post(url) if name in STEERING else stranger.get(url)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT
    if name != "campaign_delete":
        assert response.status_code == 404


def test_rows_that_wait_for_a_disabled_route_say_so_and_no_fault(editor, campaign):
    route = make_mail_route(name="社外リレー", disabled_at=timezone.now())
    make_delivery(campaign, lane=make_lane(campaign.workspace, route=route.key()))
    Campaign.objects.update(state=CampaignState.SENDING, started_at=timezone.now())
    note_fault(route.key(), Admission(), phase=Phase.CONNECT, because="disabled", now=timezone.now())
    page = text_of(editor.get(reverse("campaign_progress", args=[campaign.pk])))
    assert "配信経路「社外リレー」が無効になっているため" in page
    assert "障害" not in page
    assert "配信経路を開く" not in page


def test_a_limited_route_says_how_long_it_takes_at_least(editor, campaign, settings):
    for _number in range(3):
        make_delivery(campaign)
    Campaign.objects.update(state=CampaignState.SENDING, started_at=timezone.now())
    url = reverse("campaign_progress", args=[campaign.pk])
    assert "早くても" not in text_of(editor.get(url))
    settings.RELAY_PER_MINUTE = 1
    assert "1分間に 1 通までで送っています。残りには、早くても約 3 分かかります。" in text_of(editor.get(url))
