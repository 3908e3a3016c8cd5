"""What checkdmarc, an independent program, says of the DMARC policy of a domain."""

from dataclasses import dataclass

import dns.resolver
from checkdmarc.dmarc import check_dmarc  # type: ignore[import-untyped]
from checkdmarc.utils import DNS_CACHE  # type: ignore[import-untyped]

from senders.dns import parse_server


@dataclass(frozen=True)
class Opinion:
    """`at` is the domain whose record rules, `policies` its p= and sp=; both are empty where it found none that is valid."""

    is_valid: bool
    at: str
    policies: tuple[str, ...]
    error: str


def ask_checkdmarc(domain: str, address: str) -> Opinion:
    """Return its opinion; it asks the name server at `address`, "127.0.0.1:5353", and nobody else."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [parse_server(address)]
    # It keeps answers of the case before.
    DNS_CACHE.clear()
    result = check_dmarc(domain, resolver=resolver, timeout=1.0, retries=0, ignore_unrelated_records=True)
    if not result["valid"]:
        return Opinion(False, "", (), result["error"])
    return Opinion(True, result["location"], tuple(result["tags"][name]["value"] for name in ("p", "sp")), "")
