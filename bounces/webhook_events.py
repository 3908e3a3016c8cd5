"""Reads what a sending service tells in JSON into the same values as a returned mail gives. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from bounces.mime_reading import UnreadableNotice
from bounces.models import Service
from bounces.parsed import Action, NoticeKind, ParsedNotice, ParsedRecipient
from bounces.parsing import clean, parse
from bounces.status_fields import ANY_STATUS, find_address, find_code, find_phase, finest_status

MAX_EVENT_BYTES = 1024 * 1024
MAX_TEXT = 1000
MAX_RECIPIENTS = 100
# The service did not even try, because of what it remembers of the address. These words are ours.
SUPPRESSED = "not tried: the address is on the suppression list of the service"

# Amazon SES, "bounce types": what a subtype means where the receiver's own words are missing.
SES_STATUS = {
    "NoEmail": "5.1.1",
    "MailboxFull": "4.2.2",
    "MessageTooLarge": "5.3.4",
    "ContentRejected": "5.6.0",
    "AttachmentRejected": "5.6.1",
}
SES_SUPPRESSED = ("Suppressed", "OnAccountSuppressionList")
# The feedback types of RFC 5965 that no recipient sent as a complaint.
SES_NO_COMPLAINT = {"not-spam": NoticeKind.ORDINARY, "auth-failure": NoticeKind.REPORT}
# SendGrid, "dropped": the reason tells what was remembered.
SENDGRID_DROPPED = {
    "bounced address": NoticeKind.BOUNCE,
    "invalid": NoticeKind.BOUNCE,
    "spam reporting address": NoticeKind.COMPLAINT,
}
# Mailgun, "failed": the reasons that begin with "suppress-" tell the same.
MAILGUN_SUPPRESSED = {"suppress-bounce": NoticeKind.BOUNCE, "suppress-complaint": NoticeKind.COMPLAINT}
# Postmark, "Bounce types"; the rest is no error of a recipient.
POSTMARK_KINDS = {
    "HardBounce": NoticeKind.BOUNCE,
    "SoftBounce": NoticeKind.BOUNCE,
    "Blocked": NoticeKind.BOUNCE,
    "BadEmailAddress": NoticeKind.BOUNCE,
    "DMARCPolicy": NoticeKind.BOUNCE,
    "ManuallyDeactivated": NoticeKind.BOUNCE,
    # Accepted first and taken for spam afterwards: the message is at fault, nobody complained.
    "SpamNotification": NoticeKind.BOUNCE,
    "Unknown": NoticeKind.BOUNCE,
    "VirusNotification": NoticeKind.BOUNCE,
    "Transient": NoticeKind.DELAY,
    "DnsError": NoticeKind.DELAY,
    "SpamComplaint": NoticeKind.COMPLAINT,
    "AutoResponder": NoticeKind.AUTO_REPLY,
    "AddressChange": NoticeKind.AUTO_REPLY,
    "ChallengeVerification": NoticeKind.AUTO_REPLY,
}
# What is said of an address where the type alone says it.
POSTMARK_STATUS = {"BadEmailAddress": "5.1.3"}
# Postmark, "Subscription change": the only notice of a bounce in its broadcast streams.
POSTMARK_SUPPRESSED = {"HardBounce": NoticeKind.BOUNCE, "SpamComplaint": NoticeKind.COMPLAINT}
ACTIONS = {
    NoticeKind.BOUNCE: Action.FAILED,
    NoticeKind.COMPLAINT: Action.FAILED,
    NoticeKind.DELAY: Action.DELAYED,
    NoticeKind.DELIVERED: Action.DELIVERED,
}


@dataclass(frozen=True, slots=True)
class Node:
    """A value of hostile JSON; whatever is not of the wanted shape is absent."""

    value: Any = None

    def at(self, *names: str) -> Node:
        """Go down by names."""
        value = self.value
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return Node(value)

    def text(self, *names: str) -> str:
        """Return a text or number on one line, "" for anything else."""
        value = self.at(*names).value
        known = isinstance(value, str | int | float) and not isinstance(value, bool)
        return " ".join(str(value)[: 2 * MAX_TEXT].split())[:MAX_TEXT] if known else ""

    def items(self, *names: str) -> Iterator[Node]:
        """Yield the first elements of a list."""
        value = self.at(*names).value
        yield from (Node(item) for item in (value if isinstance(value, list) else [])[:MAX_RECIPIENTS])


def parse_event(content: bytes, service: str) -> ParsedNotice:
    """Read one stored event of a service (`Service`).

    Raises UnreadableNotice where it is no JSON object or the service is unknown. An event that tells of no
    failure, an opened mail for instance, is ORDINARY.
    """
    reader = READERS.get(service)
    if reader is None:
        raise UnreadableNotice(f"no service {service[:20]!r} is known")
    notice = reader(Node(read_json(content)))
    return clean(replace(notice, rule=f"webhook-{service}"))


def read_json(content: bytes) -> dict[str, Any]:
    """Return the JSON object of an event; raises UnreadableNotice where it is none."""
    if len(content) > MAX_EVENT_BYTES:
        raise UnreadableNotice(f"an event of {len(content)} bytes is too large")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnreadableNotice("the event is no JSON") from error
    if not isinstance(value, dict):
        raise UnreadableNotice("the event is no JSON object")
    return value


def tell(kind: NoticeKind, *recipients: ParsedRecipient) -> ParsedNotice:
    """Make a notice; recipients without an address are left out, and the action follows from the kind."""
    action = ACTIONS.get(kind)
    if action is None:
        return ParsedNotice(kind, "")
    return ParsedNotice(kind, "", tuple(replace(one, action=action) for one in recipients if one.address))


def describe(address: str, text: str, *, status: str = "", code: str = "", host: str = "") -> ParsedRecipient:
    """Return what is said of an address; what the service leaves out is read in the server's own words."""
    told = ANY_STATUS.search(status) or ANY_STATUS.search(text)
    return ParsedRecipient(
        address=find_address(address),
        code=find_code(code) or find_code(text),
        status=finest_status(told.group(1) if told else "", text),
        text=text,
        host=host[:255],
        phase=find_phase(text),
    )


def read_ses(event: Node) -> ParsedNotice:
    """Read an event of Amazon SES ("Contents of event data that Amazon SES publishes to Amazon SNS").

    Event publishing calls the type `eventType`, feedback notifications call it `notificationType`. The returned
    Message-ID is the one that SES was given, `mail.source` the envelope sender.
    """
    kind = event.text("eventType") or event.text("notificationType")
    notice = SES_EVENTS[kind](event) if kind in SES_EVENTS else ParsedNotice(NoticeKind.ORDINARY, "")
    source = find_address(event.text("mail", "source"))
    return replace(notice, message_id=ses_message_id(event), return_paths=(source,) if source else ())


def ses_message_id(event: Node) -> str:
    """Return the Message-ID that we gave the mail."""
    for header in event.items("mail", "headers"):
        if header.text("name").lower() == "message-id":
            return header.text("value")
    return event.text("mail", "commonHeaders", "messageId")


def read_ses_bounce(event: Node) -> ParsedNotice:
    """Read a bounce; the subtype stands in where the receiver's words are missing."""
    subtype = event.text("bounce", "bounceSubType")
    recipients = []
    for one in event.items("bounce", "bouncedRecipients"):
        text = one.text("diagnosticCode").removeprefix("smtp;").strip()
        if subtype in SES_SUPPRESSED:
            recipients.append(describe(one.text("emailAddress"), f"{subtype}: {SUPPRESSED}"))
            continue
        status = one.text("status") or SES_STATUS.get(subtype, "")
        recipients.append(describe(one.text("emailAddress"), text, status=status))
    return tell(NoticeKind.BOUNCE, *recipients)


def read_ses_complaint(event: Node) -> ParsedNotice:
    """Read a complaint."""
    kind = SES_NO_COMPLAINT.get(event.text("complaint", "complaintFeedbackType"), NoticeKind.COMPLAINT)
    addresses = event.items("complaint", "complainedRecipients")
    return tell(kind, *(describe(one.text("emailAddress"), "") for one in addresses))


def read_ses_delivery(event: Node) -> ParsedNotice:
    """Read that the receiving server took the mail."""
    text = event.text("delivery", "smtpResponse")
    return tell(NoticeKind.DELIVERED, *(describe(one.text(), text) for one in event.items("delivery", "recipients")))


def read_ses_delay(event: Node) -> ParsedNotice:
    """Read that the service still tries."""
    delayed = event.items("deliveryDelay", "delayedRecipients")
    return tell(
        NoticeKind.DELAY,
        *(describe(one.text("emailAddress"), one.text("diagnosticCode"), status=one.text("status")) for one in delayed),
    )


def read_ses_reject(event: Node) -> ParsedNotice:
    """Read that SES found a virus and sent nothing: the message is at fault."""
    text = f"Amazon SES: {event.text('reject', 'reason')} (virus detected)"
    addresses = event.items("mail", "destination")
    return tell(NoticeKind.BOUNCE, *(describe(one.text(), text, status="5.7.0") for one in addresses))


SES_EVENTS: dict[str, Callable[[Node], ParsedNotice]] = {
    "Bounce": read_ses_bounce,
    "Complaint": read_ses_complaint,
    "Delivery": read_ses_delivery,
    "DeliveryDelay": read_ses_delay,
    "Reject": read_ses_reject,
}


def read_sendgrid(event: Node) -> ParsedNotice:
    """Read an event of SendGrid ("Event Webhook Reference"); `smtp-id` is the Message-ID that it was given."""
    kind, address = event.text("event"), event.text("email")
    # A delay tells the server's words in `response`, a bounce in `reason`.
    text = event.text("reason") or event.text("response")
    one = describe(address, text, status=event.text("status"))
    if kind == "dropped":
        dropped = SENDGRID_DROPPED.get(text.lower(), NoticeKind.ORDINARY)
        notice = tell(dropped, describe(address, f"{text}: {SUPPRESSED}"))
    elif kind in SENDGRID_EVENTS:
        notice = tell(SENDGRID_EVENTS[kind], one)
    else:
        notice = ParsedNotice(NoticeKind.ORDINARY, "")
    return replace(notice, message_id=event.text("smtp-id"))


SENDGRID_EVENTS = {
    "bounce": NoticeKind.BOUNCE,
    "deferred": NoticeKind.DELAY,
    "delivered": NoticeKind.DELIVERED,
    "spamreport": NoticeKind.COMPLAINT,
}


def read_mailgun(event: Node) -> ParsedNotice:
    """Read the `event-data` of Mailgun ("Event structure"), also with the envelope in which it was sent."""
    data = event.at("event-data") if event.at("event-data").value else event
    message_id = data.text("message", "headers", "message-id")
    notice = tell(mailgun_kind(data), mailgun_recipient(data))
    source = find_address(data.text("envelope", "sender"))
    return replace(
        notice,
        message_id=f"<{message_id.strip('<>')}>" if message_id else "",
        return_paths=(source,) if source else (),
    )


def mailgun_kind(data: Node) -> NoticeKind:
    """Say what an event is; a failure that Mailgun goes on trying is a delay."""
    event, reason = data.text("event"), data.text("reason")
    if event == "failed" and reason.startswith("suppress-"):
        return MAILGUN_SUPPRESSED.get(reason, NoticeKind.ORDINARY)
    if event == "failed" and data.text("severity") == "temporary":
        return NoticeKind.DELAY
    return MAILGUN_EVENTS.get(event, NoticeKind.ORDINARY)


MAILGUN_EVENTS = {
    "failed": NoticeKind.BOUNCE,
    "rejected": NoticeKind.BOUNCE,
    "delivered": NoticeKind.DELIVERED,
    "complained": NoticeKind.COMPLAINT,
}


def mailgun_recipient(data: Node) -> ParsedRecipient:
    """Return what is said of the recipient."""
    status, reason = data.at("delivery-status"), data.text("reason")
    address = data.text("recipient") or data.text("message", "headers", "to")
    if reason.startswith("suppress-"):
        return describe(address, f"{reason}: {SUPPRESSED}")
    # `message` holds the server's words, `description` Mailgun's own where the server said nothing.
    text = status.text("message") or status.text("description") or data.text("reject", "reason")
    return describe(
        address,
        text,
        status=status.text("enhanced-code"),
        # Codes above 559, as 605, are Mailgun's own and no replies.
        code=status.text("code"),
        host=status.text("mx-host"),
    )


def read_postmark(event: Node) -> ParsedNotice:
    """Read an event of Postmark ("Bounce webhook" and the others).

    Its `MessageID` is its own. Ours stands only in `Content`, the returned mail, which Postmark adds if asked to.
    """
    kind = postmark_kind(event)
    said = event.text("Type") or event.text("SuppressionReason")
    text = event.text("Details") or event.text("Description")
    if event.text("RecordType") == "SubscriptionChange" or said == "ManuallyDeactivated":
        text = f"{said}: {SUPPRESSED}"
    address = event.text("Email") or event.text("Recipient")
    notice = tell(kind, describe(address, text, status=POSTMARK_STATUS.get(said, "")))
    content = event.at("Content").value
    if not isinstance(content, str):
        return notice
    returned = parse(content.encode("utf-8", "replace"))
    return replace(notice, message_id=returned.message_id, return_paths=returned.return_paths)


def postmark_kind(event: Node) -> NoticeKind:
    """Say what an event is."""
    record, kind = event.text("RecordType"), event.text("Type")
    if record == "SubscriptionChange" and event.at("SuppressSending").value is True:
        return POSTMARK_SUPPRESSED.get(event.text("SuppressionReason"), NoticeKind.ORDINARY)
    if record == "Delivery":
        return NoticeKind.DELIVERED
    if record in ("Bounce", "SpamComplaint"):
        return POSTMARK_KINDS.get(kind, NoticeKind.ORDINARY)
    return NoticeKind.ORDINARY


READERS: dict[str, Callable[[Node], ParsedNotice]] = {
    Service.SES: read_ses,
    Service.SENDGRID: read_sendgrid,
    Service.MAILGUN: read_mailgun,
    Service.POSTMARK: read_postmark,
}
