"""What receivers do on the direct way, and what that says of our speed: real DNS, real servers, the real engine."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mta.outcomes import Result
from mta.pace import Complaint, Replies, find_complaint
from mta.verdicts import Phase
from tests.mta.fault_server import Close, Drop, Fault, Hang, Say
from tests.mta.memory_ledger import MemoryLedger
from tests.mta.sending import IMPATIENT
from tests.mta.test_direct import ROUTE, World, to
from tests.senders.dns_server import serve_zones

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
BUSY = Say(b"421 4.3.2 Service not available\r\n", close=True)
TOO_MANY = Say(b"421 4.7.0 Too many concurrent SMTP connections\r\n")


@pytest.fixture
def world() -> Iterator[World]:
    with serve_zones() as zones, ExitStack() as stack:
        yield World(zones, stack)


def complaint_of(ledger: MemoryLedger, recipients: list[str], provider: str) -> Complaint | None:
    """Return what a turn's outcomes ask for."""
    replies = Replies(began=NOW)
    for number, outcome in ledger.outcomes.items():
        replies.see(outcome, domain=recipients[number - 1].rpartition("@")[2], is_retry=False)
    return find_complaint(replies, provider, is_direct=True)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(Phase.GREETING, Drop()),
        Fault(Phase.GREETING, Close()),
        Fault(Phase.GREETING, BUSY),
        Fault(Phase.EHLO, Drop()),
        Fault(Phase.EHLO, BUSY),
        Fault(Phase.MAIL, Drop()),
    ],
    ids=["reset", "closed", "421", "reset after EHLO", "421 to EHLO", "reset at MAIL"],
)
def test_a_server_that_holds_us_off_asks_for_less(world: World, fault: Fault) -> None:
    """C22: au answers with a TCP reset where it blocks or is congested."""
    world.serve("127.0.0.2", [fault])
    world.domain("ezweb.ne.jp", "127.0.0.2")
    found = complaint_of(world.send(to("ezweb.ne.jp", 4)), to("ezweb.ne.jp", 4), "au")
    assert found is not None
    assert found.outcome.host == "mx-127-0-0-2.example"


@pytest.mark.parametrize("faults", [[], [Fault(Phase.GREETING, TOO_MANY)], [Fault(Phase.GREETING, BUSY)]])
def test_servers_that_rest_ask_for_nothing(world: World, faults: list[Fault]) -> None:
    """What later mails are told in the meantime is no word of theirs. Without a fault nobody listens there."""
    world.serve("127.0.0.2" if faults else "127.0.0.3", faults)
    world.domain("ezweb.ne.jp", "127.0.0.2")
    direct = world.setup()
    people = to("ezweb.ne.jp", 20)
    found = complaint_of(world.send(people, direct=direct), people, "au")
    assert found is not None
    assert found.is_total
    ledger = world.send(people, direct=direct)
    assert set(ledger.results()) == {Result.DEFERRED}
    assert complaint_of(ledger, people, "au") is None


def test_our_own_network_outage_is_no_complaint(world: World) -> None:
    world.serve("127.0.0.2")
    world.domain("ezweb.ne.jp", "127.0.0.2")
    people = to("ezweb.ne.jp", 10)
    ledger = world.send(people, route=replace(ROUTE, source_address="192.0.2.77"))
    assert set(ledger.results()) == {Result.ROUTE_FAULT}
    assert complaint_of(ledger, people, "au") is None


def test_a_dns_that_fails_is_no_complaint(world: World) -> None:
    world.serve("127.0.0.2")
    world.zones.failing.add("ezweb.ne.jp")
    people = to("ezweb.ne.jp", 10)
    ledger = world.send(people)
    assert set(ledger.results()) == {Result.DEFERRED}
    assert complaint_of(ledger, people, "au") is None


def test_a_server_that_says_nothing_may_be_out_of_reach(world: World) -> None:
    world.serve("127.0.0.2", [Fault(Phase.GREETING, Hang())])
    world.domain("ezweb.ne.jp", "127.0.0.2")
    people = to("ezweb.ne.jp", 10)
    assert complaint_of(world.send(people, timeouts=IMPATIENT), people, "au") is None


def test_one_small_server_leaves_all_others_their_speed(world: World) -> None:
    """A16, C28: whatever it says, and for however many domains."""
    world.serve("127.0.0.2", [Fault(Phase.RCPT, TOO_MANY)])
    people = []
    for number in range(6):
        world.domain(f"small{number}.example", "127.0.0.2")
        people += to(f"small{number}.example", 3)
    ledger = world.send(people)
    assert set(ledger.results()) == {Result.DEFERRED}
    assert complaint_of(ledger, people, "other") is None


def test_many_servers_of_many_domains_ask_for_less(world: World) -> None:
    people = []
    for number in range(2, 7):
        world.serve(f"127.0.0.{number}", [Fault(Phase.GREETING, BUSY)])
        world.domain(f"d{number}.example", f"127.0.0.{number}")
        people += to(f"d{number}.example", 2)
    found = complaint_of(world.send(people), people, "other")
    assert found is not None
    assert found.is_total
