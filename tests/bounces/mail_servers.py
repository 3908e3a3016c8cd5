"""Tiny mail servers that do what no good server does, and a line between client and server that breaks."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol


class Script(Protocol):
    def talk(self, connection: socket.socket) -> None:
        """Serve one connection."""
        ...


@contextmanager
def serve_script(script: Script, *, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve connections, one after the other, by a script; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _address = listener.accept()
                with suppress(OSError), connection:
                    connection.settimeout(30)
                    if context is not None:
                        with context.wrap_socket(connection, server_side=True) as inside:
                            script.talk(inside)
                    else:
                        script.talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        # Closing alone does not wake the thread that waits for a connection.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@dataclass
class Words:
    """Says one thing, whatever it is asked, then hangs until the client leaves."""

    words: bytes

    def talk(self, connection: socket.socket) -> None:
        connection.sendall(self.words)
        while connection.recv(65536):
            pass


@dataclass
class Flood:
    """Says one thing again and again."""

    words: bytes
    greeting: bytes = b"* OK ready\r\n"

    def talk(self, connection: socket.socket) -> None:
        connection.sendall(self.greeting)
        while True:
            connection.sendall(self.words)


@dataclass
class Drip:
    """Sends a byte now and then, so that no single wait is long."""

    pause: float
    over: threading.Event = field(default_factory=threading.Event)

    def talk(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while not self.over.wait(self.pause):
                connection.sendall(b"*")


@dataclass
class Pop3Script:
    """A POP3 server with messages by their unique ids; `replies` answers some commands otherwise."""

    messages: dict[bytes, bytes]
    replies: dict[bytes, bytes] = field(default_factory=dict)
    commands: list[bytes] = field(default_factory=list)

    def talk(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        marked: list[bytes] = []
        connection.sendall(b"+OK ready\r\n")
        for line in file:
            command = line.strip()
            self.commands.append(command)
            for start, reply in self.replies.items():
                if command.startswith(start):
                    if not reply:
                        return
                    connection.sendall(reply)
                    break
            else:
                connection.sendall(self.answer(command, marked))
            if command == b"QUIT":
                for name in marked:
                    del self.messages[name]
                return

    def answer(self, command: bytes, marked: list[bytes]) -> bytes:
        word, _space, argument = command.partition(b" ")
        names = list(self.messages)
        if word == b"UIDL":
            listing = b"".join(b"%d %s\r\n" % (number, name) for number, name in enumerate(names, 1))
            return b"+OK\r\n" + listing + b".\r\n"
        if word == b"RETR":
            content = self.messages[names[int(argument) - 1]]
            return b"+OK\r\n" + content.replace(b"\n.", b"\n..") + b".\r\n"
        if word == b"DELE":
            marked.append(names[int(argument) - 1])
        return b"+OK\r\n"


@dataclass
class ImapScript:
    """An IMAP server with messages by number; `replies` answers some commands otherwise (text of the command → reply)."""

    messages: dict[int, bytes]
    replies: dict[bytes, bytes] = field(default_factory=dict)
    capability: bytes = b"IMAP4rev1 UIDPLUS MOVE"
    moved: list[bytes] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)

    def talk(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        connection.sendall(b"* OK ready\r\n")
        for line in file:
            tag, _space, command = line.strip().partition(b" ")
            self.commands.append(command)
            for text, reply in self.replies.items():
                if text in command:
                    if not reply:
                        return
                    connection.sendall(reply.replace(b"TAG", tag))
                    break
            else:
                connection.sendall(self.answer(command) + tag + b" OK done\r\n")

    def answer(self, command: bytes) -> bytes:
        words = command.split(b" ")
        if words[0] == b"CAPABILITY":
            return b"* CAPABILITY " + self.capability + b"\r\n"
        if words[0] == b"SELECT":
            return b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] good\r\n" % len(self.messages)
        if words[0] == b"LIST":
            return b'* LIST () "/" folder\r\n'
        if words[:2] == [b"UID", b"SEARCH"]:
            if b"KEYWORD" in words:
                return b"* SEARCH\r\n"
            asked = words[-1].split(b",") if words[-2] == b"UID" else None
            found = [b"%d" % uid for uid in self.messages if asked is None or b"%d" % uid in asked]
            return b"* SEARCH " + b" ".join(found) + b"\r\n"
        if words[:2] == [b"UID", b"FETCH"]:
            content = self.messages[int(words[2])]
            return b"* 1 FETCH (UID %s BODY[]<0> {%d}\r\n%s)\r\n" % (words[2], len(content), content)
        if words[1:2] in ([b"EXPUNGE"], [b"MOVE"]):
            for uid in words[2].split(b","):
                del self.messages[int(uid)]
            if words[1] == b"MOVE":
                self.moved += words[2].split(b",")
        return b""


@dataclass
class BreakingLine:
    """A line to a real server. It breaks before the `breaks_at`-th command of a client reaches the server."""

    port: int
    breaks_at: int = 0
    commands: int = 0
    # Called with each command before it goes on.
    watch: Callable[[bytes], None] = lambda command: None

    def talk(self, connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as server:
            answers = threading.Thread(target=pump, args=(server, connection), daemon=True)
            answers.start()
            with connection.makefile("rb") as file:
                for line in file:
                    self.commands += 1
                    if self.commands == self.breaks_at:
                        break
                    self.watch(line)
                    server.sendall(line)
            for end in (server, connection):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            answers.join(10)


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
