"""The engine against real servers: what becomes of each mail, whatever the server does."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from mta.addresses import AddressError
from mta.engine import Outcome, Outgoing, Result, Timeouts, send, send_batches
from mta.verdicts import Phase
from tests.mta.fault_server import Fault, FaultServer, Hang
from tests.mta.memory_ledger import MemoryLedger
from tests.mta.sending import BODY, LOOPS, PATIENT, PIPELINING, STEPWISE, make_mails, make_route, send_to


class KeepingHandler:
    """Keeps the mails that aiosmtpd takes in."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 OK"


def test_sends_to_an_independent_server() -> None:
    """aiosmtpd, which offers no PIPELINING, takes every mail unchanged."""
    handler = KeepingHandler()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        ledger = MemoryLedger()
        send(make_mails(20, BODY + b".\r\n..\r\n.x\r\n"), make_route(port), ledger, connections=3, window=5)
    finally:
        controller.stop()
    assert Counter(ledger.results()) == {Result.ACCEPTED: 20}
    assert {envelope.rcpt_tos[0] for envelope in handler.envelopes} == {f"r{n}@example.jp" for n in range(1, 21)}
    assert {envelope.original_content for envelope in handler.envelopes} == {BODY + b".\r\n..\r\n.x\r\n"}


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("features", [PIPELINING, STEPWISE])
def test_sends_many_mails_over_few_connections(features: tuple[str, ...], loop: str) -> None:
    with FaultServer(features=features) as server:
        ledger = send_to(server, make_mails(300), connections=8, window=16, loop_factory=LOOPS[loop])
    assert Counter(ledger.results()) == {Result.ACCEPTED: 300}
    assert server.connections <= 8
    assert Counter(mail.rcpt_to for mail in server.accepted) == {f"r{n}@example.jp": 1 for n in range(1, 301)}
    assert ledger.most_open <= 16
    # Group commits: fewer calls than mails.
    assert len(ledger.fence_calls) < 300
    assert sum(ledger.record_calls) == 300
    outcome = ledger.outcomes[1]
    assert (outcome.code, outcome.status, outcome.phase, outcome.host) == (250, "2.0.0", Phase.DOT, "127.0.0.1")


def test_pipelines_the_next_envelope_with_the_dot() -> None:
    with FaultServer() as server:
        send_to(server, make_mails(3))
    assert [line.split()[0] for line in server.commands] == [
        b"EHLO",
        *[b"MAIL", b"RCPT", b"DATA"] * 3,
        b"QUIT",
    ]
    assert server.commands[1] == b"MAIL FROM:<news@shop.example> SIZE=%d\r\n" % len(BODY)


@pytest.mark.parametrize("features", [PIPELINING, STEPWISE])
def test_ends_a_connection_after_so_many_mails(features: tuple[str, ...]) -> None:
    with FaultServer(features=features) as server:
        ledger = send_to(server, make_mails(7), messages_per_connection=3)
        assert Counter(ledger.results()) == {Result.ACCEPTED: 7}
        assert (server.connections, server.commands.count(b"QUIT\r\n")) == (3, 3)
        # Or as the route says.
        send_to(server, make_mails(4), route=replace(make_route(server.port), messages_per_connection=2))
        assert server.connections == 5


def test_mails_that_come_late_find_the_relay_alive() -> None:
    """A connection that was ended after its mails is no fault, though none is open then."""

    def drip() -> Iterator[list[Outgoing]]:
        for mail in make_mails(6):
            yield [mail]
            time.sleep(0.05)

    with FaultServer() as server:
        ledger = MemoryLedger()
        send_batches(drip(), make_route(server.port), ledger, connections=1, window=8, messages_per_connection=1)
    assert Counter(ledger.results()) == {Result.ACCEPTED: 6}


def test_sends_from_the_routes_address() -> None:
    with FaultServer() as server:
        route = replace(make_route(server.port), source_address="127.0.0.7")
        assert send_to(server, make_mails(1), route=route).results() == [Result.ACCEPTED]
        assert server.clients == ["127.0.0.7"]
        route = replace(route, source_address="192.0.2.77")
        assert send_to(server, make_mails(1), route=route).results() == [Result.ROUTE_FAULT]


@pytest.mark.parametrize(
    ("data", "arrives"),
    [
        (b".\r\n", b".\r\n"),
        (b"a\r\n.\r\n..\r\n.b\r\n", b"a\r\n.\r\n..\r\n.b\r\n"),
        (b"a\n.\nb", b"a\r\n.\r\nb\r\n"),
        (b"a\r.\rb\r", b"a\r\n.\r\nb\r\n"),
        (b"", b"\r\n"),
        (b"no line end", b"no line end\r\n"),
        (b"\xe3\x81\x82\x00\xff\r\n", b"\xe3\x81\x82\x00\xff\r\n"),
        ((b"." * 900 + b"\r\n") * 2000, (b"." * 900 + b"\r\n") * 2000),
    ],
)
def test_body_arrives_with_crlf_and_dots(data: bytes, arrives: bytes) -> None:
    """Lone line ends are the way to smuggle a second mail into the first; none leaves the house."""
    with FaultServer(features=("PIPELINING", "8BITMIME")) as server:
        ledger = send_to(server, make_mails(1, data))
    assert ledger.results() == [Result.ACCEPTED]
    assert server.accepted[0].data == arrives
    assert (b"BODY=8BITMIME" in server.commands[1]) is (not data.isascii())


def test_quotes_legacy_carrier_addresses_in_rcpt() -> None:
    """F1: `a..b@docomo.ne.jp` reaches the server as a quoted local part."""
    with FaultServer() as server:
        send_to(server, [Outgoing(1, "", "a..b@docomo.ne.jp", BODY), Outgoing(2, "a@日本.jp", "a.@ezweb.ne.jp", BODY)])
    assert [mail.rcpt_to for mail in server.accepted] == ['"a..b"@docomo.ne.jp', '"a."@ezweb.ne.jp']
    assert [mail.mail_from for mail in server.accepted] == ["<>", "a@xn--wgv71a.jp"]


def test_address_that_no_server_can_take_is_refused_alone() -> None:
    mails = [
        Outgoing(1, "", "山田@example.jp", BODY),
        Outgoing(2, "", "no-domain", BODY),
        Outgoing(3, "", "a@b.jp", BODY),
    ]
    with FaultServer() as server:
        ledger = send_to(server, mails)
    assert ledger.results() == [Result.REFUSED, Result.REFUSED, Result.ACCEPTED]
    assert (ledger.outcomes[1].phase, ledger.outcomes[1].status) == (Phase.RCPT, "5.1.3")


def test_mail_larger_than_the_server_takes_is_refused_without_sending() -> None:
    with FaultServer(features=("PIPELINING", "SIZE 100")) as server:
        ledger = send_to(server, [*make_mails(1, b"x" * 101), Outgoing(2, "", "a@b.jp", BODY)])
    assert ledger.results() == [Result.REFUSED, Result.ACCEPTED]
    assert ledger.outcomes[1].status == "5.3.4"


# The ledger and the caller


class LedgerDownError(Exception):
    """The database is gone."""


class Countdown:
    """Raises from the call after so many."""

    def __init__(self, calls: int) -> None:
        self.calls = calls

    def __call__(self, _argument: object) -> None:
        self.calls -= 1
        if self.calls < 0:
            raise LedgerDownError


@pytest.mark.parametrize("name", ["before_fence", "before_record"])
def test_broken_ledger_stops_everything(name: str) -> None:
    with FaultServer() as server:
        ledger = MemoryLedger(**{name: Countdown(3)})
        with pytest.raises(LedgerDownError):
            send(make_mails(200), make_route(server.port), ledger, connections=4, window=8, timeouts=PATIENT)
        accepted = len(server.accepted)
        time.sleep(0.1)
        assert len(server.accepted) == accepted
    # Nothing left without a fence, and no more in doubt than the window holds.
    assert {f"r{number}@example.jp" for number in ledger.fenced} >= {mail.rcpt_to for mail in server.accepted}
    assert len(ledger.fenced - ledger.outcomes.keys()) <= 8
    assert ledger.closed == 1


def test_exception_of_the_caller_is_raised_after_the_mails_on_their_way() -> None:
    def broken() -> Iterator[Outgoing]:
        yield from make_mails(50)
        raise LookupError("the caller's own")

    with FaultServer() as server:
        ledger = MemoryLedger()
        with pytest.raises(LookupError):
            send(broken(), make_route(server.port), ledger, connections=2, window=8, timeouts=PATIENT)
    assert len(ledger.outcomes) == 50
    accepted = [key for key, outcome in ledger.outcomes.items() if outcome.result is Result.ACCEPTED]
    assert len(accepted) == len(server.accepted)
    assert {outcome.result for outcome in ledger.outcomes.values()} == {Result.ACCEPTED, Result.UNTOUCHED}


def test_mails_are_made_outside_of_the_event_loop() -> None:
    """There Django allows queries, and the database connection is the caller's."""
    seen: set[int] = set()

    def rendered() -> Iterator[Outgoing]:
        for mail in make_mails(30):
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            seen.add(threading.get_ident())
            yield mail

    with FaultServer() as server:
        ledger = MemoryLedger()
        send(rendered(), make_route(server.port), ledger, connections=2, window=8, timeouts=PATIENT)
    assert Counter(ledger.results()) == {Result.ACCEPTED: 30}
    assert seen == {threading.get_ident()}
    assert ledger.threads.isdisjoint(seen)


def test_bug_is_raised_and_what_is_known_is_kept() -> None:
    mails = make_mails(20)
    mails[10] = replace(mails[10], mail_from="no address")
    with FaultServer() as server:
        ledger = MemoryLedger()
        with pytest.raises(AddressError):
            send(mails, make_route(server.port), ledger, connections=1, window=8, timeouts=PATIENT)
        assert len(server.accepted) >= 9
    accepted = {key for key, outcome in ledger.outcomes.items() if outcome.result is Result.ACCEPTED}
    assert accepted >= set(range(1, 10))
    # The mail whose dot was sent when the bug struck stays fenced: in doubt, never lost.
    assert len(ledger.fenced - accepted) <= 1


def test_ledger_without_anything_to_close() -> None:
    class BareLedger:
        def __init__(self) -> None:
            self.kept: list[Outcome] = []

        def fence(self, ids: Sequence[int]) -> set[int]:
            return set(ids)

        def record(self, outcomes: Sequence[Outcome]) -> None:
            self.kept.extend(outcomes)

    ledger = BareLedger()
    with FaultServer() as server:
        send(make_mails(3), make_route(server.port), ledger, connections=1, window=1)
    assert [outcome.result for outcome in ledger.kept] == [Result.ACCEPTED] * 3


def test_nothing_to_send_opens_no_connection() -> None:
    with FaultServer() as server:
        send_to(server, [], connections=8)
    assert server.connections == 0


def test_needs_a_connection_and_a_window() -> None:
    with pytest.raises(ValueError, match="at least one"):
        send([], make_route(1), MemoryLedger(), connections=0, window=1)


# The deadline


def test_mails_not_begun_before_the_deadline_are_untouched() -> None:
    ledger = MemoryLedger(before_fence=lambda ids: time.sleep(0.02))
    with FaultServer() as server:
        send_to(server, make_mails(2000), ledger=ledger, deadline=2)
    counts = Counter(ledger.results())
    assert set(counts) == {Result.ACCEPTED, Result.UNTOUCHED}
    assert counts[Result.ACCEPTED] == len(server.accepted) > 0


def test_server_that_hangs_for_longer_than_a_late_mail_may_take_is_at_fault() -> None:
    slow = Timeouts(late=0.1)
    with FaultServer([Fault(Phase.RCPT, Hang())]) as server:
        ledger = MemoryLedger()
        began = time.monotonic()
        send(make_mails(5), make_route(server.port), ledger, connections=2, window=8, deadline=1, timeouts=slow)
    assert time.monotonic() - began < 20
    assert Counter(ledger.results()) == {Result.ROUTE_FAULT: 2, Result.UNTOUCHED: 3}
    faults = [outcome for outcome in ledger.outcomes.values() if outcome.result is Result.ROUTE_FAULT]
    assert {outcome.phase for outcome in faults} == {Phase.RCPT}
