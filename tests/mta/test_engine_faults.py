"""What the engine makes of refusals and faults, phase by phase, and of hostile replies."""

import socket
import time
from collections import Counter
from collections.abc import Sequence

import pytest

from mta.engine import Outcome, Result, Timeouts, send
from mta.verdicts import Phase
from tests.mta.fault_server import Close, Drop, Fault, FaultServer, Hang, Say
from tests.mta.memory_ledger import MemoryLedger
from tests.mta.sending import BODY, IMPATIENT, LOOPS, PATIENT, PIPELINING, STEPWISE, make_mails, make_route, send_to

# Replies of the server, phase by phase


@pytest.mark.parametrize("features", [PIPELINING, STEPWISE])
@pytest.mark.parametrize(
    ("phase", "reply", "result"),
    [
        (Phase.RCPT, b"550 5.1.1 no such user\r\n", Result.REFUSED),
        (Phase.RCPT, b"450 4.2.1 try later\r\n", Result.DEFERRED),
        (Phase.RCPT, b"552-5.2.2 first line\r\n552 5.2.2 mailbox full\r\n", Result.REFUSED),
        (Phase.DATA, b"554 5.7.1 no\r\n", Result.REFUSED),
        (Phase.DATA, b"451 4.3.0 later\r\n", Result.DEFERRED),
        (Phase.DOT, b"550 5.7.1 spam\r\n", Result.REFUSED),
        (Phase.DOT, b"452 4.3.1 no space\r\n", Result.DEFERRED),
        (Phase.DOT, b"421 4.3.2 closing\r\n", Result.DEFERRED),
    ],
)
def test_refusal_of_one_mail_leaves_the_others(
    phase: Phase, reply: bytes, result: Result, features: tuple[str, ...]
) -> None:
    with FaultServer([Fault(phase, Say(reply), rcpt="r2@")], features) as server:
        ledger = send_to(server, make_mails(4))
    assert ledger.results() == [Result.ACCEPTED, result, Result.ACCEPTED, Result.ACCEPTED]
    outcome = ledger.outcomes[2]
    assert (outcome.phase, outcome.code) == (phase, int(reply[:3]))
    assert outcome.status == reply[4:9].decode()
    assert len(server.accepted) == 3
    assert server.connections == (2 if reply.startswith(b"421") else 1)


def test_first_mail_refused_at_rcpt_does_not_stop_the_connection() -> None:
    with FaultServer([Fault(Phase.RCPT, Say(b"550 5.1.1 no\r\n"))]) as server:
        ledger = send_to(server, make_mails(50), connections=2)
    assert Counter(ledger.results()) == {Result.REFUSED: 50}
    assert server.connections == 2
    assert ledger.fenced == set()


def test_server_that_wants_a_body_without_recipient_gets_no_dot() -> None:
    """RFC 2920 section 3.1 allows 354 after the only RCPT was refused."""
    faults = [Fault(Phase.RCPT, Say(b"550 5.1.1 no\r\n"), rcpt="r2@")]
    with FaultServer(faults, data_without_rcpt=b"354 go on\r\n") as server:
        ledger = send_to(server, make_mails(3))
    assert ledger.results() == [Result.ACCEPTED, Result.REFUSED, Result.ACCEPTED]
    assert [mail.rcpt_to for mail in server.accepted] == ["r1@example.jp", "r3@example.jp"]


def test_server_that_closes_after_a_refused_recipient() -> None:
    """The recipient has its outcome; the end of the connection takes nothing from it."""
    faults = [Fault(Phase.RCPT, Say(b"550 5.1.1 no\r\n"), rcpt="r2@")]
    with FaultServer(faults, data_without_rcpt=b"421 4.7.0 closing\r\n") as server:
        ledger = send_to(server, make_mails(3))
    assert ledger.results() == [Result.ACCEPTED, Result.REFUSED, Result.ACCEPTED]


# Faults of the route: nothing is burnt


@pytest.mark.parametrize("features", [PIPELINING, STEPWISE])
@pytest.mark.parametrize("action", [Drop(), Close(), Hang(), Say(b"what?\r\n"), Say(b"\xff\xfe\x00" * 3000)])
@pytest.mark.parametrize("phase", [Phase.GREETING, Phase.EHLO, Phase.MAIL, Phase.RCPT, Phase.DATA])
def test_fault_before_the_dot_is_the_routes(
    phase: Phase, action: Drop | Close | Hang | Say, features: tuple[str, ...]
) -> None:
    timeouts = IMPATIENT if isinstance(action, Hang) else PATIENT
    with FaultServer([Fault(phase, action)], features) as server:
        ledger = send_to(server, make_mails(5), connections=2, timeouts=timeouts)
    assert Counter(ledger.results()) == {Result.ROUTE_FAULT: 5}
    # A reset may come so soon that the connection itself seems to fail.
    phases = {phase, Phase.CONNECT} if phase is Phase.GREETING else {phase}
    assert {outcome.phase for outcome in ledger.outcomes.values()} <= phases
    assert server.accepted == []
    assert ledger.fenced == set()


@pytest.mark.parametrize(
    ("phase", "reply"),
    [
        (Phase.GREETING, b"421 4.3.2 too busy\r\n"),
        (Phase.GREETING, b"554 5.7.1 your address is blocked\r\n"),
        (Phase.EHLO, b"502 5.5.1 no\r\n"),
        (Phase.MAIL, b"451 4.7.1 later\r\n"),
        (Phase.MAIL, b"550 5.7.1 sender not allowed\r\n"),
        (Phase.RCPT, b"421 4.7.0 too much\r\n"),
        (Phase.DATA, b"421 4.7.0 too much\r\n"),
    ],
)
def test_reply_about_the_route_burns_no_recipient(phase: Phase, reply: bytes) -> None:
    with FaultServer([Fault(phase, Say(reply, close=True))]) as server:
        ledger = send_to(server, make_mails(5), connections=2)
    assert Counter(ledger.results()) == {Result.ROUTE_FAULT: 5}
    assert {(outcome.phase, outcome.code) for outcome in ledger.outcomes.values()} == {(phase, int(reply[:3]))}


def test_552_at_mail_is_about_the_mail() -> None:
    with FaultServer([Fault(Phase.MAIL, Say(b"552 5.3.4 too big\r\n"), times=1)]) as server:
        ledger = send_to(server, make_mails(2))
    assert ledger.results() == [Result.REFUSED, Result.ACCEPTED]


def test_nobody_listens() -> None:
    with FaultServer() as server:
        port = server.port
    ledger = MemoryLedger()
    send(make_mails(100), make_route(port), ledger, connections=4, window=8, timeouts=PATIENT)
    assert Counter(ledger.results()) == {Result.ROUTE_FAULT: 100}
    assert {(outcome.phase, outcome.code) for outcome in ledger.outcomes.values()} == {(Phase.CONNECT, None)}


def test_host_that_does_not_answer() -> None:
    """A full backlog drops what knocks, as a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        knocking = [socket.create_connection(address)]
        for _number in range(3):
            knocking.append(socket.socket())
            knocking[-1].setblocking(False)
            knocking[-1].connect_ex(address)
        ledger = MemoryLedger()
        impatient = Timeouts(connect=0.2)
        send(make_mails(3), make_route(address[1]), ledger, connections=1, window=8, timeouts=impatient)
        for knock in knocking:
            knock.close()
    assert Counter(ledger.results()) == {Result.ROUTE_FAULT: 3}
    assert ledger.outcomes[1].phase == Phase.CONNECT
    assert "no connection within" in ledger.outcomes[1].text


def test_one_refused_connection_leaves_the_work_to_the_others() -> None:
    """A relay that takes fewer connections than asked for is no fault."""
    with FaultServer([Fault(Phase.GREETING, Say(b"421 4.7.0 too many\r\n"), times=3)]) as server:
        ledger = send_to(server, make_mails(40), connections=4)
    assert Counter(ledger.results()) == {Result.ACCEPTED: 40}


@pytest.mark.parametrize("features", [PIPELINING, STEPWISE])
@pytest.mark.parametrize(
    "action", [Close(), Drop(), Say(b"421 4.4.5 too many mails in one connection\r\n", close=True)]
)
def test_server_that_ends_a_used_connection_is_asked_again(
    action: Close | Drop | Say, features: tuple[str, ...]
) -> None:
    """Many relays take only so many mails a connection: a new one is opened and no mail is blamed."""
    faults = [Fault(Phase.MAIL, action, skip=5, times=1), Fault(Phase.MAIL, action, skip=5, times=1)]
    with FaultServer(faults, features) as server:
        ledger = send_to(server, make_mails(30))
    assert Counter(ledger.results()) == {Result.ACCEPTED: 30}
    assert server.connections == 3
    assert len(server.accepted) == 30


# Around the dot


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("action", [Drop(), Close(), Hang(), Say(b"hm\r\n"), Say(b"354 again?\r\n")])
def test_disconnect_after_the_dot(action: Drop | Close | Hang | Say, loop: str) -> None:
    """F7: accepted or not, nobody knows; it is in doubt, and the next mails go on."""
    timeouts = IMPATIENT if isinstance(action, Hang) else PATIENT
    with FaultServer([Fault(Phase.DOT, action, rcpt="r2@")]) as server:
        ledger = send_to(server, make_mails(4), timeouts=timeouts, loop_factory=LOOPS[loop])
    assert ledger.results() == [Result.ACCEPTED, Result.DOUBT, Result.ACCEPTED, Result.ACCEPTED]
    assert ledger.outcomes[2].phase == Phase.DOT
    assert Counter(mail.rcpt_to for mail in server.accepted)["r2@example.jp"] == 1


def test_relay_that_never_answers_the_dot_leaves_few_in_doubt() -> None:
    """A fresh connection that fails stops; the rest are not thrown after."""
    with FaultServer([Fault(Phase.DOT, Drop())]) as server:
        ledger = send_to(server, make_mails(100), connections=4)
    assert Counter(ledger.results()) == {Result.DOUBT: 4, Result.ROUTE_FAULT: 96}
    assert len(server.accepted) == 4


def slow_to_fence(number: int) -> MemoryLedger:
    """Return a ledger that gives the server time to act on one mail's body before its dot."""
    return MemoryLedger(before_fence=lambda ids: time.sleep(0.5) if number in ids else None)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("action", [Drop(), Close()])
def test_disconnect_in_the_body(action: Drop | Close, loop: str) -> None:
    big = BODY + b"%b\r\n" % (b"x" * 900) * 3000
    with FaultServer([Fault(Phase.DATA, action, after_bytes=1000, rcpt="r2@")]) as server:
        ledger = send_to(server, make_mails(3, big), ledger=slow_to_fence(2), loop_factory=LOOPS[loop])
    assert ledger.results() == [Result.ACCEPTED, Result.ROUTE_FAULT, Result.ACCEPTED]
    assert len(server.accepted) == 2


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_server_that_stops_reading_the_body(loop: str) -> None:
    big = BODY + b"%b\r\n" % (b"x" * 900) * 20_000
    with FaultServer([Fault(Phase.DATA, Hang(), after_bytes=1000)], features=("PIPELINING",)) as server:
        ledger = send_to(server, make_mails(1, big), timeouts=IMPATIENT, loop_factory=LOOPS[loop])
    assert ledger.results() == [Result.ROUTE_FAULT]
    assert ledger.fenced == set()
    assert server.accepted == []


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (b"552 5.3.4 too big\r\n", Result.REFUSED),
        (b"451 4.3.0 later\r\n", Result.DEFERRED),
        (b"421 4.3.2 closing\r\n", Result.ROUTE_FAULT),
        (b"250 2.0.0 queued already\r\n", Result.ROUTE_FAULT),
    ],
)
def test_reply_during_the_body(reply: bytes, result: Result) -> None:
    """A server may say no before it read all; there is no dot then, and never a yes."""
    faults = [Fault(Phase.DATA, Say(reply), after_bytes=10, rcpt="r2@")]
    ledger = slow_to_fence(2)
    with FaultServer(faults) as server:
        send_to(server, make_mails(3), ledger=ledger)
    assert ledger.results() == [Result.ACCEPTED, result, Result.ACCEPTED]
    assert [mail.rcpt_to for mail in server.accepted] == ["r1@example.jp", "r3@example.jp"]


def test_no_dot_before_the_fence() -> None:
    with FaultServer() as server:
        early: list[int] = []

        def look(ids: Sequence[int]) -> None:
            time.sleep(0.01)
            arrived = {mail.rcpt_to for mail in server.accepted}
            early.extend(number for number in ids if f"r{number}@example.jp" in arrived)

        ledger = send_to(server, make_mails(30), ledger=MemoryLedger(before_fence=look), connections=4)
    assert early == []
    assert Counter(ledger.results()) == {Result.ACCEPTED: 30}


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_withdrawn_mail_is_cut_off_without_a_dot(loop: str) -> None:
    """A body that was begun is ended by closing the connection, never by a dot."""
    with FaultServer() as server:
        ledger = MemoryLedger(refused=frozenset({2, 3}))
        send_to(server, make_mails(4), ledger=ledger, loop_factory=LOOPS[loop])
    assert ledger.results() == [Result.ACCEPTED, Result.WITHDRAWN, Result.WITHDRAWN, Result.ACCEPTED]
    assert [mail.rcpt_to for mail in server.accepted] == ["r1@example.jp", "r4@example.jp"]
    assert server.half_bodies == 2


def test_window_of_one_still_sends_everything() -> None:
    with FaultServer() as server:
        ledger = send_to(server, make_mails(30), connections=8, window=1)
    assert Counter(ledger.results()) == {Result.ACCEPTED: 30}
    assert ledger.most_open == 1


# Hostile replies


def test_hostile_reply_text_is_made_safe() -> None:
    reply = b"550-5.1.1 \x00\x1b[31mred\xff\xfe\r\n550 5.1.1 " + b"\xe3\x81\x82" * 1000 + b"\r\n"
    with FaultServer([Fault(Phase.RCPT, Say(reply))]) as server:
        ledger = send_to(server, make_mails(1))
    outcome: Outcome = ledger.outcomes[1]
    assert outcome.result is Result.REFUSED
    assert len(outcome.text) <= 1000
    assert outcome.text.startswith("5.1.1  [31mred")
    assert outcome.text.isprintable() or "�" in outcome.text


@pytest.mark.parametrize(
    "reply",
    [
        b"250-x\r\n" * 1000,
        b"250-a\r\n550 b\r\n",
        b"250 ok\r\n" * 100,
        b"x" * 1_000_000,
        b"999 what\r\n",
        b"25\r\n",
        b"\r\n",
    ],
)
def test_reply_that_is_no_smtp_ends_the_connection(reply: bytes) -> None:
    with FaultServer([Fault(Phase.MAIL, Say(reply))], STEPWISE) as server:
        ledger = send_to(server, make_mails(2))
    assert Counter(ledger.results()) == {Result.ROUTE_FAULT: 2}


@pytest.mark.parametrize("reply", [b"250\r\n", b"250 \r\n", b"250-\r\n250\r\n", b"250 ok\n"])
def test_odd_but_clear_replies_are_understood(reply: bytes) -> None:
    with FaultServer([Fault(Phase.MAIL, Say(reply))], STEPWISE) as server:
        ledger = send_to(server, make_mails(2))
    assert Counter(ledger.results()) == {Result.ACCEPTED: 2}
