"""Which hosts may be asked for what people typed: those of the open internet, never the installation's own network."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from senders.dns import Absent, CouldNotAsk, Found, RecordType, Resolver
from senders.domain_names import NAME_LIMIT, to_ascii
from senders.errors import AddressRefused

Address = IPv4Address | IPv6Address
MayAsk = Callable[[Address, int], bool]
WEB_PORTS: Final = (80, 443)
# Addresses that are public by their number alone: the services of a cloud for its own machines
# (https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16), IETF assignments (RFC 6890),
# which older Pythons take for public, and relays to another network (RFC 7526).
KEPT_BACK: Final = [ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24")]
# Where the internet is in IPv6 (RFC 4291 section 2.4), without the addresses that carry one of IPv4 (RFC 4380, RFC 3056).
UNICAST: Final = ip_network("2000::/3")
CARRIERS: Final = [ip_network(text) for text in ("2001::/32", "2002::/16")]
# At least two labels (RFC 1035 section 2.3.4); an underscore is no letter of host names, but some have one.
HOST_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+[a-z0-9_-]{1,63}")
# Where a name leads to many addresses, these are enough.
ADDRESSES: Final = 2


class NotPublic(Exception):
    """There is no such host that anybody may reach. Whether it exists within the own network is not told."""


class NameUnknown(Exception):
    """The DNS could not be asked about a host."""


def is_public(address: Address, port: int) -> bool:
    """Say whether an address is one of the open internet, and the port one of web servers."""
    if port not in WEB_PORTS or not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv6Address):
        return address in UNICAST and not any(address in network for network in CARRIERS)
    return not any(address in network for network in KEPT_BACK)


def is_public_or_loopback(address: Address, port: int) -> bool:
    """Say the same, with any port of this machine besides: where tests have their servers."""
    return address.is_loopback or is_public(address, port)


def find_addresses(host: str, port: int, resolver: Resolver, may_ask: MayAsk) -> list[Address]:
    """Return addresses of a host (a name or an address) that may be asked, a few of them at most.

    Raises NotPublic where there are none, NameUnknown where the DNS gave no answer. Who connects must connect to one of
    these and not look the name up again: another answer could be another address.
    """
    allowed = [address for address in resolve(host, resolver) if may_ask(address, port)]
    if not allowed:
        raise NotPublic(host)
    return allowed[:ADDRESSES]


def resolve(host: str, resolver: Resolver) -> list[Address]:
    """Return what the DNS has for a host, IPv6 only where there is nothing else; raises NotPublic and NameUnknown."""
    try:
        return [ip_address(host)]
    except ValueError:
        name = name_in_dns(host)
    for kind in (RecordType.A, RecordType.AAAA):
        match resolver.find(name, kind):
            case Found(values=values) if values:
                return [ip_address(value) for value in values]
            case CouldNotAsk(why=why):
                raise NameUnknown(why)
            case Absent(exists=False):
                break
    raise NotPublic(host)


def name_in_dns(host: str) -> str:
    """Return a host as the DNS has it; raises NotPublic for what is no name of the internet."""
    try:
        name = ".".join(to_ascii(label) for label in host.lower().removesuffix(".").split("."))
    except AddressRefused as error:
        raise NotPublic(host) from error
    if len(name) > NAME_LIMIT or not HOST_NAME.fullmatch(name):
        raise NotPublic(host)
    return name
