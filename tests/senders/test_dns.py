"""The DNS, asked for real: an answer, "there is none" and "could not ask" are three results."""

import pytest

from senders.dns import Absent, CouldNotAsk, DnsResolver, Found, default_resolver, parse_server
from tests.senders.dns_server import ZoneServer


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


@pytest.mark.parametrize("name", ["nothing.example", "www.shop.example"], ids=["nxdomain", "nodata"])
def test_absent(resolver: DnsResolver, name: str) -> None:
    assert resolver.find_txt(name) == Absent()


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


def test_a_hostile_answer_is_cut_and_made_readable(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.publish("hostile.example", "y" * 60_000)
    zones.publish("binary.example", [b"a\x00b\xff\r\nc\xe3\x81\x82"])
    cut = resolver.find_txt("hostile.example")
    assert isinstance(cut, Found)
    assert len(cut.values[0]) == 4000
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
