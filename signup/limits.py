"""What counts as one address and one network where requests are limited. Nothing is stored or joined by these."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Final

# Whoever has one IPv6 address has at least such a network of them (RFC 6177, section 2).
PREFIX: Final = 64
# One inbox under two names, whose dots say nothing: https://support.google.com/mail/answer/7436150
GMAIL: Final = ("gmail.com", "googlemail.com")


def network_of(ip: str) -> str:
    """Return the network that an IP address counts for: itself with IPv4, its /64 with IPv6."""
    found = ip_address(ip)
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> (128 - PREFIX) << (128 - PREFIX)))


def inbox_of(address_key: str) -> str:
    """Return the address that most likely has the inbox of an address: without a tag (RFC 5233), at Gmail without dots."""
    local, _at, domain = address_key.rpartition("@")
    base = local.partition("+")[0] or local
    if domain in GMAIL:
        base, domain = base.replace(".", "") or base, GMAIL[0]
    return f"{base}@{domain}"
