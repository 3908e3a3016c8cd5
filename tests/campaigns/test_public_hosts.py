"""Nobody makes this installation ask within its own network: by number, by name, in any disguise."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from campaigns.public_hosts import (
    NameUnknown,
    NotPublic,
    find_addresses,
    is_public,
    is_public_or_loopback,
)
from senders.dns import DnsResolver
from tests.senders.dns_server import ZoneServer, serve_zones

PRIVATE = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2001:0:7f00:1::",
    "2002:7f00:1::",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
]


@pytest.fixture
def zones() -> Iterator[ZoneServer]:
    with serve_zones() as server:
        yield server


def find(host: str, zones: ZoneServer, port: int = 443) -> list[str]:
    resolver = DnsResolver([zones.address], server_timeout=2, question_timeout=3)
    return [str(address) for address in find_addresses(host, port, resolver, is_public)]


@pytest.mark.parametrize("text", PRIVATE)
def test_refuses_addresses_of_no_open_network(text: str) -> None:
    assert not is_public(ip_address(text), 443)


@pytest.mark.parametrize("text", ["8.8.8.8", "203.0.114.1", "2606:4700::1", "2400:8500::1"])
def test_takes_addresses_of_the_internet(text: str) -> None:
    assert is_public(ip_address(text), 443)
    assert is_public(ip_address(text), 80)
    assert not is_public(ip_address(text), 22)


def test_loopback_is_for_tests_alone_and_nothing_else_with_it() -> None:
    assert is_public_or_loopback(ip_address("127.0.0.1"), 8000)
    assert not is_public_or_loopback(ip_address("169.254.169.254"), 80)
    assert not is_public_or_loopback(ip_address("10.0.0.1"), 80)


def test_a_name_with_both_is_asked_at_its_public_addresses_alone(zones: ZoneServer) -> None:
    zones.add_zone("a.example. 60 IN A 10.0.0.1\na.example. 60 IN A 8.8.8.8\n")
    assert find("A.example.", zones) == ["8.8.8.8"]


@pytest.mark.parametrize(
    "record", ["A 127.0.0.1", "A 169.254.169.254", "AAAA ::1", "AAAA ::ffff:a00:1", "CNAME in.example."]
)
def test_a_name_that_resolves_to_private(zones: ZoneServer, record: str) -> None:
    zones.add_zone(f"evil.example. 60 IN {record}\nin.example. 60 IN A 192.168.0.1\n")
    with pytest.raises(NotPublic):
        find("evil.example", zones)


def test_ipv6_where_there_is_nothing_else(zones: ZoneServer) -> None:
    zones.add_zone("six.example. 60 IN AAAA 2606:4700::1\n")
    assert find("six.example", zones) == ["2606:4700::1"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0177.0.0.1",
        "a..example",
        "a b.example",
        "a\\046b.example",
        "x" * 64 + ".example",
        "nobody.example",
    ],
)
def test_other_spellings_lead_nowhere(zones: ZoneServer, host: str) -> None:
    with pytest.raises(NotPublic):
        find(host, zones)


def test_a_name_in_japanese_is_asked_for_as_the_dns_has_it(zones: ZoneServer) -> None:
    zones.add_zone("xn--wgv71a119e.example. 60 IN A 8.8.8.8\n")
    assert find("日本語.example", zones) == ["8.8.8.8"]


@pytest.mark.parametrize("text", ["10.0.0.1", "::1"])
def test_private_addresses_by_number(zones: ZoneServer, text: str) -> None:
    with pytest.raises(NotPublic):
        find(text, zones)
    assert zones.asked == []


def test_no_answer_is_no_verdict(zones: ZoneServer) -> None:
    zones.failing.add("shop.example")
    with pytest.raises(NameUnknown):
        find("shop.example", zones)
