"""Tells what kind of mail came in, before anything is read in its text."""

from __future__ import annotations

from bounces.mime_reading import Part
from bounces.notice_phrases import (
    AUTO_SUBJECT,
    BOUNCE_SUBJECT,
    DAEMON_SENDER,
    DELAY_PHRASE,
    DELAY_SUBJECT,
    DELIVERED_SUBJECT,
    FAILURE_PHRASE,
    GAVE_UP,
    READ_RECEIPT_SUBJECT,
    REPLY_SUBJECT,
    REPORT_SUBJECT,
    WEB_SENDER,
)
from bounces.status_fields import CODE

# Headers that automatic answers carry (RFC 3834 section 5 and what mail programs add).
AUTO_HEADERS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-autoreply-from", "x-mail-autoreply", "x-vacation")
AUTO_PRECEDENCE = ("auto_reply", "auto-reply")
NO_SENDER = ("<>", "< >")


def is_from_daemon(mail: Part) -> bool:
    """Say whether a mail server wrote the mail, as its sender's name tells."""
    sender = mail.header("from")
    return bool(
        sender in NO_SENDER
        or DAEMON_SENDER.search(mail.header("return-path"))
        or DAEMON_SENDER.search(sender)
        # The list manager fml answers in the name of the list's administrator.
        or (mail.headers.get("x-mlserver") is not None and "-admin@" in sender)
    )


def has_no_sender(mail: Part) -> bool:
    """Say whether nobody wants an answer (RFC 5321 section 4.5.5), as for bounces and many automatic replies."""
    return mail.header("return-path") in NO_SENDER


def is_auto_reply(mail: Part, subject: str) -> bool:
    """Say whether a person's mail program answered by itself: 自動応答, 不在通知, 開封通知."""
    if DAEMON_SENDER.search(mail.header("from")):
        return False
    if any(mail.headers.get(name) is not None for name in AUTO_HEADERS):
        return True
    if mail.header("precedence").lower() in AUTO_PRECEDENCE or mail.header("x-auto-response-suppress").lower() == "all":
        return not BOUNCE_SUBJECT.search(subject)
    if mail.header("auto-submitted").lower().startswith(("auto-replied", "auto-notified")):
        return not BOUNCE_SUBJECT.search(subject)
    return bool(AUTO_SUBJECT.search(subject) or READ_RECEIPT_SUBJECT.search(subject))


def is_report(subject: str) -> bool:
    """Say whether it is a report about the sender as a whole, as DMARC's."""
    return bool(REPORT_SUBJECT.search(subject))


def is_bounce(mail: Part, subject: str, text: str, *, returns_mail: bool) -> bool:
    """Say whether a mail without machine-readable status is a bounce or a delay notice.

    A server's name or a bounce's subject is not enough, and neither are words that a person may have quoted:
    a server's name and one more sign are asked for. Where a person's name stands in From, it takes a bounce's
    subject and words and two of three signs: a code, the returned mail, and no Return-Path.
    """
    if DELIVERED_SUBJECT.search(subject):
        return False
    headed = bool(BOUNCE_SUBJECT.search(subject) or DELAY_SUBJECT.search(subject))
    told = bool(FAILURE_PHRASE.search(text) or DELAY_PHRASE.search(text))
    coded = bool(CODE.search(text))
    if is_from_daemon(mail):
        # A postmaster may also answer as a person.
        return (told and coded) if REPLY_SUBJECT.search(subject) else (headed or told or coded)
    if REPLY_SUBJECT.search(subject) or WEB_SENDER.search(mail.header("from")):
        return False
    return headed and told and (coded, returns_mail, has_no_sender(mail)).count(True) > 1


def is_delay(subject: str, text: str) -> bool:
    """Say whether the server is still trying (遅延通知)."""
    return bool((DELAY_SUBJECT.search(subject) or DELAY_PHRASE.search(text)) and not GAVE_UP.search(text))
