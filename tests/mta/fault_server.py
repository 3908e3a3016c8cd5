"""A small SMTP server that misbehaves on order, in any phase, and keeps what it accepted."""

import asyncio
import base64
import hmac
import socket
import ssl
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from mta.verdicts import Phase


@dataclass(frozen=True)
class Say:
    """Answer with these bytes (line end included) instead of the usual reply."""

    reply: bytes
    # Close the connection after it.
    close: bool = False


@dataclass(frozen=True)
class Drop:
    """Reset the connection without an answer."""


@dataclass(frozen=True)
class Close:
    """Close the connection without an answer, in good order."""


@dataclass(frozen=True)
class Hang:
    """Never answer, and keep the connection open."""


@dataclass(frozen=True)
class Wait:
    """Answer as usual, but so many seconds late."""

    seconds: float


@dataclass(frozen=True)
class Held:
    """Answer as usual, but not before the server is told to (FaultServer.release)."""


Action = Say | Drop | Close | Hang | Wait | Held


@dataclass
class Fault:
    """What to do in a phase: for the first `times` times, and only for recipients that hold `rcpt`.

    In the phase DATA, `after_bytes` lets that much of the body come first. In the phase DOT the mail
    counts as accepted unless the answer is 4xx or 5xx.
    """

    phase: Phase
    action: Action
    times: int = 1_000_000
    rcpt: str = ""
    after_bytes: int = 0
    skip: int = 0


@dataclass(frozen=True)
class Accepted:
    """One mail that the server took over, its dots unstuffed."""

    mail_from: str
    rcpt_to: str
    data: bytes


class _EndError(Exception):
    """The conversation is over."""


@dataclass
class FaultServer:
    """Runs in a thread of its own while the `with` block lasts, on a free port of the loopback."""

    faults: Sequence[Fault] = ()
    features: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE 10485760", "ENHANCEDSTATUSCODES")
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    login: tuple[str, str] | None = None
    # Answered to DATA when no recipient was accepted.
    data_without_rcpt: bytes = b"503 5.5.1 need RCPT first\r\n"

    # Where it listens; port 0 = any that is free.
    host: str = "127.0.0.1"
    port: int = 0

    accepted: list[Accepted] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)
    connections: int = 0
    half_bodies: int = 0
    logins: int = 0
    # The address of each client, and how many were connected at once.
    clients: list[str] = field(default_factory=list)
    most_open: int = 0

    def __enter__(self) -> Self:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def release(self) -> None:
        """Answer what is held, and hold nothing any more."""
        self._loop.call_soon_threadsafe(self.released.set)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.released = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        tls = self.tls if self.implicit_tls else None
        server = await asyncio.start_server(self._converse, self.host, self.port, ssl=tls, limit=1 << 20, backlog=512)
        # Otherwise the kernel may grow the buffer until a whole large mail fits, though nobody reads it.
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.most_open = max(self.most_open, len(self._tasks))
        self.clients.append(writer.get_extra_info("peername")[0])
        try:
            await _Conversation(self, reader, writer).hold()
        except (_EndError, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            # The end of a conversation, wanted or not; streams log what goes further than this.
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def find(self, phase: Phase, rcpt: str = "", *, with_bytes: bool = False) -> Fault | None:
        """Return what is ordered for this moment, and count it."""
        for fault in self.faults:
            if fault.phase is phase and fault.times and fault.rcpt in rcpt and bool(fault.after_bytes) is with_bytes:
                if fault.skip:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                return fault
        return None


@dataclass
class _Conversation:
    """One connection, and how far its transaction came."""

    server: FaultServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    mail_from: str = ""
    rcpt_to: str = ""

    async def hold(self) -> None:
        """Obey until the client is gone. Raises _EndError and what streams raise."""
        await self.do(Phase.GREETING, b"220 fault.example ESMTP\r\n")
        while line := await self.reader.readline():
            self.server.commands.append(line)
            await self.obey(line)

    async def obey(self, line: bytes) -> None:
        match line.split()[0].upper() if line.split() else b"":
            case b"EHLO":
                await self.do(Phase.EHLO, self.greeting())
            case b"HELO":
                await self.say(b"250 fault.example\r\n")
            case b"STARTTLS":
                await self.start_tls()
            case b"AUTH":
                await self.log_in(line)
            case b"MAIL":
                await self.begin(address_in(line))
            case b"RCPT":
                await self.take_recipient(address_in(line))
            case b"DATA":
                await self.take_data()
            case b"RSET":
                await self.say(b"250 2.0.0 ok\r\n")
                self.forget()
            case b"QUIT":
                await self.say(b"221 2.0.0 bye\r\n")
                raise _EndError
            case _:
                await self.say(b"500 5.5.2 what?\r\n")

    def greeting(self) -> bytes:
        lines = ["fault.example", *self.server.features]
        return ("".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n").encode()

    async def start_tls(self) -> None:
        if await self.do(Phase.STARTTLS, b"220 2.0.0 go ahead\r\n"):
            assert self.server.tls is not None
            await self.writer.start_tls(self.server.tls)

    async def begin(self, address: str) -> None:
        if self.mail_from:
            await self.say(b"503 5.5.1 nested MAIL command\r\n")
        elif await self.do(Phase.MAIL, b"250 2.1.0 ok\r\n"):
            self.mail_from = address or "<>"

    async def take_recipient(self, address: str) -> None:
        if not self.mail_from:
            await self.say(b"503 5.5.1 need MAIL first\r\n")
        elif await self.do(Phase.RCPT, b"250 2.1.5 ok\r\n", address):
            self.rcpt_to = address

    def forget(self) -> None:
        """End the transaction."""
        self.mail_from = self.rcpt_to = ""

    async def take_data(self) -> None:
        if await self.lets_data_come():
            await self.take_mail(await self.read_mail())

    async def lets_data_come(self) -> bool:
        """Answer DATA; return whether the mail is to come."""
        if not self.rcpt_to:
            await self.say(self.server.data_without_rcpt)
            return self.server.data_without_rcpt.startswith(b"3")
        early = self.server.find(Phase.DATA, self.rcpt_to, with_bytes=True)
        if early is None:
            return await self.do(Phase.DATA, b"354 go ahead\r\n", self.rcpt_to)
        await self.say(b"354 go ahead\r\n")
        await self.reader.readexactly(early.after_bytes)
        self.server.half_bodies += 1
        await self.act(early.action)
        return True

    async def read_mail(self) -> bytes:
        """Return the mail up to its dot. Raises _EndError where the client leaves before."""
        lines = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line:
                self.server.half_bodies += 1
                raise _EndError
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    async def take_mail(self, data: bytes) -> None:
        fault = self.server.find(Phase.DOT, self.rcpt_to)
        usual = Say(b"250 2.0.0 queued\r\n")
        action = usual if fault is None else await self.wait(fault.action, usual)
        if not isinstance(action, Say) or action.reply[:1] not in (b"4", b"5"):
            self.server.accepted.append(Accepted(self.mail_from, self.rcpt_to, data))
        await self.act(action)
        self.forget()

    async def log_in(self, line: bytes) -> None:
        mechanism = line.split()[1].upper()
        if mechanism == b"PLAIN":
            user, password = (part.decode() for part in base64.b64decode(line.split()[2]).split(b"\0")[1:])
        elif mechanism == b"CRAM-MD5":
            challenge = b"<1896.697170952@fault.example>"
            if not await self.do(Phase.AUTH, b"334 %b\r\n" % base64.b64encode(challenge)):
                return
            user, digest = (await self.read_secret()).rsplit(" ", 1)
            known = self.server.login[1] if self.server.login else ""
            password = known if hmac.new(known.encode(), challenge, "md5").hexdigest() == digest else ""
        else:
            await self.say(b"334 VXNlcm5hbWU6\r\n")
            user = await self.read_secret()
            await self.say(b"334 UGFzc3dvcmQ6\r\n")
            password = await self.read_secret()
        if (user, password) == self.server.login:
            self.server.logins += 1
            await self.do(Phase.AUTH, b"235 2.7.0 welcome\r\n")
        else:
            await self.say(b"535 5.7.8 wrong user or password\r\n")

    async def read_secret(self) -> str:
        return base64.b64decode(await self.reader.readline()).decode()

    async def do(self, phase: Phase, reply: bytes, rcpt: str = "") -> bool:
        """Answer as usual or as ordered; return whether it was a yes."""
        fault = self.server.find(phase, rcpt)
        action = Say(reply) if fault is None else await self.wait(fault.action, Say(reply))
        await self.act(action)
        return isinstance(action, Say) and action.reply[:1] in (b"2", b"3")

    async def wait(self, action: Action, usual: Say) -> Action:
        """Return what is to be done, after the wait where one is ordered."""
        if isinstance(action, Wait):
            await asyncio.sleep(action.seconds)
        elif isinstance(action, Held):
            await self.server.released.wait()
        else:
            return action
        return usual

    async def act(self, action: Action) -> None:
        if isinstance(action, Say):
            await self.say(action.reply)
            if action.close:
                self.writer.close()
                await self.writer.wait_closed()
                raise _EndError
        elif isinstance(action, Hang):
            await asyncio.sleep(3600)
        else:
            if isinstance(action, Drop):
                # Linger 0 makes the close a reset.
                peer: socket.socket = self.writer.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.writer.transport.abort()
            raise _EndError

    async def say(self, reply: bytes) -> None:
        self.writer.write(reply)
        await self.writer.drain()


def address_in(line: bytes) -> str:
    """Return the address of MAIL FROM or RCPT TO, without its brackets."""
    return line.decode("utf-8", "replace").partition(":")[2].strip().partition(">")[0].removeprefix("<")
