"""A mail server in a process of its own that misbehaves on order and writes down what it accepts.

Run by path: `python tests/faults/receiver.py PORT LOG [PEM]`. Every line on standard input is a plan in JSON (see
`Plan`), answered by "ok". It ends with its standard input, so it never outlives whoever started it. The log has a line
of JSON for each mail that it took over, written before the answer is; and one for each fault and each half body.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import socket
import ssl
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

LONGEST_MAIL = 1 << 22
MAIL_END = b"\r\n.\r\n"
# What comes of the body before a fault of the phase "body".
HALF_BODY = 300
# Seconds between two bytes of a reply that drips, where the plan says nothing else.
DRIP = 0.02
USER, PASSWORD = b"relay-user", b"relay-password"


@dataclass
class Plan:
    """What to do: `faults` has for each phase a list of [number of good turns before it, action].

    A phase is greeting, ehlo, starttls, auth, mail, rcpt, data, body, dot (instead of taking the mail over) or
    accepted (after taking it over). An action is {"do": "drop" | "close" | "hang" | "say" | "drip", …}.
    """

    # Seconds from the final dot to its answer.
    delay: float = 0.0
    pipelining: bool = True
    faults: dict[str, deque[tuple[int, dict[str, Any]]]] = field(default_factory=dict)

    def next_action(self, phase: str) -> dict[str, Any] | None:
        """Return what to do instead of the usual, None where the usual is to be done."""
        waiting = self.faults.get(phase)
        if not waiting:
            return None
        turns, action = waiting.popleft()
        if turns:
            waiting.appendleft((turns - 1, action))
            return None
        return action


class EndError(Exception):
    """The conversation is over."""


class Receiver:
    """Listens, and keeps the plan and the log."""

    def __init__(self, log: int, tls: ssl.SSLContext | None) -> None:
        self.log = log
        self.tls = tls
        self.plan = Plan()
        self.conversations: set[asyncio.Task[None]] = set()

    def note(self, **entry: Any) -> None:
        """Write a line to the log; what is written is kept however this process ends."""
        os.write(self.log, json.dumps({"at": time.time()} | entry).encode() + b"\n")

    async def serve(self, port: int) -> None:
        """Serve until standard input ends."""
        server = await asyncio.start_server(self.converse, "127.0.0.1", port, limit=LONGEST_MAIL, backlog=512)
        orders = asyncio.StreamReader(limit=LONGEST_MAIL)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        self.answer()
        while line := await orders.readline():
            told = json.loads(line)
            told["faults"] = {phase: deque(map(tuple, waiting)) for phase, waiting in told["faults"].items()}
            self.plan = Plan(**told)
            self.answer()
        server.close()
        for task in self.conversations:
            task.cancel()
        await asyncio.gather(*self.conversations, return_exceptions=True)

    def answer(self) -> None:
        """Tell whoever started us that his order is obeyed."""
        sys.stdout.write("ok\n")
        sys.stdout.flush()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self.conversations.add(task)
        try:
            await Conversation(self, reader, writer).run()
        except (EndError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            # The end of a conversation, wanted or not; streams would log what goes further than this.
            pass
        finally:
            self.conversations.discard(task)
            writer.transport.abort()


class Conversation:
    """One connection."""

    def __init__(self, receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.receiver = receiver
        self.reader = reader
        self.writer = writer
        self.mail_from = self.rcpt_to = ""
        self.is_encrypted = self.is_known = False

    async def run(self) -> None:
        """Greet, and obey command by command."""
        await self.reply("greeting", b"220 faults.example ESMTP\r\n")
        while line := await self.reader.readline():
            await self.obey(line)
            await self.writer.drain()

    async def obey(self, line: bytes) -> None:
        """Obey one command."""
        verb = line[:4].upper()
        if verb == b"MAIL":
            if not self.is_known:
                self.writer.write(b"530 5.7.0 log in first\r\n")
            elif await self.reply("mail", b"250 2.1.0 ok\r\n"):
                self.mail_from, self.rcpt_to = address_in(line), ""
        elif verb == b"RCPT":
            if not self.mail_from:
                self.writer.write(b"503 5.5.1 MAIL first\r\n")
            else:
                self.rcpt_to = address_in(line)
                if not await self.reply("rcpt", b"250 2.1.5 ok\r\n"):
                    self.rcpt_to = ""
        elif verb == b"DATA":
            await self.take_mail()
        elif verb == b"EHLO":
            await self.reply("ehlo", self.features())
        elif verb == b"STAR":
            await self.reply("starttls", b"220 2.0.0 go ahead\r\n")
            assert self.receiver.tls is not None
            await self.writer.start_tls(self.receiver.tls)
            self.is_encrypted = True
        elif verb == b"AUTH":
            await self.log_in(line)
        elif verb == b"RSET":
            self.mail_from = self.rcpt_to = ""
            self.writer.write(b"250 2.0.0 ok\r\n")
        elif verb == b"QUIT":
            self.writer.write(b"221 2.0.0 bye\r\n")
            raise EndError
        else:
            self.writer.write(b"500 5.5.2 unknown\r\n")

    def features(self) -> bytes:
        """Return the answer to EHLO."""
        lines = ["faults.example", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 4194304"]
        if self.receiver.plan.pipelining:
            lines.append("PIPELINING")
        lines.append("STARTTLS" if self.receiver.tls and not self.is_encrypted else "AUTH PLAIN")
        return "".join(f"250{'-' if line != lines[-1] else ' '}{line}\r\n" for line in lines).encode()

    async def log_in(self, line: bytes) -> None:
        """AUTH PLAIN with the one account."""
        if base64.b64decode(line.split()[2]).split(b"\0")[1:] == [USER, PASSWORD]:
            self.is_known = await self.reply("auth", b"235 2.7.0 welcome\r\n")
        else:
            self.writer.write(b"535 5.7.8 wrong user or password\r\n")

    async def take_mail(self) -> None:
        """DATA, the body, and the end of it."""
        if not self.rcpt_to:
            self.writer.write(b"503 5.5.1 RCPT first\r\n")
            return
        if not await self.reply("data", b"354 go ahead\r\n"):
            return
        try:
            early = await self.disturb_body()
            wire = await self.reader.readuntil(MAIL_END)
        except asyncio.IncompleteReadError as error:
            self.receiver.note(half=len(error.partial), rcpt=self.rcpt_to)
            raise
        if early:
            # It was answered in the middle: what came after that is thrown away, and not answered again.
            return
        if self.receiver.plan.delay:
            await asyncio.sleep(self.receiver.plan.delay)
        if (action := self.receiver.plan.next_action("dot")) is not None:
            await self.misbehave("dot", action)
        else:
            self.accept(wire)
            await self.reply("accepted", b"250 2.0.0 queued\r\n")
        self.mail_from = self.rcpt_to = ""

    async def disturb_body(self) -> bool:
        """Do what the plan has for the middle of a body; return whether the mail was answered by it."""
        action = self.receiver.plan.next_action("body")
        if action is None:
            return False
        await self.reader.readexactly(HALF_BODY)
        await self.misbehave("body", action)
        return True

    def accept(self, wire: bytes) -> None:
        """Take a mail over: from now on it is ours."""
        data = wire.removesuffix(b".\r\n")
        if data.startswith(b"."):
            data = data[1:]
        digest = hashlib.sha256(data.replace(b"\r\n..", b"\r\n.")).hexdigest()
        self.receiver.note(accepted=self.rcpt_to, sender=self.mail_from, digest=digest)

    async def reply(self, phase: str, usual: bytes) -> bool:
        """Answer as usual or as planned; return whether it was a yes."""
        action = self.receiver.plan.next_action(phase)
        if action is None:
            self.writer.write(usual)
            return True
        return await self.misbehave(phase, action, usual)

    async def misbehave(self, phase: str, action: dict[str, Any], usual: bytes = b"") -> bool:
        """Do what a fault says; return whether a client takes it for a yes."""
        reply = action.get("reply", "").encode("latin-1") or usual
        self.receiver.note(fault=phase, does=action["do"], code=reply[:3].decode("latin-1"), rcpt=self.rcpt_to)
        if action["do"] == "say":
            self.writer.write(reply)
            await self.writer.drain()
            if action.get("close"):
                self.writer.close()
                await self.writer.wait_closed()
                raise EndError
            return reply[:1] in (b"2", b"3")
        if action["do"] == "drip":
            for byte in reply:
                self.writer.write(bytes([byte]))
                await self.writer.drain()
                await asyncio.sleep(action.get("seconds", DRIP))
            return reply[:1] in (b"2", b"3")
        if action["do"] == "hang":
            # Until the client has enough of it, or we have.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(action["seconds"]):
                    while await self.reader.read(65536):
                        pass
        if action["do"] == "drop":
            # Linger 0 makes the close a reset.
            peer: socket.socket = self.writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise EndError


def address_in(line: bytes) -> str:
    """Return the address of MAIL or RCPT."""
    return line.decode("utf-8", "replace").partition("<")[2].partition(">")[0]


def main(port: int, log: str, pem: str = "") -> None:
    """Serve on a port of the loopback."""
    tls = None
    if pem:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    asyncio.run(Receiver(descriptor, tls).serve(port))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
