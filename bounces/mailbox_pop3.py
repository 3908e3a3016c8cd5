"""Reads a mailbox by POP3 (RFC 1939)."""

from __future__ import annotations

import hashlib
import poplib
import re
import socket
from collections.abc import Iterable
from contextlib import suppress

from bounces.mailbox_errors import Step, during
from bounces.mailbox_wire import Wire, make_context
from bounces.mime_reading import MAX_BYTES
from bounces.models import Mailbox, Security

# poplib gives up at lines over 2,048 bytes, which are common in notices.
LINE_BYTES = 1024 * 1024
# A unique id has up to 70 characters; a longer one is kept as its digest.
UIDL_LIMIT = 100
# What mail stores of the mbox kind write into a message while they keep it. It changes from one session to the
# next and would make two notices of one.
STORE_HEADERS = re.compile(
    rb"^(?:Status|X-Status|X-UIDL?|X-Keywords|X-IMAP(?:base)?):[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
HEADER_END = b"\r\n\r\n"


class Pop3Client(poplib.POP3):
    """poplib on a watched connection, with lines of any sensible length."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        try:
            super().__init__(wire.server.host, wire.server.port)
        except BaseException:
            # poplib leaves a connection open whose greeting it does not like; without one there is nothing to close.
            with suppress(AttributeError, OSError):
                self.close()
            raise

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self.wire.connect()

    def _getline(self) -> tuple[bytes, int]:
        line = self.file.readline(LINE_BYTES + 1)
        self.wire.spend(len(line))
        if not line.endswith(b"\n"):
            raise EOFError("the connection ended" if len(line) <= LINE_BYTES else "line too long")
        return line[:-1].removesuffix(b"\r"), len(line)

    def retrieve(self, number: int, limit: int) -> bytes:
        """Return the first `limit` bytes of a message; the rest is read and thrown away."""
        self.sock.sendall(b"RETR %d\r\n" % number)
        status, _length = self._getline()
        if not status.startswith(b"+"):
            raise poplib.error_proto(status)
        lines: list[bytes] = []
        size = 0
        while (line := self._getline()[0]) != b".":
            if size < limit:
                # A leading dot is doubled by the server (RFC 1939 section 3).
                lines.append((line[1:] if line.startswith(b"..") else line) + b"\r\n")
                size += len(lines[-1])
        return b"".join(lines)[:limit]


class Pop3Reader:
    """A mailbox that is open. Messages are named by their unique ids (UIDL)."""

    def __init__(self, mailbox: Mailbox, password: str, wire: Wire) -> None:
        """Connect and log in. Raises MailboxError."""
        self.mailbox = mailbox
        self.wire = wire
        self.numbers: dict[str, int] = {}
        with during(Step.CONNECT):
            self.box = Pop3Client(wire)
        try:
            self.start_tls()
            with during(Step.LOGIN, secret=password):
                self.client.user(mailbox.username)
                self.client.pass_(password)
        except BaseException:
            self.drop()
            raise

    @property
    def client(self) -> Pop3Client:
        """The connection, with a new count of what comes in: one command is to be given."""
        self.wire.begin()
        return self.box

    def start_tls(self) -> None:
        """Put TLS around the connection where the mailbox says so; never go on without."""
        if self.mailbox.security == Security.STARTTLS:
            with during(Step.TLS):
                self.client.stls(make_context())

    def list_messages(self) -> list[str]:
        """Return the names of the messages, oldest first."""
        with during(Step.READ):
            for line in self.client.uidl()[1]:
                number, _space, unique = line.partition(b" ")
                self.numbers[name_of(unique)] = int(number)
        return sorted(self.numbers, key=self.numbers.__getitem__)

    def fetch(self, name: str) -> bytes:
        """Return a message as it came in, at most MAX_BYTES of it. Raises Refused where it cannot be had."""
        with during(Step.READ):
            content = self.client.retrieve(self.numbers[name], MAX_BYTES)
        head, end, body = content.partition(HEADER_END)
        return STORE_HEADERS.sub(b"", head + b"\r\n")[:-2] + end + body

    def finish(self, names: Iterable[str]) -> None:
        """Mark messages whose notices are stored; `commit` deletes them."""
        with during(Step.REMOVE):
            for name in names:
                self.client.dele(self.numbers[name])

    def set_aside(self, name: str) -> None:
        """Leave a message where it is: POP3 has no other place."""

    def commit(self) -> None:
        """Have the server delete what is marked (RFC 1939 section 6)."""
        with during(Step.REMOVE):
            self.client.quit()

    def drop(self) -> None:
        """Close the connection; what was marked stays on the server."""
        with suppress(OSError):
            self.box.close()


def name_of(unique: bytes) -> str:
    """Return the name of a message from its unique id."""
    text = unique.strip().decode("ascii", "backslashreplace")
    return text if len(text) <= UIDL_LIMIT else hashlib.sha256(unique).hexdigest()
