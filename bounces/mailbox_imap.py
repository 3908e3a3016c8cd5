"""Reads a mailbox by IMAP (RFC 3501, RFC 9051)."""

from __future__ import annotations

import imaplib
import re
import socket
from collections.abc import Iterable
from contextlib import suppress

from django.utils.translation import gettext as _
from imap_tools import BaseMailBox

from bounces.mailbox_errors import MailboxError, Refused, Step, during, explain
from bounces.mailbox_wire import Wire, make_context
from bounces.mime_reading import MAX_BYTES
from bounces.models import AfterReading, Mailbox, Security

DONE_FOLDER = "Hypermail-Processed"
# Tells what we marked as deleted from what others did.
KEYWORD = "HypermailStored"
SET_ASIDE_FOLDER = "Hypermail-SetAside"
# ("INBOX." ".") in the answer to NAMESPACE: what the names of a person's own folders begin with (RFC 2342).
PERSONAL_PREFIX = re.compile(rb'^\(\("([^"\\]*)" ')


class ImapClient(imaplib.IMAP4):
    """imaplib on a watched connection. A server may announce any length, so each is counted before it is read."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        super().__init__(wire.server.host, wire.server.port)

    def _create_socket(self, timeout: float | None = None) -> socket.socket:
        return self.wire.connect()

    def read(self, size: int) -> bytes:
        """Read the `size` bytes of a literal."""
        self.wire.spend(size)
        return super().read(size)

    def readline(self) -> bytes:
        """Read a line; imap-tools limits its length to 20 MB."""
        line = super().readline()
        self.wire.spend(len(line))
        return line


class ImapBox(BaseMailBox):
    """imap-tools on such a client."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return ImapClient(self.wire)


class ImapReader:
    """A folder that is open. Messages are named UIDVALIDITY.UID, so a folder made anew brings new names."""

    def __init__(self, mailbox: Mailbox, password: str, wire: Wire) -> None:
        """Connect, log in and open the folder. Raises MailboxError."""
        self.mailbox = mailbox
        self.wire = wire
        self.prefix: str | None = None
        with during(Step.CONNECT):
            self.box = ImapBox(wire)
        try:
            self.start_tls()
            self.log_in(password)
            self.validity = self.open_folder()
        except BaseException:
            self.drop()
            raise

    @property
    def client(self) -> imaplib.IMAP4:
        """The connection, with a new count of what comes in: one command is to be given."""
        self.wire.begin()
        return self.box.client

    def start_tls(self) -> None:
        """Put TLS around the connection where the mailbox says so; never go on without."""
        if self.mailbox.security == Security.STARTTLS:
            with during(Step.TLS):
                self.client.starttls(make_context())

    def log_in(self, password: str) -> None:
        """Log in, by SASL PLAIN where LOGIN cannot say it or is forbidden."""
        username = self.mailbox.username
        is_plain_ascii = (username + password).isascii()
        with during(Step.LOGIN, secret=password):
            if is_plain_ascii and "LOGINDISABLED" not in self.client.capabilities:
                self.box.login(username, password, initial_folder=None)
            else:
                self.box.login_utf8(username, password, initial_folder=None)
        with during(Step.LOGIN):
            # Many servers tell only those who are logged in that they know MOVE and UIDPLUS.
            offered = self.client.capability()[1][-1]
            self.box.client.capabilities = tuple(offered.decode().upper().split())

    def open_folder(self) -> str:
        """Open the folder for reading and removing; return its UIDVALIDITY."""
        with during(Step.FOLDER):
            try:
                self.box.folder.set(self.mailbox.folder)
            except imaplib.IMAP4.readonly as error:
                raise MailboxError(
                    Step.FOLDER,
                    _("フォルダーが読み取り専用です。読み取ったメールを削除できる権限を付けてください。"),
                ) from error
            answer = self.client.response("UIDVALIDITY")[1]
            return str(int(answer[-1])) if answer and answer[-1] else "0"

    def list_messages(self) -> list[str]:
        """Return the names of the messages, oldest first. What is marked as deleted is on its way out."""
        with during(Step.READ):
            self.wire.begin()
            numbers = sorted(int(uid) for uid in self.box.uids("UNDELETED", charset=None))
            return [f"{self.validity}.{number}" for number in numbers]

    def fetch(self, name: str) -> bytes:
        """Return a message, at most MAX_BYTES of it. Raises Refused where it cannot be had."""
        with during(Step.READ):
            status, answers = self.client.uid("FETCH", uid_of(name), f"(BODY.PEEK[]<0.{MAX_BYTES}>)")
        # News of other messages may stand beside what was asked for; it has no body.
        parts = [part for part in answers if isinstance(part, tuple) and b"BODY[" in part[0].upper()]
        if status != "OK" or not parts:
            said = b" ".join(part for part in answers if isinstance(part, bytes)).decode("utf-8", "replace")
            raise Refused(Step.READ, _("サーバーがメールの内容を返しませんでした。"), said)
        return bytes(parts[0][1][:MAX_BYTES])

    def finish(self, names: Iterable[str]) -> None:
        """Delete or move messages whose notices are stored."""
        uids = [uid_of(name) for name in names]
        if self.mailbox.after_reading == AfterReading.MOVE:
            self.move(uids, DONE_FOLDER)
        else:
            self.remove(uids)
        self.require_gone(uids)

    def require_gone(self, uids: list[str]) -> None:
        """Raise MailboxError where messages are still there: without the right to delete, servers say OK all the same."""
        with during(Step.REMOVE):
            self.wire.begin()
            left = self.box.uids(f"UNDELETED UID {','.join(uids)}", charset=None)
        if left:
            raise MailboxError(Step.REMOVE, explain(Step.REMOVE))

    def set_aside(self, name: str) -> None:
        """Move a message to where it is no more in the way."""
        self.move([uid_of(name)], SET_ASIDE_FOLDER)

    def move(self, uids: list[str], folder: str) -> None:
        """Move messages to a folder, which is made where it is missing (MOVE: RFC 6851)."""
        target = self.make_folder(folder)
        with during(Step.REMOVE):
            self.wire.begin()
            if "MOVE" in self.box.client.capabilities:
                self.box.move(uids, target)
                return
            self.box.copy(uids, target)
        self.remove(uids)

    def remove(self, uids: list[str]) -> None:
        """Delete messages that are stored, and nothing else."""
        with during(Step.REMOVE):
            require_ok(self.client.uid("STORE", ",".join(uids), "+FLAGS.SILENT", rf"(\Deleted {KEYWORD})"))
            if "UIDPLUS" in self.box.client.capabilities:
                # What a task marked that died before it came to this goes with it (RFC 4315).
                ours = {*uids, *self.box.uids(f"DELETED KEYWORD {KEYWORD}", charset=None)}
                require_ok(self.client.uid("EXPUNGE", ",".join(sorted(ours, key=int))))
            elif set(self.box.uids(f"DELETED UNKEYWORD {KEYWORD}", charset=None)) <= set(uids):
                # A bare EXPUNGE takes all that is marked, so it waits until nothing but ours is. Until then ours
                # stay marked, which is all that a server without UIDPLUS lets us do, and are not read again.
                require_ok(self.client.expunge())

    def make_folder(self, folder: str) -> str:
        """Return the full name of a folder of ours, which exists from then on."""
        with during(Step.REMOVE):
            self.wire.begin()
            name = self.personal_prefix() + folder
            if not self.box.folder.exists(name):
                self.box.folder.create(name)
            return name

    def personal_prefix(self) -> str:
        """Return what the names of folders begin with at this server, such as "INBOX."."""
        if self.prefix is None:
            self.prefix = ""
            if "NAMESPACE" in self.box.client.capabilities:
                answer = self.box.client.namespace()[1][-1]
                found = PERSONAL_PREFIX.match(answer) if isinstance(answer, bytes) else None
                self.prefix = found[1].decode() if found else ""
        return self.prefix

    def commit(self) -> None:
        """Take leave. What was removed is removed already, so the server's answer does not matter."""
        with suppress(OSError, imaplib.IMAP4.error):
            self.client.logout()

    def drop(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self.box.client.shutdown()


def uid_of(name: str) -> str:
    """Return the UID in the name of a message."""
    return name.rpartition(".")[2]


def require_ok(answer: tuple[str, list[bytes | None]]) -> None:
    """Raise IMAP4.error with the server's words unless it said OK."""
    status, words = answer
    if status != "OK":
        raise imaplib.IMAP4.error((words[-1] or b"") if words else b"")
