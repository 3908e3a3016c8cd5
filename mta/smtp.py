"""One SMTP connection as a client (RFC 5321): opening, replies, deadlines. Knows no mail and no ledger."""

import asyncio
import ipaddress
import socket
import ssl
from dataclasses import dataclass, replace
from typing import Final, cast

from mta.routes import Route, is_this_machine
from mta.smtp_auth import choose_mechanism, log_in
from mta.smtp_replies import Answer, Fault, NoSmtpError, Reply, ReplyReader, answer_of, clean_text
from mta.verdicts import Phase

_CLOSING: Final = 2.0
# What a step gets at least, however late it is begun.
_LEAST: Final = 0.1


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each step. RFC 5321 section 4.5.3.2: a sender SHOULD wait for at least so long (it does not
    speak of connecting)."""

    connect: float = 30.0
    greeting: float = 300.0
    # For the answer to any command but DATA.
    command: float = 300.0
    data: float = 120.0
    # For the network to take each block of a mail.
    body: float = 180.0
    dot: float = 600.0
    # What all steps up to the dot have together once the caller's time is over.
    late: float = 120.0

    def seconds(self, phase: Phase) -> float:
        """Return how long a reply in this phase may take."""
        if phase is Phase.DOT:
            return self.dot
        if phase is Phase.DATA:
            return self.data
        return self.greeting if phase is Phase.GREETING else self.command


def tls_context(route: Route) -> ssl.SSLContext | None:
    """Make the TLS settings of a route, None where it uses no TLS."""
    if route.security == "none":
        return None
    context = ssl.create_default_context()
    if not route.verify or route.security == "opportunistic":
        # Who would take the mail in clear gains nothing by refusing a certificate (RFC 7435 section 3).
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def open_connection(
    route: Route,
    *,
    timeouts: Timeouts,
    tls: ssl.SSLContext | None,
    not_after: float | None = None,
    address: str = "",
) -> "Connection":
    """Return a connection that is ready for mails; raises Fault.

    `address` is the IP address of the route's host, where it is known already. Where TLS is used only if it
    works, a server whose TLS does not work is asked anew in clear.
    """
    connection = Connection(route, timeouts=timeouts, tls=tls, not_after=not_after, address=address)
    try:
        await connection.open()
    except BaseException as error:
        await connection.close()
        if not isinstance(error, Fault) or route.security != "opportunistic" or not connection.is_tls_broken:
            raise
        in_clear = replace(route, security="none")
        return await open_connection(in_clear, timeouts=timeouts, tls=None, not_after=not_after, address=address)
    return connection


class Connection(asyncio.Protocol):
    """A connection to the route's host.

    `not_after` (loop time) bounds every wait but the one for the answer to the dot. Every wait raises
    Fault when the connection is lost, the time is over, or the server does not speak SMTP.
    """

    def __init__(
        self,
        route: Route,
        *,
        timeouts: Timeouts,
        tls: ssl.SSLContext | None,
        not_after: float | None = None,
        address: str = "",
    ) -> None:
        self.route = route
        self.timeouts = timeouts
        self.not_after = not_after
        # What the server offers, by keyword in capitals; nothing where it knows HELO only.
        self.features: dict[str, str] = {}
        # Of these, what every mail asks for. The limit is in octets; 0 = none is told.
        self.is_pipelining = False
        self.size_limit = 0
        # Whether TLS was begun and not yet of use.
        self.is_tls_broken = False
        self._address = address or route.host
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = ReplyReader()
        # Why the connection can no longer be used; empty while it can.
        self._lost = ""
        self._closed = self._loop.create_future()
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._wait_ends = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # Opening

    async def open(self) -> None:
        """Connect, greet, start TLS and log in as the route says."""
        await self._connect()
        await self.expect(Phase.GREETING, 220)
        await self._greet()
        security = self.route.security
        if security == "starttls" or (security == "opportunistic" and "STARTTLS" in self.features):
            self.is_tls_broken = True
            await self._start_tls()
            await self._greet()
            self.is_tls_broken = False
        if self.route.username:
            is_private = bool(self.tls_version()) or is_this_machine(self.route.host)
            offered = self.features.get("AUTH", "").upper().split()
            mechanism = choose_mechanism(offered, is_private=is_private)
            await log_in(self, mechanism, self.route.username, self.route.password)

    def tls_version(self) -> str:
        """Return how the connection is encrypted, such as "TLSv1.3", or an empty string."""
        encryption = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        return "" if encryption is None else str(encryption.version())

    async def _connect(self) -> None:
        tls = self._tls if self.route.security == "tls" else None
        seconds = self._seconds_left(self.timeouts.connect)
        source = self.route.source_address
        try:
            async with asyncio.timeout(seconds):
                await self._loop.create_connection(
                    lambda: self,
                    self._address,
                    self.route.port,
                    ssl=tls,
                    server_hostname=self.route.host if tls else None,
                    ssl_handshake_timeout=seconds if tls else None,
                    # Another family's addresses cannot be reached from this one.
                    family=_family(source) if source else 0,
                    local_addr=(source, 0) if source else None,
                )
        except TimeoutError as error:
            raise Fault(Answer(Phase.CONNECT, f"no connection within {seconds:.0f} seconds")) from error
        except ssl.SSLError as error:
            raise Fault(Answer(Phase.CONNECT, _tell_tls_error(error))) from error
        except OSError as error:
            raise Fault(Answer(Phase.CONNECT, clean_text(str(error)))) from error

    async def _greet(self) -> None:
        name = self.route.ehlo_name.encode("ascii")
        self.write(b"EHLO %b\r\n" % name)
        reply = await self.reply(Phase.EHLO)
        if reply.code >= 500:
            # RFC 5321 section 3.2: a server that does not know EHLO is greeted with HELO.
            refused = Fault(answer_of(reply, Phase.EHLO))
            self.write(b"HELO %b\r\n" % name)
            try:
                reply = await self.expect(Phase.EHLO, 250)
            except Fault as fault:
                raise refused from fault
        elif reply.code != 250:
            raise Fault(answer_of(reply, Phase.EHLO))
        self._note_features(reply.lines[1:])

    def _note_features(self, lines: tuple[bytes, ...]) -> None:
        self.features = {}
        for line in lines:
            keyword, _space, value = line.decode("ascii", "replace").strip().partition(" ")
            # "AUTH=PLAIN" is an old way to write it.
            if keyword.upper().startswith("AUTH="):
                keyword, value = "AUTH", f"{keyword[5:]} {value}"
            key = keyword.upper()
            self.features[key] = f"{self.features.get(key, '')} {value}".strip()
        self.is_pipelining = "PIPELINING" in self.features
        limit = self.features.get("SIZE", "")
        self.size_limit = int(limit[:15]) if limit.isascii() and limit.isdigit() else 0

    async def _start_tls(self) -> None:
        if "STARTTLS" not in self.features:
            raise Fault(Answer(Phase.STARTTLS, "the server does not offer STARTTLS"))
        self.write(b"STARTTLS\r\n")
        await self.expect(Phase.STARTTLS, 220)
        if not self._reader.is_empty():
            # Said before the encryption, read after it: somebody on the way put it there (RFC 3207 section 4.2).
            raise Fault(Answer(Phase.STARTTLS, "the server spoke before TLS was ready"))
        self.require_open(Phase.STARTTLS)
        transport = cast(asyncio.Transport, self._transport)
        seconds = self._seconds_left(self.timeouts.command)
        try:
            # The handshake's own limit does not hold where the connection ended before it began.
            async with asyncio.timeout(seconds + _CLOSING):
                self._transport = await self._loop.start_tls(
                    transport,
                    self,
                    cast(ssl.SSLContext, self._tls),
                    server_hostname=self.route.host,
                    ssl_handshake_timeout=seconds,
                )
        except TimeoutError as error:
            self._lose("TLS failed")
            raise Fault(Answer(Phase.STARTTLS, f"TLS: no handshake within {seconds:.0f} seconds")) from error
        except OSError as error:
            self._lose("TLS failed")
            raise Fault(Answer(Phase.STARTTLS, _tell_tls_error(error))) from error
        if self._transport is None:
            # The connection ended during the handshake without an error of TLS.
            raise Fault(Answer(Phase.STARTTLS, self._lost or "TLS: the server closed the connection"))

    async def expect(self, phase: Phase, code: int) -> Reply:
        """Return the next reply; raises Fault where its code is another."""
        reply = await self.reply(phase)
        if reply.code != code:
            raise Fault(answer_of(reply, phase))
        return reply

    # Speaking

    def write(self, data: bytes) -> None:
        """Send bytes; a lost connection is noticed by the next wait."""
        if self._transport is not None and not self._lost:
            self._transport.write(data)

    async def drain(self, phase: Phase) -> None:
        """Wait until the network took what was written."""
        if self._drained is not None and not self._lost:
            seconds = self._seconds_left(self.timeouts.body)
            try:
                async with asyncio.timeout(seconds):
                    await asyncio.shield(self._drained)
            except TimeoutError:
                self._lose(f"the server took no data for {seconds:.0f} seconds")
        self.require_open(phase)

    def is_silent(self) -> bool:
        """Say whether the connection is open and no reply waits to be read."""
        return not (self._reader.replies or self._lost)

    def take_reply(self) -> Reply | None:
        """Return the next reply where it is there already."""
        replies = self._reader.replies
        return replies.popleft() if replies else None

    def require_open(self, phase: Phase) -> None:
        """Raise Fault where the connection is known to be lost."""
        if self._lost:
            raise Fault(Answer(phase, self._lost))

    async def reply(self, phase: Phase) -> Reply:
        """Return the next reply."""
        replies = self._reader.replies
        while not replies:
            self.require_open(phase)
            seconds = self.timeouts.seconds(phase)
            if phase is not Phase.DOT:
                seconds = self._seconds_left(seconds)
            self._start_clock(seconds)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return replies.popleft()

    async def quit(self) -> None:
        """Say goodbye, without waiting long for an answer."""
        self.write(b"QUIT\r\n")
        try:
            async with asyncio.timeout(_CLOSING):
                await self.reply(Phase.EHLO)
        except (Fault, TimeoutError):
            return

    async def close(self) -> None:
        """Cut the connection at once; what the network has not taken yet is thrown away."""
        self._lose("closed")
        if self._transport is not None:
            await asyncio.wait([self._closed], timeout=_CLOSING)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._lost:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._lost:
            return
        try:
            self._reader.feed(data)
        except NoSmtpError as error:
            self._lose(str(error))
        if self._reader.replies:
            self._wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose("the server closed the connection" if exc is None else clean_text(f"connection lost: {exc}"))
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # Inside

    def _lose(self, why: str) -> None:
        if self._lost:
            return
        self._lost = why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()
        self.resume_writing()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _seconds_left(self, seconds: float) -> float:
        if self.not_after is None:
            return seconds
        return min(seconds, max(self.not_after - self._loop.time(), _LEAST))

    def _start_clock(self, seconds: float) -> None:
        # One timer serves many waits: it looks at the newest end when it goes off, instead of being
        # cancelled and made anew for each of thousands of replies a second.
        self._wait_ends = self._loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._wait_ends:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(self._wait_ends, self._look_at_clock)

    def _look_at_clock(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() >= self._wait_ends:
            self._lose("the server did not answer in time")
        else:
            self._timer = self._loop.call_at(self._wait_ends, self._look_at_clock)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET


def _tell_tls_error(error: OSError) -> str:
    """Say what is wrong with a server's TLS; the name of OpenSSL's error stands at the end."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return clean_text(f"TLS: the certificate is not accepted: {error.verify_message} (CERTIFICATE_VERIFY_FAILED)")
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "TLS: the server does not speak TLS here (WRONG_VERSION_NUMBER)"
    return clean_text(f"TLS: {error}")
