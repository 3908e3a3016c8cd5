"""繰り返し: one mailing for each time, whatever happens in between; what is refused stays a draft."""

import html
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import connection, transaction
from django.forms import model_to_dict
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Role
from campaigns import approvals, drafts, late_starts, recurrence_mails, recurrences, scheduling, tasks
from campaigns.draft_parts import content_of
from campaigns.drafts import COPIED
from campaigns.models import (
    ApprovalRule,
    ApprovalState,
    Campaign,
    CampaignState,
    ErrorGate,
    GateState,
    Occurrence,
    Recurrence,
    Rhythm,
)
from campaigns.models.campaign import AudienceInUse
from campaigns.recurrence_dates import Plan
from campaigns.sendable import CampaignError
from tests.factories import make_campaign, make_list, make_subscriber, make_user

pytestmark = pytest.mark.django_db
# A Monday morning; the mailing goes on Tuesdays at ten.
NOW = datetime(2026, 11, 23, 9, tzinfo=ZoneInfo("Asia/Tokyo"))
FIRST = datetime(2026, 11, 24, 10, tzinfo=ZoneInfo("Asia/Tokyo"))
WEEK = timedelta(days=7)
TUESDAYS = Plan(Rhythm.WEEKLY, time(10), frozenset({1}))
STEPS = (recurrences.make_due, late_starts.hold_late, scheduling.start_due)


@pytest.fixture
def campaign():
    mailing_list = make_list()
    make_subscriber(mailing_list)
    return make_campaign(mailing_list, html="<p>{{name|お客様}}</p>", late_tolerance=timedelta(hours=2))


@pytest.fixture
def actor(campaign):
    return make_user(campaign.workspace, name="作成 花子")


@pytest.fixture
def recurrence(campaign, actor):
    return recurrences.start(campaign, TUESDAYS, actor=actor, now=NOW)


def reload(recurrence):
    return Recurrence.objects.select_related("master", "workspace").get(pk=recurrence.pk)


def made(recurrence):
    return list(Campaign.objects.filter(occurrence__recurrence=recurrence).order_by("pk"))


# ── one mailing for each time ─────────────────────────────────────────────────────────────────────────────────────


def test_each_tuesday_has_its_mailing_with_the_content_of_that_day(recurrence, campaign):
    assert recurrence.next_at == FIRST
    assert recurrences.make_due(now=FIRST - timedelta(seconds=1)) == 0
    assert recurrences.make_due(now=FIRST) == 1
    assert recurrences.make_due(now=FIRST + timedelta(hours=1)) == 0
    Campaign.objects.filter(pk=campaign.pk).update(subject="冬のお知らせ")
    assert recurrences.make_due(now=FIRST + WEEK) == 1
    first, second = made(recurrence)
    assert (first.subject, second.subject) == ("秋のお知らせ", "冬のお知らせ")
    assert (first.state, first.scheduled_at) == (CampaignState.SCHEDULED, FIRST)
    assert first.late_tolerance == timedelta(hours=2)
    assert list(first.mailing_lists.all()) == list(campaign.mailing_lists.all())
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT
    assert reload(recurrence).next_at == FIRST + 2 * WEEK


def test_the_tick_starts_it(recurrence):
    tasks.take_steps(STEPS, now=FIRST)
    assert [found.state for found in made(recurrence)] == [CampaignState.STARTING]


def test_after_an_outage_the_newest_missed_one_waits_for_a_word(recurrence):
    """遅延許容."""
    tasks.take_steps(STEPS, now=FIRST + 2 * WEEK + timedelta(hours=3))
    (only,) = made(recurrence)
    assert (only.scheduled_at, only.state) == (FIRST + 2 * WEEK, CampaignState.SCHEDULED)
    assert only.late_since is not None
    assert reload(recurrence).next_at == FIRST + 3 * WEEK


def test_it_ends_on_its_last_day(campaign, actor):
    plan = Plan(Rhythm.WEEKLY, time(10), frozenset({1}), ends_on=date(2026, 11, 24))
    recurrence = recurrences.start(campaign, plan, actor=actor, now=NOW)
    assert recurrences.make_due(now=FIRST + 5 * WEEK) == 1
    assert made(recurrence)[0].scheduled_at == FIRST
    assert reload(recurrence).next_at is None
    with pytest.raises(CampaignError, match="終了日までに"):
        recurrences.change(reload(recurrence), plan, actor=actor, now=FIRST + WEEK)


@pytest.mark.django_db(transaction=True)
def test_many_ticks_at_once_make_one(recurrence):
    barrier = threading.Barrier(4)

    def tick(_number):
        try:
            barrier.wait()
            return recurrences.make_due(now=FIRST)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(tick, range(4))) == 1
    assert len(made(recurrence)) == Occurrence.objects.count() == 1
    # Nothing was left behind by those that lost.
    assert Campaign.objects.count() == 2


class Killed(BaseException):
    """The end of a process: nothing catches it."""


def make_and_be_killed():
    with transaction.atomic():
        assert recurrences.make_due(now=FIRST) == 1
        raise Killed


@pytest.mark.django_db(transaction=True)
def test_a_kill_between_making_and_commit_leaves_it_to_the_next_tick(recurrence):
    with pytest.raises(Killed):
        make_and_be_killed()
    assert (Campaign.objects.count(), Occurrence.objects.count()) == (1, 0)
    assert reload(recurrence).next_at == FIRST
    assert recurrences.make_due(now=FIRST) == 1
    assert len(made(recurrence)) == 1


def test_a_clock_or_a_database_that_went_back_makes_none_twice(recurrence):
    recurrences.make_due(now=FIRST)
    Recurrence.objects.update(next_at=FIRST)
    assert recurrences.make_due(now=FIRST) == 0
    assert len(made(recurrence)) == 1
    assert reload(recurrence).next_at == FIRST + WEEK


def test_a_draft_that_was_deleted_is_not_made_again(recurrence):
    ErrorGate.objects.create(workspace=recurrence.workspace, state=GateState.STOPPED)
    recurrences.make_due(now=FIRST)
    made(recurrence)[0].delete()
    Recurrence.objects.update(next_at=FIRST)
    assert recurrences.make_due(now=FIRST) == 0


# ── refused ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_one_stays_a_draft_and_the_managers_are_told_once(recurrence, campaign, actor):
    campaign.mailing_lists.clear()
    assert recurrences.make_due(now=FIRST) == 1
    (draft,) = made(recurrence)
    assert (draft.state, draft.scheduled_at) == (CampaignState.DRAFT, None)
    assert "リストが選ばれていません" in draft.problem
    for _turn in range(2):
        for pk in recurrence_mails.occurrences_to_mail():
            recurrence_mails.mail_occurrence(pk)
    (message,) = mail.outbox
    assert message.to == [actor.email]
    assert draft.problem in message.body
    assert recurrences.make_due(now=FIRST + timedelta(hours=1)) == 0
    client = Client()
    client.force_login(actor)
    assert draft.problem in client.get(reverse("recurrence_detail", args=[recurrence.pk])).content.decode()
    assert "下書きとして残しました" in client.get(reverse("campaign_preview", args=[draft.pk])).content.decode()
    assert AuditEntry.objects.filter(action="recurrence.refused", target=str(draft.pk)).exists()


def test_one_that_fails_holds_up_no_other(recurrence, actor):
    other_list = make_list()
    make_subscriber(other_list)
    other = make_campaign(other_list)
    second = recurrences.start(other, TUESDAYS, actor=make_user(other.workspace), now=NOW)
    # A plan that no day fits cannot be stored; one of another kind stands for a row that a fault left behind. There are
    # more of them than one tick makes.
    broken = model_to_dict(recurrence, exclude=["id", "workspace", "master", "started_by"]) | {"weekdays": "x"}
    for _number in range(recurrences.BATCH + 1):
        Recurrence.objects.create(workspace=recurrence.workspace, master=make_campaign(), **broken)
    Recurrence.objects.filter(pk=recurrence.pk).update(weekdays="x")
    with pytest.raises(ExceptionGroup):
        recurrences.make_due(now=FIRST)
    assert len(made(second)) == 1
    assert made(recurrence) == []


# ── approval ──────────────────────────────────────────────────────────────────────────────────────────────────────


def approve(master, asker, decider):
    master = Campaign.objects.select_related("workspace").get(pk=master.pk)
    asked = approvals.ask(master, actor=asker, now=NOW)
    approvals.decide(master, asked.pk, ApprovalState.GRANTED, actor=decider, now=NOW)


def test_the_master_is_approved_once_with_its_plan(campaign, actor):
    ApprovalRule.objects.create(workspace=campaign.workspace, for_editors=True)
    editor = make_user(campaign.workspace, role=Role.EDITOR)
    approve(campaign, editor, actor)
    recurrence = recurrences.start(campaign, TUESDAYS, actor=editor, now=NOW)
    # The plan was not part of what was approved.
    assert recurrence.paused_at == NOW
    with pytest.raises(CampaignError, match="承認されていない"):
        recurrences.resume(reload(recurrence), actor=editor, now=NOW)
    approve(campaign, editor, actor)
    recurrences.resume(reload(recurrence), actor=editor, now=NOW)
    for turn in range(2):
        tasks.take_steps(STEPS, now=FIRST + turn * WEEK)
    assert [found.state for found in made(recurrence)] == [CampaignState.STARTING] * 2
    # What changed since is not sent, and a changed plan pauses.
    Campaign.objects.filter(pk=campaign.pk).update(text="別の本文")
    tasks.take_steps(STEPS, now=FIRST + 2 * WEEK)
    refused = made(recurrence)[-1]
    assert (refused.state, "承認" in refused.problem) == (CampaignState.DRAFT, True)
    approve(campaign, editor, actor)
    recurrences.change(
        reload(recurrence), Plan(Rhythm.MONTHLY, time(8), month_day=31), actor=editor, now=FIRST + 2 * WEEK
    )
    assert reload(recurrence).paused_at is not None


def test_a_change_by_somebody_who_needs_approval_is_not_sent_by_the_word_of_another(campaign, actor):
    """Whoever may send alone began it; that is no word on what an editor writes afterwards."""
    ApprovalRule.objects.create(workspace=campaign.workspace, for_editors=True)
    editor = make_user(campaign.workspace, role=Role.EDITOR)
    recurrence = recurrences.start(campaign, TUESDAYS, actor=actor, now=NOW)
    master = Campaign.objects.get(pk=campaign.pk)
    assert not recurrences.lacks_approval(reload(recurrence))
    drafts.save(
        master, replace(content_of(master), text="編集者の本文"), revision=master.revision, actor=editor, now=NOW
    )
    assert recurrences.lacks_approval(reload(recurrence))
    tasks.take_steps(STEPS, now=FIRST)
    refused = made(recurrence)[-1]
    assert (refused.state, "承認" in refused.problem) == (CampaignState.DRAFT, True)
    # Approved by another, or by the word of who may send alone, it goes out.
    approve(campaign, editor, actor)
    tasks.take_steps(STEPS, now=FIRST + WEEK)
    assert made(recurrence)[-1].state == CampaignState.STARTING
    master.refresh_from_db()
    drafts.save(master, replace(content_of(master), text="次の本文"), revision=master.revision, actor=editor, now=NOW)
    recurrences.pause(reload(recurrence), actor=actor, now=FIRST + WEEK)
    recurrences.resume(reload(recurrence), actor=actor, now=FIRST + WEEK)
    tasks.take_steps(STEPS, now=FIRST + 2 * WEEK)
    assert made(recurrence)[-1].state == CampaignState.STARTING


# ── by a person's word ────────────────────────────────────────────────────────────────────────────────────────────


def test_paused_times_are_left_out(recurrence, actor):
    recurrences.pause(recurrence, actor=actor, now=NOW)
    assert recurrences.make_due(now=FIRST + WEEK) == 0
    with pytest.raises(CampaignError):
        recurrences.pause(recurrence, actor=actor, now=NOW)
    recurrences.resume(recurrence, actor=actor, now=FIRST + WEEK)
    assert reload(recurrence).next_at == FIRST + 2 * WEEK
    assert made(recurrence) == []


def test_a_master_is_neither_sent_nor_deleted_until_it_is_stopped(recurrence, campaign, actor):
    campaign.refresh_from_db()
    with pytest.raises(CampaignError, match="繰り返しの元"):
        scheduling.schedule(campaign, NOW, actor=actor, now=NOW)
    with pytest.raises(CampaignError, match="すでに繰り返しの元"):
        recurrences.start(campaign, TUESDAYS, actor=actor, now=NOW)
    client = Client()
    client.force_login(actor)
    client.post(reverse("campaign_delete", args=[campaign.pk]))
    assert Campaign.objects.filter(pk=campaign.pk).exists()
    recurrences.stop(recurrence, actor=actor, now=NOW)
    with pytest.raises(CampaignError, match="終了しています"):
        recurrences.stop(recurrence, actor=actor, now=NOW)
    with pytest.raises(CampaignError):
        recurrences.resume(reload(recurrence), actor=actor, now=NOW)
    assert recurrences.make_due(now=FIRST + WEEK) == 0
    client.post(reverse("campaign_delete", args=[campaign.pk]))
    assert not Campaign.objects.filter(pk=campaign.pk).exists()


def test_a_list_that_is_needed_again_and_again_is_not_deleted(recurrence, campaign, actor):
    mailing_list = campaign.mailing_lists.get()
    with pytest.raises(AudienceInUse, match="繰り返し"):
        mailing_list.delete()
    recurrences.stop(recurrence, actor=actor, now=NOW)
    mailing_list.delete()


def test_a_schedule_that_was_asked_for_before_finds_another_draft(campaign, actor):
    """Two tabs: one makes it repeat, the other one sends it."""
    seen = Campaign.objects.get(pk=campaign.pk)
    recurrence = recurrences.start(campaign, TUESDAYS, actor=actor, now=NOW)
    Recurrence.objects.filter(pk=recurrence.pk).update(stopped_at=NOW, next_at=None)
    with pytest.raises(CampaignError, match="別の画面で変更"):
        scheduling.schedule(seen, NOW, actor=actor, now=NOW)


def test_a_mailing_that_was_sent_is_repeated_by_a_copy(campaign, actor):
    Campaign.objects.update(state=CampaignState.DONE)
    recurrence = recurrences.start(campaign, TUESDAYS, actor=actor, now=NOW)
    assert recurrence.master_id != campaign.pk
    assert recurrence.master.state == CampaignState.DRAFT
    campaign.refresh_from_db()
    copied = {name: getattr(campaign, name) for name in COPIED}
    assert {name: getattr(recurrence.master, name) for name in COPIED} == copied


def test_the_same_is_not_repeated_twice(campaign, actor):
    """Two tabs, or a second click: each would make a copy of its own, and everybody would get each mailing twice."""
    Campaign.objects.update(state=CampaignState.DONE)
    recurrence = recurrences.start(campaign, TUESDAYS, actor=actor, now=NOW)
    with pytest.raises(CampaignError, match="同じ日時に送る繰り返しがすでにあります"):
        recurrences.start(campaign, TUESDAYS, actor=actor, now=NOW)
    assert Campaign.objects.count() == 2
    # To others, or at other times, it is another one.
    recurrences.start(campaign, Plan(Rhythm.WEEKLY, time(11), frozenset({1})), actor=actor, now=NOW)
    campaign.mailing_lists.add(make_list(campaign.workspace))
    recurrences.start(campaign, TUESDAYS, actor=actor, now=NOW)
    recurrences.stop(reload(recurrence), actor=actor, now=NOW)
    assert recurrences.running(campaign.workspace_id).count() == 2


def test_the_editor_says_that_what_is_written_goes_out_of_itself(campaign, actor, recurrence):
    client = Client()
    client.force_login(actor)
    url = reverse("campaign_edit", args=[campaign.pk])
    assert "書きかけでもその時点の内容で配信されます" in client.get(url).content.decode()
    recurrences.pause(recurrence, actor=actor, now=NOW)
    assert "書きかけでも" not in client.get(url).content.decode()


def seen_in(page):
    (found,) = re.findall(r'name="seen" value="([^"]+)"', page)
    return html.unescape(found)


def test_the_form_makes_and_changes_a_plan(campaign, actor):
    client = Client()
    client.force_login(actor)
    url = reverse("recurrence_create", args=[campaign.pk])
    refused = client.post(url, {"rhythm": "weekly", "at": "10:00"}).content.decode()
    assert "曜日を1つ以上選んでください。" in refused
    assert "日を選んでください。" in client.post(url, {"rhythm": "monthly", "at": "10:00"}).content.decode()
    typed = {"rhythm": "weekly", "weekdays": ["0", "3"], "month_day": "5", "at": "9:30"}
    look = client.post(url, typed).content.decode()
    assert "この日時に配信します" in look
    assert look.count("09:30</time>") == 3
    # What was seen is another plan.
    assert "この日時に配信します" in client.post(url, typed | {"at": "8:00", "seen": seen_in(look)}).content.decode()
    assert not Recurrence.objects.exists()
    answer = client.post(url, typed | {"seen": seen_in(look)})
    recurrence = Recurrence.objects.get()
    assert answer["Location"] == reverse("recurrence_detail", args=[recurrence.pk])
    assert (recurrence.weekdays, recurrence.month_day) == ("03", None)
    assert "毎週 月・木曜日 09:30" in client.get(reverse("recurrence_index")).content.decode()
    assert "繰り返しの元のメール" in client.get(reverse("campaign_preview", args=[campaign.pk])).content.decode()
    url, typed = (
        reverse("recurrence_edit", args=[recurrence.pk]),
        {"rhythm": "monthly", "month_day": "31", "at": "8:00"},
    )
    client.post(url, typed | {"seen": seen_in(client.post(url, typed).content.decode())})
    shown = client.get(answer["Location"]).content.decode()
    assert "毎月 月末 08:00" in shown
    assert campaign.mailing_lists.get().name in shown
    for step in ("pause", "resume", "stop"):
        client.post(reverse(f"recurrence_{step}", args=[recurrence.pk]))
    assert reload(recurrence).stopped_at is not None
    actions = AuditEntry.objects.filter(action__startswith="recurrence.").order_by("pk")
    found = [action.partition(".")[2] for action in actions.values_list("action", flat=True)]
    assert found == ["create", "update", "pause", "resume", "stop"]


def test_what_begins_is_what_was_looked_at(campaign, actor):
    client = Client()
    client.force_login(actor)
    url, typed = reverse("recurrence_create", args=[campaign.pk]), {"rhythm": "weekly", "weekdays": ["0"], "at": "9:30"}
    seen = seen_in(client.post(url, typed).content.decode())
    content = replace(content_of(campaign), subject="別の内容")
    drafts.save(campaign, content, revision=campaign.revision, actor=actor, now=NOW)
    again = client.post(url, typed | {"seen": seen}).content.decode()
    assert "別の内容" in again
    assert "この日時に配信します" in again
    assert not Recurrence.objects.exists()
    read = Campaign.objects.get(pk=campaign.pk)
    read.revision -= 1
    with pytest.raises(CampaignError, match="元のメールが変更されました"):
        recurrences.start(read, TUESDAYS, actor=actor, now=NOW)
    client.post(url, typed | {"seen": seen_in(again)})
    assert Recurrence.objects.get().master_id == campaign.pk


def test_the_last_look_says_who_what_and_what_stands_against_it(campaign, actor):
    client = Client()
    client.force_login(actor)
    Campaign.objects.filter(pk=campaign.pk).update(subject="{{name|お客様}}様へ", text="")
    url = reverse("recurrence_create", args=[campaign.pk])
    form = client.get(url).content.decode()
    assert "［お名前］様へ" in form
    assert campaign.mailing_lists.get().name in form
    assert 'name="seen"' not in form
    look = client.post(url, {"rhythm": "weekly", "weekdays": ["0"], "at": "3:00"}).content.decode()
    assert "このままでは配信されません。" in look
    assert "送り始めるのが夜間・早朝" in look
    past = client.post(url, {"rhythm": "weekly", "weekdays": ["0"], "at": "3:00", "ends_on": "2020-01-01"})
    assert "終了日までに配信する日がありません" in past.content.decode()


def test_pages_of_many_ask_no_more(campaign, actor, django_assert_max_num_queries):
    for number in range(3):
        master = make_campaign(campaign.mailing_lists.get(), subject=f"題{number}")
        recurrences.start(master, TUESDAYS, actor=actor, now=NOW)
    client = Client()
    client.force_login(actor)
    with django_assert_max_num_queries(9):
        client.get(reverse("recurrence_index"))
