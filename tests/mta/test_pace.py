"""How a provider that asks for less gets less, and how the speed comes back."""

from datetime import UTC, datetime, timedelta

import pytest

from mta.models import Pace
from mta.outcomes import Outcome, Result
from mta.pace import (
    FULL,
    HIGHEST,
    IMPROVE,
    SETTLE,
    Replies,
    Sign,
    Speed,
    find_complaint,
    rate_of,
    read_sign,
    recover,
    slow_down,
)
from mta.pace_store import load_speed, note_replies, recover_paces, reset_pace, speed_of, store
from mta.verdicts import Phase

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def said(reply: str, result: Result = Result.DEFERRED, phase: Phase = Phase.RCPT, host: str = "") -> Outcome:
    code, _, text = reply.partition(" ")
    return Outcome(1, result, int(code) if code.isdigit() else None, "", text, phase, host)


LIMITED = said("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints")
ACCEPTED = Outcome(1, Result.ACCEPTED, 250)


def turn(*outcomes: Outcome, accepted: int = 0) -> Replies:
    replies = Replies(began=NOW)
    for outcome in (*outcomes, *[ACCEPTED] * accepted):
        replies.see(outcome)
    return replies


@pytest.mark.parametrize(
    ("reply", "sign"),
    [
        ("421 4.7.28 Gmail has detected an unusual rate of unsolicited mail. Your mail was rate limited", Sign.ASKED),
        ("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume", Sign.ASKED),
        ("421 4.7.0 [IPTS04] Messages from 192.0.2.1 temporarily deferred", Sign.ASKED),
        ("421 VS98-IP0 deferred - see http://www.yahoo-help.jp/", Sign.ASKED),
        ("450 4.7.1 [CS01] Message temporarily rejected due to local policy", Sign.ASKED),
        ("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation", Sign.ASKED),
        ("452 4.2.1 The user(s) account is temporarily limited", Sign.ASKED),
        ("421 Too many concurrent SMTP connections", Sign.ASKED),
        ("421 4.3.2 Service not available, closing transmission channel", Sign.DELAYED),
        ("450 4.7.1 Client host rejected: cannot find your hostname", Sign.ASKED),
        ("451 4.3.0 Temporary lookup failure", Sign.DELAYED),
        # One mailbox's own trouble, or what every new recipient meets once.
        ("450 4.2.0 <a@example.jp>: Recipient address rejected: Greylisted, try again in 300 seconds", Sign.NOTHING),
        ("450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents more", Sign.NOTHING),
        ("452 4.2.2 Mailbox full", Sign.NOTHING),
        ("452 4.5.3 Recipients belong to multiple regions", Sign.NOTHING),
    ],
)
def test_reads_what_a_reply_says_of_our_speed(reply: str, sign: Sign) -> None:
    assert read_sign(said(reply)) is sign


def test_refusals_for_good_say_little() -> None:
    assert read_sign(said("550 5.7.1 [CS01] Message rejected due to local policy", Result.REFUSED)) is Sign.DELAYED
    assert read_sign(said("550 5.1.1 User unknown", Result.REFUSED)) is Sign.NOTHING
    assert read_sign(said("550 5.7.1 Hourly limit exceeded", Result.REFUSED)) is Sign.ASKED
    assert read_sign(ACCEPTED) is Sign.NOTHING


def test_a_connection_that_was_held_off_counts_where_it_was_the_receivers() -> None:
    """Over a relay, its greeting is about the relay."""
    greeting = said("421 4.3.2 Service not available", Result.ROUTE_FAULT, Phase.GREETING)
    reset = said("- Connection reset by peer", Result.ROUTE_FAULT, Phase.CONNECT)
    for fault in (greeting, reset):
        assert find_complaint(turn(fault), "docomo", is_direct=True) is fault
        assert find_complaint(turn(fault), "docomo", is_direct=False) is None
    wrong_password = said("535 5.7.8 Authentication failed", Result.ROUTE_FAULT, Phase.AUTH)
    assert find_complaint(turn(wrong_password), "docomo", is_direct=True) is None


def test_one_request_among_a_hundred_is_enough() -> None:
    assert find_complaint(turn(LIMITED, accepted=99), "yahoo", is_direct=False) is LIMITED
    assert find_complaint(turn(LIMITED, accepted=100), "yahoo", is_direct=False) is None


def test_a_single_greylisting_is_no_rate_limit() -> None:
    """C21: one recipient's 450 changes nothing, by its words and by its share."""
    grey = said("450 4.2.0 Greylisted, please come back later")
    busy = said("451 4.3.2 Please try again later")
    assert find_complaint(turn(*[grey] * 50), "ocn", is_direct=True) is None
    assert find_complaint(turn(busy, accepted=0), "ocn", is_direct=True) is None
    assert find_complaint(turn(*[busy] * 20, accepted=21), "ocn", is_direct=True) is None
    assert find_complaint(turn(*[busy] * 20, accepted=20), "ocn", is_direct=True) is busy


def test_one_server_does_not_speak_for_all_others() -> None:
    assert find_complaint(turn(*[LIMITED] * 4), "other", is_direct=True) is None
    assert find_complaint(turn(*[LIMITED] * 5, accepted=95), "other", is_direct=True) is None
    assert find_complaint(turn(*[LIMITED] * 20, accepted=80), "other", is_direct=True) is LIMITED


def test_what_was_not_tried_is_no_part_of_the_turn() -> None:
    replies = turn(Outcome(1, Result.UNTOUCHED), Outcome(1, Result.WITHDRAWN), LIMITED)
    assert (replies.tried, replies.accepted) == (1, 0)


def slower(speed: Speed, *, at: datetime, replies: Replies | None = None, base: int | None = 600) -> Speed:
    return slow_down(speed, LIMITED, replies or turn(LIMITED, accepted=9), base=base, now=at)


def test_each_complaint_halves_the_rate() -> None:
    speed = slower(FULL, at=NOW)
    assert (speed.level, speed.base, speed.code, rate_of(speed, 600)) == (1, 600, "421", 300)
    assert speed.because.startswith("4.7.0 [TSS04]")
    speed = slower(speed, at=NOW + MINUTE)
    assert (speed.level, rate_of(speed, 600)) == (2, 150)


def test_what_is_kept_names_no_recipient() -> None:
    """Other workspaces read it too."""
    reply = said("421 4.7.1 Messages to <taro@icloud.com> deferred due to excessive volume, taro@icloud.com is busy")
    speed = slow_down(FULL, reply, turn(reply), base=600, now=NOW)
    assert speed.because == "4.7.1 Messages to <…> deferred due to excessive volume, <…> is busy"


def test_turns_that_meet_the_same_trouble_count_once() -> None:
    speed = slower(FULL, at=NOW)
    assert slower(speed, at=NOW + SETTLE - timedelta(seconds=1)) is speed


def test_without_a_rate_the_measured_one_is_halved() -> None:
    replies = turn(LIMITED, accepted=99)
    speed = slow_down(FULL, LIMITED, replies, base=None, now=NOW + timedelta(seconds=5))
    assert (speed.base, rate_of(speed, None)) == (1200, 600)
    later = slow_down(speed, LIMITED, turn(LIMITED), base=None, now=NOW + MINUTE)
    assert (later.base, later.level) == (1200, 2)


def test_a_short_turn_measures_nothing_absurd() -> None:
    assert turn(LIMITED).per_minute(now=NOW) == 60
    assert rate_of(Speed(level=HIGHEST, base=10), None) == 1


def test_suspends_when_it_persists_and_longer_each_time() -> None:
    speed, at, lengths = FULL, NOW, []
    for _ in range(9):
        speed = slower(speed, at=at)
        at += MINUTE
        if speed.suspended_until is not None:
            lengths.append((speed.suspended_until - (at - MINUTE)) / MINUTE)
            assert speed.is_suspended(now=at)
            assert slower(speed, at=at) is speed
            at = speed.suspended_until
            assert not speed.is_suspended(now=at)
    assert lengths == [5, 10, 20, 40, 60, 60]
    assert speed.level <= HIGHEST


def test_suspends_at_once_where_nothing_is_taken() -> None:
    assert slower(FULL, at=NOW, replies=turn(*[LIMITED] * 4)).suspended_until is None
    speed = slower(FULL, at=NOW, replies=turn(*[LIMITED] * 5))
    assert speed.suspended_until == NOW + 5 * MINUTE
    assert speed.level == 3


def test_recovers_level_by_level() -> None:
    speed = slower(slower(FULL, at=NOW), at=NOW + MINUTE)
    slowed = NOW + MINUTE
    assert recover(speed, now=slowed + IMPROVE - timedelta(seconds=1)) is speed
    better = recover(speed, now=slowed + IMPROVE)
    assert (better.level, better.because, better.improves_at) == (1, speed.because, slowed + 2 * IMPROVE)
    assert recover(better, now=slowed + 2 * IMPROVE) == FULL
    # A tick that was late gives back all that was due.
    assert recover(speed, now=slowed + timedelta(days=1)) == FULL


def test_recovers_only_after_the_suspension() -> None:
    speed = slower(FULL, at=NOW, replies=turn(*[LIMITED] * 5))
    assert recover(speed, now=NOW + 5 * MINUTE) is speed
    assert recover(speed, now=NOW + 5 * MINUTE + IMPROVE).level == 2


def test_full_speed_has_the_rate_that_is_configured() -> None:
    assert rate_of(FULL, None) is None
    assert rate_of(FULL, 600) == 600
    # Rows of before a rate was known.
    assert rate_of(Speed(level=1), None) is None


def note(replies: Replies, *, at: datetime, provider: str = "yahoo") -> bool:
    return note_replies("relay", provider, replies, is_direct=False, base=600, now=at)


@pytest.mark.django_db
def test_keeps_the_pace_per_route_and_provider() -> None:
    assert load_speed("relay", "yahoo") == FULL
    assert not note(turn(ACCEPTED), at=NOW)
    assert not Pace.objects.exists()
    assert note(turn(LIMITED), at=NOW)
    assert not note(turn(LIMITED), at=NOW)
    assert load_speed("relay", "yahoo").level == 1
    assert load_speed("relay", "gmail") == load_speed("route-1", "yahoo") == FULL


@pytest.mark.django_db
def test_the_tick_recovers_what_is_due() -> None:
    note(turn(LIMITED), at=NOW)
    assert recover_paces(now=NOW + IMPROVE - timedelta(seconds=1)) == 0
    assert recover_paces(now=NOW + IMPROVE) == 1
    assert load_speed("relay", "yahoo") == FULL
    assert recover_paces(now=NOW + IMPROVE) == 0


@pytest.mark.django_db
def test_of_two_that_note_at_once_one_counts() -> None:
    pace = Pace.objects.create(route="relay", provider="yahoo")
    before = speed_of(pace)
    assert store(pace, before, slower(before, at=NOW))
    assert not store(pace, before, slower(before, at=NOW))
    assert load_speed("relay", "yahoo").level == 1


@pytest.mark.django_db
def test_the_operator_sets_it_back() -> None:
    note(turn(*[LIMITED] * 5), at=NOW)
    pace = Pace.objects.get()
    assert pace.suspended_until is not None
    assert reset_pace(pace)
    assert load_speed("relay", "yahoo") == FULL
    assert not reset_pace(pace)
