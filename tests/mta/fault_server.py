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


Action = Say | Drop | Close | Hang


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


@dataclass
class _Transaction:
    mail_from: str = ""
    rcpt_to: str = ""


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

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
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
            await self._do(Phase.GREETING, b"220 fault.example ESMTP\r\n", writer)
            transaction = _Transaction()
            while line := await reader.readline():
                self.commands.append(line)
                transaction = await self._obey(line, transaction, reader, writer)
        except (_EndError, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            # The end of a conversation, wanted or not; streams log what goes further than this.
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _obey(
        self, line: bytes, transaction: _Transaction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> _Transaction:
        verb = line.split()[0].upper() if line.split() else b""
        argument = line.decode("utf-8", "replace").partition(":")[2].strip()
        address = argument.partition(">")[0].removeprefix("<")
        if verb == b"EHLO":
            lines = ["fault.example", *self.features]
            reply = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
            await self._do(Phase.EHLO, reply.encode(), writer)
        elif verb == b"HELO":
            await _say(writer, b"250 fault.example\r\n")
        elif verb == b"STARTTLS":
            if await self._do(Phase.STARTTLS, b"220 2.0.0 go ahead\r\n", writer):
                assert self.tls is not None
                await writer.start_tls(self.tls)
        elif verb == b"AUTH":
            await self._log_in(line, reader, writer)
        elif verb == b"MAIL":
            if transaction.mail_from:
                await _say(writer, b"503 5.5.1 nested MAIL command\r\n")
            elif await self._do(Phase.MAIL, b"250 2.1.0 ok\r\n", writer):
                return _Transaction(mail_from=address or "<>")
        elif verb == b"RCPT":
            if not transaction.mail_from:
                await _say(writer, b"503 5.5.1 need MAIL first\r\n")
            elif await self._do(Phase.RCPT, b"250 2.1.5 ok\r\n", writer, address):
                return _Transaction(transaction.mail_from, address)
        elif verb == b"DATA":
            return await self._take_data(transaction, reader, writer)
        elif verb == b"RSET":
            await _say(writer, b"250 2.0.0 ok\r\n")
            return _Transaction()
        elif verb == b"QUIT":
            await _say(writer, b"221 2.0.0 bye\r\n")
            raise _EndError
        else:
            await _say(writer, b"500 5.5.2 what?\r\n")
        return transaction

    async def _take_data(
        self, transaction: _Transaction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> _Transaction:
        if not transaction.rcpt_to:
            await _say(writer, self.data_without_rcpt)
            if not self.data_without_rcpt.startswith(b"3"):
                return transaction
        else:
            early = self._find(Phase.DATA, transaction.rcpt_to, with_bytes=True)
            if early is None and not await self._do(Phase.DATA, b"354 go ahead\r\n", writer, transaction.rcpt_to):
                return transaction
            if early is not None:
                await _say(writer, b"354 go ahead\r\n")
                await reader.readexactly(early.after_bytes)
                self.half_bodies += 1
                await self._act(early.action, writer)
        lines = []
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                self.half_bodies += 1
                raise _EndError
            lines.append(line.removeprefix(b"."))
        fault = self._find(Phase.DOT, transaction.rcpt_to)
        reply = fault.action.reply if fault is not None and isinstance(fault.action, Say) else b"250 2.0.0 queued\r\n"
        if reply[:1] not in (b"4", b"5"):
            self.accepted.append(Accepted(transaction.mail_from, transaction.rcpt_to, b"".join(lines)))
        await self._act(Say(reply) if fault is None else fault.action, writer)
        return _Transaction()

    async def _log_in(self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mechanism = line.split()[1].upper()
        if mechanism == b"PLAIN":
            user, password = (part.decode() for part in base64.b64decode(line.split()[2]).split(b"\0")[1:])
        elif mechanism == b"CRAM-MD5":
            challenge = b"<1896.697170952@fault.example>"
            if not await self._do(Phase.AUTH, b"334 %b\r\n" % base64.b64encode(challenge), writer):
                return
            user, digest = base64.b64decode(await reader.readline()).decode().rsplit(" ", 1)
            known = self.login[1] if self.login else ""
            password = known if hmac.new(known.encode(), challenge, "md5").hexdigest() == digest else ""
        else:
            await _say(writer, b"334 VXNlcm5hbWU6\r\n")
            user = base64.b64decode(await reader.readline()).decode()
            await _say(writer, b"334 UGFzc3dvcmQ6\r\n")
            password = base64.b64decode(await reader.readline()).decode()
        if (user, password) == self.login:
            self.logins += 1
            await self._do(Phase.AUTH, b"235 2.7.0 welcome\r\n", writer)
        else:
            await _say(writer, b"535 5.7.8 wrong user or password\r\n")

    def _find(self, phase: Phase, rcpt: str = "", *, with_bytes: bool = False) -> Fault | None:
        for fault in self.faults:
            if fault.phase is phase and fault.times and fault.rcpt in rcpt and bool(fault.after_bytes) is with_bytes:
                if fault.skip:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                return fault
        return None

    async def _do(self, phase: Phase, reply: bytes, writer: asyncio.StreamWriter, rcpt: str = "") -> bool:
        """Answer as usual or as ordered; return whether it was a yes."""
        fault = self._find(phase, rcpt)
        action = Say(reply) if fault is None else fault.action
        await self._act(action, writer)
        return isinstance(action, Say) and action.reply[:1] in (b"2", b"3")

    async def _act(self, action: Action, writer: asyncio.StreamWriter) -> None:
        if isinstance(action, Say):
            await _say(writer, action.reply)
            if action.close:
                writer.close()
                await writer.wait_closed()
                raise _EndError
        elif isinstance(action, Hang):
            await asyncio.sleep(3600)
        else:
            if isinstance(action, Drop):
                # Linger 0 makes the close a reset.
                peer: socket.socket = writer.get_extra_info("socket")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            raise _EndError


async def _say(writer: asyncio.StreamWriter, reply: bytes) -> None:
    writer.write(reply)
    await writer.drain()
