"""What checkdmarc, an independent program, says of an SPF record."""

from dataclasses import dataclass

import dns.resolver
from checkdmarc.spf import check_spf  # type: ignore[import-untyped]
from checkdmarc.utils import DNS_CACHE  # type: ignore[import-untyped]

from senders.dns import parse_server


@dataclass(frozen=True)
class Opinion:
    """`lookups` and `voids` are None where it gave up counting."""

    is_valid: bool
    lookups: int | None
    voids: int | None
    error: str


def ask_checkdmarc(domain: str, address: str) -> Opinion:
    """Return its opinion; it asks the name server at `address`, "127.0.0.1:5353", and nobody else."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [parse_server(address)]
    # It keeps answers of the case before.
    DNS_CACHE.clear()
    result = check_spf(domain, resolver=resolver, timeout=1.0, retries=0)
    return Opinion(
        bool(result["valid"]), result.get("dns_lookups"), result.get("void_dns_lookups"), result.get("error", "")
    )
