"""The judge of the faults is judged itself: each wrong that it is there to find, made by hand."""

from dataclasses import replace

import pytest

from tests.faults.journal import Accepted
from tests.faults.judge import Closure, Row, Terms, judge

ROWS = [
    Row(number, f"r{number}@reader.example", "sent", fenced_at=100.0 + number, digest=f"d{number}", sender=f"s{number}")
    for number in range(1, 5)
]
MAILS = [Accepted(200.0 + row.id, row.address, row.sender, row.digest) for row in ROWS]
TERMS = Terms(recipients=4)


def findings_of(rows=ROWS, mails=MAILS, **terms) -> str:
    return " | ".join(judge(rows, mails, replace(TERMS, **terms)).findings)


def test_nothing_is_found_where_all_is_well():
    verdict = judge(ROWS, MAILS, TERMS)
    assert verdict.findings == []
    assert (verdict.accepted, verdict.doubled, verdict.lost, verdict.doubts) == (4, 0, 0, 0)


def test_finds_a_missing_row():
    assert "3 of 4" in findings_of(ROWS[:3], MAILS[:3])
    assert judge(ROWS[:3], MAILS[:3], TERMS).lost == 1


def test_finds_a_row_that_says_sent_and_was_not_accepted():
    assert findings_of(mails=MAILS[1:]).startswith("lost: 1")


@pytest.mark.parametrize("state", ["pending", "deferred", "claimed", "fenced"])
def test_finds_a_row_without_an_end(state):
    assert "lost: 1" in findings_of([replace(ROWS[0], state=state), *ROWS[1:]])


def test_finds_a_second_copy():
    assert "accepted more often" in findings_of(mails=[*MAILS, MAILS[0]])


def test_a_copy_by_policy_is_allowed_once():
    rows = [replace(ROWS[0], resends=1), *ROWS[1:]]
    assert findings_of(rows, [*MAILS, MAILS[0]]) == ""
    assert "accepted more often" in findings_of(rows, [*MAILS, MAILS[0], MAILS[0]])
    assert "sent again more than once" in findings_of([replace(ROWS[0], resends=2), *ROWS[1:]])


@pytest.mark.parametrize("state", ["failed", "expired", "excluded", "cancelled"])
def test_finds_an_accepted_mail_whose_row_denies_it(state):
    rows = [replace(ROWS[0], state=state), *ROWS[1:]]
    assert "the row says otherwise" in findings_of(rows, refused={ROWS[0].address}, may_be_stopped=True)


def test_finds_a_row_that_failed_without_the_servers_word():
    rows = [replace(ROWS[0], state="failed"), *ROWS[1:]]
    assert "without the server's word" in findings_of(rows, MAILS[1:])
    assert findings_of(rows, MAILS[1:], refused={ROWS[0].address}) == ""


def test_finds_a_mail_that_was_sent_after_a_final_refusal():
    refused = {ROWS[0].address}
    assert "refused for good" in findings_of(refused=refused, refusals_are_final=True)
    # Whoever was told so was killed before he could write it down.
    assert findings_of(refused=refused) == ""


def test_finds_a_cancelled_row_where_nobody_cancelled():
    rows = [replace(ROWS[0], state="cancelled"), *ROWS[1:]]
    assert "without the server's word" in findings_of(rows, MAILS[1:])
    assert findings_of(rows, MAILS[1:], may_be_stopped=True) == ""


def test_finds_too_many_doubts():
    rows = [replace(row, state="doubt") for row in ROWS[:2]] + ROWS[2:]
    assert "2 > 1" in findings_of(rows, doubts=1)
    assert findings_of(rows, MAILS[1:], doubts=2) == ""


def test_finds_half_a_body_and_a_strange_return_path():
    assert "bytes are not the row's" in findings_of(mails=[replace(MAILS[0], digest="half"), *MAILS[1:]])
    assert "bytes are not the row's" in findings_of(mails=[replace(MAILS[0], sender="s2"), *MAILS[1:]])


def test_finds_a_mail_for_nobody():
    assert "no row has this address" in findings_of(mails=[*MAILS, replace(MAILS[0], rcpt="stranger@reader.example")])


def test_finds_what_was_fenced_while_it_was_closed():
    assert "sent although she had refused" in findings_of(closures=[Closure("she had refused", (1,), 100.5)])
    # Its dot was on its way when she refused.
    assert findings_of(closures=[Closure("she had refused", (1,), 101.5)]) == ""
    assert findings_of(closures=[Closure("it was paused", (1, 2, 3, 4), 90.0, 100.5)]) == ""


def test_finds_a_minute_above_the_rate():
    rows = [Row(number, f"r{number}@reader.example", "sent", digest="d", sender="s") for number in range(240)]
    # Two a second, and after half a minute five seconds' worth at once.
    mails = [Accepted(row.id / 2 if row.id < 60 else row.id / 2 - 5, row.address, "s", "d") for row in rows]
    assert findings_of(rows, mails, recipients=240) == ""
    assert findings_of(rows, mails, recipients=240, per_minute=120) == ""
    assert "more in a minute than the rate allows: 1 (130 > 128)" in findings_of(
        rows, mails, recipients=240, per_minute=118
    )
