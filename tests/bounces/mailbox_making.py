"""Mailboxes for the tests, and what is in them."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from accounts.models import Workspace
from bounces import mailbox_reading
from bounces.mailbox_wire import FOR_TASK, Patience
from bounces.mailboxes import MailboxDetails, create_mailbox
from bounces.models import Mailbox
from tests.bounces.dovecot import PASSWORD, Dovecot
from tests.factories import make_workspace


def make_mailbox(workspace: Workspace | None = None, *, password: str = PASSWORD, **fields: Any) -> Mailbox:
    defaults = {
        "protocol": "imap",
        "host": "127.0.0.1",
        "port": 143,
        "security": "none",
        "username": "anna",
        "folder": "INBOX",
        "after_reading": "delete",
    }
    return create_mailbox(workspace or make_workspace(), MailboxDetails(**defaults | fields), password)


def make_dovecot_mailbox(server: Dovecot, username: str, **fields: Any) -> Mailbox:
    """Make a mailbox at a server, and its user there."""
    server.add_user(username)
    port = server.pop3 if fields.get("protocol") == "pop3" else server.imap
    return make_mailbox(**{"username": username, "port": port} | fields)


def read(mailbox: Mailbox, patience: Patience = FOR_TASK) -> Mailbox:
    """Read a mailbox now, whether it is due or not; return it as it is stored afterwards."""
    Mailbox.objects.filter(pk=mailbox.pk).update(due_at=None)
    mailbox_reading.read_mailbox(mailbox.pk, now=timezone.now(), patience=patience)
    mailbox.refresh_from_db()
    return mailbox


def make_mail(number: int = 1, *, to: str = "b-1-x@bounce.example.com", size: int = 0) -> bytes:
    """Make a mail of its own for each number."""
    text = f"Delivered-To: {to}\r\nSubject: {number}\r\nMessage-ID: <{number}@example.net>\r\n\r\n..dots\r\n.\r\n"
    return text.encode() + b"x" * size + b"\r\n"
