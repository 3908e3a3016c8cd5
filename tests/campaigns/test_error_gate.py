"""The gate: warn, slow, stop by the 配信エラー率 of one workspace; the others are untouched."""

import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry, Role
from campaigns import error_gate, sending, tally, tasks
from campaigns.claims import claim_due
from campaigns.error_gate import NOTICE, Rate, decide, evaluate, evaluate_due, release, set_by_hand
from campaigns.gate_mails import gates_to_mail, mail_step
from campaigns.lanes import lanes_with_work
from campaigns.models import CampaignState, Delivery, DeliveryState, ErrorGate, GateState, Lane, Tally
from campaigns.outcomes import record_outcome
from campaigns.reaper import expire_deliveries
from campaigns.scheduling import schedule, start_due
from campaigns.sendable import CampaignError
from mta.outcomes import Outcome, Result
from mta.verdicts import Phase
from tests.factories import (
    make_campaign,
    make_delivery,
    make_lane,
    make_list,
    make_subscriber,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db

OPEN, WARNED, SLOWED, STOPPED = GateState.OPEN, GateState.WARNED, GateState.SLOWED, GateState.STOPPED


def sending_campaign(mailing_list=None, readers=0, **fields):
    mailing_list = mailing_list or make_list()
    now = timezone.now()
    campaign = make_campaign(
        mailing_list, state=CampaignState.SENDING, started_at=now, lifetime_from=now, recipient_count=readers, **fields
    )
    for _ in range(readers):
        make_delivery(campaign, make_subscriber(mailing_list))
    return campaign


def set_figures(campaign, percent, tried=1000, kind="hard"):
    """Give a mailing figures of which `percent` failed."""
    failed = tried * percent // 100
    Tally.objects.filter(campaign=campaign).delete()
    for state, number, why in (("sent", tried - failed, ""), ("failed", failed, kind)):
        Tally.objects.create(campaign=campaign, provider="docomo", state=state, kind=why, number=number)


def gate_for(workspace, **fields):
    return ErrorGate.objects.create(workspace=workspace, **{"since": timezone.now()} | fields)


def state_of(workspace):
    return ErrorGate.objects.get(workspace=workspace).state


# ── deciding ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "percent", "expected"),
    [
        (OPEN, 4.9, OPEN),
        (OPEN, 5, WARNED),
        (OPEN, 25, WARNED),
        (WARNED, 10, SLOWED),
        (WARNED, 25, SLOWED),
        (SLOWED, 19.9, SLOWED),
        (SLOWED, 20, STOPPED),
        (OPEN, 50, STOPPED),
        # Steps are taken back below 80 % of their limit, one at a time.
        (WARNED, 4, WARNED),
        (WARNED, 3.9, OPEN),
        (SLOWED, 8, SLOWED),
        (SLOWED, 7.9, WARNED),
        (SLOWED, 0, WARNED),
        # Only the operator lifts a stop.
        (STOPPED, 0, STOPPED),
    ],
)
def test_one_step_at_a_time(state, percent, expected):
    """A15: warn, then slow, then stop."""
    now = timezone.now()
    gate = ErrorGate(state=state, since=now - NOTICE)
    assert decide(gate, Rate(int(percent * 100), 10_000), now=now) == expected


def test_never_stopped_less_than_ten_minutes_after_the_step_before():
    """A15: the managers have time to act."""
    now = timezone.now()
    gate = ErrorGate(state=SLOWED, since=now - NOTICE + timedelta(seconds=1))
    assert decide(gate, Rate(300, 1000), now=now) == SLOWED
    assert decide(gate, Rate(500, 1000), now=now) == STOPPED


@pytest.mark.parametrize(("state", "expected"), [(OPEN, OPEN), (WARNED, OPEN), (SLOWED, WARNED), (STOPPED, STOPPED)])
def test_nothing_is_concluded_from_too_few_mails(state, expected, settings):
    now = timezone.now()
    few = settings.GATE_MINIMUM - 1
    assert decide(ErrorGate(state=state, since=now - NOTICE), Rate(few, few), now=now) == expected


def test_a_workspace_may_have_limits_of_its_own():
    now = timezone.now()
    gate = ErrorGate(state=OPEN, warn_percent=1, slow_percent=60, stop_percent=80)
    assert decide(gate, Rate(10, 1000), now=now) == WARNED
    gate.state = WARNED
    assert decide(gate, Rate(550, 1000), now=now) == WARNED
    assert decide(gate, Rate(800, 1000), now=now) == STOPPED


def test_what_the_operator_set_is_not_taken_back_by_the_figures():
    now = timezone.now()
    gate = ErrorGate(state=SLOWED, since=now - NOTICE, by_hand=True)
    assert decide(gate, Rate(0, 1000), now=now) == SLOWED
    assert decide(gate, Rate(0, 0), now=now) == SLOWED
    assert decide(gate, Rate(200, 1000), now=now) == STOPPED


# ── the rate ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_rate_counts_errors_of_the_list_and_the_sender_only():
    """A full mailbox, a slow server and a complaint are no reason to slow a customer down."""
    campaign = sending_campaign()
    rows = {
        ("sent", ""): 60,
        ("failed", "hard"): 8,
        ("bounced", "refused"): 4,
        ("failed", "block"): 2,
        ("bounced", "unknown"): 1,
        ("expired", "soft"): 15,
        ("complained", "complaint"): 5,
        ("doubt", ""): 5,
        ("deferred", "soft"): 50,
        ("pending", ""): 500,
    }
    for (state, kind), number in rows.items():
        Tally.objects.create(campaign=campaign, provider="au", state=state, kind=kind, number=number)
    gate = gate_for(campaign.workspace)
    rate = error_gate.count_rate(error_gate.looked_at(gate, now=timezone.now()))
    assert (rate.errors, rate.tried, rate.percent) == (15, 100, 15)


def test_only_newer_mailings_of_the_workspace_are_looked_at(settings):
    now = timezone.now()
    mailing_list = make_list()
    released = now - timedelta(days=2)
    gate = gate_for(mailing_list.workspace, released_at=released)
    begun = (now, released + timedelta(hours=1), released - timedelta(hours=1))
    new, newer, _old = [make_campaign(mailing_list, state="done", started_at=at) for at in begun]
    make_campaign(mailing_list)
    make_campaign(state="done", started_at=now)
    assert set(error_gate.looked_at(gate, now=now)) == {new, newer}
    settings.GATE_DAYS = 1
    assert set(error_gate.looked_at(gate, now=now)) == {new}


# ── evaluating ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lasting_rate_leads_from_a_warning_to_the_stop():
    """A15: each step is in the audit log, with its figures."""
    now = timezone.now()
    campaign = sending_campaign()
    workspace = campaign.workspace
    set_figures(campaign, 25)
    seen = []
    for minutes in range(0, 14):
        evaluate_due(now=now + timedelta(minutes=minutes))
        seen.append(state_of(workspace))
    assert seen == [WARNED] + [SLOWED] * 10 + [STOPPED] * 3
    entries = AuditEntry.objects.filter(workspace=workspace).order_by("pk")
    assert [entry.action for entry in entries] == ["gate.warned", "gate.slowed", "gate.stopped"]
    assert entries[0].detail == {"before": "open", "percent": 25.0, "tried": 1000, "limit": 5.0}
    assert entries[2].actor is None


def test_a_rate_that_falls_lifts_the_limits_step_by_step():
    now = timezone.now()
    campaign = sending_campaign()
    gate_for(campaign.workspace, state=SLOWED)
    set_figures(campaign, 1)
    evaluate(campaign.workspace, now=now)
    assert state_of(campaign.workspace) == WARNED
    evaluate(campaign.workspace, now=now + timedelta(minutes=1))
    assert state_of(campaign.workspace) == OPEN
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"gate.warned", "gate.open"}


def test_a_workspace_is_looked_at_once_a_minute(django_assert_num_queries):
    now = timezone.now()
    campaign = sending_campaign()
    set_figures(campaign, 25)
    evaluate_due(now=now)
    with django_assert_num_queries(1):
        evaluate_due(now=now + timedelta(seconds=59))
    assert state_of(campaign.workspace) == WARNED
    evaluate_due(now=now + timedelta(seconds=60))
    assert state_of(campaign.workspace) == SLOWED


def test_a_workspace_that_was_never_looked_at_is_not_passed_over():
    now = timezone.now()
    for _ in range(error_gate.BATCH):
        gate_for(sending_campaign().workspace, measured_at=now - timedelta(minutes=5))
    new = sending_campaign().workspace
    set_figures(new.campaigns.get(), 25)
    evaluate_due(now=now)
    assert state_of(new) == WARNED


def test_a_workspace_without_mailings_is_not_looked_at():
    now = timezone.now()
    make_workspace()
    make_campaign(state="done", started_at=now - timedelta(days=8))
    evaluate_due(now=now)
    assert not ErrorGate.objects.exists()


def test_figures_are_taken_back_when_the_last_mailing_left_the_period():
    now = timezone.now()
    gate = gate_for(make_workspace(), percent=3, tried=1000)
    evaluate_due(now=now)
    gate.refresh_from_db()
    assert (gate.percent, gate.tried) == (0, 0)
    gate.measured_at = None
    gate.save()
    evaluate_due(now=now)
    gate.refresh_from_db()
    assert gate.measured_at is None


def test_two_ticks_at_once_take_one_step():
    now = timezone.now()
    campaign = sending_campaign()
    set_figures(campaign, 25)
    stale = gate_for(campaign.workspace)
    assert evaluate(campaign.workspace, now=now)
    assert not error_gate.move(stale, WARNED, Rate(250, 1000), now=now)
    assert AuditEntry.objects.count() == 1


# ── mails ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_step_is_mailed_to_the_managers_once():
    """A15: figure, limit, the worst provider and mailing, and where to read more."""
    now = timezone.now()
    mailing_list = make_list(name="古い名簿")
    campaign = sending_campaign(mailing_list, subject="秋の便り")
    workspace = campaign.workspace
    manager, second = make_user(workspace), make_user(workspace)
    make_user(workspace, role=Role.EDITOR)
    make_user(workspace, is_active=False)
    make_user(make_workspace())
    set_figures(campaign, 25)
    evaluate(workspace, now=now)
    [gate] = gates_to_mail()
    assert mail_step(gate, now=now) == 2
    assert mail_step(gate, now=now) == 0
    assert gates_to_mail() == []
    assert [sent.to for sent in mail.outbox] == [[manager.email], [second.email]]
    body = mail.outbox[0].body
    assert workspace.name in mail.outbox[0].subject
    for part in ("25.0%", "1,000", "5.0%で注意", "ドコモ", "秋の便り", "古い名簿", "http://testserver/error-rate/"):
        assert part in body


@pytest.mark.parametrize(
    ("state", "word"), [(WARNED, "注意"), (SLOWED, "速度を制限"), (STOPPED, "一時停止しました"), (OPEN, "解除しました")]
)
def test_the_subject_says_what_happened(state, word):
    workspace = make_workspace(name="みほん\n商店")
    actor = make_user(workspace)
    gate = gate_for(workspace, state=SLOWED if state == OPEN else OPEN)
    if state == OPEN:
        assert release(gate, actor=actor, why="確認しました", now=timezone.now())
    else:
        assert set_by_hand(gate, state, actor=actor, why="調べています", now=timezone.now())
    assert mail_step(gate.pk, now=timezone.now()) == 1
    assert word in mail.outbox[0].subject
    assert "運営者からの説明" in mail.outbox[0].body
    assert "\n" not in mail.outbox[0].subject


def test_a_mail_that_cannot_leave_does_not_hold_up_the_step(settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    campaign = sending_campaign()
    make_user(campaign.workspace)
    set_figures(campaign, 25)
    evaluate(campaign.workspace, now=timezone.now())
    gate = ErrorGate.objects.get()
    assert mail_step(gate.pk, now=timezone.now()) == 0
    assert "0 of 1 mails left" in caplog.text
    assert (state_of(campaign.workspace), gates_to_mail()) == (WARNED, [])


def test_a_step_is_mailed_even_where_its_hint_was_lost():
    campaign = sending_campaign()
    make_user(campaign.workspace)
    gate = gate_for(campaign.workspace)
    set_figures(campaign, 25)
    evaluate(campaign.workspace, now=timezone.now())
    assert gates_to_mail() == [gate.pk]
    tasks.mail_gate(gate.pk)
    tasks.mail_gate(gate.pk)
    assert len(mail.outbox) == 1


# ── slowed ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_slowed_workspace_claims_so_many_rows_a_minute(settings):
    """A15."""
    settings.GATE_SLOW_PER_MINUTE = 7
    now = timezone.now().replace(second=10)
    campaign = sending_campaign(readers=20)
    Delivery.objects.update(due_at=now)
    gate_for(campaign.workspace, state=SLOWED)
    lane = Lane.objects.get()
    taken = [len(claim_due(lane, now=now + timedelta(seconds=n), limit=200).deliveries) for n in range(6)]
    assert taken == [2, 2, 2, 1, 0, 0]
    assert not lanes_with_work(now=now + timedelta(seconds=49)).exists()
    assert lanes_with_work(now=now + timedelta(seconds=50)).exists()
    assert len(claim_due(lane, now=now + timedelta(seconds=50), limit=1).deliveries) == 1
    # A worker whose clock is behind gets nothing of the old minute.
    assert len(claim_due(lane, now=now, limit=200).deliveries) == 2
    assert ErrorGate.objects.get().claimed == 3


@pytest.mark.django_db(transaction=True)
def test_the_pace_is_exact_over_workers_at_once(settings):
    """A15: one customer's lanes and processes share one allowance."""
    settings.GATE_SLOW_PER_MINUTE = 20
    now = timezone.now().replace(second=0)
    campaign = sending_campaign(readers=30)
    docomo = make_lane(campaign.workspace, provider="docomo")
    Delivery.objects.filter(pk__in=list(Delivery.objects.values_list("pk", flat=True)[:15])).update(lane=docomo)
    Delivery.objects.update(due_at=now)
    gate_for(campaign.workspace, state=SLOWED)
    taken = []

    def work(lane):
        for _ in range(5):
            taken.append(len(claim_due(lane, now=now, limit=200).deliveries))
        connection.close()

    threads = [threading.Thread(target=work, args=(lane,)) for lane in list(Lane.objects.all()) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 20
    assert sum(taken) == 20 == Delivery.objects.filter(state=DeliveryState.CLAIMED).count()
    assert ErrorGate.objects.get().claimed == 20


def test_a_gate_costs_an_open_workspace_no_query(django_assert_num_queries):
    campaign = sending_campaign(readers=2)
    now, lane = timezone.now(), Lane.objects.get()
    with CaptureQueriesContext(connection) as without_gate:
        assert claim_due(lane, now=now, limit=1).deliveries
    gate_for(campaign.workspace, state=WARNED)
    with django_assert_num_queries(len(without_gate)):
        assert claim_due(lane, now=now, limit=1).deliveries


# ── stopped ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stopped_workspace_claims_nothing_and_is_not_asked():
    """A15."""
    campaign = sending_campaign(readers=1)
    now = timezone.now()
    assert lanes_with_work(now=now).exists()
    gate_for(campaign.workspace, state=STOPPED)
    assert claim_due(Lane.objects.get(), now=now, limit=10).deliveries == []
    assert not lanes_with_work(now=now).exists()
    assert Delivery.objects.get().state == DeliveryState.PENDING


def test_a_mailing_of_a_stopped_workspace_cannot_be_scheduled():
    """A15."""
    mailing_list = make_list()
    make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list)
    actor = make_user(mailing_list.workspace)
    gate = gate_for(mailing_list.workspace, state=STOPPED)
    now = timezone.now()
    with pytest.raises(CampaignError, match="一時停止中"):
        schedule(campaign, now, actor=actor, now=now)
    release(gate, actor=actor, why="リストを直した", now=now)
    schedule(campaign, now, actor=actor, now=now)


def test_a_scheduled_mailing_waits_for_the_release():
    """A15: it starts when the stop is lifted; those of other workspaces start on time (A16)."""
    now = timezone.now()
    waiting = make_campaign(state=CampaignState.SCHEDULED, scheduled_at=now)
    other = make_campaign(state=CampaignState.SCHEDULED, scheduled_at=now)
    gate = gate_for(waiting.workspace, state=STOPPED)
    assert start_due(now=now) == 1
    other.refresh_from_db()
    assert other.state == CampaignState.STARTING
    release(gate, actor=make_user(waiting.workspace), why="確認済み", now=now)
    assert start_due(now=now) == 1


@pytest.mark.parametrize("state", [SLOWED, STOPPED])
def test_lifetimes_do_not_run_while_limited(state):
    """A15: a limit of ours must not end in 一時的なエラー; lifted, the lifetimes begin anew."""
    now = timezone.now()
    campaign = sending_campaign()
    delivery = make_delivery(campaign, state=DeliveryState.DEFERRED, mail_date=now, due_at=now)
    gate = gate_for(campaign.workspace, state=state)
    late = now + campaign.lifetime + timedelta(hours=1)
    assert expire_deliveries(now=late) == 0
    assert release(gate, actor=make_user(campaign.workspace), why="確認済み", now=late)
    assert expire_deliveries(now=late + timedelta(minutes=1)) == 0
    assert [row.pk for row in claim_due(delivery.lane, now=late, limit=10).deliveries] == [delivery.pk]
    ends = late + campaign.lifetime + timedelta(minutes=1)
    # A row that is not due, since what is due is tried first.
    Delivery.objects.update(
        state=DeliveryState.DEFERRED, lease_token=None, lease_until=None, due_at=ends + timedelta(minutes=1)
    )
    assert expire_deliveries(now=ends) == 1


def test_a_slowed_row_is_not_given_up_at_its_second_try():
    """A15: it waited behind others for longer than its lifetime, which did not run."""
    now = timezone.now()
    campaign = sending_campaign()
    late = now + campaign.lifetime + timedelta(hours=1)
    delivery = make_delivery(campaign, state=DeliveryState.DEFERRED, mail_date=now, due_at=now, attempts=1)
    gate_for(campaign.workspace, state=SLOWED)
    claim = claim_due(delivery.lane, now=late, limit=10)
    later = Outcome(delivery.pk, Result.DEFERRED, 451, "4.7.1", "try again later", Phase.RCPT)
    assert record_outcome(claim.deliveries[0], later, token=claim.token, now=late)
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.DEFERRED
    assert timedelta(minutes=15) <= delivery.due_at - late <= timedelta(minutes=16.5)


def test_a_warning_leaves_lifetimes_alone():
    campaign = sending_campaign()
    before = campaign.lifetime_from
    set_figures(campaign, 25)
    evaluate(campaign.workspace, now=timezone.now())
    campaign.refresh_from_db()
    assert campaign.lifetime_from == before


def test_the_operator_who_was_second_changes_nothing():
    workspace = make_workspace()
    actor = make_user(workspace)
    gate = gate_for(workspace)
    stale = ErrorGate.objects.get(pk=gate.pk)
    assert set_by_hand(gate, STOPPED, actor=actor, why="急増", now=timezone.now())
    assert not set_by_hand(stale, SLOWED, actor=actor, why="急増", now=timezone.now())
    assert not release(stale, actor=actor, why="急増", now=timezone.now())
    assert state_of(workspace) == STOPPED


# ── over real sends ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db(transaction=True)
def test_a_stopped_workspace_does_not_hold_up_the_others(smtp_sink, settings):
    """A16: the mailing of a free workspace is sent in full while another one is stopped."""
    settings.RELAY_URL = f"smtp://{smtp_sink.host}:{smtp_sink.port}"
    stopped, free = sending_campaign(readers=5), sending_campaign(readers=5)
    gate = gate_for(stopped.workspace, state=STOPPED)
    for lane in Lane.objects.order_by("workspace"):
        assert not sending.send_lane(lane.pk)
    counts = {
        campaign: Delivery.objects.filter(campaign=campaign, state="sent").count() for campaign in (stopped, free)
    }
    assert counts == {stopped: 0, free: 5}
    assert len(smtp_sink.messages) == 5
    release(gate, actor=make_user(stopped.workspace), why="確認済み", now=timezone.now())
    assert not sending.send_lane(Lane.objects.get(workspace=stopped.workspace).pk)
    assert Delivery.objects.filter(campaign=stopped, state="sent").count() == 5


@pytest.mark.django_db(transaction=True)
def test_mass_errors_of_one_workspace_do_not_slow_another(smtp_sink, settings):
    """A16: one is slowed for its errors, turn by turn; the other's lane takes its full batch."""
    settings.RELAY_URL = f"smtp://{smtp_sink.host}:{smtp_sink.port}"
    settings.GATE_MINIMUM, settings.GATE_SLOW_PER_MINUTE = 10, 6
    failing, fine = sending_campaign(readers=10), sending_campaign(readers=30)
    for address in Delivery.objects.filter(campaign=failing).values_list("address", flat=True)[:4]:
        smtp_sink.replies[address] = "550 5.1.1 User unknown"
    lane_of = {campaign: Lane.objects.get(workspace=campaign.workspace) for campaign in (failing, fine)}
    gate_for(failing.workspace, state=WARNED)
    assert not sending.send_lane(lane_of[failing].pk)
    tally.refresh(failing, now=timezone.now())
    evaluate(failing.workspace, now=timezone.now())
    assert state_of(failing.workspace) == SLOWED
    for _ in range(10):
        make_delivery(failing, make_subscriber(failing.mailing_lists.get()))
    # The slowed lane gives its process back after every claim; the free one sends until nothing is left.
    assert sending.send_lane(lane_of[failing].pk)
    assert Delivery.objects.filter(campaign=failing, state="sent").count() == 7
    assert not sending.send_lane(lane_of[fine].pk)
    assert Delivery.objects.filter(campaign=fine, state="sent").count() == 30
