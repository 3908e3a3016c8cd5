"""Pages of the send window: the workspace's rules, a mailing's own, and what the pages say of them."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.urls import reverse

from accounts.models import AuditEntry, Role
from campaigns import closed_times, jitter
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState, QuietHours, QuietMode
from campaigns.quiet_hours import Rules
from tests.factories import (
    make_campaign,
    make_delivery,
    make_lane,
    make_list,
    make_sender,
    make_subscriber,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 24, 12, tzinfo=ZoneInfo("Asia/Tokyo"))
NIGHT = Rules(begins=time(21), ends=time(8))
NIGHT_POSTED = {"begins": "21:00", "ends": "08:00"}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def admin(workspace, client_for):
    return client_for(make_user(workspace))


def forbid(workspace, rules=NIGHT):
    closed_times.save_workspace_rules(workspace, rules, actor=make_user(), now=NOON)


def html(answer):
    return answer.content.decode()


def page(client, name, *args):
    return html(client.get(reverse(name, args=args)))


def campaign_in(workspace, **fields):
    mailing_list = make_list(workspace)
    subscriber = make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, **fields)
    if fields:
        make_delivery(campaign, subscriber)
        closed_times.renew(campaign.pk, now=NOON)
    return campaign


# ── the workspace's rules ─────────────────────────────────────────────────────────────────────────────────────────


def test_saves_the_rules_and_says_what_they_mean(admin, workspace):
    """C30."""
    campaign = campaign_in(workspace, state=CampaignState.SENDING)
    posted = NIGHT_POSTED | {"weekdays": ["5", "6"], "holidays": "on"}
    answer = html(admin.post(reverse("quiet_hours"), posted, follow=True))
    for part in (
        "毎日 21:00〜翌08:00",
        "土・日曜日",
        "日本の祝日",
        "今日 21:00から明日 08:00まで",
        "1件に、すぐに適用",
    ):
        assert part in answer
    campaign.refresh_from_db()
    assert campaign.closed_from == NOON.replace(hour=21)
    entry = AuditEntry.objects.get(action="workspace.quiet_hours")
    assert entry.detail == {"quiet_hours": "21:00〜翌08:00", "quiet_weekdays": "土・日", "quiet_holidays": True}
    form = page(admin, "quiet_hours")
    assert 'value="21:00"' in form
    assert form.count("checked") == 3


def test_an_empty_form_forbids_nothing_any_more(admin, workspace):
    forbid(workspace)
    admin.post(reverse("quiet_hours"), {})
    assert not QuietHours.objects.exists()
    assert "いまの設定" not in page(admin, "quiet_hours")


@pytest.mark.parametrize(
    ("posted", "sentence"),
    [
        ({"begins": "21:00"}, "始まりと終わりの両方"),
        ({"ends": "08:00"}, "始まりと終わりの両方"),
        ({"begins": "09:00", "ends": "09:00"}, "配信できる時間が残りません"),
        ({"weekdays": list("0123456")}, "いつまでも配信できません"),
        ({"begins": "25:00", "ends": "08:00"}, "時刻は「21:00」の形"),
        ({"weekdays": ["7"]}, "7"),
    ],
)
def test_refuses_rules_that_say_nothing_or_leave_no_time(admin, posted, sentence):
    answer = html(admin.post(reverse("quiet_hours"), posted))
    assert sentence in answer
    assert 'aria-invalid="true"' in answer
    assert not QuietHours.objects.exists()


def test_says_that_it_is_closed_now(admin, workspace, clock):
    forbid(workspace)
    clock.move_to(NOON.replace(hour=22))
    assert "いまは配信禁止時間です。明日 08:00に終わります" in page(admin, "quiet_hours")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_members_do_not_change_it(role, workspace, client_for):
    member = client_for(make_user(workspace, role=role))
    assert member.get(reverse("quiet_hours")).status_code == 403
    assert member.post(reverse("quiet_hours"), NIGHT_POSTED).status_code == 403
    assert not QuietHours.objects.exists()


def test_another_workspace_keeps_its_own(admin, workspace):
    other = make_workspace()
    forbid(other)
    assert "いまの設定" not in page(admin, "quiet_hours")
    admin.post(reverse("quiet_hours"), {"begins": "12:00", "ends": "13:00"})
    assert closed_times.rules_in(closed_times.workspace_hours(other.pk).get()) == NIGHT


# ── one mailing ───────────────────────────────────────────────────────────────────────────────────────────────────


def posted_draft(workspace, **fields):
    sender = make_sender(workspace)
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    draft = {"subject": "秋の便り", "text": "こんにちは。", "sender": sender.pk, "mailing_lists": [mailing_list.pk]}
    return draft | {"doubt_policy": "hold", "revision": 1} | fields


def test_a_mailing_keeps_rules_of_its_own(editor, workspace):
    """C30."""
    posted = posted_draft(workspace, quiet_mode="own", late_tolerance="2")
    posted |= {"quiet-begins": "12:00", "quiet-ends": "13:00"}
    editor.post(reverse("campaign_create"), posted)
    campaign = Campaign.objects.get()
    assert (campaign.quiet_mode, campaign.late_tolerance) == (QuietMode.OWN, timedelta(hours=2))
    assert closed_times.rules_for(campaign) == Rules(time(12), time(13))
    form = page(editor, "campaign_edit", campaign.pk)
    assert 'name="quiet-begins" value="12:00"' in form
    assert 'name="late_tolerance" value="2"' in form
    posted |= {"quiet_mode": "workspace", "late_tolerance": ""}
    editor.post(reverse("campaign_edit", args=[campaign.pk]), posted)
    campaign.refresh_from_db()
    assert (campaign.quiet_mode, campaign.late_tolerance) == (QuietMode.WORKSPACE, timedelta(hours=2))
    assert not QuietHours.objects.exists()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"quiet_mode": "own"}, "どれかを指定するか"),
        ({"quiet_mode": "own", "quiet-weekdays": list("0123456")}, "いつまでも配信できません"),
        ({"quiet_mode": "sometimes"}, "正しく選択してください"),
        ({"late_tolerance": "0"}, "1時間以上"),
        ({"late_tolerance": "169"}, "168時間(7日)まで"),
        ({"late_tolerance": "半日"}, "半角の整数"),
    ],
)
def test_refuses_what_cannot_be_meant(editor, workspace, fields, sentence):
    answer = html(editor.post(reverse("campaign_create"), posted_draft(workspace, **fields)))
    assert sentence in answer
    assert not Campaign.objects.exists()


def test_a_form_that_says_nothing_of_it_changes_nothing(editor, workspace):
    editor.post(reverse("campaign_create"), posted_draft(workspace))
    campaign = Campaign.objects.get()
    assert (campaign.quiet_mode, campaign.late_tolerance) == (QuietMode.WORKSPACE, timedelta(hours=6))


def test_a_copy_keeps_the_rules(editor, workspace):
    source = campaign_in(workspace, quiet_mode=QuietMode.OWN, late_tolerance=timedelta(hours=1))
    closed_times.save_own_rules(source, NIGHT)
    editor.post(reverse("campaign_copy", args=[source.pk]))
    copy = Campaign.objects.exclude(pk=source.pk).get()
    assert copy.late_tolerance == timedelta(hours=1)
    assert closed_times.rules_for(copy) == NIGHT


def test_the_draft_says_what_the_workspace_forbids(editor, workspace):
    campaign = campaign_in(workspace)
    assert "配信を禁止している時間はありません" in page(editor, "campaign_edit", campaign.pk)
    forbid(workspace)
    assert "ワークスペースの設定: 毎日 21:00〜翌08:00" in page(editor, "campaign_edit", campaign.pk)


# What 配信前チェック asks whoever schedules to confirm.
TICKS = ["test_mail", "hour_closed", "hour_night"]


# ── when it really begins ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_time_in_the_closed_time_is_taken_with_a_warning(editor, workspace):
    forbid(workspace)
    campaign = campaign_in(workspace)
    answer = html(
        editor.post(
            reverse("campaign_schedule", args=[campaign.pk]), {"at": "2026-11-24T23:00", "tick": TICKS}, follow=True
        )
    )
    assert "実際の配信は明日 08:00に始まります" in answer
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == (CampaignState.SCHEDULED, NOON.replace(hour=23))


def test_a_time_in_the_open_brings_no_warning(editor, workspace):
    forbid(workspace)
    campaign = campaign_in(workspace)
    answer = html(
        editor.post(
            reverse("campaign_schedule", args=[campaign.pk]), {"at": "2026-11-25T10:00", "tick": TICKS}, follow=True
        )
    )
    assert "配信を予約しました" in answer
    assert "配信禁止時間にあたる" not in answer


@pytest.mark.parametrize(
    ("at", "note"),
    [
        ("2026-11-27T23:00", "11月28日(土) 08:00です"),
        ("2026-11-27T12:00", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_warns_while_the_time_is_being_chosen(editor, workspace, at, note):
    forbid(workspace)
    campaign = campaign_in(workspace)
    answer = html(editor.get(reverse("campaign_schedule_note", args=[campaign.pk]), {"at": at}))
    assert note in answer
    assert note or "配信禁止時間" not in answer


def test_sending_now_in_the_closed_time_says_when_it_begins(editor, workspace, clock):
    forbid(workspace)
    campaign = campaign_in(workspace)
    assert "いまは配信禁止時間です" not in page(editor, "campaign_preview", campaign.pk)
    clock.move_to(NOON.replace(hour=22))
    assert "実際に送り始めるのは明日 08:00です" in page(editor, "campaign_preview", campaign.pk)


def test_a_running_mailing_says_when_it_goes_on(editor, workspace, clock):
    """C30."""
    forbid(workspace)
    campaign = campaign_in(workspace, state=CampaignState.SENDING, started_at=NOON)
    assert "配信禁止時間のため" not in page(editor, "campaign_detail", campaign.pk)
    clock.move_to(NOON.replace(hour=22))
    for name in ("campaign_detail", "campaign_progress"):
        shown = page(editor, name, campaign.pk)
        assert "配信禁止時間のため、明日 08:00に送り始めます" in shown
        assert 'hx-trigger="every 20s"' in shown
    Delivery.objects.update(state=DeliveryState.DEFERRED)
    assert "配信禁止時間のため、明日 08:00に再開します" in page(editor, "campaign_progress", campaign.pk)
    clock.move_to(NOON.replace(hour=8) + timedelta(days=1))
    assert "配信禁止時間のため" not in page(editor, "campaign_detail", campaign.pk)


def test_a_paused_mailing_is_not_said_to_go_on_by_itself(editor, workspace, clock):
    forbid(workspace)
    campaign = campaign_in(workspace, state=CampaignState.PAUSED, started_at=NOON)
    clock.move_to(NOON.replace(hour=22))
    assert "再開します" not in page(editor, "campaign_progress", campaign.pk)


def test_carriers_that_begin_later_are_named_until_they_begin(editor, workspace, clock):
    """C22."""
    campaign = campaign_in(workspace, state=CampaignState.SENDING, started_at=NOON)
    make_delivery(
        campaign, make_subscriber(workspace=workspace), lane=make_lane(workspace, provider="docomo"), due_at=NOON
    )
    begins = NOON + jitter.start_offset("docomo", campaign, NOON)
    shown = page(editor, "campaign_progress", campaign.pk)
    assert f"ドコモ宛ては混雑を避けて {begins.hour}:{begins.minute:02} から送ります" in shown
    assert shown.count("混雑を避けて") == 1
    clock.move_to(begins)
    assert "混雑を避けて" not in page(editor, "campaign_progress", campaign.pk)


def test_the_pages_cost_a_bounded_number_of_queries(editor, admin, workspace, clock, django_assert_max_num_queries):
    forbid(workspace)
    campaign = campaign_in(workspace, state=CampaignState.SENDING, started_at=NOON)
    scheduled = campaign_in(workspace, state=CampaignState.SCHEDULED, scheduled_at=NOON.replace(hour=23))
    draft = campaign_in(workspace)
    for _ in range(20):
        campaign_in(workspace, state=CampaignState.SENDING)
    clock.move_to(NOON.replace(hour=22))
    for client, name, args, most in (
        (admin, "quiet_hours", [], 6),
        (editor, "campaign_schedule_note", [draft.pk], 6),
        (editor, "campaign_progress", [campaign.pk], 16),
        (editor, "campaign_progress", [scheduled.pk], 15),
        (editor, "campaign_edit", [draft.pk], 25),
    ):
        with django_assert_max_num_queries(most):
            page(client, name, *args)


def test_strangers_and_viewers(workspace, client_for):
    campaign = campaign_in(workspace)
    url = reverse("campaign_schedule_note", args=[campaign.pk])
    assert client_for(make_user(make_workspace())).get(url).status_code == 404
    assert client_for(make_user(workspace, role=Role.VIEWER)).get(url).status_code == 200
