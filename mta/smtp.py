"""One SMTP connection as a client (RFC 5321): opening, replies, deadlines. Knows no mail and no ledger."""

import asyncio
import base64
import re
import ssl
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast

from mta.replies import enhanced_status
from mta.routes import Route
from mta.verdicts import Phase

# RFC 5321 section 4.5.3.1.5 says 512 octets a line; real servers write more. What is longer than this
# is no SMTP server.
_LONGEST_LINE: Final = 4096
_MOST_LINES: Final = 128
# One group of commands has at most five replies; a server that says more on its own is not to be trusted.
_MOST_REPLIES: Final = 16
_LONGEST_TEXT: Final = 1000
_REPLY_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]+")
_CLOSING: Final = 2.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each step. RFC 5321 section 4.5.3.2 allows a sender less before the dot; after
    the dot it wants ten minutes, since giving up early makes duplicates."""

    connect: float = 30.0
    greeting: float = 60.0
    command: float = 120.0
    body: float = 180.0
    dot: float = 600.0
    # What each step before the dot still gets when the caller's time is over.
    grace: float = 5.0

    def seconds(self, phase: Phase) -> float:
        """Return how long a reply in this phase may take."""
        return {Phase.GREETING: self.greeting, Phase.DOT: self.dot}.get(phase, self.command)


@dataclass(frozen=True)
class Reply:
    """One reply, of one or several lines, without line ends."""

    code: int
    lines: tuple[bytes, ...]

    @cached_property
    def text(self) -> str:
        """The lines as one, in UTF-8, at most 1,000 characters and safe to store and show."""
        return clean_text(b" ".join(self.lines).decode("utf-8", "replace"))

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 2034), or an empty string."""
        return enhanced_status(self.text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said in which phase; `code` is None where no server said it."""

    phase: Phase
    text: str
    code: int | None = None
    status: str = ""


class Fault(Exception):
    """The connection is of no use any more; `answer` tells why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.phase}: {answer.text}")
        self.answer = answer


def clean_text(text: str) -> str:
    """Return hostile text without control characters, at most 1,000 characters."""
    return _UNPRINTABLE.sub(" ", text).strip()[:_LONGEST_TEXT]


def answer_of(reply: Reply, phase: Phase) -> Answer:
    """Join a reply and the phase it came in."""
    return Answer(phase, reply.text, reply.code, reply.status)


def tls_context(route: Route) -> ssl.SSLContext:
    """Make the TLS settings of a route."""
    context = ssl.create_default_context()
    if not route.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Connection(asyncio.Protocol):
    """A connection to the route's host.

    `not_after` (loop time) bounds every wait but the one for the answer to the dot. Every wait raises
    Fault when the connection is lost, the time is over, or the server does not speak SMTP.
    """

    def __init__(
        self, route: Route, *, timeouts: Timeouts, tls: ssl.SSLContext | None, not_after: float | None = None
    ) -> None:
        self.route = route
        self.timeouts = timeouts
        self.not_after = not_after
        self.features: dict[str, str] = {}
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._code = 0
        self._replies: deque[Reply] = deque()
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
        await self._expect(Phase.GREETING, 220)
        await self._greet()
        if self.route.security == "starttls":
            await self._start_tls()
            await self._greet()
        if self.route.username:
            await self._log_in()

    async def _connect(self) -> None:
        tls = self._tls if self.route.security == "tls" else None
        seconds = self._seconds_left(self.timeouts.connect)
        try:
            async with asyncio.timeout(seconds):
                await self._loop.create_connection(
                    lambda: self,
                    self.route.host,
                    self.route.port,
                    ssl=tls,
                    ssl_handshake_timeout=seconds if tls else None,
                )
        except TimeoutError as error:
            raise Fault(Answer(Phase.CONNECT, f"no connection within {seconds:.0f} seconds")) from error
        except OSError as error:
            raise Fault(Answer(Phase.CONNECT, clean_text(str(error)))) from error

    async def _greet(self) -> None:
        self.write(b"EHLO %b\r\n" % self.route.ehlo_name.encode("ascii"))
        reply = await self._expect(Phase.EHLO, 250)
        self.features = {}
        for line in reply.lines[1:]:
            keyword, _space, value = line.decode("ascii", "replace").strip().partition(" ")
            # "AUTH=PLAIN" is an old way to write it.
            if keyword.upper().startswith("AUTH="):
                keyword, value = "AUTH", f"{keyword[5:]} {value}"
            key = keyword.upper()
            self.features[key] = f"{self.features.get(key, '')} {value}".strip()

    async def _start_tls(self) -> None:
        if "STARTTLS" not in self.features:
            raise Fault(Answer(Phase.STARTTLS, "the server does not offer STARTTLS"))
        self.write(b"STARTTLS\r\n")
        await self._expect(Phase.STARTTLS, 220)
        if self._buffer or self._replies or self._lines:
            # Said before the encryption, read after it: somebody on the way put it there (RFC 3207 section 4.2).
            raise Fault(Answer(Phase.STARTTLS, "the server spoke before TLS was ready"))
        transport = cast(asyncio.Transport, self._transport)
        seconds = self._seconds_left(self.timeouts.command)
        try:
            self._transport = await self._loop.start_tls(
                transport,
                self,
                cast(ssl.SSLContext, self._tls),
                server_hostname=self.route.host,
                ssl_handshake_timeout=seconds,
            )
        except OSError as error:
            self._lose("TLS failed")
            raise Fault(Answer(Phase.STARTTLS, clean_text(f"TLS: {error}"))) from error

    async def _log_in(self) -> None:
        user, password = self.route.username.encode(), self.route.password.encode()
        offered = self.features.get("AUTH", "").upper().split()
        if "PLAIN" in offered:
            self.write(b"AUTH PLAIN %b\r\n" % base64.b64encode(b"\0%b\0%b" % (user, password)))
        elif "LOGIN" in offered:
            for command in (b"AUTH LOGIN", base64.b64encode(user)):
                self.write(command + b"\r\n")
                await self._expect(Phase.AUTH, 334)
            self.write(base64.b64encode(password) + b"\r\n")
        else:
            raise Fault(Answer(Phase.AUTH, "the server offers neither AUTH PLAIN nor AUTH LOGIN"))
        await self._expect(Phase.AUTH, 235)

    async def _expect(self, phase: Phase, code: int) -> Reply:
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
        if self._lost:
            raise Fault(Answer(phase, self._lost))
        if self._drained is None:
            return
        seconds = self._seconds_left(self.timeouts.body)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._drained)
        except TimeoutError:
            self._lose(f"the server took no data for {seconds:.0f} seconds")
        if self._lost:
            raise Fault(Answer(phase, self._lost))

    def has_reply(self) -> bool:
        """Say whether a reply waits to be read."""
        return bool(self._replies)

    def require_open(self, phase: Phase) -> None:
        """Raise Fault where the connection is known to be lost."""
        if self._lost:
            raise Fault(Answer(phase, self._lost))

    async def reply(self, phase: Phase) -> Reply:
        """Return the next reply."""
        while not self._replies:
            if self._lost:
                raise Fault(Answer(phase, self._lost))
            seconds = self.timeouts.seconds(phase)
            if phase is not Phase.DOT:
                seconds = self._seconds_left(seconds)
            self._start_clock(seconds)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._replies.popleft()

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

    def data_received(self, data: bytes) -> None:
        if self._lost:
            return
        self._buffer += data
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0:
            if not self._take_line(bytes(self._buffer[start:end]).removesuffix(b"\r")):
                return
            start = end + 1
        del self._buffer[:start]
        if len(self._buffer) > _LONGEST_LINE:
            self._lose("the server's reply is too long")
        elif self._replies:
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

    def _take_line(self, line: bytes) -> bool:
        match = _REPLY_LINE.fullmatch(line)
        if match is None or len(line) > _LONGEST_LINE:
            self._lose("the server's reply is no SMTP")
            return False
        code = int(match[1])
        if self._lines and code != self._code:
            self._lose("the server's reply has two codes")
            return False
        self._code = code
        self._lines.append(match[3] or b"")
        if match[2] == b"-":
            if len(self._lines) >= _MOST_LINES:
                self._lose("the server's reply has too many lines")
                return False
            return True
        self._replies.append(Reply(code, tuple(self._lines)))
        self._lines = []
        if len(self._replies) > _MOST_REPLIES:
            self._lose("the server sent replies nobody asked for")
            return False
        return True

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
        return min(seconds, max(self.not_after - self._loop.time(), self.timeouts.grace))

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
