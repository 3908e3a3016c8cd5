"""Asks the DNS, and tells an answer from "there is none" and from "could not ask"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver
from django.conf import settings

# Seconds for one server, and for one question with all its tries: a person waits in the browser for three.
SERVER_TIMEOUT = 2.0
QUESTION_TIMEOUT = 5.0
DNS_PORT = 53
# Nothing that we look for is longer; a hostile answer may be, and is stored for people to read.
TEXT_LIMIT = 4000
TEXTS_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Found:
    """The records of a name. A TXT record is one str, its character-strings joined (RFC 7208 section 3.3)."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """The DNS said that there is no such record (NXDOMAIN or NODATA, RFC 2308)."""


@dataclass(frozen=True, slots=True)
class CouldNotAsk:
    """No usable answer came: time-out, SERVFAIL, REFUSED, no network. `why` is for the log."""

    why: str


Answer = Found | Absent | CouldNotAsk


class Resolver(Protocol):
    """What the checks need of the DNS."""

    def find_txt(self, name: str) -> Answer:
        """Return the TXT records of a name (ASCII, without the closing dot)."""


class DnsResolver:
    """The resolver of production, on dnspython.

    `servers` are addresses with or without a port ("192.0.2.53", "127.0.0.1:5353", "[::1]:53"); empty
    means those of the machine. Times are in seconds.
    """

    def __init__(
        self,
        servers: Sequence[str] = (),
        *,
        server_timeout: float = SERVER_TIMEOUT,
        question_timeout: float = QUESTION_TIMEOUT,
    ) -> None:
        self.servers = servers
        self.server_timeout = server_timeout
        self.question_timeout = question_timeout

    def find_txt(self, name: str) -> Answer:
        """Return the TXT records of a name; follows CNAMEs and asks by TCP where the answer was cut."""
        try:
            # The closing dot keeps the search list of the machine out of it.
            answer = self.make_stub().resolve(f"{name}.", "TXT")
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Absent()
        except dns.exception.DNSException as error:
            return CouldNotAsk(type(error).__name__)
        return Found(tuple(readable(b"".join(record.strings)) for record in answer)[:TEXTS_LIMIT])

    def make_stub(self) -> dns.resolver.Resolver:
        """Return dnspython's resolver with our servers and time-outs."""
        stub = dns.resolver.Resolver(configure=not self.servers)
        if self.servers:
            stub.nameservers = [parse_server(server) for server in self.servers]
        stub.timeout = self.server_timeout
        stub.lifetime = self.question_timeout
        return stub


def parse_server(text: str) -> dns.nameserver.Nameserver:
    """Return a name server from "address", "address:port" or "[address]:port"."""
    host, colon, port = text.strip().rpartition(":")
    if text.startswith("[") and colon and port.isdigit():
        return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
    if colon and ":" not in host:
        return dns.nameserver.Do53Nameserver(host, int(port))
    return dns.nameserver.Do53Nameserver(text.strip().strip("[]"), DNS_PORT)


def readable(octets: bytes) -> str:
    """Return the octets of a TXT record as text that may be stored and shown: no control characters, cut."""
    text = octets[:TEXT_LIMIT].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def default_resolver() -> DnsResolver:
    """Return the resolver that the settings ask for."""
    return DnsResolver(settings.DNS_SERVERS)
