"""遅延許容: a mailing whose time was too long ago waits for a person's word."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.core import mail
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role
from campaigns import late_starts, scheduling, tasks
from campaigns.models import Campaign, CampaignState, ErrorGate, GateState
from campaigns.sendable import CampaignError
from tests.campaigns.meanwhile import meanwhile
from tests.factories import make_campaign, make_list, make_sender, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
STEPS = (late_starts.hold_late, scheduling.start_due)


@pytest.fixture
def now():
    return timezone.now()


def scheduled(at, workspace=None, **fields):
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    return make_campaign(mailing_list, state=CampaignState.SCHEDULED, scheduled_at=at, **fields)


def late_campaign(now, **fields):
    campaign = scheduled(now - 7 * HOUR, **fields)
    assert late_starts.hold_late(now=now) == 1
    campaign.refresh_from_db()
    return campaign


def tick(now):
    tasks.take_steps(STEPS, now=now)


def state_of(campaign):
    return Campaign.objects.values_list("state", flat=True).get(pk=campaign.pk)


# ── holding ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_start_within_the_tolerance_is_made_up_for(now):
    campaign = scheduled(now - 6 * HOUR)
    tick(now)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.late_since) == (CampaignState.STARTING, None)


def test_a_later_one_is_held_and_written_down_once(now):
    campaign = scheduled(now - 6 * HOUR - timedelta(seconds=1))
    for _ in range(3):
        tick(now)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.late_since) == (CampaignState.SCHEDULED, now)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.target) == ("campaign.late", None, str(campaign.pk))


@pytest.mark.parametrize(("tolerance", "state"), [(1, CampaignState.SCHEDULED), (48, CampaignState.STARTING)])
def test_each_mailing_has_a_tolerance_of_its_own(tolerance, state, now):
    campaign = scheduled(now - 24 * HOUR, late_tolerance=tolerance * HOUR)
    tick(now)
    assert state_of(campaign) == state


@pytest.mark.parametrize("steps", [STEPS, STEPS[::-1]])
def test_nothing_starts_by_itself_whichever_step_comes_first(steps, now):
    campaign = scheduled(now - 7 * HOUR)
    for later in (now, now + HOUR, now + 30 * 24 * HOUR):
        tasks.take_steps(steps, now=later)
    assert state_of(campaign) == CampaignState.SCHEDULED


def test_a_stopped_workspace_is_asked_once_the_stop_is_lifted(now):
    """A15."""
    campaign = scheduled(now - 7 * HOUR)
    gate = ErrorGate.objects.create(workspace=campaign.workspace, state=GateState.STOPPED)
    tick(now)
    campaign.refresh_from_db()
    assert campaign.late_since is None
    gate.state = GateState.OPEN
    gate.save()
    tick(now)
    campaign.refresh_from_db()
    assert campaign.late_since == now


def together(*steps):
    """Take steps at the same time, each in a thread with a connection of its own; fail where one fails."""
    meet = threading.Barrier(len(steps))

    def take(step):
        try:
            meet.wait()
            return step()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(steps)) as threads:
        return [found.result() for found in [threads.submit(take, step) for step in steps]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("late", [0, 7])
@pytest.mark.parametrize("step", STEPS)
def test_a_mailing_that_gets_another_time_at_that_moment_waits_for_it(now, step, late):
    campaign = scheduled(now - late * HOUR)

    def postpone():
        return Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=now + HOUR)

    with meanwhile(postpone, "BEGIN", "UPDATE"):
        step(now=now)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.late_since) == (CampaignState.SCHEDULED, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("step", "before", "after"), [(late_starts.hold_late, 7, 1), (scheduling.start_due, 1, 7)])
def test_what_is_late_is_asked_of_the_time_that_a_mailing_has_then(now, step, before, after):
    campaign = scheduled(now - before * HOUR)

    def change():
        return Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=now - after * HOUR)

    with meanwhile(change, "BEGIN", "UPDATE"):
        assert step(now=now) == 0
    campaign.refresh_from_db()
    assert (campaign.state, campaign.late_since) == (CampaignState.SCHEDULED, None)


@pytest.mark.django_db(transaction=True)
def test_two_beats_hold_a_mailing_once(now):
    scheduled(now - 7 * HOUR)
    assert sum(together(*[partial(late_starts.hold_late, now=now)] * 4)) == 1
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_start_one_mailing(now):
    campaign = late_campaign(now)
    actor = make_user(campaign.workspace)

    def click():
        try:
            scheduling.start_late(campaign, actor=actor, now=now)
        except CampaignError:
            return 0
        return 1

    assert sum(together(click, click, click)) == 1
    assert AuditEntry.objects.filter(action="campaign.start_late").count() == 1


# ── a person's word ───────────────────────────────────────────────────────────────────────────────────────────────


def test_starts_by_a_persons_word_once(now):
    campaign = late_campaign(now)
    actor = make_user(campaign.workspace)
    scheduling.start_late(campaign, actor=actor, now=now)
    with pytest.raises(CampaignError, match="すでに配信を始めたか"):
        scheduling.start_late(campaign, actor=actor, now=now)
    tick(now)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.started_at, campaign.late_since) == (CampaignState.STARTING, now, None)
    assert AuditEntry.objects.filter(action="campaign.start_late", actor=actor).count() == 1


def test_goes_back_to_a_draft_that_may_be_scheduled_anew(now):
    campaign = late_campaign(now)
    actor = make_user(campaign.workspace)
    scheduling.unschedule(campaign, actor=actor)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.late_since) == (CampaignState.DRAFT, None)
    with pytest.raises(CampaignError):
        scheduling.start_late(campaign, actor=actor, now=now)
    scheduling.schedule(campaign, now + HOUR, actor=actor, now=now)
    tick(now + HOUR)
    assert state_of(campaign) == CampaignState.STARTING


def test_a_mailing_that_is_not_late_is_not_started_by_it(now):
    campaign = scheduled(now + HOUR)
    with pytest.raises(CampaignError):
        scheduling.start_late(campaign, actor=make_user(), now=now)
    assert state_of(campaign) == CampaignState.SCHEDULED


def test_a_stopped_workspace_starts_nothing_late_either(now):
    campaign = late_campaign(now)
    ErrorGate.objects.create(workspace=campaign.workspace, state=GateState.STOPPED)
    with pytest.raises(CampaignError, match="一時停止中"):
        scheduling.start_late(campaign, actor=make_user(), now=now)
    assert state_of(campaign) == CampaignState.SCHEDULED


# ── telling the managers ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_managers_are_written_to_once(now, settings):
    campaign = late_campaign(now, subject="秋の便り")
    manager = make_user(campaign.workspace)
    make_user(campaign.workspace, role=Role.EDITOR)
    assert late_starts.late_to_mail() == [campaign.pk]
    assert [late_starts.mail_late(campaign.pk, now=now) for _ in range(2)] == [1, 0]
    assert late_starts.late_to_mail() == []
    [letter] = mail.outbox
    assert letter.to == [manager.email]
    assert "始めずに待っています" in letter.subject
    assert "秋の便り" in letter.body
    assert settings.BASE_URL + reverse("campaign_detail", args=[campaign.pk]) in letter.body


def test_the_next_time_they_are_written_to_again(now):
    campaign = late_campaign(now)
    actor = make_user(campaign.workspace)
    late_starts.mail_late(campaign.pk, now=now)
    scheduling.unschedule(campaign, actor=actor)
    scheduling.schedule(campaign, now + HOUR, actor=actor, now=now)
    late_starts.hold_late(now=now + 8 * HOUR)
    assert late_starts.mail_late(campaign.pk, now=now + 8 * HOUR) == 1


def test_nobody_is_written_to_about_what_was_decided_meanwhile(now):
    campaign = late_campaign(now)
    actor = make_user(campaign.workspace)
    scheduling.start_late(campaign, actor=actor, now=now)
    assert late_starts.late_to_mail() == []
    assert late_starts.mail_late(campaign.pk, now=now) == 0
    assert mail.outbox == []


def test_a_mail_that_cannot_leave_is_logged_and_the_mailing_waits_all_the_same(now, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    campaign = late_campaign(now)
    make_user(campaign.workspace)
    assert late_starts.mail_late(campaign.pk, now=now) == 0
    assert f"late start of campaign {campaign.pk}: 0 of 1 mails left" in caplog.text


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def post(client, name, campaign):
    return client.post(reverse(name, args=[campaign.pk]), follow=True)


def test_the_page_asks_and_the_list_and_home_say_so(now, client_for):
    campaign = late_campaign(now, subject="秋の便り")
    member = client_for(make_user(campaign.workspace, role=Role.EDITOR))
    page = member.get(reverse("campaign_detail", args=[campaign.pk])).content.decode()
    for part in ("遅延許容", "いま配信を開始する", "下書きに戻す", reverse("campaign_start_late", args=[campaign.pk])):
        assert part in page
    assert "まもなく配信が始まります" not in page
    for name in ("campaign_index", "home"):
        assert "開始の確認待ち" in member.get(reverse(name)).content.decode()
    assert "下書きに戻すかを決める" in member.get(reverse("home")).content.decode()


def test_a_viewer_is_told_and_may_not_decide(now, client_for):
    campaign = late_campaign(now)
    viewer = client_for(make_user(campaign.workspace, role=Role.VIEWER))
    page = viewer.get(reverse("campaign_detail", args=[campaign.pk])).content.decode()
    assert "開始の確認待ち" in page
    assert reverse("campaign_start_late", args=[campaign.pk]) not in page
    assert post(viewer, "campaign_start_late", campaign).status_code == 403
    stranger = client_for(make_user(make_workspace()))
    assert post(stranger, "campaign_start_late", campaign).status_code == 404
    assert state_of(campaign) == CampaignState.SCHEDULED


def test_a_doubled_click_starts_one_mailing(now, client_for):
    campaign = late_campaign(now)
    member = client_for(make_user(campaign.workspace, role=Role.EDITOR))
    assert "配信を開始しました" in post(member, "campaign_start_late", campaign).content.decode()
    assert "すでに配信を始めたか" in post(member, "campaign_start_late", campaign).content.decode()
    assert state_of(campaign) == CampaignState.STARTING
    assert AuditEntry.objects.filter(action="campaign.start_late").count() == 1


def test_a_sender_that_lost_its_proof_sends_it_back_to_a_draft(now):
    """A1: whoever says start is no way around the checks at the freezing."""
    workspace = make_workspace()
    sender = make_sender(workspace, "news@unproved.example")
    campaign = late_campaign(now, workspace=workspace, sender=sender)
    scheduling.start_late(campaign, actor=make_user(workspace), now=now)
    sender.domain.verified_at = None
    sender.domain.save()
    tasks.start_campaign(campaign.pk)
    assert state_of(campaign) == CampaignState.DRAFT
