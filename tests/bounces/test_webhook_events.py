"""What the sending services tell, read as a returned mail is. Written from the services' lists of fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounces.judging import judge
from bounces.mime_reading import UnreadableNotice
from bounces.models import Service
from bounces.parsed import Action, NoticeKind, ParsedNotice
from bounces.webhook_events import MAX_EVENT_BYTES, parse_event
from mta.verdicts import Kind, Reason
from tests.bounces.hooks import ses_bounce, ses_mail
from tests.bounces.notices import read_email

READER = "reader@dest.example"


def read(service: str, event: Any) -> ParsedNotice:
    return parse_event(json.dumps(event).encode(), service)


def mean(notice: ParsedNotice) -> list[tuple[Kind, Reason]]:
    return [(judge(notice, one).kind, judge(notice, one).reason) for one in notice.recipients]


def test_ses_bounce() -> None:
    notice = read("ses", ses_bounce())
    one = notice.recipients[0]
    assert (notice.kind, notice.rule, notice.message_id) == (NoticeKind.BOUNCE, "webhook-ses", "<d-own@shop.example>")
    assert notice.return_paths == ("b-1-x@bounce.example.com",)
    assert (one.address, one.code, one.status, one.text) == (READER, 550, "5.1.1", "550 5.1.1 user unknown")
    assert mean(notice) == [(Kind.HARD, Reason.USER_UNKNOWN)]


def test_ses_feedback_notification_has_other_names() -> None:
    event = ses_bounce()
    event["notificationType"] = event.pop("eventType")
    event["mail"] = ses_mail(headers=[], commonHeaders={"messageId": "<d-common@shop.example>"})
    notice = read("ses", event)
    assert (notice.kind, notice.message_id) == (NoticeKind.BOUNCE, "<d-common@shop.example>")


@pytest.mark.parametrize(
    ("subtype", "kind", "meaning"),
    [
        ("NoEmail", "Permanent", (Kind.HARD, Reason.USER_UNKNOWN)),
        ("MailboxFull", "Transient", (Kind.SOFT, Reason.MAILBOX_FULL)),
        ("MessageTooLarge", "Transient", (Kind.BLOCK, Reason.TOO_LARGE)),
        ("General", "Permanent", (Kind.UNKNOWN, Reason.UNKNOWN)),
    ],
)
def test_ses_subtype_stands_in_for_missing_words(subtype: str, kind: str, meaning: tuple[Kind, Reason]) -> None:
    event = ses_bounce(bounceType=kind, bounceSubType=subtype, bouncedRecipients=[{"emailAddress": READER}])
    assert mean(read("ses", event)) == [meaning]


@pytest.mark.parametrize("subtype", ["Suppressed", "OnAccountSuppressionList"])
def test_ses_suppression_is_no_answer_of_the_receiver(subtype: str) -> None:
    """SES did not try: what it remembers is no proof that the address does not exist."""
    assert mean(read("ses", ses_bounce(bounceSubType=subtype))) == [(Kind.SOFT, Reason.SUSPENDED)]


def test_ses_complaint() -> None:
    told = {"complainedRecipients": [{"emailAddress": READER}], "complaintFeedbackType": "abuse"}
    notice = read("ses", {"eventType": "Complaint", "complaint": told, "mail": ses_mail()})
    assert (notice.kind, mean(notice)) == (NoticeKind.COMPLAINT, [(Kind.COMPLAINT, Reason.COMPLAINT)])
    told["complaintFeedbackType"] = "not-spam"
    assert read("ses", {"eventType": "Complaint", "complaint": told}).kind == NoticeKind.ORDINARY


def test_ses_delivery_and_delay_and_reject() -> None:
    delivery = {"recipients": [READER], "smtpResponse": "250 2.6.0 taken"}
    notice = read("ses", {"eventType": "Delivery", "delivery": delivery, "mail": ses_mail()})
    assert (notice.kind, notice.recipients[0].action) == (NoticeKind.DELIVERED, Action.DELIVERED)
    delay = {"delayedRecipients": [{"emailAddress": READER, "status": "4.4.1", "diagnosticCode": "smtp; 421 later"}]}
    notice = read("ses", {"eventType": "DeliveryDelay", "deliveryDelay": delay, "mail": ses_mail()})
    assert (notice.kind, notice.recipients[0].action, notice.recipients[0].status) == (
        NoticeKind.DELAY,
        Action.DELAYED,
        "4.4.1",
    )
    notice = read("ses", {"eventType": "Reject", "reject": {"reason": "Bad content"}, "mail": ses_mail()})
    assert [kind for kind, _reason in mean(notice)] == [Kind.BLOCK]


def sendgrid(event: str, **fields: Any) -> ParsedNotice:
    return read("sendgrid", {"event": event, "email": READER, "smtp-id": "<d-own@shop.example>"} | fields)


def test_sendgrid_bounce() -> None:
    notice = sendgrid("bounce", type="bounce", status="5.1.1", reason="550 5.1.1 no such user here")
    one = notice.recipients[0]
    assert (notice.kind, notice.message_id) == (NoticeKind.BOUNCE, "<d-own@shop.example>")
    assert (one.address, one.code, one.status) == (READER, 550, "5.1.1")
    assert mean(notice) == [(Kind.HARD, Reason.USER_UNKNOWN)]


def test_sendgrid_block_blames_nobody() -> None:
    notice = sendgrid("bounce", type="blocked", reason="554 5.7.1 message rejected as spam")
    assert mean(notice) == [(Kind.BLOCK, Reason.SPAM_CONTENT)]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("Bounced Address", NoticeKind.BOUNCE),
        ("Invalid", NoticeKind.BOUNCE),
        ("Spam Reporting Address", NoticeKind.COMPLAINT),
        ("Unsubscribed Address", NoticeKind.ORDINARY),
        ("Spam Content", NoticeKind.ORDINARY),
    ],
)
def test_sendgrid_drop_tells_what_it_remembers(reason: str, kind: NoticeKind) -> None:
    notice = sendgrid("dropped", reason=reason)
    assert notice.kind == kind
    if kind == NoticeKind.BOUNCE:
        assert mean(notice) == [(Kind.SOFT, Reason.SUSPENDED)]


def test_sendgrid_others() -> None:
    assert sendgrid("spamreport").kind == NoticeKind.COMPLAINT
    assert sendgrid("delivered", response="250 OK").kind == NoticeKind.DELIVERED
    notice = sendgrid("deferred", response="451 4.7.1 try again later", attempt="3")
    assert (notice.kind, notice.recipients[0].text) == (NoticeKind.DELAY, "451 4.7.1 try again later")
    for quiet in ("open", "click", "processed", "unsubscribe", "group_resubscribe", "what else"):
        assert sendgrid(quiet).kind == NoticeKind.ORDINARY


def mailgun(event: str, **fields: Any) -> ParsedNotice:
    message = {"headers": {"message-id": "d-own@shop.example", "to": f"Reader <{READER}>"}}
    sender = {"sender": "b-1-x@bounce.example.com", "transport": "smtp"}
    data = {"event": event, "recipient": READER, "message": message, "envelope": sender} | fields
    return read("mailgun", {"signature": {}, "event-data": data})


def test_mailgun_failure() -> None:
    status = {"code": 550, "message": "5.1.1 unknown user", "enhanced-code": "5.1.1", "mx-host": "mx.dest.example"}
    notice = mailgun("failed", severity="permanent", reason="bounce", **{"delivery-status": status})
    one = notice.recipients[0]
    assert (notice.kind, notice.message_id) == (NoticeKind.BOUNCE, "<d-own@shop.example>")
    assert notice.return_paths == ("b-1-x@bounce.example.com",)
    assert (one.address, one.code, one.status, one.host) == (READER, 550, "5.1.1", "mx.dest.example")
    assert mean(notice) == [(Kind.HARD, Reason.USER_UNKNOWN)]


def test_mailgun_event_without_its_envelope_is_the_same() -> None:
    data = {"event": "failed", "recipient": READER, "delivery-status": {"code": 552, "message": "mailbox full"}}
    assert mean(read("mailgun", data)) == [(Kind.SOFT, Reason.MAILBOX_FULL)]


def test_mailgun_codes_of_its_own_are_no_replies() -> None:
    status = {"code": 605, "message": "", "description": "Not delivering to previously bounced address"}
    notice = mailgun("failed", severity="permanent", reason="suppress-bounce", **{"delivery-status": status})
    assert notice.recipients[0].code is None
    assert mean(notice) == [(Kind.SOFT, Reason.SUSPENDED)]
    assert mailgun("failed", reason="suppress-complaint").kind == NoticeKind.COMPLAINT
    assert mailgun("failed", reason="suppress-unsubscribe").kind == NoticeKind.ORDINARY


def test_mailgun_others() -> None:
    assert mailgun("failed", severity="temporary").kind == NoticeKind.DELAY
    assert mailgun("delivered").kind == NoticeKind.DELIVERED
    assert mailgun("complained").kind == NoticeKind.COMPLAINT
    rejected = mailgun("rejected", recipient=None, reject={"reason": "Sandbox subdomains are for tests"})
    assert (rejected.kind, rejected.recipients[0].address) == (NoticeKind.BOUNCE, READER)
    for quiet in ("opened", "clicked", "unsubscribed", "accepted"):
        assert mailgun(quiet).kind == NoticeKind.ORDINARY


def postmark(record: str = "Bounce", **fields: Any) -> ParsedNotice:
    return read("postmark", {"RecordType": record, "MessageID": "an-id-of-postmark", "Email": READER} | fields)


def test_postmark_bounce() -> None:
    notice = postmark(Type="HardBounce", TypeCode=1, Details="smtp;550 5.1.1 no such user")
    assert (notice.kind, notice.message_id) == (NoticeKind.BOUNCE, "")
    assert mean(notice) == [(Kind.HARD, Reason.USER_UNKNOWN)]


def test_postmark_returned_mail_leads_to_our_own() -> None:
    head, _, returned = read_email("postfix-user-unknown").decode().rpartition("Message-ID:")
    content = f"{head}Message-ID: <d-own@shop.example>\n{returned.partition(chr(10))[2]}"
    notice = postmark(Type="HardBounce", Details="550 5.1.1 no such user", Content=content)
    assert [one.address for one in notice.recipients] == [READER]
    assert notice.message_id == "<d-own@shop.example>"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("SoftBounce", NoticeKind.BOUNCE),
        ("Transient", NoticeKind.DELAY),
        ("DnsError", NoticeKind.DELAY),
        ("AutoResponder", NoticeKind.AUTO_REPLY),
        ("ChallengeVerification", NoticeKind.AUTO_REPLY),
        ("SpamComplaint", NoticeKind.COMPLAINT),
        ("SpamNotification", NoticeKind.BOUNCE),
        ("Unsubscribe", NoticeKind.ORDINARY),
        ("SMTPApiError", NoticeKind.ORDINARY),
    ],
)
def test_postmark_types(kind: str, expected: NoticeKind) -> None:
    assert postmark(Type=kind).kind == expected


def test_postmark_others() -> None:
    assert postmark("SpamComplaint", Type="SpamComplaint").kind == NoticeKind.COMPLAINT
    delivered = postmark("Delivery", Email=None, Recipient=READER, Details="250 ok")
    assert (delivered.kind, delivered.recipients[0].address) == (NoticeKind.DELIVERED, READER)
    change = {"Recipient": READER, "Email": None, "SuppressSending": True}
    hard = postmark("SubscriptionChange", SuppressionReason="HardBounce", **change)
    assert (hard.kind, mean(hard)) == (NoticeKind.BOUNCE, [(Kind.SOFT, Reason.SUSPENDED)])
    assert postmark("SubscriptionChange", SuppressionReason="SpamComplaint", **change).kind == NoticeKind.COMPLAINT
    assert postmark("SubscriptionChange", SuppressionReason="ManualSuppression", **change).kind == NoticeKind.ORDINARY
    assert postmark("SubscriptionChange", SuppressSending=False).kind == NoticeKind.ORDINARY
    assert postmark("Open").kind == NoticeKind.ORDINARY
    assert mean(postmark(Type="BadEmailAddress"))[0][0] == Kind.HARD


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"[]", b'"text"', b"[" * 100_000, b"\xff\xfe", b'{"a":' + b"9" * 5000 + b"}"]
)
def test_nonsense_is_unreadable(content: bytes) -> None:
    for service in Service:
        with pytest.raises(UnreadableNotice):
            parse_event(content, service)


def test_what_is_too_large_or_of_nobody_is_unreadable() -> None:
    with pytest.raises(UnreadableNotice):
        parse_event(b"{}" + b" " * MAX_EVENT_BYTES, Service.SES)
    with pytest.raises(UnreadableNotice):
        parse_event(b"{}", "else")


def test_hostile_characters_are_taken_out() -> None:
    event = b'{"event":"bounce","email":"reader@dest.example","reason":"550 \\ud800 no\\u0000 user"}'
    text = parse_event(event, "sendgrid").recipients[0].text
    assert text.encode()
    assert "\0" not in text


# What stands where something else is expected.
LEAVES = st.sampled_from([None, True, 0, -1, 1e300, "", "\0", "reader@dest.example", "550 5.1.1", "Bounce", "\ud800"])
NAMES = st.sampled_from(
    [
        "bounce",
        "bouncedRecipients",
        "mail",
        "headers",
        "event",
        "event-data",
        "delivery-status",
        "message",
        "emailAddress",
        "Email",
    ]
)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))


@given(st.dictionaries(NAMES, JSON, max_size=5), st.sampled_from(list(Service)))
def test_no_shape_breaks_the_reader(event: dict[str, Any], service: Service) -> None:
    event = {"eventType": "Bounce", "RecordType": "Bounce", "Type": "HardBounce", "event": "failed"} | event
    assert read(service, event).rule == f"webhook-{service}"
