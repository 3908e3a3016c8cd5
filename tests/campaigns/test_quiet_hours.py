"""配信禁止時間: the rules against a plain minute-by-minute oracle, and what they do to running mailings."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import AuditEntry
from campaigns import closed_times, scheduling, sending, tasks
from campaigns.claims import claim_due, fence
from campaigns.holidays import is_holiday
from campaigns.lanes import lanes_with_work
from campaigns.models import Campaign, CampaignState, Delivery, DeliveryState, Lane, QuietHours, QuietMode
from campaigns.outcomes import give_back, record_deferral, retry_clock
from campaigns.pacing import Grant
from campaigns.quiet_hours import (
    LONGEST_HALT,
    Rules,
    closed_stretches,
    deadline,
    first_open,
    next_closed,
    oldest_alive,
)
from campaigns.reaper import expire_deliveries
from mta.circuit import Admission
from mta.mail_routes import load_route
from mta.outcomes import Outcome, Result
from mta.replies import classify
from mta.verdicts import Phase
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_user, make_workspace

TOKYO = ZoneInfo("Asia/Tokyo")
LONDON = ZoneInfo("Europe/London")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NIGHT = Rules(begins=time(21), ends=time(8))
WEEKEND = Rules(weekdays=frozenset({5, 6}))


def tokyo(year, month, day, hour=0, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=TOKYO)


# ── holidays ──────────────────────────────────────────────────────────────────────────────────────────────────────

# 内閣府「国民の祝日・休日」(https://www8.cao.go.jp/chosei/shukujitsu/gaiyou.html): the days of 2026 and 2027.
OFFICIAL = {
    2026: "1-1 1-12 2-11 2-23 3-20 4-29 5-3 5-4 5-5 5-6 7-20 8-11 9-21 9-22 9-23 10-12 11-3 11-23",
    2027: "1-1 1-11 2-11 2-23 3-21 3-22 4-29 5-3 5-4 5-5 7-19 8-11 9-20 9-23 10-11 11-3 11-23",
}


@pytest.mark.parametrize("year", OFFICIAL)
def test_holidays_are_those_of_the_government(year):
    days = (date(year, 1, 1) + number * DAY for number in range(365))
    assert " ".join(f"{day.month}-{day.day}" for day in days if is_holiday(day)) == OFFICIAL[year]


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (date(2026, 5, 6), "振替休日 three days after the Sunday that it stands for"),
        (date(2027, 3, 22), "振替休日 of 春分の日"),
        (date(2026, 9, 22), "国民の休日 between 敬老の日 and 秋分の日"),
        (date(2019, 5, 1), "the enthronement, by a law of its own"),
        (date(2021, 7, 23), "スポーツの日, moved for the Olympic games"),
    ],
)
def test_days_off_that_are_no_fixed_date(day, why):
    assert is_holiday(day), why


def test_years_that_the_government_has_not_named_yet_are_worked_out_by_the_law_of_today():
    assert all(is_holiday(date(year, 1, 1)) for year in (2030, 2100, 2500))
    assert 15 <= sum(is_holiday(date(2060, 1, 1) + number * DAY) for number in range(366)) <= 20


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rules", "now", "begins", "ends"),
    [
        (NIGHT, tokyo(2026, 11, 24, 12), tokyo(2026, 11, 24, 21), tokyo(2026, 11, 25, 8)),
        (NIGHT, tokyo(2026, 11, 24, 21), tokyo(2026, 11, 24, 21), tokyo(2026, 11, 25, 8)),
        (NIGHT, tokyo(2026, 11, 24, 7, 59), tokyo(2026, 11, 23, 21), tokyo(2026, 11, 24, 8)),
        (NIGHT, tokyo(2026, 11, 24, 8), tokyo(2026, 11, 24, 21), tokyo(2026, 11, 25, 8)),
        (
            Rules(begins=time(12), ends=time(13)),
            tokyo(2026, 11, 24, 12, 30),
            tokyo(2026, 11, 24, 12),
            tokyo(2026, 11, 24, 13),
        ),
        (WEEKEND, tokyo(2026, 11, 24), tokyo(2026, 11, 28), tokyo(2026, 11, 30)),
        # The night, the weekend and 勤労感謝の日 are one closed time.
        (
            Rules(time(21), time(8), frozenset({5, 6}), True),
            tokyo(2026, 11, 20, 20),
            tokyo(2026, 11, 20, 21),
            tokyo(2026, 11, 24, 8),
        ),
        # The night ends where the closed day begins.
        (
            Rules(time(22), time(0), frozenset({6})),
            tokyo(2026, 11, 28, 9),
            tokyo(2026, 11, 28, 22),
            tokyo(2026, 11, 30),
        ),
        (Rules(holidays=True), tokyo(2026, 11, 24), tokyo(2027, 1, 1), tokyo(2027, 1, 2)),
    ],
)
def test_the_closed_time_of_now_or_the_next_one(rules, now, begins, ends):
    """C30."""
    found = next_closed(rules, now, TOKYO)
    assert (found.begins, found.ends) == (begins, ends)


def test_no_rules_close_nothing():
    assert next_closed(Rules(), tokyo(2026, 11, 24), TOKYO) is None
    assert first_open(Rules(), tokyo(2026, 11, 24), TOKYO) == tokyo(2026, 11, 24)


def test_rules_without_an_end_are_known_and_do_not_run_for_ever():
    endless = [Rules(weekdays=frozenset(range(7))), Rules(time(9), time(9))]
    assert all(rules.is_endless() for rules in endless)
    assert not NIGHT.is_endless()
    now = tokyo(2026, 11, 24)
    assert next_closed(endless[0], now, TOKYO).ends > now + 300 * DAY


def forbids(rules, moment, zone):
    """The oracle: may no mail leave in this minute, by the clock and calendar on the wall?"""
    wall = moment.astimezone(zone)
    clock = wall.time().replace(tzinfo=None)
    if wall.weekday() in rules.weekdays or (rules.holidays and is_holiday(wall.date())):
        return True
    if rules.begins is None:
        return False
    if rules.begins < rules.ends:
        return rules.begins <= clock < rules.ends
    return clock >= rules.begins or clock < rules.ends


clocks = st.integers(0, 24 * 60 - 1).map(lambda minutes: time(*divmod(minutes, 60)))
all_rules = st.builds(
    lambda hours, weekdays, holidays: Rules(hours[0], hours[1], weekdays, holidays),
    st.one_of(st.just((None, None)), st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1])),
    st.frozensets(st.integers(0, 6), max_size=6),
    st.booleans(),
)
# Around the holidays of May and September 2026, and the New Year.
minutes = st.one_of(
    st.integers(0, 12 * 24 * 60).map(lambda number: datetime(2026, 4, 28, tzinfo=UTC) + number * MINUTE),
    st.integers(0, 8 * 24 * 60).map(lambda number: datetime(2026, 9, 18, tzinfo=UTC) + number * MINUTE),
    st.integers(0, 8 * 24 * 60).map(lambda number: datetime(2026, 12, 28, tzinfo=UTC) + number * MINUTE),
)


@settings(max_examples=60)
@given(rules=all_rules, now=minutes)
def test_closed_times_are_those_of_an_oracle_that_looks_at_every_minute(rules, now):
    """C30."""
    found = next_closed(rules, now, TOKYO)
    far = now + 15 * DAY
    moment, oracle = now, []
    while moment < far:
        oracle.append(forbids(rules, moment, TOKYO))
        moment += MINUTE
    if True not in oracle:
        assert found is None or found.begins >= far
        return
    first = oracle.index(True)
    assert (found.begins <= now) if first == 0 else (found.begins == now + first * MINUTE)
    last = oracle.index(False, first) if False in oracle[first:] else len(oracle)
    assert found.ends == now + last * MINUTE if last < len(oracle) else found.ends >= far
    assert first_open(rules, now, TOKYO) == (found.ends if first == 0 else now)


# The clocks of London go forward on 29 March and back on 25 October 2026, at 1:00 UTC.
changes = st.one_of(
    st.integers(-1500, 1500).map(lambda number: datetime(2026, 3, 29, 1, tzinfo=UTC) + number * MINUTE),
    st.integers(-1500, 1500).map(lambda number: datetime(2026, 10, 25, 1, tzinfo=UTC) + number * MINUTE),
)


@settings(max_examples=200)
@given(rules=all_rules, now=changes)
def test_what_the_clock_on_the_wall_forbids_is_closed_where_clocks_change(rules, now):
    if forbids(rules, now, LONDON):
        assert first_open(rules, now, LONDON) > now
    else:
        # At most the hour that comes twice or never is closed besides.
        assert first_open(rules, now, LONDON) <= now + HOUR or any(
            forbids(rules, now + number * MINUTE, LONDON) for number in range(-61, 62)
        )


# ── lifetimes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def open_minutes(rules, since, until):
    count, moment = 0, since
    while moment < until:
        count += not forbids(rules, moment, TOKYO)
        moment += MINUTE
    return count


@settings(max_examples=60)
@given(rules=all_rules, began=minutes, hours=st.integers(1, 30))
def test_a_lifetime_runs_in_open_time_only(rules, began, hours):
    lifetime = hours * HOUR
    ends = deadline(rules, began, lifetime, TOKYO)
    if ends < began + lifetime + LONGEST_HALT:
        assert open_minutes(rules, began, ends) == hours * 60
    assert ends <= began + lifetime + LONGEST_HALT


@settings(max_examples=200)
@given(rules=all_rules, now=minutes, hours=st.integers(1, 30), ago=st.integers(0, 40 * 24 * 60))
def test_both_ways_to_ask_for_the_end_of_a_lifetime_agree(rules, now, hours, ago):
    began = now - ago * MINUTE
    is_over = deadline(rules, began, hours * HOUR, TOKYO) <= now
    assert is_over == (began <= oldest_alive(rules, now, hours * HOUR, TOKYO))


def test_without_rules_a_lifetime_is_what_it_says():
    began = tokyo(2026, 11, 24)
    assert deadline(Rules(), began, DAY, TOKYO) == began + DAY
    assert list(closed_stretches(Rules(), began.date(), TOKYO)) == []


# ── running mailings ──────────────────────────────────────────────────────────────────────────────────────────────

EVENING = tokyo(2026, 11, 24, 20, 0)
CLOSING = tokyo(2026, 11, 24, 21, 0)
MIDNIGHT = tokyo(2026, 11, 25, 0, 0)
OPENING = tokyo(2026, 11, 25, 8, 0)


def quiet_workspace():
    workspace = make_workspace()
    closed_times.save_workspace_rules(workspace, NIGHT, actor=make_user(workspace), now=EVENING)
    return workspace


def sending_campaign(workspace, readers=1, *, due=EVENING, **fields):
    mailing_list = make_list(workspace)
    fields = {"state": CampaignState.SENDING, "lifetime_from": EVENING, "recipient_count": readers} | fields
    campaign = make_campaign(mailing_list, **fields)
    for _ in range(readers):
        make_delivery(campaign, make_subscriber(mailing_list), due_at=due)
    closed_times.renew_due(now=due)
    campaign.refresh_from_db()
    return campaign


def lane_of(campaign):
    return Lane.objects.get(workspace=campaign.workspace)


def states():
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.django_db
def test_claims_stop_at_closing_time_and_go_on_at_opening_time():
    """C30."""
    campaign = sending_campaign(quiet_workspace(), readers=3)
    assert (campaign.closed_from, campaign.closed_until) == (CLOSING, OPENING)
    lane = lane_of(campaign)
    assert len(claim_due(lane, now=CLOSING - MINUTE, limit=1).deliveries) == 1
    for closed in (CLOSING, MIDNIGHT, OPENING - timedelta(seconds=1)):
        closed_times.renew_due(now=closed)
        assert claim_due(lane, now=closed, limit=10).deliveries == []
        assert not lanes_with_work(now=closed).exists()
    # Whether or not the tick was there first.
    assert lanes_with_work(now=OPENING).exists()
    closed_times.renew_due(now=OPENING)
    campaign.refresh_from_db()
    assert campaign.closed_from == CLOSING + DAY
    assert len(claim_due(lane, now=OPENING, limit=10).deliveries) == 2


@pytest.mark.django_db
def test_a_row_that_is_claimed_at_closing_time_is_not_fenced_and_goes_back_whole():
    campaign = sending_campaign(quiet_workspace())
    claim = claim_due(lane_of(campaign), now=CLOSING - timedelta(seconds=1), limit=10)
    [row] = claim.deliveries
    assert fence([row.pk], claim.token, now=CLOSING) == set()
    assert give_back(row, token=claim.token, due_at=CLOSING)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (DeliveryState.PENDING, 0)


@pytest.mark.django_db(transaction=True)
def test_no_dot_is_sent_in_closed_time_and_all_is_sent_after_it(smtp_sink, settings):
    """C30: a real server, and workers that claimed before closing time."""
    settings.RELAY_URL = f"smtp://{smtp_sink.host}:{smtp_sink.port}"
    with time_machine.travel(CLOSING - timedelta(seconds=1), tick=False) as clock:
        campaign = sending_campaign(quiet_workspace(), readers=5)
        lane = lane_of(campaign)
        turn = sending.Turn(lane, load_route(lane.route), Admission(), Grant(10), 10)
        assert next(turn.batches())
        clock.move_to(CLOSING)
        assert turn.ledger.fence([row.pk for row in turn.claims[0].deliveries]) == set()
        turn.return_all()
        sending.send_lane(lane.pk)
        assert (smtp_sink.messages, states()) == ([], [DeliveryState.PENDING] * 5)
        clock.move_to(OPENING)
        tasks.take_steps([closed_times.renew_due], now=timezone.now())
        sending.send_lane(lane.pk)
    assert len(smtp_sink.messages) == 5
    assert states() == [DeliveryState.SENT] * 5
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.django_db
def test_retries_keep_to_it_too():
    campaign = sending_campaign(quiet_workspace())
    Delivery.objects.update(state=DeliveryState.DEFERRED, due_at=CLOSING + HOUR, attempts=1, mail_date=EVENING)
    assert claim_due(lane_of(campaign), now=CLOSING + 2 * HOUR, limit=10).deliveries == []
    assert [row.attempts for row in claim_due(lane_of(campaign), now=OPENING, limit=10).deliveries] == [2]


def defer(campaign, *, now, later="450 4.2.1 try again"):
    """Claim the campaign's row and have the receiver say "later"."""
    claim = claim_due(lane_of(campaign), now=now, limit=1)
    [row] = claim.deliveries
    outcome = Outcome(row.pk, Result.DEFERRED, phase=Phase.RCPT, code=450, status="4.2.1", text=later)
    verdict = classify(450, "4.2.1", later, Phase.RCPT, "")
    assert record_deferral(row, outcome, verdict, token=claim.token, now=now)
    row.refresh_from_db()
    return row


@pytest.mark.django_db
def test_nobody_expires_because_the_night_was_quiet():
    """B5: the lifetime of four hours began at eight in the evening; one hour of it was open by the morning."""
    campaign = sending_campaign(quiet_workspace(), lifetime=4 * HOUR)
    assert defer(campaign, now=EVENING).state == DeliveryState.DEFERRED
    for now in (MIDNIGHT, OPENING - MINUTE, OPENING, OPENING + 2 * HOUR):
        assert expire_deliveries(now=now) == 0
    closed_times.renew_due(now=OPENING)
    assert defer(campaign, now=OPENING).state == DeliveryState.DEFERRED
    # A row that is not due, since what is due is tried first.
    Delivery.objects.update(due_at=OPENING + 4 * HOUR)
    assert expire_deliveries(now=OPENING + 3 * HOUR - MINUTE) == 0
    assert expire_deliveries(now=OPENING + 3 * HOUR) == 1


@pytest.mark.django_db
def test_a_row_that_is_refused_every_day_expires_all_the_same():
    """B5: nights lengthen a lifetime, and do not begin it anew."""
    campaign = sending_campaign(quiet_workspace(), lifetime=DAY)
    defer(campaign, now=EVENING)
    row = Delivery.objects.get()
    assert closed_times.lifetime_ends(campaign, retry_clock(row, now=EVENING), DAY) == tokyo(2026, 11, 26, 18)
    Delivery.objects.update(due_at=tokyo(2026, 11, 26, 17, 59))
    assert defer(campaign, now=tokyo(2026, 11, 26, 17, 59)).state == DeliveryState.EXPIRED


# ── which rules a mailing keeps, and when they are looked at ──────────────────────────────────────────────────────


@pytest.mark.django_db
def test_a_mailing_may_have_rules_of_its_own_or_none():
    workspace = quiet_workspace()
    own = make_campaign(make_list(workspace), state=CampaignState.SENDING, quiet_mode=QuietMode.OWN)
    closed_times.save_own_rules(own, Rules(time(12), time(13)))
    urgent = make_campaign(make_list(workspace), state=CampaignState.SENDING, quiet_mode=QuietMode.NONE)
    closed_times.renew_due(now=EVENING)
    own.refresh_from_db()
    urgent.refresh_from_db()
    assert own.closed_from == tokyo(2026, 11, 25, 12)
    assert urgent.closed_from is None


@pytest.mark.django_db
def test_saving_applies_at_once_to_what_runs_and_to_nothing_else(django_assert_max_num_queries):
    workspace = make_workspace()
    mailing_list = make_list(workspace)
    mine = [
        make_campaign(mailing_list, state=state, scheduled_at=EVENING)
        for state in (CampaignState.SCHEDULED, CampaignState.STARTING, *[CampaignState.SENDING] * 8)
    ]
    others = [
        make_campaign(mailing_list, state=CampaignState.DONE),
        make_campaign(mailing_list, state=CampaignState.SENDING, quiet_mode=QuietMode.NONE),
        make_campaign(state=CampaignState.SENDING),
    ]
    actor = make_user(workspace)
    with django_assert_max_num_queries(14):
        assert closed_times.save_workspace_rules(workspace, NIGHT, actor=actor, now=EVENING) == len(mine)
    closed = Campaign.objects.filter(closed_from=CLOSING, closed_until=OPENING)
    assert set(closed) == set(mine)
    assert not Campaign.objects.filter(pk__in=[other.pk for other in others], closed_from__isnull=False).exists()
    closed_times.save_workspace_rules(workspace, Rules(), actor=actor, now=MIDNIGHT)
    assert not closed.all().exists()
    assert not QuietHours.objects.exists()
    assert claim_due(lane_of_new_row(mine[-1]), now=MIDNIGHT, limit=1).deliveries != []
    assert AuditEntry.objects.filter(action="workspace.quiet_hours").count() == 2


def lane_of_new_row(campaign):
    return make_delivery(campaign, due_at=EVENING).lane


@pytest.mark.django_db(transaction=True)
def test_rules_that_are_saved_during_a_tick_are_the_ones_that_hold():
    workspace = quiet_workspace()
    campaign = sending_campaign(workspace)
    actor = make_user(workspace)
    lunch = Rules(time(12), time(13))
    meet = threading.Barrier(3)

    def take(step):
        try:
            meet.wait()
            step()
        finally:
            connection.close()

    for rules, now in ((lunch, OPENING), (NIGHT, OPENING + DAY), (Rules(), OPENING + 2 * DAY)):
        steps = [
            partial(closed_times.renew_due, now=now),
            partial(closed_times.renew_due, now=now),
            partial(closed_times.save_workspace_rules, workspace, rules, actor=actor, now=now),
        ]
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(take, steps))
        found = next_closed(rules, now, TOKYO)
        campaign.refresh_from_db()
        assert campaign.closed_until == (found.ends if found else None)


@pytest.mark.django_db
def test_a_tick_looks_only_at_what_is_due():
    campaign = sending_campaign(quiet_workspace())
    assert closed_times.renew_due(now=MIDNIGHT) == 0
    assert closed_times.renew_due(now=OPENING) == 1
    assert closed_times.renew_due(now=OPENING) == 0
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.DONE)
    assert closed_times.renew_due(now=OPENING + 7 * DAY) == 0


@pytest.mark.django_db
def test_a_schedule_and_a_resume_know_their_closed_time_at_once():
    workspace = quiet_workspace()
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list)
    campaign, actor = make_campaign(mailing_list), make_user(workspace)
    scheduling.schedule(campaign, EVENING, actor=actor, now=EVENING)
    campaign.refresh_from_db()
    assert campaign.closed_from == CLOSING
    Campaign.objects.update(state=CampaignState.PAUSED)
    scheduling.resume(campaign, actor=actor, now=OPENING + HOUR)
    campaign.refresh_from_db()
    assert campaign.closed_from == CLOSING + DAY
