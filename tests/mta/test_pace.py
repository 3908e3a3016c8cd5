"""How a provider that asks for less gets less, and how the speed comes back."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from mta.models import Pace
from mta.outcomes import Outcome, Result
from mta.pace import (
    FULL,
    HIGHEST,
    IMPROVE,
    SETTLE,
    Complaint,
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


def turn(*outcomes: Outcome, accepted: int = 0, domains: int = 1, is_retry: bool = False) -> Replies:
    """Return a turn whose mails go to so many domains."""
    replies = Replies(began=NOW)
    for number, outcome in enumerate((*outcomes, *[ACCEPTED] * accepted)):
        replies.see(outcome, domain=f"d{number % domains}.example", is_retry=is_retry)
    return replies


def complaint_of(replies: Replies, provider: str, *, is_direct: bool = False) -> Outcome | None:
    found = find_complaint(replies, provider, is_direct=is_direct)
    return found.outcome if found else None


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


def test_one_request_among_a_hundred_is_enough() -> None:
    assert complaint_of(turn(LIMITED, accepted=99), "yahoo") is LIMITED
    assert complaint_of(turn(LIMITED, accepted=100), "yahoo") is None


def test_a_single_greylisting_is_no_rate_limit() -> None:
    """C21: one recipient's 450 changes nothing, by its words and by its share."""
    grey = said("450 4.2.0 Greylisted, please come back later")
    busy = said("451 4.3.2 Please try again later")
    assert complaint_of(turn(*[grey] * 50), "ocn") is None
    assert complaint_of(turn(busy, accepted=0), "ocn") is None
    assert complaint_of(turn(*[busy] * 20, accepted=21), "ocn") is None
    assert complaint_of(turn(*[busy] * 20, accepted=20), "ocn") is busy


def test_one_server_does_not_speak_for_all_others() -> None:
    """A16: over a relay receivers are told apart by their domains, on the direct way by their servers too."""
    assert complaint_of(turn(*[LIMITED] * 50), "other") is None
    assert complaint_of(turn(*[LIMITED] * 50, domains=2), "other") is None
    assert complaint_of(turn(*[LIMITED] * 3, domains=3), "other") is LIMITED
    assert complaint_of(turn(*[LIMITED] * 3, accepted=12, domains=15), "other") is LIMITED
    assert complaint_of(turn(*[LIMITED] * 3, accepted=13, domains=16), "other") is None
    assert complaint_of(turn(*[LIMITED] * 50, domains=50), "other", is_direct=True) is None


def test_retries_say_nothing_of_how_many_others_want_less() -> None:
    """Those that were put off come due together."""
    assert complaint_of(turn(*[LIMITED] * 50, domains=50, is_retry=True), "other") is None
    assert complaint_of(turn(LIMITED, is_retry=True), "yahoo") is LIMITED


def test_what_was_not_tried_is_no_part_of_the_turn() -> None:
    replies = turn(Outcome(1, Result.UNTOUCHED), Outcome(1, Result.WITHDRAWN), LIMITED)
    assert (replies.tried, replies.accepted) == (1, 0)


def slower(speed: Speed, *, at: datetime, is_total: bool = False) -> Speed:
    return slow_down(speed, Complaint(LIMITED, is_total), base=600, now=at)


def test_each_complaint_halves_the_rate() -> None:
    speed = slower(FULL, at=NOW)
    assert (speed.level, speed.base, speed.code, rate_of(speed, 600)) == (1, 600, "421", 300)
    assert speed.because.startswith("4.7.0 [TSS04]")
    speed = slower(speed, at=NOW + MINUTE)
    assert (speed.level, rate_of(speed, 600)) == (2, 150)


def test_what_is_kept_names_no_recipient() -> None:
    """Other workspaces read it too."""
    reply = said("421 4.7.1 Messages to <taro@icloud.com> deferred due to excessive volume, taro@icloud.com is busy")
    speed = slow_down(FULL, Complaint(reply), base=600, now=NOW)
    assert speed.because == "4.7.1 Messages to <…> deferred due to excessive volume, <…> is busy"


def test_turns_that_meet_the_same_trouble_count_once() -> None:
    speed = slower(FULL, at=NOW)
    assert slower(speed, at=NOW + SETTLE - timedelta(seconds=1)) is speed


@pytest.mark.django_db
def test_without_a_rate_the_measured_one_is_halved() -> None:
    replies = turn(LIMITED, accepted=99)
    assert note(replies, at=NOW + timedelta(seconds=5), base=None)
    speed = load_speed("relay", "yahoo")
    assert (speed.base, rate_of(speed, None)) == (1200, 600)
    assert note(turn(LIMITED), at=NOW + MINUTE, base=None)
    later = load_speed("relay", "yahoo")
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
    few, many = (find_complaint(turn(*[LIMITED] * number), "yahoo", is_direct=False) for number in (4, 5))
    assert few == Complaint(LIMITED)
    assert many == Complaint(LIMITED, is_total=True)
    assert find_complaint(turn(*[LIMITED] * 9, accepted=1), "yahoo", is_direct=False) == Complaint(LIMITED)
    assert slower(FULL, at=NOW).suspended_until is None
    speed = slower(FULL, at=NOW, is_total=True)
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
    speed = slower(FULL, at=NOW, is_total=True)
    assert recover(speed, now=NOW + 5 * MINUTE) is speed
    assert recover(speed, now=NOW + 5 * MINUTE + IMPROVE).level == 2


def test_full_speed_has_the_rate_that_is_configured() -> None:
    assert rate_of(FULL, None) is None
    assert rate_of(FULL, 600) == 600
    # Rows of before a rate was known.
    assert rate_of(Speed(level=1), None) is None


def note(replies: Replies, *, at: datetime, provider: str = "yahoo", base: int | None = 600) -> bool:
    is_slow = load_speed("relay", provider).level > 0
    return note_replies("relay", provider, replies, is_direct=False, is_slow=is_slow, base=base, now=at)


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


BUSY = said("421 4.3.2 Service not available, closing transmission channel")


@pytest.mark.django_db
def test_small_turns_of_a_slow_lane_count_together() -> None:
    """C22: what persists where a turn holds three mails, or one, slows the lane further, and suspends it."""
    speed = slower(slower(FULL, at=NOW), at=NOW + MINUTE)
    Pace.objects.create(route="relay", provider="rakuten", **asdict(speed))
    at = NOW + 2 * MINUTE
    assert not note(turn(BUSY, BUSY, BUSY), at=at, provider="rakuten")
    assert note(turn(BUSY, BUSY), at=at, provider="rakuten")
    assert load_speed("relay", "rakuten").level == 3
    # Four at once go by, the fifth is one too many.
    at += MINUTE
    assert [note(turn(BUSY), at=at, provider="rakuten") for _ in range(5)] == [False] * 4 + [True]
    found = load_speed("relay", "rakuten")
    assert (found.suspended_until, found.tried, found.delayed) == (at + 5 * MINUTE, 0, 0)


@pytest.mark.django_db
def test_a_slow_lane_that_is_served_recovers() -> None:
    """One mailbox's trouble now and then is none of the provider's; and what was counted is forgotten at each step."""
    Pace.objects.create(route="relay", provider="rakuten", **asdict(slower(slower(FULL, at=NOW), at=NOW + MINUTE)))
    at = NOW + 2 * MINUTE
    for _ in range(8):
        assert not note(turn(BUSY, accepted=2), at=at, provider="rakuten")
    found = load_speed("relay", "rakuten")
    assert (found.level, found.tried, found.delayed) == (2, 24, 8)
    recover_paces(now=NOW + MINUTE + IMPROVE)
    found = load_speed("relay", "rakuten")
    assert (found.level, found.tried, found.delayed) == (1, 0, 0)


@pytest.mark.django_db
def test_a_lane_at_full_speed_counts_nothing() -> None:
    """C21: a pace that is forgotten stays so."""
    Pace.objects.create(route="relay", provider="rakuten")
    for _ in range(9):
        assert not note_replies(
            "relay", "rakuten", turn(BUSY), is_direct=False, is_slow=True, base=600, now=NOW + MINUTE
        )
    assert load_speed("relay", "rakuten") == FULL


def test_tells_when_the_speed_is_back() -> None:
    speed = slower(slower(FULL, at=NOW), at=NOW + MINUTE)
    full_at = NOW + MINUTE + 2 * IMPROVE
    assert speed.full_at() == full_at
    assert recover(speed, now=full_at) == FULL
    assert recover(speed, now=full_at - timedelta(seconds=1)).level == 1
    assert FULL.full_at() is None
