"""Fixtures of the sender tests: a DNS server that the settings point to."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from senders.dns import DnsResolver
from tests.senders.dns_server import ZoneServer, serve_zones


@pytest.fixture
def zones(settings: Settings) -> Iterator[ZoneServer]:
    """A DNS server of our own; the product asks no other one while the test runs."""
    with serve_zones() as server:
        settings.DNS_SERVERS = [server.address]
        # Without a name that is surely there no answer is believed.
        server.add_zone("gmail.com. 300 IN MX 10 mx.gmail.com.")
        yield server


@pytest.fixture
def resolver(zones: ZoneServer) -> DnsResolver:
    """The product's resolver, on the DNS server of the test and with little patience."""
    return DnsResolver([zones.address], server_timeout=2, question_timeout=3)
