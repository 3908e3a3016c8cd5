"""The direct way: each mail to the receiver's own servers, one queue for all domains that share theirs."""

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from mta.addresses import AddressError, ascii_domain
from mta.connection_limits import Limits, Slots, limits_of
from mta.dispatch import Dispatch, Plan, Queue
from mta.group_commit import GroupCommit
from mta.mx import CouldNotAsk, MxResolver, Servers, default_resolver
from mta.outcomes import Outgoing, Result
from mta.receiver_faults import is_local, is_own, result_of, weigh
from mta.resting import HELD_UP, RESTING, Resting
from mta.smtp import Connection, open_connection
from mta.smtp_replies import Answer, Fault
from mta.verdicts import Phase

SMTP_PORT: Final = 25
# Figures of our own caution, where no other source is named.
# Open at once to all receivers together; one process, one file descriptor each.
_MOST_CONNECTIONS: Final = 100
# Another connection to the same servers only for more mails than this.
_MAILS_PER_CONNECTION: Final = 5
# Mails read ahead for all receivers together: those of a slow one do not hold up the others until then.
_MOST_WAITING: Final = 400
_MOST_LOOKUPS: Final = 50
# As Postfix (smtp_mx_address_limit): a domain with a hundred dead addresses is not tried through.
_MOST_ADDRESSES: Final = 5
# Seconds: for one address to answer; and that an idle connection is kept.
_CONNECT: Final = 10.0
_IDLE: Final = 2.0
# Of the time that is left, each of several addresses has its share to be ready for mails, and this part of it at least:
# greetings may come late on purpose.
_PART: Final = 3 / 8


def has_route() -> bool:
    """Say whether the machine knows a way to the world, without sending anything there."""
    # Addresses of documentation (RFC 5737, RFC 3849): no network has them, so the default route answers for them.
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as knock:
            knock.connect((address, SMTP_PORT))
            return True
    return False


@dataclass(frozen=True, slots=True)
class Direct:
    """What the direct way needs besides the route."""

    resolver: MxResolver = field(default_factory=default_resolver)
    port: int = SMTP_PORT
    most_connections: int = _MOST_CONNECTIONS
    limits: Callable[[Sequence[str]], Limits] = limits_of
    resting: Resting = RESTING
    has_route: Callable[[], bool] = has_route
    # Whether a receiver's server may be on this machine: tests only, since it would be ourselves.
    may_be_here: bool = False


class Stranded(NamedTuple):
    """Mails that could not be sent for a reason that is ours if it holds for every receiver."""

    answer: Answer
    host: str
    mails: deque[Outgoing]
    is_own: bool


class DirectDispatch(Dispatch):
    """Finds the servers of each mail's domain, and keeps a queue for each set of servers."""

    def __init__(self, commits: GroupCommit, plan: Plan, direct: Direct) -> None:
        super().__init__(commits, plan, most_waiting=_MOST_WAITING)
        self.direct = direct
        self.timeouts = replace(plan.timeouts, connect=min(plan.timeouts.connect, _CONNECT))
        self.slots = Slots(direct.most_connections, self.wake_all)
        # Whether any receiver was heard of; then it is not our network.
        self.was_heard = False
        # By domain: the mails that wait for its servers to be found, and what was found.
        self._unplaced: dict[str, deque[Outgoing]] = {}
        self._found: dict[str, Destination | Answer] = {}
        self._destinations: dict[tuple[tuple[str, ...], ...], Destination] = {}
        self._groups: dict[str, Slots] = {}
        self._lookups = asyncio.Semaphore(_MOST_LOOKUPS)
        self._lookup_tasks: set[asyncio.Task[None]] = set()
        self._stranded: list[Stranded] = []
        self._network_fault: Answer | None = None

    # What `send` calls

    def place(self, message: Outgoing) -> None:
        try:
            domain = ascii_domain(message.rcpt_to.rpartition("@")[2]).lower()
        except AddressError as error:
            self.report(message, Result.REFUSED, Answer(Phase.RCPT, error.sentence, None, "5.1.3"), "")
            return
        found = self._found.get(domain)
        if isinstance(found, Destination):
            found.put(message)
        elif found is not None:
            self.report(message, result_of(found), found, "")
        else:
            self.waiting += 1
            if domain not in self._unplaced:
                self._unplaced[domain] = deque()
                task = self.start(self._find(domain))
                self._lookup_tasks.add(task)
                task.add_done_callback(self._lookup_tasks.discard)
            self._unplaced[domain].append(message)

    def settle(self, message: Outgoing) -> None:
        if self._network_fault is not None:
            self.report(message, Result.ROUTE_FAULT, self._network_fault, "")
        else:
            super().settle(message)

    def settle_over(self) -> None:
        super().settle_over()
        if self.is_over():
            self._settle_unplaced()

    def settle_waiting(self) -> None:
        super().settle_waiting()
        self._settle_unplaced()

    def _settle_unplaced(self) -> None:
        for task in self._lookup_tasks:
            task.cancel()
        for mails in (*self._unplaced.values(), *(stranded.mails for stranded in self._stranded)):
            while mails:
                self.waiting -= 1
                self.settle(mails.popleft())

    def leave(self) -> None:
        super().leave()
        for destination in self._destinations.values():
            destination.leave()

    def is_dead(self) -> bool:
        return self._network_fault is not None

    async def judge_stranded(self) -> None:
        """Where nobody at all was reached and the network is gone, that is ours to mend."""
        cases, self._stranded = self._stranded, []
        if not cases:
            return
        is_cut_off = not self.was_heard and not await self._has_network()
        if is_cut_off:
            self._network_fault = cases[0].answer
        for answer, host, mails, is_own_case in cases:
            result = Result.ROUTE_FAULT if is_cut_off or is_own_case else Result.DEFERRED
            self.waiting -= len(mails)
            for message in mails:
                self.report(message, result, answer, host)

    async def _has_network(self) -> bool:
        return self.direct.has_route() and await self.direct.resolver.is_alive()

    # What the queues call

    def strand(self, case: Stranded) -> None:
        """Keep mails until it is known whose fault it is."""
        self._stranded.append(case)
        self.note_change()

    def slots_of(self, group: str, count: int) -> Slots:
        """Return the slots that a group of servers shares."""
        if group not in self._groups:
            self._groups[group] = Slots(count, self.wake_all)
        return self._groups[group]

    # Inside

    async def _find(self, domain: str) -> None:
        """Find the servers of a domain and place its mails."""
        async with self._lookups:
            servers = await self.direct.resolver.find_servers(domain)
        mails = self._unplaced.pop(domain)
        if isinstance(servers, CouldNotAsk) and servers.is_silent:
            self.strand(Stranded(servers.answer, "", mails, is_own=False))
            return
        found = self._destination(servers) if isinstance(servers, Servers) else servers.answer
        self._found[domain] = found
        self.waiting -= len(mails)
        self.note_change()
        for message in mails:
            self.place(message)

    def _destination(self, servers: Servers) -> "Destination":
        if servers.groups not in self._destinations:
            self._destinations[servers.groups] = Destination(self, servers)
        return self._destinations[servers.groups]


class Destination(Queue):
    """The mails for one set of servers. What goes wrong there is the receiver's affair, not the route's."""

    refuses_single_mails = True
    dispatch: DirectDispatch

    def __init__(self, dispatch: DirectDispatch, servers: Servers) -> None:
        self._servers = servers
        plan, limits = dispatch.plan, dispatch.direct.limits(servers.hosts())
        known = [most for most in (plan.messages_per_connection, limits.messages_per_connection) if most is not None]
        super().__init__(
            dispatch,
            connections=min(plan.connections, limits.connections),
            messages_per_connection=min(known, default=None),
        )
        self._group = dispatch.slots_of(limits.group, limits.connections)
        # Addresses that did not work before; they are tried last.
        self._bad: set[str] = set()
        self._works = False
        # Whether a mail was answered; and what others are told while the servers keep this run's mails waiting.
        self._has_answered = False
        self._told: Answer | None = None
        # What mails are told that come after the servers were given up.
        self._given_up = dispatch.direct.resting.find(servers.groups)

    # The queue

    def put(self, message: Outgoing) -> None:
        if self._given_up is not None:
            self.report(message, result_of(self._given_up), self._given_up, self.last_host)
        else:
            super().put(message)

    def wants_courier(self) -> bool:
        # More than one only where the first one works.
        return not self.couriers or (self._works and len(self.waiting) > self.couriers * _MAILS_PER_CONNECTION)

    async def work(self) -> None:
        async with self._group, self.dispatch.slots:
            await super().work()
        if not self.active:
            self._let_go()

    def report(self, message: Outgoing, result: Result, answer: Answer, host: str) -> None:
        super().report(message, result, answer, host)
        if answer.code is not None and not self._has_answered:
            self._has_answered = True
            self._let_go()

    def leave(self) -> None:
        """Keep other runs of this process from the servers where these answered no mail and are still waited for."""
        if self.active and not self._has_answered:
            self._told = Answer(Phase.CONNECT, "the server keeps other mails waiting")
            timeouts = self.dispatch.timeouts
            self.dispatch.direct.resting.add(self._servers.groups, self._told, seconds=timeouts.late + timeouts.dot)

    def _let_go(self) -> None:
        if self._told is not None:
            self.dispatch.direct.resting.drop(self._servers.groups, self._told)
            self._told = None

    def give_up(self) -> None:
        self._let_go()
        answer = self.last_fault.answer
        mails, self.waiting = self.waiting, deque()
        if is_local(self.last_fault):
            self.dispatch.strand(Stranded(answer, self.last_host, mails, is_own(self.last_fault)))
            return
        self._given_up = answer
        self.dispatch.waiting -= len(mails)
        for message in mails:
            self.report(message, result_of(answer), answer, self.last_host)
        if result_of(answer) is Result.DEFERRED:
            self.dispatch.direct.resting.add(self._servers.groups, answer)

    def blame(self, fault: Fault, host: str) -> None:
        super().blame(fault, host)
        if fault.answer.phase is Phase.DOT and self.dispatch.is_late():
            # Of the mails that are told this no dot was sent.
            answer = fault.answer._replace(phase=Phase.CONNECT)
            self.dispatch.direct.resting.add(self._servers.groups, answer, seconds=HELD_UP)

    async def has_work(self) -> bool:
        while not self.waiting and not self.dispatch.is_complete and not self.is_over():
            if self._group.wanted or self.dispatch.slots.wanted:
                break
            self._news.clear()
            try:
                async with asyncio.timeout(_IDLE):
                    await self._news.wait()
            except TimeoutError:
                break
        return self.has_mails()

    def result_of_fault(self, fault: Fault, *, is_fresh: bool) -> Result:
        return result_of(fault.answer)

    # Connections

    async def open(self) -> Connection:
        """Try the servers in their order, address by address (RFC 5321 section 5.1)."""
        faults: list[tuple[Fault, str]] = []
        found = await self._find_addresses(faults)
        for number, (host, address) in enumerate(found):
            not_after = self._not_after(len(found) - number)
            if faults and not_after is not None and not_after <= self.dispatch.loop.time():
                break
            try:
                connection = await self._open(host, address, not_after)
            except Fault as fault:
                self._bad.add(address)
                faults.append((fault, host))
                self.dispatch.was_heard = self.dispatch.was_heard or not is_local(fault)
                if is_own(fault):
                    break
            else:
                self.dispatch.was_heard = self._works = True
                while self.hire():
                    pass
                return connection
        most_telling, self.last_host = min(faults, key=lambda case: weigh(case[0]))
        raise most_telling

    def _not_after(self, addresses: int) -> float | None:
        """Return when the first of so many addresses is given up, in loop time: one that hangs leaves time to the others."""
        most, now = self.dispatch.not_after, self.dispatch.loop.time()
        return None if most is None else now + (most - now) * max(1 / addresses, _PART)

    async def _open(self, host: str, address: str, not_after: float | None) -> Connection:
        connection = await open_connection(
            replace(self.dispatch.plan.route, host=host, port=self.dispatch.direct.port),
            timeouts=self.dispatch.timeouts,
            tls=self.dispatch.plan.tls,
            not_after=not_after,
            address=address,
        )
        connection.not_after = self.dispatch.not_after
        return connection

    async def _find_addresses(self, faults: list[tuple[Fault, str]]) -> list[tuple[str, str]]:
        """Return hosts and addresses in the order to try; why a host has none goes to `faults`."""
        found: list[tuple[str, str]] = []
        for host in self._servers.shuffled()[:_MOST_ADDRESSES]:
            addresses = await self.dispatch.direct.resolver.find_addresses(host)
            if isinstance(addresses, CouldNotAsk):
                faults.append((Fault(addresses.answer), host))
                continue
            elsewhere = [address for address in addresses if self.dispatch.direct.may_be_here or is_elsewhere(address)]
            usable = [address for address in elsewhere if self._is_of_our_family(address)]
            if not elsewhere:
                text = f"Host or domain name not found: {host} has no address that mail can be sent to"
                faults.append((Fault(Answer(Phase.CONNECT, text, None, "5.4.4")), host))
            elif not usable:
                text = f"{host} has no address that can be reached from {self.dispatch.plan.route.source_address}"
                faults.append((Fault(Answer(Phase.CONNECT, text, None, "4.4.4")), host))
            found += [(host, address) for address in usable]
        # Sorting keeps the order of those that are equal.
        return sorted(found, key=lambda case: case[1] in self._bad)[:_MOST_ADDRESSES]

    def _is_of_our_family(self, address: str) -> bool:
        source = self.dispatch.plan.route.source_address
        return not source or ipaddress.ip_address(source).version == ipaddress.ip_address(address).version


def is_elsewhere(address: str) -> bool:
    """Say whether an address may be another machine's: neither this machine's own nor no machine's at all."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    plain = mapped or parsed
    return not (
        plain.is_loopback or plain.is_unspecified or plain.is_multicast or plain.is_link_local or plain.is_reserved
    )
