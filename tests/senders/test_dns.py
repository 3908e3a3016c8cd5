"""The DNS, asked for real: an answer, "there is none" and "could not ask" are three results."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from senders.dns import (
    TTL_LIMIT,
    Absent,
    Answer,
    CouldNotAsk,
    DnsResolver,
    Found,
    RecordType,
    default_resolver,
    parse_server,
)
from senders.dns_budget import TOO_LATE, TOO_MANY, BudgetResolver
from tests.senders.dns_server import NEGATIVE_TTL, Fault, ZoneServer


@pytest.fixture(autouse=True)
def example(zones: ZoneServer) -> None:
    zones.load("example.zone")


def test_returns_every_txt_record(resolver: DnsResolver) -> None:
    answer = resolver.find_txt("shop.example")
    assert isinstance(answer, Found)
    assert set(answer.values) == {
        "v=spf1 include:_spf.hypermail.example ip4:192.0.2.10 ~all",
        "google-site-verification=abc",
    }


def test_joins_strings_without_a_space_and_follows_a_cname(resolver: DnsResolver) -> None:
    assert resolver.find_txt("alias.shop.example") == Found(("first second",))


def test_a_wildcard_answers_for_any_name(resolver: DnsResolver) -> None:
    assert resolver.find_txt("anything.wild.shop.example") == Found(("v=spf1 -all",))


@pytest.mark.parametrize(("name", "exists"), [("nothing.example", False), ("www.shop.example", True)])
def test_absent_says_whether_the_name_exists_and_how_long_that_is_kept(
    resolver: DnsResolver, name: str, *, exists: bool
) -> None:
    answer = resolver.find_txt(name)
    assert isinstance(answer, Absent)
    assert (answer.exists, answer.ttl) == (exists, NEGATIVE_TTL)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (RecordType.A, ("192.0.2.1",)),
        (RecordType.AAAA, ("2001:db8::1",)),
        (RecordType.MX, ("5 first.types.example", "10 second.types.example")),
        (RecordType.PTR, ("mail.types.example",)),
        (RecordType.TXT, ("text",)),
    ],
)
def test_finds_records_of_each_type(
    zones: ZoneServer, resolver: DnsResolver, kind: RecordType, values: tuple[str, ...]
) -> None:
    zones.add_zone(
        """
        types.example. 300 IN A 192.0.2.1
        types.example. 300 IN AAAA 2001:db8::1
        types.example. 300 IN MX 10 Second.types.example.
        types.example. 300 IN MX 5 first.types.example.
        types.example. 300 IN PTR mail.types.example.
        types.example. 300 IN TXT "text"
        """
    )
    answer = resolver.find("types.example", kind)
    assert answer == Found(values)
    assert isinstance(answer, Found)
    assert answer.ttl == 300


def test_a_time_to_live_that_is_too_large_is_none(zones: ZoneServer, resolver: DnsResolver) -> None:
    """RFC 2181 section 8; the database would refuse it."""
    zones.add_zone(f"long.example. {TTL_LIMIT} IN TXT a\nlonger.example. {TTL_LIMIT + 1} IN TXT a")
    found = [resolver.find_txt(name) for name in ("long.example", "longer.example")]
    assert [answer.ttl for answer in found if isinstance(answer, Found)] == [TTL_LIMIT, 0]


def test_tells_where_aliases_led(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.add_zone(
        """
        a.chain.example. 300 IN CNAME B.chain.example.
        b.chain.example. 60 IN CNAME c.chain.example.
        c.chain.example. 300 IN TXT "end"
        """
    )
    answer = resolver.find("a.chain.example", RecordType.TXT)
    assert isinstance(answer, Found)
    assert (answer.values, answer.chain, answer.ttl) == (("end",), ("b.chain.example", "c.chain.example"), 60)


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.SILENT])
def test_a_type_alone_may_fail(zones: ZoneServer, resolver: DnsResolver, fault: Fault) -> None:
    zones.faults["shop.example", "A"] = fault
    assert isinstance(resolver.find("shop.example", RecordType.A), CouldNotAsk)
    assert isinstance(resolver.find_txt("shop.example"), Found)


class Counting:
    """A resolver that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, RecordType]] = []

    def find_txt(self, name: str) -> Answer:
        return self.find(name, RecordType.TXT)

    def find(self, name: str, kind: RecordType) -> Answer:
        self.asked.append((name, kind))
        return Absent()


def test_a_budget_asks_each_question_once_and_no_more_than_it_has() -> None:
    inner = Counting()
    budget = BudgetResolver(inner, questions=2, clock=lambda: 0.0)
    assert budget.find_txt("one.example") == budget.find_txt("ONE.example") == Absent()
    assert budget.find("one.example", RecordType.A) == Absent()
    assert budget.find_txt("two.example") == CouldNotAsk(TOO_MANY)
    assert budget.find_txt("one.example") == Absent()
    assert inner.asked == [("one.example", RecordType.TXT), ("one.example", RecordType.A)]


def test_a_budget_of_time() -> None:
    times = iter([0.0, 1.0, 12.0])
    budget = BudgetResolver(Counting(), clock=lambda: next(times))
    assert budget.find_txt("one.example") == Absent()
    assert budget.find_txt("two.example") == CouldNotAsk(TOO_LATE)


def test_servfail_is_could_not_ask(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.failing.add("shop.example")
    assert isinstance(resolver.find_txt("shop.example"), CouldNotAsk)


def test_silence_is_could_not_ask(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.silent.add("shop.example")
    assert isinstance(resolver.find_txt("shop.example"), CouldNotAsk)


def test_a_server_that_is_not_there_is_could_not_ask() -> None:
    gone = DnsResolver(["127.0.0.1:1"], server_timeout=0.2, question_timeout=0.4)
    assert isinstance(gone.find_txt("shop.example"), CouldNotAsk)


def test_a_loop_of_aliases_gives_no_record(resolver: DnsResolver) -> None:
    assert not isinstance(resolver.find_txt("loop.shop.example"), Found)


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..example", ".".join(["a" * 60] * 5)])
def test_a_name_that_cannot_be_asked(resolver: DnsResolver, name: str) -> None:
    assert isinstance(resolver.find_txt(name), CouldNotAsk)


def test_a_cut_answer_is_asked_again_by_tcp(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.publish("big.example", "x" * 3000)
    assert resolver.find_txt("big.example") == Found(("x" * 3000,))
    assert zones.asked.count("big.example") == 2


def test_a_hostile_answer_is_bounded_by_the_protocol_and_made_readable(
    zones: ZoneServer, resolver: DnsResolver
) -> None:
    zones.publish("hostile.example", "y" * 60_000)
    zones.publish("binary.example", [b"a\x00b\xff\r\nc\xe3\x81\x82"])
    assert resolver.find_txt("hostile.example") == Found(("y" * 60_000,))
    assert resolver.find_txt("binary.example") == Found(("a\\x00b\\xff\\r\\ncあ",))


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.53", "192.0.2.53", 53),
        ("127.0.0.1:5353", "127.0.0.1", 5353),
        ("[2001:db8::53]:5353", "2001:db8::53", 5353),
        ("2001:db8::53", "2001:db8::53", 53),
        ("[2001:db8::53]", "2001:db8::53", 53),
    ],
)
def test_reads_server_addresses(text: str, address: str, port: int) -> None:
    server = parse_server(text)
    assert (server.answer_nameserver(), server.answer_port()) == (address, port)


def test_the_settings_name_the_servers(zones: ZoneServer) -> None:
    assert isinstance(default_resolver().find_txt("shop.example"), Found)


def test_a_question_that_another_thread_asks_just_now_is_not_asked_twice() -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        asked = 0

        def find(self, name: str, kind: RecordType) -> Answer:
            self.asked += 1
            begun.set()
            assert go_on.wait(10)
            return Absent()

        def find_txt(self, name: str) -> Answer:
            return self.find(name, RecordType.TXT)

    inner = Slow()
    budget = BudgetResolver(inner)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(budget.find_txt, "one.example")
        assert begun.wait(10)
        second = pool.submit(budget.find_txt, "one.example")
        go_on.set()
        assert (first.result(10), second.result(10), inner.asked) == (Absent(), Absent(), 1)
