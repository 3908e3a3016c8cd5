"""A workspace's clock: what is typed, shown, planned and mailed goes by it, in requests and in processes without one."""

import re
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core import mail
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from accounts.models import AuditEntry, Membership, Role, Workspace
from accounts.time_zones import find_name, is_known_to_database, zone_names
from campaigns import approvals, closed_times, late_starts, recurrence_mails, recurrences
from campaigns.models import (
    ApprovalRule,
    ApprovalState,
    Campaign,
    CampaignState,
    Occurrence,
    QuietMode,
    Recurrence,
    Rhythm,
)
from campaigns.preflight.setting import check_hour
from campaigns.quiet_hours import Rules
from campaigns.recurrence_dates import Plan
from lists.conditions import read_conditions
from lists.exclusion_imports import run_exclusions
from lists.models import Exclusion, ExclusionImport, Subscriber
from lists.segments import compile_group
from signup.figures import count
from tests.factories import make_campaign, make_list, make_subscriber, make_user, make_workspace
from tests.hypermail.test_ui_settings import fields
from tests.signup.making import make_form

pytestmark = pytest.mark.django_db
NEW_YORK, TOKYO, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")
# A Monday, noon in Tokyo; evening of Sunday in New York.
NOON = datetime(2026, 11, 23, 12, tzinfo=TOKYO)
HOUR = timedelta(hours=1)
DAILY = frozenset(range(7))


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller
    # Nothing of a request is left in the thread.
    assert timezone.get_current_timezone_name() == "Asia/Tokyo"


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace(name="支店", time_zone="America/New_York")


@pytest.fixture
def admin(workspace, client_for):
    return client_for(make_user(workspace))


def page(client: Client, name: str, *args: Any) -> str:
    return client.get(reverse(name, args=args)).content.decode()


def draft(workspace, **more) -> Campaign:
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    return make_campaign(mailing_list, **more)


def scheduled(workspace, at, **more) -> Campaign:
    return draft(workspace, state=CampaignState.SCHEDULED, scheduled_at=at, **more)


def change_zone(client: Client, name: str) -> str:
    return client.post(reverse("settings"), fields(name="支店", time_zone=name), follow=True).content.decode()


# ── the choice ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_workspace_has_japans_clock(client_for):
    workspace = make_workspace()
    assert workspace.zone == TOKYO
    shown = page(client_for(make_user(workspace)), "campaign_preview", draft(workspace).pk)
    assert "日本時間で入力してください" in shown
    assert "この画面の日時は" not in shown


@pytest.mark.parametrize("typed", ["Europe/Berlin", " europe/berlin ", "ドイツ"])
def test_a_manager_chooses_the_zone(admin, workspace, typed):
    assert "設定を保存しました" in change_zone(admin, typed)
    workspace.refresh_from_db()
    assert workspace.time_zone == "Europe/Berlin"
    assert AuditEntry.objects.get(action="workspace.settings").detail["time_zone"] == "Europe/Berlin"
    assert "タイムゾーン" in page(admin, "audit_log")


@pytest.mark.parametrize("typed", ["Mars/Olympus", "", "../etc/passwd", "Etc/GMT+9", "JST", "a" * 65, "\0"])
def test_what_is_no_zone_is_refused_with_a_sentence(admin, workspace, typed):
    answer = admin.post(reverse("settings"), fields(time_zone=typed))
    assert answer.status_code == 200
    assert answer.context["form"].errors["time_zone"]
    assert Workspace.objects.get(pk=workspace.pk).time_zone == "America/New_York"


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_others_cannot_change_it(workspace, client_for, role):
    assert client_for(make_user(workspace, role)).post(reverse("settings"), fields()).status_code == 403


def test_every_name_is_a_zone_and_the_common_ones_come_first():
    names = zone_names()
    assert names[0] == "Asia/Tokyo"
    assert len(set(names)) == len(names) > 300
    assert all(ZoneInfo(name) and find_name(name) == name for name in names)


def test_the_database_is_asked_whether_it_knows_the_zone():
    assert is_known_to_database("America/New_York")
    assert is_known_to_database("Mars/Olympus") == (connection.vendor != "postgresql")


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_workspaces_are_each_shown_by_their_own_clock(admin, workspace, client_for):
    other = make_workspace(time_zone="Europe/Berlin")
    abroad = client_for(make_user(other))
    at = datetime(2026, 12, 1, 15, tzinfo=UTC)
    here, there = scheduled(workspace, at), scheduled(other, at)
    for _turn in range(2):
        shown = page(admin, "campaign_detail", here.pk)
        assert "2026/12/01 10:00 に始まります" in shown
        assert "この画面の日時はAmerica/New_York の時刻です" in shown
        assert "2026/12/01 16:00 に始まります" in page(abroad, "campaign_detail", there.pk)


def test_the_clock_changes_with_the_workspace_of_one_member(client):
    first, second = make_workspace(time_zone="America/New_York"), make_workspace(time_zone="Europe/Berlin")
    user = make_user(first)
    Membership.objects.create(workspace=second, user=user, role=Role.ADMIN)
    client.force_login(user)
    assert "America/New_York の時刻" in page(client, "calendar")
    client.post(reverse("workspace_switch"), {"workspace": second.pk})
    assert "Europe/Berlin の時刻" in page(client, "calendar")


def test_a_page_that_fails_leaves_no_zone_behind(admin):
    assert admin.get("/campaigns/987654/").status_code == 404


@pytest.mark.parametrize(
    ("typed", "now", "expected"),
    [
        ("2026-12-01T10:00", NOON, datetime(2026, 12, 1, 15, tzinfo=UTC)),
        # The clock goes from 2:00 to 3:00: as much later as it jumps.
        ("2027-03-14T02:30", NOON, datetime(2027, 3, 14, 7, 30, tzinfo=UTC)),
        # It shows the hour from 1:00 twice: the first.
        ("2026-11-01T01:30", datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_typed_by_the_clock_of_the_workspace(admin, workspace, clock, typed, now, expected):
    clock.move_to(now)
    campaign = draft(workspace)
    assert "America/New_York の時刻で入力してください" in page(admin, "campaign_preview", campaign.pk)
    report = admin.get(reverse("campaign_preview", args=[campaign.pk])).content.decode()
    ticks = [*re.findall(r'name="tick" value="([^"]+)"', report), "hour_night", "hour_closed"]
    answer = admin.post(reverse("campaign_schedule", args=[campaign.pk]), {"at": typed, "tick": ticks}, follow=True)
    campaign.refresh_from_db()
    assert campaign.scheduled_at == expected, answer.content.decode()
    local = expected.astimezone(NEW_YORK)
    words = f"{local.year}年{local.month}月{local.day}日({'月火水木金土日'[local.weekday()]}) {local:%H:%M}"
    assert f"{words} に配信を予約しました" in answer.content.decode()


def test_the_night_is_that_of_the_workspace(workspace):
    campaign = draft(workspace)
    # Three in the afternoon of New York is night in Tokyo, and the other way round.
    afternoon = datetime(2026, 12, 1, 15, tzinfo=NEW_YORK)
    assert not list(check_hour(campaign, at=afternoon, now=NOON))
    (night,) = check_hour(campaign, at=datetime(2026, 12, 1, 15, tzinfo=TOKYO), now=NOON)
    assert "1時台" in night.sentence


def test_the_calendar_has_the_days_of_the_workspace(admin, workspace):
    # The first of December in Tokyo, still November in New York.
    scheduled(workspace, datetime(2026, 12, 1, 10, tzinfo=TOKYO), subject="月末のお知らせ")
    november = admin.get(reverse("calendar"), {"month": "2026-11"}).content.decode()
    december = admin.get(reverse("calendar"), {"month": "2026-12"}).content.decode()
    assert "月末のお知らせ" in november
    assert "月末のお知らせ" not in december
    found = admin.get(reverse("campaign_index"), {"begin": "2026-12-01"}).content.decode()
    assert "月末のお知らせ" not in found


def test_a_download_is_by_the_clock_too_though_it_leaves_after_the_request(admin, workspace):
    with time_machine.travel(datetime(2026, 11, 23, 3, 5, tzinfo=UTC), tick=False):
        Exclusion.objects.create(workspace=workspace, kind="domain", value="example.com")
    answer = admin.post(reverse("exclusion_export"), {"columns": ["value", "created_at"], "format": "csv"})
    assert timezone.get_current_timezone_name() == "Asia/Tokyo"
    assert "2026-11-22 22:05" in b"".join(answer.streaming_content).decode("utf-8-sig")


def test_the_people_of_a_list_are_exported_by_the_clock(admin, workspace):
    mailing_list = make_list(workspace)
    person = make_subscriber(mailing_list)
    Subscriber.objects.filter(pk=person.pk).update(created_at=datetime(2026, 7, 1, 3, 5, tzinfo=UTC))
    url = reverse("list_export", args=[mailing_list.pk])
    csv = admin.post(url, {"columns": ["created_at"], "format": "csv"})
    assert "2026-06-30 23:05" in b"".join(csv.streaming_content).decode("utf-8-sig")
    xlsx = admin.post(url, {"columns": ["created_at"], "format": "xlsx"})
    cells = load_workbook(BytesIO(b"".join(xlsx.streaming_content))).active.values
    assert ("2026-06-30 23:05",) in list(cells)


def test_the_operators_pages_are_in_the_zone_of_the_installation(client, workspace):
    operator = make_user(workspace, is_superuser=True)
    client.force_login(operator)
    assert "この画面の日時は日本時間です" in page(client, "route_index")
    assert "この画面の日時はAmerica/New_York の時刻です" in page(client, "home")


# ── processes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_quiet_hours_of_two_workspaces_in_one_process(workspace):
    tokyo = make_workspace()
    for one in (workspace, tokyo):
        closed_times.save_workspace_rules(one, Rules(time(21), time(8)), actor=make_user(), now=NOON)
    mailings = [scheduled(one, NOON + HOUR) for one in (workspace, tokyo)]
    closed_times.renew_due(now=NOON)
    found = [Campaign.objects.get(pk=mailing.pk) for mailing in mailings]
    # Noon in Tokyo is 22:00 of the day before in New York.
    assert [(one.closed_from, one.closed_until) for one in found] == [
        (datetime(2026, 11, 22, 21, tzinfo=NEW_YORK), datetime(2026, 11, 23, 8, tzinfo=NEW_YORK)),
        (datetime(2026, 11, 23, 21, tzinfo=TOKYO), datetime(2026, 11, 24, 8, tzinfo=TOKYO)),
    ]
    assert closed_times.opening(found[0], NOON) == datetime(2026, 11, 23, 8, tzinfo=NEW_YORK)
    assert closed_times.opening(found[1], NOON) is None


@pytest.mark.parametrize(
    ("days", "hours"),
    # Around the change to summer time, and the change back.
    [((13, 14, 15), (7, 7, 6)), ((31, 1, 2), (6, 6, 7))],
)
def test_a_repeated_mailing_keeps_the_clock_over_the_changes(workspace, clock, days, hours):
    month = 3 if days[0] == 13 else 10
    start = datetime(2027, month, days[0], tzinfo=NEW_YORK) - 2 * HOUR
    clock.move_to(start)
    # Half past two is left out on 14 March; on 7 November the night has an hour more.
    plan = Plan(Rhythm.WEEKLY, time(2, 30), DAILY)
    recurrence = recurrences.start(draft(workspace), plan, actor=make_user(workspace), now=start)
    found = []
    for _time in days:
        at = Recurrence.objects.get(pk=recurrence.pk).next_at
        assert recurrences.make_due(now=at) == 1
        found.append(at)
    local = [at.astimezone(NEW_YORK) for at in found]
    assert [at.day for at in local] == list(days)
    if month == 3:
        assert [(at.hour, at.minute) for at in local] == [(2, 30), (3, 30), (2, 30)]
        assert [at.hour for at in found] == list(hours)
    else:
        assert [(at.hour, at.minute) for at in local] == [(2, 30)] * 3


def test_a_repeated_mailing_on_the_night_that_has_an_hour_twice_goes_once(workspace, clock):
    start = datetime(2026, 10, 31, 12, tzinfo=NEW_YORK)
    clock.move_to(start)
    plan = Plan(Rhythm.WEEKLY, time(1, 30), DAILY)
    recurrence = recurrences.start(draft(workspace), plan, actor=make_user(workspace), now=start)
    for hour in range(48):
        recurrences.make_due(now=start + hour * HOUR)
    at = list(Occurrence.objects.filter(recurrence=recurrence).order_by("at").values_list("at", flat=True))
    assert at == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 2, 6, 30, tzinfo=UTC)]


def test_managers_are_written_to_in_their_own_time(workspace):
    make_user(workspace)
    campaign = scheduled(workspace, NOON - 8 * HOUR)
    late_starts.hold_late(now=NOON)
    assert late_starts.mail_late(campaign.pk, now=NOON) == 1
    assert "予約した日時: 2026/11/22 14:00(America/New_York の時刻)" in mail.outbox[0].body
    plan = Plan(Rhythm.WEEKLY, time(10), DAILY)
    recurrence = recurrences.start(draft(workspace, subject=""), plan, actor=make_user(workspace), now=NOON)
    recurrences.make_due(now=recurrence.next_at)
    occurrence = Occurrence.objects.get(recurrence=recurrence)
    mail.outbox.clear()
    assert recurrence_mails.mail_occurrence(occurrence.pk) == 2
    assert "2026/11/23 10:00(America/New_York の時刻)" in mail.outbox[0].body


def test_the_last_day_of_a_file_is_one_of_the_workspace(workspace):
    job = ExclusionImport.objects.create(
        workspace=workspace,
        file=ContentFile("ドメイン,期限\nexample.com,2026-12-31\n".encode(), "a.csv"),
        filename="a.csv",
    )
    assert run_exclusions(job.pk, now=NOON)
    assert Exclusion.objects.get().expires_at == datetime(2027, 1, 1, tzinfo=NEW_YORK)


def test_days_of_a_segment_are_those_of_the_workspace(workspace):
    person = make_subscriber(make_list(workspace))
    # Sunday in New York, Monday in Tokyo.
    Subscriber.objects.filter(pk=person.pk).update(created_at=NOON)
    for asked in ({"op": "date_is", "value": "2026-11-22"}, {"op": "anniversary", "value": 0}):
        group = read_conditions({"v": 1, "all": [{"field": "joined_at"} | asked]})
        assert Subscriber.objects.filter(compile_group(group, workspace, now=NOON)).exists(), asked
    by_date = read_conditions({"v": 1, "all": [{"field": "joined_at", "op": "date_is", "value": "2026-11-22"}]})
    assert not Subscriber.objects.filter(compile_group(by_date, make_workspace(), now=NOON)).exists()


def test_requests_of_a_form_are_counted_on_the_day_of_the_workspace(workspace):
    form = make_form(workspace)
    count(form, "requests", now=NOON)
    assert form.days.get().day == date(2026, 11, 22)


# ── another zone while mailings wait ──────────────────────────────────────────────────────────────────────────────


def test_what_is_scheduled_stays_and_what_is_closed_follows(admin, workspace):
    closed_times.save_workspace_rules(workspace, Rules(time(21), time(8)), actor=make_user(), now=NOON)
    at = NOON + 30 * HOUR
    shared, own = scheduled(workspace, at), scheduled(workspace, at, quiet_mode=QuietMode.OWN)
    closed_times.save_own_rules(own, Rules(time(22), time(7)))
    closed_times.renew(own.pk, now=NOON)
    change_zone(admin, "Asia/Tokyo")
    for campaign in (shared, own):
        campaign.refresh_from_db()
        assert (campaign.scheduled_at, campaign.state) == (at, CampaignState.SCHEDULED)
    assert shared.closed_from == datetime(2026, 11, 23, 21, tzinfo=TOKYO)
    assert own.closed_from == datetime(2026, 11, 23, 22, tzinfo=TOKYO)
    assert "予約済みの配信が始まる瞬間は変わりません" in page(admin, "settings")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # Tuesdays at ten: the same day and time by the new clock.
        ("Asia/Tokyo", "America/New_York", datetime(2026, 11, 24, 10, tzinfo=NEW_YORK)),
        ("America/New_York", "Asia/Tokyo", datetime(2026, 11, 24, 10, tzinfo=TOKYO)),
    ],
)
def test_what_is_repeated_follows_and_keeps_its_approval(client_for, before, after, expected):
    workspace = make_workspace(name="支店", time_zone=before)
    decider, asker = make_user(workspace), make_user(workspace, Role.EDITOR)
    ApprovalRule.objects.create(workspace=workspace, for_editors=True)
    plan = Plan(Rhythm.WEEKLY, time(10), frozenset({1}))
    recurrence = recurrences.start(draft(workspace), plan, actor=asker, now=NOON)
    asked = approvals.ask(recurrence.master, actor=asker, now=NOON)
    approvals.decide(recurrence.master, asked.pk, ApprovalState.GRANTED, actor=decider, now=NOON)
    recurrences.resume(recurrence, actor=asker, now=NOON)
    change_zone(client_for(decider), after)
    recurrence.refresh_from_db()
    assert recurrence.next_at == expected
    assert approvals.is_approved(recurrence.master)
    assert recurrences.make_due(now=expected) == 1
    assert Campaign.objects.get(occurrence__recurrence=recurrence).state == CampaignState.SCHEDULED
    recurrence.refresh_from_db()
    assert recurrence.next_at == expected + timedelta(days=7)


def test_a_time_that_is_over_by_the_new_clock_is_neither_lost_nor_doubled(admin, workspace, clock):
    actor = make_user(workspace)
    plan = Plan(Rhythm.WEEKLY, time(10), frozenset({1}))
    recurrence = recurrences.start(draft(workspace), plan, actor=actor, now=NOON)
    planned = datetime(2026, 11, 24, 10, tzinfo=NEW_YORK)
    clock.move_to(planned - HOUR)
    # It is Tuesday night in Tokyo already.
    change_zone(admin, "Asia/Tokyo")
    assert Recurrence.objects.get(pk=recurrence.pk).next_at == planned
    # And back again, which it does not lose its day by.
    change_zone(admin, "America/New_York")
    change_zone(admin, "Asia/Tokyo")
    assert recurrences.make_due(now=planned) == 1
    assert Recurrence.objects.get(pk=recurrence.pk).next_at == datetime(2026, 12, 1, 10, tzinfo=TOKYO)
    assert Occurrence.objects.get().at == planned
    assert not recurrences.make_due(now=planned + 24 * HOUR)


def test_what_is_paused_is_planned_when_it_goes_on(admin, workspace):
    actor = make_user(workspace)
    recurrence = recurrences.start(draft(workspace), Plan(Rhythm.WEEKLY, time(10), DAILY), actor=actor, now=NOON)
    recurrences.pause(recurrence, actor=actor, now=NOON)
    change_zone(admin, "Europe/Berlin")
    recurrences.resume(Recurrence.objects.get(pk=recurrence.pk), actor=actor, now=NOON)
    recurrence.refresh_from_db()
    assert recurrence.next_at == datetime(2026, 11, 23, 10, tzinfo=BERLIN)
