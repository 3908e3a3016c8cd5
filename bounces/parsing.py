"""Reads returned mail: one pure function from bytes to what they say."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.message import Message

from flufl.bounce import all_failures

from bounces.mime_reading import Budget, Part, decode_words, normalise, read_part, top_level_parts
from bounces.notice_phrases import ORIGINAL_BEGINS
from bounces.notice_text import CONTINUED, MAX_LINES, read_text
from bounces.parsed import Action, NoticeKind, ParsedNotice, ParsedRecipient
from bounces.sorting import has_no_sender, is_auto_reply, is_bounce, is_delay, is_from_daemon, is_report
from bounces.status_fields import find_address, find_addresses, read_fields, read_status
from mta.verdicts import Phase

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
ORIGINAL_TYPES = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
TEXT_TYPES = ("text/plain", "text/html")
MAX_FAILED_HEADER = 5000
# More of a notice than this says nothing new.
NOTICE_TEXT = 20_000
# flufl.bounce tries twenty readers on each line.
FLUFL_MAX_TEXT = 20_000
FLUFL_MAX_LINES = 300
# What RFC 5965 section 7.3 registers as a complaint of the recipient about the mail.
COMPLAINTS = ("abuse", "fraud", "virus", "opt-out", "opt-out-list", "other", "")
OUTLOOK_COMPLAINT = re.compile(r"(?i)\s*complaint about message from ")
FEEDBACK_FIELD = re.compile(r"(?im)^feedback-type[ \t]{0,8}:")
FIELDS_IN_TEXT = re.compile(r"(?im)^[ \t]{0,8}(?:final|original)-recipient[ \t]{0,8}:")
# Where a text tells the step of the dialogue that a delivery status leaves out.
TELLS_STEP = re.compile(r"(?m)^\s{0,8}>>> |in\s+reply\s+to\s|after (?:RCPT|DATA|MAIL|end of)")
# A status that says no more than that it failed.
UNSPECIFIC = ("", "4.0.0", "5.0.0")
# So few letters in a delivery status give no reason.
NO_REASON = 20
HEADER_LINES = re.compile(rb"\s{0,20}[A-Za-z][A-Za-z0-9-]{1,60}: [^\n]{1,400}\n(?:[ \t]|[A-Za-z][A-Za-z0-9-]{1,60}:)")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# The text may quote the headers of the returned mail.
MESSAGE_ID = re.compile(r"(?im)^[ \t>|]{0,8}message-id[ \t]{0,8}:\s{0,8}(<[^<>\s]{3,500}>)")


@dataclass(slots=True)
class Mail:
    """A mail at the bounce door, opened: what its top-level parts are."""

    head: Part
    subject: str
    text: str
    statuses: list[str]
    feedback: str
    # The returned mail, or its headers.
    original: Part | None

    def addresses_of_ours(self) -> set[str]:
        """Return the addresses that the mail was sent to; they are no failed recipients."""
        headers = f"{self.head.header('to')} {self.head.header('delivered-to')}"
        return {address.lower() for address in find_addresses(headers)}


def parse(content: bytes, *, clock: Callable[[], float] = time.thread_time) -> ParsedNotice:
    """Read a mail as it came in. Raises UnreadableNotice when its shape takes too long to read."""
    return clean(parse_part(read_part(normalise(content)), Budget(clock)))


def parse_part(head: Part, budget: Budget) -> ParsedNotice:
    """Read a mail whose headers are already split off. The first way of reading that fits decides."""
    mail = open_mail(head, budget)
    for read in (
        read_feedback,
        read_statuses,
        read_outlook_complaint,
        read_apple_unsubscribe,
        read_report,
        read_header,
        read_auto_reply,
        read_written,
    ):
        if notice := read(mail, budget):
            return refer(notice, mail)
    if notice := read_wrapped(mail, budget):
        return notice
    return refer(read_with_flufl(mail) or ParsedNotice(NoticeKind.ORDINARY, "no-sign"), mail)


def refer(notice: ParsedNotice, mail: Mail) -> ParsedNotice:
    """Add what leads from a notice to the mail that it is about."""
    return replace(notice, message_id=find_message_id(mail), return_paths=find_return_paths(mail))


def clean(notice: ParsedNotice) -> ParsedNotice:
    """Take out of what was read the characters that no database and no page should be given."""
    return replace(
        notice,
        recipients=tuple(
            replace(
                recipient,
                address=clean_line(recipient.address),
                original=clean_line(recipient.original),
                text=clean_line(recipient.text),
                host=clean_line(recipient.host),
            )
            for recipient in notice.recipients
        ),
        message_id=clean_line(notice.message_id),
        return_paths=tuple(clean_line(address) for address in notice.return_paths),
    )


def clean_line(text: str) -> str:
    """Replace lone surrogates and leave out control characters."""
    return CONTROL.sub("", text.encode("utf-8", "replace").decode())


def open_mail(head: Part, budget: Budget) -> Mail:
    """Sort the top-level parts of a mail by what they are for."""
    texts: list[str] = []
    pages: list[str] = []
    mail = Mail(head, decode_words(head.header("subject")), "", [], "", None)
    for part in top_level_parts(head, budget):
        if part.type in STATUS_TYPES:
            mail.statuses.append(part.text())
        elif part.type == "message/feedback-report":
            mail.feedback = mail.feedback or part.text()
        elif part.type in ORIGINAL_TYPES or is_attached_header(part):
            mail.original = mail.original or read_part(part.content().lstrip(b"\n "))
        elif part.type in TEXT_TYPES or part.type.startswith("multipart/"):
            # A multipart that could not be split is read as it stands.
            (pages if part.type == "text/html" else texts).append(part.text())
    mail.text = "\n".join(texts if any(text.strip() for text in texts) else pages)
    if not mail.feedback and head.parameter("report-type").lower() == "feedback-report":
        # Some reporters send the machine-readable part as plain text.
        mail.feedback = next((text for text in texts if FEEDBACK_FIELD.search(text)), "")
    return mail


def is_attached_header(part: Part) -> bool:
    """Say whether a text is the returned mail, attached as a file."""
    attached = part.header("content-disposition").lower().startswith("attachment")
    return attached and part.type == "text/plain" and bool(HEADER_LINES.match(part.content()[:500]))


def read_feedback(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Read a complaint (ARF, RFC 5965). Reports of failed authentication (RFC 6591) are no complaints."""
    if not mail.feedback:
        return None
    fields = {
        name: value for group in reversed(read_fields(mail.feedback.split("\n"))) for name, value in group.items()
    }
    if fields.get("feedback-type", "").lower() not in COMPLAINTS:
        return ParsedNotice(NoticeKind.REPORT, "arf-report")
    named = [
        address
        for group in read_fields(mail.feedback.replace("\nOriginal-Rcpt-To", "\n\nOriginal-Rcpt-To").split("\n"))
        for name in ("original-rcpt-to", "removal-recipient")
        for address in find_addresses(group.get(name, ""))
    ]
    addresses = dict.fromkeys(named or returned_recipients(mail))
    return ParsedNotice(NoticeKind.COMPLAINT, "arf", tuple(ParsedRecipient(address) for address in addresses))


def read_outlook_complaint(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Read a complaint of Outlook.com's Junk Mail Reporting Program, which is older than ARF.

    The reported mail is attached; the reporter stands in its X-HmXmrOriginalRecipient header.
    """
    if mail.original is None or not OUTLOOK_COMPLAINT.match(mail.subject):
        return None
    addresses = find_addresses(mail.original.header("x-hmxmroriginalrecipient")) or returned_recipients(mail)
    return ParsedNotice(NoticeKind.COMPLAINT, "jmrp", tuple(ParsedRecipient(address) for address in addresses))


def read_apple_unsubscribe(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Read the request to unsubscribe that Apple Mail sends for its user: the opt-out of RFC 5965 section 7.3."""
    if not mail.head.header("x-apple-unsubscribe"):
        return None
    addresses = find_addresses(mail.head.header("from"))
    return ParsedNotice(NoticeKind.COMPLAINT, "apple-unsubscribe", tuple(ParsedRecipient(name) for name in addresses))


def read_statuses(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Read a delivery status (RFC 3464); what it leaves out is looked for in the text beside it."""
    recipients: list[ParsedRecipient] = []
    for status in mail.statuses:
        recipients += read_status(status)[0]
    if not recipients:
        return None
    return sum_up(complete(recipients, mail, budget), "dsn")


def complete(recipients: list[ParsedRecipient], mail: Mail, budget: Budget) -> list[ParsedRecipient]:
    """Add the words of the text where a status gives no diagnostic of its own, and the step of the dialogue."""
    said = all(gives_reason(recipient) for recipient in recipients)
    if said and not TELLS_STEP.search(mail.text[:NOTICE_TEXT]):
        return recipients
    written = {found.address.lower(): found for found in read_text(mail.text, mail.addresses_of_ours(), budget)}
    lone = next(iter(written.values())) if len(written) == len(recipients) == 1 else None
    if not written and len(recipients) == 1 and recipients[0].status in UNSPECIFIC:
        lone = ParsedRecipient(recipients[0].address, text=lines_naming(recipients[0].address, mail.text))
    return [
        add_words(recipient, written.get(recipient.address.lower(), written.get(recipient.original.lower(), lone)))
        for recipient in recipients
    ]


def lines_naming(address: str, text: str) -> str:
    """Return the lines of a notice that hold an address."""
    return " ".join(line.strip() for line in notice_part(text).split("\n") if address in line)[:1000]


def gives_reason(recipient: ParsedRecipient) -> bool:
    """Say whether a delivery status holds more than a code."""
    return bool(recipient.code) or len(recipient.text) > NO_REASON


def add_words(recipient: ParsedRecipient, found: ParsedRecipient | None) -> ParsedRecipient:
    """Add what the text says of a recipient to what its delivery status says."""
    if found is None:
        return recipient
    if CONTINUED.match(recipient.text) and found.code == recipient.code and len(found.text) > len(recipient.text):
        # Sendmail's status holds but the first line of the reply, its transcript the whole.
        recipient = replace(recipient, text=found.text)
    if gives_reason(recipient) or not found.text:
        return replace(recipient, phase=found.phase if recipient.phase is Phase.NOTICE else recipient.phase)
    status = found.status if recipient.status.endswith(".0.0") and found.status else recipient.status
    return replace(
        recipient,
        text=f"{recipient.text} {found.text}".strip(),
        code=found.code,
        status=status or found.status,
        phase=found.phase,
        host=recipient.host or found.host,
    )


def sum_up(recipients: list[ParsedRecipient], rule: str) -> ParsedNotice:
    """Make the notice of recipients: one failure makes it a bounce, one delay a delay notice."""
    once = tuple({recipient.address.lower(): recipient for recipient in reversed(recipients)}.values())[::-1]
    actions = {recipient.action for recipient in once}
    if Action.FAILED in actions:
        return ParsedNotice(NoticeKind.BOUNCE, rule, once)
    return ParsedNotice(NoticeKind.DELAY if Action.DELAYED in actions else NoticeKind.DELIVERED, rule, once)


def read_report(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Set reports about the sender as a whole apart."""
    return ParsedNotice(NoticeKind.REPORT, "report-subject") if is_report(mail.subject) else None


def read_header(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Read X-Failed-Recipients, which Exim and Gmail add."""
    addresses = find_addresses(mail.head.header("x-failed-recipients")[:MAX_FAILED_HEADER])
    if not addresses:
        return None
    written = {found.address.lower(): found for found in read_text(mail.text, mail.addresses_of_ours(), budget)}
    rest = [found for name, found in written.items() if name not in {address.lower() for address in addresses}]
    lone = rest[0] if len(addresses) == 1 and len(rest) == 1 else ParsedRecipient("", text=first_words(mail.text))
    recipients = [replace(written.get(address.lower(), lone), address=address) for address in addresses]
    return as_written(mail, recipients, "x-failed-recipients")


def as_written(mail: Mail, recipients: list[ParsedRecipient], rule: str) -> ParsedNotice:
    """Make the notice of recipients that a text names: its words say whether the server still tries."""
    if is_delay(mail.subject, notice_part(mail.text)):
        recipients = [replace(recipient, action=Action.DELAYED) for recipient in recipients]
    return sum_up(recipients, rule)


def notice_part(text: str) -> str:
    """Return the text up to the returned mail."""
    lines = text[:NOTICE_TEXT].split("\n")[:MAX_LINES]
    end = next((number for number, line in enumerate(lines) if ORIGINAL_BEGINS.match(line[:1000])), len(lines))
    return "\n".join(lines[:end])


def first_words(text: str) -> str:
    """Return the beginning of a notice on one line."""
    return " ".join(notice_part(text).split())[:1000]


def read_auto_reply(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Set automatic answers and read receipts apart."""
    if mail.head.parameter("report-type").lower() == "disposition-notification":
        return ParsedNotice(NoticeKind.AUTO_REPLY, "mdn")
    return ParsedNotice(NoticeKind.AUTO_REPLY, "auto-reply") if is_auto_reply(mail.head, mail.subject) else None


def read_written(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Read a bounce that is written for people only."""
    text = notice_part(mail.text)
    returns_mail = mail.original is not None or len(text) < len(mail.text[:NOTICE_TEXT])
    if not is_bounce(mail.head, mail.subject, text, returns_mail=returns_mail):
        return None
    if FIELDS_IN_TEXT.search(mail.text):
        recipients = read_status(mail.text)[0]
        if recipients:
            return sum_up(complete(recipients, mail, budget), "dsn-in-text")
    recipients = read_text(mail.text, mail.addresses_of_ours(), budget)
    if not recipients and not is_wrapping(mail, budget):
        # The notice names nobody, but it returns the mail.
        lone = returned_recipients(mail)
        recipients = [ParsedRecipient(lone[0], text=first_words(text))] if len(lone) == 1 else []
    return as_written(mail, recipients, "text") if recipients else None


def is_wrapping(mail: Mail, budget: Budget) -> bool:
    """Say whether the returned mail is a notice itself."""
    return mail.original is not None and (is_from_daemon(mail.original) or has_no_sender(mail.original))


def read_wrapped(mail: Mail, budget: Budget) -> ParsedNotice | None:
    """Read a notice that a server attached to one of its own."""
    if mail.original is None or not is_wrapping(mail, budget) or not is_from_daemon(mail.head):
        return None
    if not budget.take_mail():
        return None
    notice = parse_part(mail.original, budget)
    return notice if notice.recipients else None


def read_with_flufl(mail: Mail) -> ParsedNotice | None:
    """Ask flufl.bounce last, for an address whose cause stays unknown."""
    if not is_from_daemon(mail.head):
        return None
    temporary, permanent = all_failures(flatten(mail))
    found = [address.decode("utf-8", "replace") for address in sorted(permanent or temporary)]
    ours = mail.addresses_of_ours()
    action = Action.FAILED if permanent else Action.DELAYED
    recipients = [
        ParsedRecipient(find_address(text), action, text=first_words(mail.text))
        for text in found
        if find_address(text) and find_address(text).lower() not in ours
    ]
    return replace(sum_up(recipients, "flufl"), trusted=False) if recipients else None


def flatten(mail: Mail) -> Message:
    """Return a mail as one short text under two clean headers; flufl.bounce stumbles over hostile ones."""
    flat = Message()
    flat["From"] = find_address(mail.head.header("from")) or "mailer-daemon@localhost"
    flat["Subject"] = re.sub(r"[^ -~]", "?", mail.subject[:200])
    flat.set_payload("\n".join(mail.text[:FLUFL_MAX_TEXT].split("\n")[:FLUFL_MAX_LINES]))
    return flat


def returned_recipients(mail: Mail) -> list[str]:
    """Return whom the returned mail was addressed to."""
    if mail.original is None:
        return []
    return find_addresses(mail.original.header("x-original-to") or mail.original.header("to"))


def find_message_id(mail: Mail) -> str:
    """Return the Message-ID of the returned mail, else the one that the notice answers to."""
    if mail.original is not None and (own := mail.original.header("message-id")):
        return own[:500]
    if found := MESSAGE_ID.search(mail.text):
        return found.group(1)
    return mail.head.header("in-reply-to")[:500]


def find_return_paths(mail: Mail) -> tuple[str, ...]:
    """Return the addresses that may be the signed Return-Path of the returned mail."""
    headers = [mail.original.header("return-path")] if mail.original is not None else []
    headers += [mail.feedback, mail.head.header("delivered-to"), mail.head.header("to")]
    return tuple(dict.fromkeys(address for text in headers for address in find_addresses(text)))
