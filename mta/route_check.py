"""接続テスト: tries a route step by step as the sending does, without sending a mail, and tells what each step found."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final

from django.conf import settings

from mta.addresses import ascii_domain
from mta.mx import CouldNotAsk, MxResolver, Servers
from mta.route_problems import (
    TLS_PROBLEMS,
    UNREACHABLE,
    Problem,
    Step,
    problem_of_code,
    problem_of_connecting,
    problem_of_name,
    problem_of_tls,
)
from mta.routes import Route, is_address
from mta.smtp import Connection, Timeouts, tls_context
from mta.smtp_replies import Fault, Reply
from mta.verdicts import Phase

# Of one domain's mail servers: enough to tell one that is down from a way that is closed.
_TRIED: Final = 2
# Seconds for finding out whether a silent port waits for TLS.
_TLS_PROBE: Final = 3.0
_LONGEST_ANSWER: Final = 300
_STEPS: Final = {
    Phase.GREETING: Step.GREETING,
    Phase.EHLO: Step.EHLO,
    Phase.STARTTLS: Step.STARTTLS,
    Phase.AUTH: Step.AUTH,
    Phase.MAIL: Step.MAIL,
}


class Result(StrEnum):
    """How a step went."""

    OK = "ok"
    WARNED = "warned"
    FAILED = "failed"
    # A step before it failed.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One step: how it went, what was answered, and what is wrong where something is."""

    step: Step
    result: Result
    answer: str = ""
    problem: Problem | None = None

    def stored(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return {"step": self.step, "result": self.result, "answer": self.answer, "problem": self.problem or ""}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to connect, for each answer, and for the whole check: a person waits for it, and a process that sends does
    it. The sending waits longer; whoever greets half a minute late, for a lookup that fails, is well all the same."""

    step: float = 10.0
    answer: float = 35.0
    whole: float = 60.0

    def timeouts(self) -> Timeouts:
        """Return the limits of a connection."""
        return Timeouts(connect=self.step, greeting=self.answer, command=self.answer)


def check_route(route: Route, *, domain: str = "", patience: Patience | None = None) -> list[Finding]:
    """Try a route and return what each step found; never raises for what the other side does.

    A direct route is tried with the mail servers of `domain` (ASCII).
    """
    return asyncio.run(Check(route, domain, patience or Patience()).run())


class _Failed(Exception):
    """A step failed; its finding is kept."""


class _Listener(Connection):
    """A connection that keeps what was answered in each phase."""

    def __init__(self, route: Route, **options: Any) -> None:
        super().__init__(route, **options)
        self.address: str = options["address"]
        self.heard: dict[Phase, Reply] = {}
        self.heard_at = asyncio.get_running_loop().time()
        # The phase whose reply is waited for; before the first, that of connecting.
        self.asked = Phase.CONNECT

    async def reply(self, phase: Phase) -> Reply:
        self.asked = phase
        reply = await super().reply(phase)
        self.heard[phase] = reply
        self.heard_at = asyncio.get_running_loop().time()
        return reply


@dataclass
class Check:
    """One check of a route."""

    route: Route
    domain: str
    patience: Patience
    findings: list[Finding] = field(default_factory=list)
    # The step that is being tried.
    step: Step = Step.NAME

    async def run(self) -> list[Finding]:
        """Take the steps until one fails, and return what each found, those that were not reached too."""
        try:
            async with asyncio.timeout(self.patience.whole):
                await self._try_hosts()
        except TimeoutError as error:
            if self.step not in {finding.step for finding in self.findings}:
                is_connecting = self.step is Step.CONNECT
                problem = self._problem_of_connecting(error) if is_connecting else Problem.TIMEOUT
                self._note(self.step, Result.FAILED, problem=problem)
        except _Failed:
            pass
        reached = {finding.step for finding in self.findings}
        return self.findings + [Finding(step, Result.SKIPPED) for step in self._plan() if step not in reached]

    def _plan(self) -> list[Step]:
        """Return the steps that the route has."""
        security, is_relay = self.route.security, self.route.kind == "relay"
        # What is not named here, every route has.
        wanted = {
            Step.TLS: security == "tls",
            Step.STARTTLS: security in ("starttls", "opportunistic"),
            Step.AUTH: bool(self.route.username),
            Step.MAIL: is_relay,
            Step.NAME: not is_address(self.route.host),
            Step.SETTINGS: False,
            Step.HELLO_NAME: not is_relay,
            Step.MX: not is_relay,
        }
        return [step for step in Step if wanted.get(step, True)]

    async def _try_hosts(self) -> None:
        """Talk to the first host that can be connected to. Raises _Failed."""
        if self.route.kind == "relay":
            await self._talk(self.route, await self._connect(self.route, self._ask_machine))
            return
        self._look_at_name()
        resolver = MxResolver(settings.DNS_SERVERS)
        hosts = (await self._find_receivers(resolver))[:_TRIED]
        before = len(self.findings)
        for number, host in enumerate(hosts, start=1):
            route = replace(self.route, host=host)
            try:
                address = await self._connect(route, lambda route: self._ask_dns(resolver, route))
            except _Failed:
                if number == len(hosts):
                    raise
                # Only the last one's failure is told.
                del self.findings[before:]
            else:
                await self._talk(route, address)
                return

    def _look_at_name(self) -> None:
        """Warn where we greet receivers by a name that means nothing to them (RFC 5321 section 4.1.1.1)."""
        name = self.route.ehlo_name
        is_good = name.startswith("[") or ("." in name and not name.endswith((".localhost", ".local", ".internal")))
        if is_good:
            self._note(Step.HELLO_NAME, Result.OK, name)
        else:
            self._note(Step.HELLO_NAME, Result.WARNED, name, Problem.HELLO_NAME)

    async def _find_receivers(self, resolver: MxResolver) -> Sequence[str]:
        """Return the mail servers of the domain, the best first."""
        self.step = Step.MX
        found = await resolver.find_servers(self.domain)
        if isinstance(found, Servers):
            self._note(Step.MX, Result.OK, f"{self.domain}: {', '.join(found.hosts())}")
            return found.hosts()
        if isinstance(found, CouldNotAsk):
            raise self._failed(Step.MX, found.answer.text, Problem.DNS_FAILED)
        # RFC 7505 section 4.2.
        is_null = found.answer.status == "5.1.10"
        raise self._failed(Step.MX, found.answer.text, Problem.NULL_MX if is_null else Problem.NO_MX_HOST)

    async def _connect(self, route: Route, ask: Callable[[Route], Awaitable[Sequence[str]]]) -> str:
        """Find the host and connect to one of its addresses; return that address."""
        self.step = Step.NAME
        addresses = await ask(route)
        if not is_address(route.host):
            self._note(Step.NAME, Result.OK, f"{route.host}: {', '.join(addresses)}")
        self.step = Step.CONNECT
        tried = choose_addresses(addresses, route.source_address)
        errors: list[OSError] = []
        for address in tried:
            try:
                await self._reach(address, route)
            except OSError as found:
                errors.append(found)
                continue
            self._note(Step.CONNECT, Result.OK, _join(address, route.port))
            return address
        # An address of a family that this machine does not have says less than the other one.
        error = next((error for error in errors if error.errno not in UNREACHABLE), errors[0])
        told = (
            f"{', '.join(_join(address, route.port) for address in tried)}: {error.strerror or str(error) or 'timeout'}"
        )
        raise self._failed(Step.CONNECT, told, self._problem_of_connecting(error))

    async def _reach(self, address: str, route: Route) -> None:
        """Connect to an address and hang up. Raises OSError."""
        source = (route.source_address, 0) if route.source_address else None
        try:
            async with asyncio.timeout(self.patience.step):
                _reader, writer = await asyncio.open_connection(address, route.port, local_addr=source)
            await _hang_up(writer)
        except ConnectionResetError:
            # There was a connection, and the server cut it at once: the next step's to tell.
            return

    def _problem_of_connecting(self, error: OSError) -> Problem:
        return problem_of_connecting(error, self.route.port, has_source=bool(self.route.source_address))

    async def _ask_dns(self, resolver: MxResolver, route: Route) -> Sequence[str]:
        """Return the addresses of a receiver's host."""
        found = await resolver.find_addresses(route.host)
        if isinstance(found, CouldNotAsk):
            raise self._failed(Step.NAME, found.answer.text, Problem.NAME_NO_ANSWER)
        if not found:
            raise self._failed(Step.NAME, route.host, Problem.NAME_NOT_FOUND)
        return found

    async def _ask_machine(self, route: Route) -> Sequence[str]:
        """Return the addresses of a relay's host, as the machine knows them."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.patience.step):
                found = await loop.getaddrinfo(route.host, route.port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise self._failed(Step.NAME, route.host, Problem.NAME_NO_ANSWER) from error
        except (socket.gaierror, UnicodeError) as error:
            problem = problem_of_name(error) if isinstance(error, socket.gaierror) else Problem.NAME_NOT_FOUND
            raise self._failed(Step.NAME, route.host, problem) from error
        return list(dict.fromkeys(str(info[4][0]) for info in found))

    async def _talk(self, route: Route, address: str) -> None:
        """Open the connection as the sending does, and ask a relay whether it would take our mail."""
        self.step = Step.TLS if route.security == "tls" else Step.GREETING
        connection = _Listener(route, timeouts=self.patience.timeouts(), tls=tls_context(route), address=address)
        try:
            await connection.open()
            if route.kind == "relay":
                await _ask_for_leave(connection)
            self._note_talk(connection)
            # RSET, since the question of MAIL stands open; what it is answered does not matter.
            connection.write(b"RSET\r\n")
            await connection.quit()
        except Fault as fault:
            await self._tell(fault, connection)
        except asyncio.CancelledError:
            # The time of the whole check is over.
            self.step = self._step_of(connection.asked)
            self._note_talk(connection, until=self.step)
            raise
        finally:
            await connection.close()

    def _note_talk(self, connection: _Listener, until: Step | None = None) -> None:
        """Keep what was answered in the steps before the one that failed."""
        spoken = {_STEPS[phase]: reply for phase, reply in connection.heard.items()}
        noted = {finding.step for finding in self.findings}
        for step in self._plan():
            if step in noted:
                continue
            if step is until:
                return
            reply = spoken.get(step)
            answer = f"{reply.code} {reply.text}" if reply else ""
            if step is Step.TLS:
                answer = connection.tls_version()
            if step is Step.STARTTLS and reply is None:
                # Only where encryption is not required; else the step failed.
                self._note(step, Result.WARNED, problem=Problem.UNENCRYPTED)
                continue
            if step is Step.STARTTLS:
                answer = f"{answer} {connection.tls_version()}".strip()
            self._note(step, Result.OK, answer)

    async def _tell(self, fault: Fault, connection: _Listener) -> None:
        """Keep why the conversation failed. Raises _Failed."""
        step, said = self._step_of(fault.answer.phase), fault.answer
        self._note_talk(connection, until=step)
        if said.code:
            problem = problem_of_code(step, said.code, said.text)
            raise self._failed(step, f"{said.code} {said.text}", problem) from fault
        problem = await self._find_problem(step, fault, connection)
        # Our own words say more than the advice only where TLS is at fault.
        raise self._failed(step, said.text if problem in TLS_PROBLEMS else "", problem) from fault

    def _step_of(self, phase: Phase) -> Step:
        """Return the step of a phase; that a host takes connections was seen before it was talked to."""
        if phase is Phase.CONNECT:
            return Step.TLS if self.route.security == "tls" else Step.GREETING
        return _STEPS[phase]

    async def _find_problem(self, step: Step, fault: Fault, connection: _Listener) -> Problem:
        """Say what is wrong where the server said nothing of it."""
        is_late = asyncio.get_running_loop().time() - connection.heard_at >= self.patience.answer
        if step is Step.TLS or isinstance(fault.__cause__, ssl.SSLError):
            return problem_of_tls(fault.__cause__)
        if step is Step.GREETING and self.route.security != "tls" and await _speaks_tls(connection):
            return Problem.TLS_EXPECTED
        if is_late:
            return Problem.TIMEOUT
        if (
            isinstance(fault.__cause__, OSError)
            or "closed the connection" in fault.answer.text
            or "connection lost" in fault.answer.text
        ):
            return Problem.CLOSED
        if step is Step.STARTTLS and "STARTTLS" not in connection.features:
            return Problem.NO_STARTTLS
        if step is Step.AUTH and Phase.AUTH not in connection.heard:
            return Problem.AUTH_MECHANISM if "AUTH" in connection.features else Problem.NO_AUTH
        return Problem.NOT_SMTP

    def _failed(self, step: Step, answer: str, problem: Problem) -> _Failed:
        """Keep a failure and return what is to be raised."""
        self._note(step, Result.FAILED, answer, problem)
        return _Failed(step)

    def _note(self, step: Step, result: Result, answer: str = "", problem: Problem | None = None) -> None:
        self.findings.append(Finding(step, result, self._hide_login(answer)[:_LONGEST_ANSWER], problem))

    def _hide_login(self, answer: str) -> str:
        """Return an answer without our password, which a server might repeat."""
        user, password = self.route.username.encode(), self.route.password.encode()
        if not password:
            return answer
        sent = (base64.b64encode(b"\0%b\0%b" % (user, password)), base64.b64encode(password), password)
        for secret in sent:
            answer = answer.replace(secret.decode(), "…")
        return answer


def choose_addresses(addresses: Sequence[str], source: str = "") -> list[str]:
    """Return the addresses of a host to try: the first of each family, or of that of the address to send from."""
    first: dict[int, str] = {}
    for address in addresses:
        first.setdefault(ip_address(address.partition("%")[0]).version, address)
    if source and (matching := first.get(ip_address(source).version)):
        return [matching]
    return list(first.values())


async def _ask_for_leave(connection: Connection) -> None:
    """Ask whether our Return-Path may send; no recipient is ever named."""
    connection.write(b"MAIL FROM:<hypermail-check@%b>\r\n" % ascii_domain(settings.RETURN_DOMAIN).encode())
    await connection.expect(Phase.MAIL, 250)


async def _speaks_tls(connection: _Listener) -> bool:
    """Say whether a port that answers nothing in clear answers to TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_TLS_PROBE):
            _reader, writer = await asyncio.open_connection(connection.address, connection.route.port, ssl=context)
    except OSError:
        return False
    await _hang_up(writer)
    return True


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    try:
        await writer.wait_closed()
    except OSError:
        return


def _join(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
