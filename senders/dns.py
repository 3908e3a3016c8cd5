"""Asks the DNS, and tells an answer from "there is none" and from "could not ask"."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import dns.exception
import dns.message
import dns.nameserver
import dns.rdatatype
import dns.resolver
from django.conf import settings

# Seconds for one server, and for one question with all its tries: a person waits in the browser for three.
SERVER_TIMEOUT = 2.0
QUESTION_TIMEOUT = 5.0
DNS_PORT = 53
# A larger one counts as none (RFC 2181 section 8).
TTL_LIMIT = 2**31 - 1


class RecordType(StrEnum):
    """The types of records that are asked for."""

    TXT = "TXT"
    A = "A"
    AAAA = "AAAA"
    MX = "MX"
    CNAME = "CNAME"
    PTR = "PTR"


@dataclass(frozen=True, slots=True)
class Found:
    """The records of a name, as text.

    A TXT record is its character-strings joined (RFC 7208 section 3.3), an MX record "10 mx.example" (the null MX
    "0 ."), in the order of preference; names are in lower case without the closing dot. `ttl` is in seconds, `chain` the
    names that CNAMEs led to.
    """

    values: tuple[str, ...]
    ttl: int = field(default=0, compare=False)
    chain: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """The DNS said that there is no such record.

    `exists` = the name has records of other types or names below it (NODATA), else it does not exist (NXDOMAIN);
    `ttl` = for so many seconds resolvers keep that answer (RFC 2308 section 5).
    """

    exists: bool = field(default=False, compare=False)
    ttl: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CouldNotAsk:
    """No usable answer came: time-out, SERVFAIL, REFUSED, no network. `why` is for the log."""

    why: str


Answer = Found | Absent | CouldNotAsk


class Resolver(Protocol):
    """What the checks need of the DNS. Names are in ASCII, without the closing dot."""

    def find(self, name: str, kind: RecordType) -> Answer:
        """Return the records of a type that a name has; CNAMEs are followed."""

    def find_txt(self, name: str) -> Answer:
        """Return the TXT records of a name."""


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
        """Return the TXT records of a name."""
        return self.find(name, RecordType.TXT)

    def find(self, name: str, kind: RecordType) -> Answer:
        """Return the records of a type that a name has; asks by TCP where the answer was cut."""
        try:
            # The closing dot keeps the search list of the machine out of it.
            answer = self.make_stub().resolve(f"{name}.", kind.value)
        except dns.resolver.NXDOMAIN as error:
            responses = error.kwargs["responses"].values()
            return Absent(exists=False, ttl=max(map(negative_ttl, responses), default=0))
        except dns.resolver.NoAnswer as error:
            return Absent(exists=True, ttl=negative_ttl(error.kwargs["response"]))
        except dns.exception.DNSException as error:
            return CouldNotAsk(type(error).__name__)
        chain = tuple(as_host(rrset[0].target) for rrset in answer.chaining_result.cnames)
        return Found(as_values(kind, list(answer)), ttl=read_ttl(answer.chaining_result.minimum_ttl), chain=chain)

    def make_stub(self) -> dns.resolver.Resolver:
        """Return dnspython's resolver with our servers and time-outs."""
        stub = dns.resolver.Resolver(configure=not self.servers)
        if self.servers:
            stub.nameservers = [parse_server(server) for server in self.servers]
        stub.timeout = self.server_timeout
        stub.lifetime = self.question_timeout
        return stub


def as_values(kind: RecordType, records: Sequence[Any]) -> tuple[str, ...]:
    """Return records (dnspython's, of one type) as `Found` holds them."""
    if kind is RecordType.TXT:
        return tuple(readable(b"".join(record.strings)) for record in records)
    if kind is RecordType.MX:
        ordered = sorted((record.preference, as_host(record.exchange)) for record in records)
        return tuple(f"{preference} {host}" for preference, host in ordered)
    if kind in (RecordType.CNAME, RecordType.PTR):
        return tuple(as_host(record.target) for record in records)
    return tuple(record.to_text() for record in records)


def as_host(name: object) -> str:
    """Return a name of the DNS in lower case without its closing dot; the root is "."."""
    return str(name).lower().removesuffix(".") or "."


def negative_ttl(response: dns.message.Message) -> int:
    """Return for how many seconds resolvers keep a negative answer; 0 where it does not say (RFC 2308 section 5)."""
    soas = [rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.SOA]
    return read_ttl(min((min(rrset.ttl, rrset[0].minimum) for rrset in soas), default=0))


def read_ttl(seconds: int) -> int:
    """Return what a TTL means."""
    return seconds if seconds <= TTL_LIMIT else 0


def parse_server(text: str) -> dns.nameserver.Nameserver:
    """Return a name server from "address", "address:port" or "[address]:port"."""
    host, colon, port = text.strip().rpartition(":")
    if text.startswith("[") and colon and port.isdigit():
        return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
    if colon and ":" not in host:
        return dns.nameserver.Do53Nameserver(host, int(port))
    return dns.nameserver.Do53Nameserver(text.strip().strip("[]"), DNS_PORT)


def readable(octets: bytes) -> str:
    """Return the octets of a TXT record as text that may be stored and shown: no control characters.

    The protocol bounds an answer at 64 kB (RFC 1035 section 4.2.2).
    """
    text = octets.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def default_resolver() -> DnsResolver:
    """Return the resolver that the settings ask for."""
    return DnsResolver(settings.DNS_SERVERS)
