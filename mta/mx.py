"""Which servers take a domain's mail (RFC 5321 section 5.1): MX, address records, null MX, with a cache."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from django.conf import settings

from mta.addresses import AddressError, ascii_domain
from mta.smtp_replies import Answer
from mta.verdicts import Phase

# Seconds for one server, and for one question with all its tries.
_SERVER_TIMEOUT: Final = 2.0
_QUESTION_TIMEOUT: Final = 6.0
_DNS_PORT: Final = 53
# How long an answer is kept, in seconds: as its TTL says, within these. What does not exist may come into being
# (RFC 2308 section 5 names three hours as the most), and a failure is soon over (section 7: five minutes at most).
_SHORTEST, _LONGEST = 30.0, 3600.0
_ABSENT: Final = 300.0
_FAILED: Final = 30.0
# What is kept at most; a mailing to a million knows fewer domains.
_MOST_KEPT: Final = 20_000
# A hostile answer may have hundreds; a sender tries some (RFC 5321 section 5.1 wants two at least).
_MOST_SERVERS: Final = 20
_MOST_ADDRESSES: Final = 8


@dataclass(frozen=True, slots=True)
class Servers:
    """The mail servers of a domain, those of equal preference together, the best first."""

    groups: tuple[tuple[str, ...], ...]

    def hosts(self) -> tuple[str, ...]:
        """Return all of them, the best first, those of equal preference in their alphabetical order."""
        return tuple(host for group in self.groups for host in group)

    def shuffled(self, shuffle: Callable[[list[str]], None] = random.shuffle) -> list[str]:
        """Return all of them in the order to try: equal ones shuffled, so that the load is spread."""
        order: list[str] = []
        for group in self.groups:
            equals = list(group)
            shuffle(equals)
            order += equals
        return order


@dataclass(frozen=True, slots=True)
class NoServer:
    """The domain takes no mail, and that is final."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class CouldNotAsk:
    """The DNS gave no usable answer. `is_silent`: not even an answer that it failed."""

    answer: Answer
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class _Records:
    """What the DNS said of a name and a type; no values = there are none."""

    values: tuple[tuple[int, str], ...]
    seconds: float
    is_domain: bool = True


class MxResolver:
    """Looks mail servers up, and keeps what it learned for as long as the DNS allows.

    `servers` are addresses with or without a port ("192.0.2.53", "127.0.0.1:5353", "[::1]:53"); empty
    means those of the machine. Times are in seconds.
    """

    def __init__(
        self,
        servers: Sequence[str] = (),
        *,
        server_timeout: float = _SERVER_TIMEOUT,
        question_timeout: float = _QUESTION_TIMEOUT,
        most_kept: int = _MOST_KEPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stub = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._stub.nameservers = [_parse_server(server) for server in servers]
        self._stub.timeout = server_timeout
        self._stub.lifetime = question_timeout
        self._most_kept = most_kept
        self._clock = clock
        # By name and type: until when it is kept, and what was learned.
        self._kept: dict[tuple[str, str], tuple[float, _Records | CouldNotAsk]] = {}

    async def find_servers(self, domain: str) -> Servers | NoServer | CouldNotAsk:
        """Return the mail servers of a domain (ASCII); the domain itself where it has addresses but no MX."""
        records = await self._ask(domain, "MX")
        if isinstance(records, CouldNotAsk):
            return records
        if not records.is_domain:
            return _no_server(f"Host or domain name not found: {domain} does not exist (NXDOMAIN)")
        if servers := [(preference, host) for preference, host in records.values if _is_host(host)]:
            best_first = sorted(set(servers))[:_MOST_SERVERS]
            preferences = dict.fromkeys(preference for preference, _host in best_first)
            return Servers(
                tuple(tuple(host for own, host in best_first if own == preference) for preference in preferences)
            )
        if any(host for _preference, host in records.values):
            return _no_server(f"Host or domain name not found: the MX of {domain} names no host")
        if records.values:
            # RFC 7505 section 4.2 gives code and status.
            return NoServer(Answer(Phase.RCPT, f"{domain} does not accept mail (null MX)", 556, "5.1.10"))
        addresses = await self.find_addresses(domain)
        if isinstance(addresses, CouldNotAsk):
            return addresses
        if not addresses:
            return _no_server(f"Host or domain name not found: {domain} has neither MX nor address records")
        return Servers(((domain,),))

    async def find_addresses(self, host: str) -> tuple[str, ...] | CouldNotAsk:
        """Return the IPv6 and then the IPv4 addresses of a host; none where it has none."""
        found: list[str] = []
        failed: CouldNotAsk | None = None
        for records in await asyncio.gather(self._ask(host, "AAAA"), self._ask(host, "A")):
            if isinstance(records, CouldNotAsk):
                failed = records
            else:
                found += [address for _preference, address in records.values][:_MOST_ADDRESSES]
        return failed if failed is not None and not found else tuple(found)

    async def is_alive(self) -> bool:
        """Say whether a name server answers anything at all; every one knows the root."""
        records = await self._ask_dns("", "NS")
        return not (isinstance(records, CouldNotAsk) and records.is_silent)

    async def _ask(self, name: str, record_type: str) -> _Records | CouldNotAsk:
        key = (name, record_type)
        if (kept := self._kept.get(key)) is not None and kept[0] > self._clock():
            return kept[1]
        records = await self._ask_dns(name, record_type)
        seconds = _FAILED if isinstance(records, CouldNotAsk) else records.seconds
        self._keep(key, self._clock() + seconds, records)
        return records

    async def _ask_dns(self, name: str, record_type: str) -> _Records | CouldNotAsk:
        try:
            # The closing dot keeps the search list of the machine out of it.
            answer = await self._stub.resolve(f"{name}.", record_type)
        except dns.resolver.NXDOMAIN:
            return _Records((), _ABSENT, is_domain=False)
        except dns.resolver.NoAnswer:
            return _Records((), _ABSENT)
        except dns.exception.Timeout:
            return _could_not_ask(name, record_type, "no answer in time", is_silent=True)
        except dns.exception.DNSException as error:
            # SERVFAIL and REFUSED of all name servers, a loop of CNAMEs, a broken answer.
            return _could_not_ask(name, record_type, type(error).__name__, is_silent=_is_silent(error))
        seconds = min(max(float(answer.chaining_result.minimum_ttl), _SHORTEST), _LONGEST)
        if record_type == "MX":
            return _Records(tuple((record.preference, _host_of(record.exchange)) for record in answer), seconds)
        return _Records(tuple((0, record.to_text()) for record in answer), seconds)

    def _keep(self, key: tuple[str, str], until: float, records: _Records | CouldNotAsk) -> None:
        self._kept.pop(key, None)
        while len(self._kept) >= self._most_kept:
            # The oldest; dicts keep the order of their keys.
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (until, records)


def _is_silent(error: dns.exception.DNSException) -> bool:
    """Say whether no name server said anything: none could be reached."""
    # Of each try: server, over TCP, port, exception, answer.
    tries = error.kwargs.get("errors", []) if isinstance(error, dns.resolver.NoNameservers) else []
    return bool(tries) and all(answer is None for *_rest, answer in tries)


def _host_of(exchange: dns.name.Name) -> str:
    """Return a host as it is compared; empty for the root, which stands for "no mail" (RFC 7505)."""
    return exchange.to_text(omit_final_dot=True).lower() if exchange != dns.name.root else ""


def _is_host(name: str) -> bool:
    try:
        return ascii_domain(name) == name
    except AddressError:
        return False


def _no_server(text: str) -> NoServer:
    return NoServer(Answer(Phase.CONNECT, text, None, "5.1.2"))


def _could_not_ask(name: str, record_type: str, why: str, *, is_silent: bool = False) -> CouldNotAsk:
    # RFC 3463 section 3.5: X.4.3, the directory server failed.
    text = f"the DNS could not be asked for {name} {record_type}: {why}"
    return CouldNotAsk(Answer(Phase.CONNECT, text, None, "4.4.3"), is_silent)


def _parse_server(text: str) -> dns.nameserver.Nameserver:
    host, colon, port = text.strip().rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.startswith("[")):
        return dns.nameserver.Do53Nameserver(host.strip("[]"), int(port))
    return dns.nameserver.Do53Nameserver(text.strip().strip("[]"), _DNS_PORT)


@lru_cache(maxsize=4)
def resolver_of(servers: tuple[str, ...]) -> MxResolver:
    """Return the resolver of this process for some name servers; its cache lives as long as the process."""
    return MxResolver(servers)


def default_resolver() -> MxResolver:
    """Return the resolver that the settings ask for."""
    return resolver_of(tuple(settings.DNS_SERVERS))
