"""カレンダー: what was sent, what is scheduled and what will be repeated, on the days of the zone."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import recurrences
from campaigns.calendar_views import read_month, weeks_of
from campaigns.models import CampaignState, Rhythm
from campaigns.recurrence_dates import Plan
from tests.factories import make_campaign, make_list, make_user, make_workspace


def at(*parts):
    return datetime(*parts).replace(tzinfo=ZoneInfo("Asia/Tokyo"))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11", date(2026, 11, 1)),
        ("2028-2", date(2028, 2, 1)),
        *[(text, date(2026, 5, 1)) for text in ("", "2026", "2026-13", "99999-1", "x-y", "2026-00", "²-1")],
    ],
)
def test_the_month_that_is_asked_for(text, expected):
    assert read_month(text, date(2026, 5, 20)) == expected


@pytest.mark.django_db
def test_each_mailing_stands_on_its_day():
    workspace = make_workspace()
    mailing_list, actor = make_list(workspace), make_user(workspace)
    # The last minute of October and the first of November by the clock of the zone.
    make_campaign(mailing_list, subject="十月", state=CampaignState.DONE, started_at=at(2026, 10, 31, 23, 59))
    make_campaign(mailing_list, subject="済み", state=CampaignState.DONE, started_at=at(2026, 11, 1, 0, 0))
    make_campaign(mailing_list, subject="予約", state=CampaignState.SCHEDULED, scheduled_at=at(2026, 11, 30, 23, 59))
    make_campaign(subject="よそ", state=CampaignState.DONE, started_at=at(2026, 11, 5))
    master = make_campaign(mailing_list, subject="月末便")
    paused = make_campaign(mailing_list, subject="休み")
    plan = Plan(Rhythm.MONTHLY, time(9), month_day=31)
    recurrences.start(master, plan, actor=actor, now=at(2026, 11, 10))
    recurrences.pause(
        recurrences.start(paused, plan, actor=actor, now=at(2026, 11, 10)), actor=actor, now=at(2026, 11, 10)
    )
    weeks = weeks_of(workspace, date(2026, 11, 1), today=date(2026, 11, 10))
    found = {day.day: [entry.campaign.subject for entry in day.entries] for week in weeks for day in week}
    assert {day: subjects for day, subjects in found.items() if subjects} == {
        date(2026, 11, 1): ["済み"],
        date(2026, 11, 30): ["月末便", "予約"],
    }
    holidays = {day.day: day.holiday for week in weeks for day in week if day.holiday}
    assert holidays == {date(2026, 11, 3): "文化の日", date(2026, 11, 23): "勤労感謝の日"}
    years_away = weeks_of(workspace, date(2100, 2, 1), today=date(2026, 11, 10))
    assert [entry.campaign for week in years_away for day in week for entry in day.entries] == [master]


@pytest.mark.django_db
def test_the_page_asks_as_often_however_much_there_is(django_assert_max_num_queries):
    workspace = make_workspace()
    mailing_list = make_list(workspace)
    for number in range(12):
        make_campaign(
            mailing_list, subject=f"<便り{number}>", state=CampaignState.DONE, started_at=at(2026, 11, 5, number)
        )
    client = Client()
    client.force_login(make_user(workspace))
    with django_assert_max_num_queries(11):
        page = client.get(reverse("calendar"), {"month": "2026-11"}).content.decode()
    assert "&lt;便り0&gt;" in page
    assert "ほか8件" in page
    assert "begin=2026-11-05" in page
