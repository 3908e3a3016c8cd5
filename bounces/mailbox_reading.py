"""Takes the messages of a mailbox over, each of them removed only when its notice is stored."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol as Interface

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from bounces.intake import envelope_of, store_raw
from bounces.mailbox_errors import MailboxError, Refused, Step
from bounces.mailbox_imap import ImapReader
from bounces.mailbox_pop3 import Pop3Reader
from bounces.mailbox_wire import FOR_CHECK, FOR_TASK, Patience, Server, Wire
from bounces.mailboxes import keep_mailbox, record_problem, record_success, take_mailbox
from bounces.models import Door, Mailbox, MailboxFault, Protocol, Security
from senders.errors import SenderError
from senders.secrets import decrypt

logger = logging.getLogger(__name__)
MAX_TRIES = 3
# A mailbox gives way to others after so many messages or seconds.
TURN_MESSAGES = 500
TURN_SECONDS = 20.0
# So many messages are stored, each by itself, before they are removed by one command.
BATCH = 20
# Three in a row may be the fault of the server, not of the messages: the turn ends before all are blamed.
FAILING_IN_A_ROW = 3
# The codes by which a server says that it is out of order for the time being (RFC 5530, RFC 2449, RFC 3206).
PASSING = ("[UNAVAILABLE]", "[INUSE]", "[IN-USE]", "[SYS/TEMP]")
DOORS = {Protocol.IMAP: Door.IMAP, Protocol.POP3: Door.POP3}


class Reader(Interface):
    """A mailbox that is open, by whatever protocol. Every method raises MailboxError."""

    def list_messages(self) -> list[str]:
        """Return the names of the messages, oldest first; a name stays with its message."""
        ...

    def fetch(self, name: str) -> bytes:
        """Return a message, at most MAX_BYTES of it; raises Refused where only this one cannot be had."""
        ...

    def finish(self, names: Iterable[str]) -> None:
        """Delete or move messages, at the latest with `commit`."""
        ...

    def set_aside(self, name: str) -> None:
        """Put a message where it is no more in the way, where the protocol knows such a place."""
        ...

    def commit(self) -> None:
        """End the conversation and make what was done last."""
        ...

    def drop(self) -> None:
        """Close the connection, whatever state it is in."""
        ...


@contextmanager
def open_mailbox(mailbox: Mailbox, patience: Patience) -> Iterator[Reader]:
    """Open a mailbox, and close it at the end; only `commit` ends the conversation well. Raises MailboxError."""
    password = open_password(mailbox)
    wire = Wire(Server(mailbox.host, mailbox.port, Security(mailbox.security)), patience)
    try:
        reader: Reader
        if mailbox.protocol == Protocol.IMAP:
            reader = ImapReader(mailbox, password, wire)
        else:
            reader = Pop3Reader(mailbox, password, wire)
        try:
            yield reader
        finally:
            reader.drop()
    finally:
        wire.close()


def open_password(mailbox: Mailbox) -> str:
    """Return the password of a mailbox; raises MailboxError where no key opens it."""
    try:
        return decrypt(mailbox.password.encode()).decode()
    except SenderError as error:
        raise MailboxError(
            Step.LOGIN, _("保存したパスワードを読み出せません。パスワードを入力し直してください。")
        ) from error


def check_mailbox(mailbox: Mailbox, *, patience: Patience = FOR_CHECK) -> int:
    """Try a mailbox without changing anything in it; return how many messages wait. Raises MailboxError."""
    with open_mailbox(mailbox, patience) as reader:
        count = len(reader.list_messages())
        reader.commit()
    return count


def read_mailbox(
    mailbox_id: int,
    *,
    now: datetime,
    clock: Callable[[], datetime] = timezone.now,
    patience: Patience = FOR_TASK,
) -> None:
    """Read a mailbox for one turn where it is due. A second call at the same time does nothing."""
    mailbox = take_mailbox(mailbox_id, now=now)
    if mailbox is None:
        return
    try:
        with open_mailbox(mailbox, patience) as reader:
            turn = Turn(mailbox, reader, clock)
            turn.take_over()
            turn.set_aside()
            reader.commit()
    except MailboxError as error:
        logger.warning("mailbox %s: %s %s", mailbox.pk, error.step, error.answer)
        record_problem(mailbox, error.describe(), now=clock())
        return
    if turn.problem:
        record_problem(mailbox, turn.problem, now=clock())
    else:
        record_success(mailbox, waiting=turn.waiting, more=turn.has_more, now=clock())


class Turn:
    """One visit to a mailbox."""

    def __init__(self, mailbox: Mailbox, reader: Reader, clock: Callable[[], datetime]) -> None:
        self.mailbox = mailbox
        self.reader = reader
        self.clock = clock
        self.ends_at = time.monotonic() + TURN_SECONDS
        self.faults = {fault.uid: fault for fault in MailboxFault.objects.filter(mailbox=mailbox)}
        self.failing_in_a_row = 0
        self.names: list[str] = []
        # Messages left at the end, and whether some of them had no turn yet.
        self.waiting = 0
        self.has_more = False
        # What is wrong although the conversation went on to its end.
        self.problem = ""

    def take_over(self) -> None:
        """Store and remove what is there, as far as the turn goes; what failed before comes last."""
        self.names = self.reader.list_messages()
        self.forget_gone(self.names)
        names = sorted((name for name in self.names if not self.is_set_aside(name)), key=self.faults.__contains__)
        self.waiting = len(names)
        tried = 0
        while tried < min(len(names), TURN_MESSAGES) and self.may_go_on():
            tried += self.take_batch(names[tried : tried + BATCH])
        self.has_more = tried < len(names)

    def may_go_on(self) -> bool:
        """Say whether the turn goes on; the mailbox stays ours for as long."""
        return not self.problem and not self.is_late() and keep_mailbox(self.mailbox, now=self.clock())

    def is_late(self) -> bool:
        """Say whether it is the turn of others."""
        return time.monotonic() > self.ends_at

    def take_batch(self, names: list[str]) -> int:
        """Store messages, then remove those that were stored; return how many were tried."""
        stored: list[str] = []
        tried = 0
        for name in names:
            if self.problem or self.is_late():
                break
            tried += 1
            if self.take(name):
                stored.append(name)
        if stored:
            self.reader.finish(stored)
            self.waiting -= len(stored)
        return tried

    def take(self, name: str) -> bool:
        """Store one message and return whether that went well. Raises MailboxError where the connection is lost."""
        try:
            content = self.reader.fetch(name)
            self.store(content)
        except Refused as error:
            if any(code in error.answer.upper() for code in PASSING):
                raise
            self.count_fault(name, error.describe())
            return False
        except (DataError, IntegrityError):
            logger.exception("mailbox %s: message %s cannot be stored", self.mailbox.pk, name)
            self.count_fault(name, _("データベースに保存できませんでした。"))
            return False
        except MailboxError as error:
            # Some servers die of a message. It must not be the end of all the others behind it.
            self.count_fault(name, error.describe())
            raise
        self.failing_in_a_row = 0
        if name in self.faults:
            self.faults.pop(name).delete()
        return True

    def store(self, content: bytes) -> None:
        """Store a message in a transaction of its own, which is committed before anything is removed."""
        with transaction.atomic(durable=True):
            store_raw(
                content,
                envelope_to=envelope_of(content),
                door=DOORS[Protocol(self.mailbox.protocol)],
                workspace=self.mailbox.workspace,
            )

    def count_fault(self, name: str, why: str) -> None:
        """Count a failed try of a message; the third sets it aside."""
        known = self.faults.get(name)
        tries = known.tries + 1 if known else 1
        found = {"tries": tries, "why": why[:300], "at": self.clock(), "set_aside": tries >= MAX_TRIES}
        self.faults[name], _new = MailboxFault.objects.update_or_create(mailbox=self.mailbox, uid=name, defaults=found)
        self.failing_in_a_row += 1
        if self.failing_in_a_row >= FAILING_IN_A_ROW:
            self.problem = _("続けて読み取れないメールがあるため中断しました。時間をおいてもう一度試します。")

    def is_set_aside(self, name: str) -> bool:
        """Say whether a message is left alone."""
        return name in self.faults and self.faults[name].set_aside

    def forget_gone(self, names: list[str]) -> None:
        """Forget the faults of messages that are no more there; what was moved aside stays on the page."""
        there = set(names)
        is_kept = self.mailbox.protocol == Protocol.IMAP
        gone = [fault for name, fault in self.faults.items() if name not in there and not (fault.set_aside and is_kept)]
        for fault in gone:
            del self.faults[fault.uid]
        MailboxFault.objects.filter(pk__in=[fault.pk for fault in gone]).delete()

    def set_aside(self) -> None:
        """Move what is set aside and still there. Where that fails it stays, and is not read again all the same."""
        try:
            for name in filter(self.is_set_aside, self.names):
                self.reader.set_aside(name)
        except MailboxError as error:
            logger.warning("mailbox %s: not set aside: %s", self.mailbox.pk, error.answer)
