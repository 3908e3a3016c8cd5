"""Mail servers of domains, asked of a real DNS server on loopback."""

import asyncio
from collections.abc import Iterator

import pytest
from dnslib import RR

from mta.mx import CouldNotAsk, MxResolver, NoServer, Servers
from mta.replies import classify
from mta.verdicts import Reason
from tests.senders.dns_server import ZoneServer, serve_zones

ZONE = """
shop.example. 60 IN MX 20 backup.shop.example.
shop.example. 60 IN MX 10 mx2.shop.example.
shop.example. 60 IN MX 10 MX1.shop.example.
mx1.shop.example. 60 IN A 192.0.2.1
mx1.shop.example. 60 IN A 192.0.2.2
mx1.shop.example. 60 IN AAAA 2001:db8::1
plain.example. 60 IN A 192.0.2.3
text.example. 60 IN TXT "no mail here"
null.example. 60 IN MX 0 .
mixed.example. 60 IN MX 0 .
mixed.example. 60 IN MX 10 mx1.shop.example.
odd.example. 60 IN MX 10 "a b.example."
loop.example. 60 IN CNAME loop2.example.
loop2.example. 60 IN CNAME loop.example.
alias.example. 60 IN CNAME shop.example.
xn--wgv71a.jp. 60 IN MX 10 mx1.shop.example.
"""


@pytest.fixture
def zones() -> Iterator[ZoneServer]:
    with serve_zones() as server:
        server.records += RR.fromZone(ZONE)
        yield server


def make_resolver(zones: ZoneServer, **options: object) -> MxResolver:
    return MxResolver([zones.address], server_timeout=2, question_timeout=3, **options)


def find(zones: ZoneServer, domain: str) -> Servers | NoServer | CouldNotAsk:
    return asyncio.run(make_resolver(zones).find_servers(domain))


def test_best_servers_come_first(zones: ZoneServer) -> None:
    servers = find(zones, "shop.example")
    assert servers == Servers((("mx1.shop.example", "mx2.shop.example"), ("backup.shop.example",)))
    assert servers.hosts() == ("mx1.shop.example", "mx2.shop.example", "backup.shop.example")


def test_equal_servers_are_shuffled_and_no_others(zones: ZoneServer) -> None:
    servers = find(zones, "shop.example")
    assert servers.shuffled(list.reverse) == ["mx2.shop.example", "mx1.shop.example", "backup.shop.example"]
    assert {servers.shuffled()[2] for _turn in range(20)} == {"backup.shop.example"}


def test_domain_without_mx_is_its_own_server(zones: ZoneServer) -> None:
    """RFC 5321 section 5.1: the implicit MX."""
    assert find(zones, "plain.example") == Servers((("plain.example",),))


def test_follows_an_alias_and_reads_a_domain_in_ascii(zones: ZoneServer) -> None:
    assert find(zones, "alias.example") == find(zones, "shop.example")
    assert find(zones, "xn--wgv71a.jp") == Servers((("mx1.shop.example",),))


def test_null_mx_beside_others_is_passed_over(zones: ZoneServer) -> None:
    assert find(zones, "mixed.example") == Servers((("mx1.shop.example",),))


@pytest.mark.parametrize(
    ("domain", "code", "status"),
    [
        ("null.example", 556, "5.1.10"),
        ("nowhere.invalid", None, "5.1.2"),
        ("text.example", None, "5.1.2"),
        ("odd.example", None, "5.1.2"),
    ],
)
def test_domain_that_takes_no_mail_is_told_so(zones: ZoneServer, domain: str, code: int | None, status: str) -> None:
    """RFC 7505 and RFC 5321 section 5.1: final, and classified as ドメイン不明."""
    found = find(zones, domain)
    assert isinstance(found, NoServer)
    answer = found.answer
    assert (answer.code, answer.status) == (code, status)
    assert classify(answer.code, answer.status, answer.text, answer.phase).reason == Reason.HOST_UNKNOWN


def test_dns_that_fails_is_asked_again_later(zones: ZoneServer) -> None:
    zones.failing.add("shop.example")
    zones.silent.add("plain.example")
    for domain, is_silent in (("shop.example", False), ("plain.example", True), ("loop.example", False)):
        found = find(zones, domain)
        assert isinstance(found, CouldNotAsk)
        assert found.is_silent is is_silent
        answer = found.answer
        assert answer.status == "4.4.3"
        assert classify(answer.code, answer.status, answer.text, answer.phase).reason == Reason.TEMPORARY


def test_addresses_of_both_families(zones: ZoneServer) -> None:
    resolver = make_resolver(zones)
    assert asyncio.run(resolver.find_addresses("mx1.shop.example")) == ("2001:db8::1", "192.0.2.1", "192.0.2.2")
    assert asyncio.run(resolver.find_addresses("mx2.shop.example")) == ()
    zones.failing.add("mx9.shop.example")
    assert isinstance(asyncio.run(resolver.find_addresses("mx9.shop.example")), CouldNotAsk)


def test_keeps_answers_for_their_time(zones: ZoneServer) -> None:
    now = [0.0]
    resolver = make_resolver(zones, clock=lambda: now[0])
    zones.failing.add("broken.example")

    def ask(domain: str) -> int:
        before = zones.asked.count(domain)
        asyncio.run(resolver.find_servers(domain))
        return zones.asked.count(domain) - before

    for domain, seconds in (("shop.example", 60), ("nowhere.invalid", 300), ("broken.example", 30)):
        now[0] = 0.0
        assert ask(domain) > 0
        now[0] = seconds - 1
        assert ask(domain) == 0
        now[0] = seconds + 1
        assert ask(domain) > 0


def test_keeps_a_bounded_number_of_answers(zones: ZoneServer) -> None:
    resolver = make_resolver(zones, most_kept=2)
    for domain in ("shop.example", "null.example", "nowhere.invalid", "shop.example"):
        asyncio.run(resolver.find_servers(domain))
    assert zones.asked.count("shop.example") == 2


def test_knows_whether_any_name_server_answers(zones: ZoneServer) -> None:
    assert asyncio.run(make_resolver(zones).is_alive())
    zones.failing.add("")
    assert asyncio.run(make_resolver(zones).is_alive())
    nobody = MxResolver(["127.0.0.1:9"], server_timeout=0.2, question_timeout=0.3)
    assert not asyncio.run(nobody.is_alive())
    found = asyncio.run(nobody.find_servers("shop.example"))
    assert isinstance(found, CouldNotAsk)
    assert found.is_silent
