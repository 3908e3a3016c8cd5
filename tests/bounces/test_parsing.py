"""What is read in returned mail. The mails are of our own making, in tests/emails."""

from __future__ import annotations

from pathlib import Path

import pytest

from bounces.parsed import Action, NoticeKind, ParsedNotice
from bounces.parsing import parse
from mta.verdicts import Phase

EMAILS = Path(__file__).parent.parent / "emails"
TARO = "taro@example.jp"
BOUNCE, DELAY, AUTO = NoticeKind.BOUNCE, NoticeKind.DELAY, NoticeKind.AUTO_REPLY
ORDINARY, REPORT, COMPLAINT = NoticeKind.ORDINARY, NoticeKind.REPORT, NoticeKind.COMPLAINT

# name, kind, way of reading, (recipient, status, code, phase) of each recipient
EXPECTED = [
    ("postfix-user-unknown", BOUNCE, "dsn", [(TARO, "5.1.1", 550, Phase.RCPT)]),
    ("postfix-delay", DELAY, "dsn", [(TARO, "4.4.1", None, Phase.NOTICE)]),
    (
        "postfix-two-recipients",
        BOUNCE,
        "dsn",
        [(TARO, "5.2.2", 552, Phase.NOTICE), ("hanako@example.jp", "5.1.1", 550, Phase.NOTICE)],
    ),
    ("postfix-delivered", NoticeKind.DELIVERED, "dsn", [(TARO, "2.0.0", None, Phase.NOTICE)]),
    ("sendmail-mailbox-full", BOUNCE, "dsn", [(TARO, "5.2.2", 552, Phase.DATA)]),
    ("exchange-policy", BOUNCE, "dsn", [("taro@corp.example", "5.7.1", 550, Phase.NOTICE)]),
    ("docomo-refused-after-data", BOUNCE, "dsn", [("a..b@docomo.ne.jp", "5.0.0", 550, Phase.DOT)]),
    ("docomo-unknown-at-rcpt", BOUNCE, "dsn", [("hanako@docomo.ne.jp", "5.0.0", 550, Phase.RCPT)]),
    ("au-says-it-in-the-text", BOUNCE, "dsn", [("hanako@ezweb.ne.jp", "5.0.0", 550, Phase.RCPT)]),
    ("fields-without-order", BOUNCE, "dsn", [(TARO, "5.1.1", 550, Phase.NOTICE)]),
    ("exim-unknown-local-user", BOUNCE, "x-failed-recipients", [(TARO, "5.1.1", 550, Phase.RCPT)]),
    ("exim-delay", DELAY, "x-failed-recipients", [(TARO, "", None, Phase.NOTICE)]),
    ("qmail-no-mailbox", BOUNCE, "text", [(TARO, "5.1.1", None, Phase.NOTICE)]),
    ("japanese-gateway-text", BOUNCE, "text", [(TARO, "5.1.1", 550, Phase.NOTICE)]),
    ("japanese-cp932-undeclared", BOUNCE, "text", [(TARO, "", None, Phase.NOTICE)]),
    ("html-only", BOUNCE, "text", [(TARO, "5.1.1", 550, Phase.NOTICE)]),
    ("names-nobody-but-returns-the-mail", BOUNCE, "text", [(TARO, "", None, Phase.NOTICE)]),
    ("notice-in-a-notice", BOUNCE, "dsn", [(TARO, "5.1.1", 550, Phase.NOTICE)]),
    ("wrong-boundary", BOUNCE, "dsn", [(TARO, "5.1.1", 550, Phase.NOTICE)]),
    ("status-in-the-text", BOUNCE, "dsn-in-text", [(TARO, "5.1.2", 550, Phase.NOTICE)]),
    ("flufl-only", BOUNCE, "flufl", [(TARO, "", None, Phase.NOTICE)]),
    ("arf-abuse", COMPLAINT, "arf", [(TARO, "", None, Phase.NOTICE)]),
    ("arf-without-recipient", COMPLAINT, "arf", []),
    ("outlook-complaint", COMPLAINT, "jmrp", [("taro@outlook.jp", "", None, Phase.NOTICE)]),
    ("apple-unsubscribe", COMPLAINT, "apple-unsubscribe", [("hanako@icloud.com", "", None, Phase.NOTICE)]),
    ("arf-auth-failure", REPORT, "arf-report", []),
    ("dmarc-report", REPORT, "report-subject", []),
    ("auto-reply-japanese", AUTO, "auto-reply", []),
    ("auto-reply-by-subject", AUTO, "auto-reply", []),
    ("auto-reply-header", AUTO, "auto-reply", []),
    ("auto-reply-precedence", AUTO, "auto-reply", []),
    ("read-receipt", AUTO, "mdn", []),
    ("text-delay", DELAY, "text", [(TARO, "", None, Phase.NOTICE)]),
    ("japanese-delay", DELAY, "text", [(TARO, "", None, Phase.NOTICE)]),
    ("reply-of-a-person", ORDINARY, "no-sign", []),
    ("ordinary-mail", ORDINARY, "no-sign", []),
    ("mail-with-a-mail-attached", ORDINARY, "no-sign", []),
]


def read_email(name: str) -> bytes:
    return (EMAILS / f"{name}.eml").read_bytes()


def summary(notice: ParsedNotice) -> list[tuple[str, str, int | None, Phase]]:
    return [(found.address, found.status, found.code, found.phase) for found in notice.recipients]


@pytest.mark.parametrize(("name", "kind", "rule", "recipients"), EXPECTED, ids=[row[0] for row in EXPECTED])
def test_reads_each_kind_of_mail(
    name: str, kind: NoticeKind, rule: str, recipients: list[tuple[str, str, int | None, Phase]]
) -> None:
    """B6, F1, F3: kind, recipient, codes and step are read in the mails of many servers."""
    notice = parse(read_email(name))
    assert (notice.kind, notice.rule, summary(notice)) == (kind, rule, recipients)


def test_every_mail_has_its_expectation() -> None:
    assert {path.stem for path in EMAILS.glob("*.eml")} == {row[0] for row in EXPECTED}


@pytest.mark.parametrize("name", [row[0] for row in EXPECTED if row[1] != REPORT])
@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
def test_line_ends_do_not_matter(name: str, ends: bytes) -> None:
    content = read_email(name)
    assert parse(content.replace(b"\n", ends)) == parse(content)


def test_keeps_the_words_of_the_server() -> None:
    """C15: the receiver's own text is kept."""
    (recipient,) = parse(read_email("postfix-user-unknown")).recipients
    assert "User unknown in virtual mailbox table" in recipient.text
    assert recipient.host == "mail.example.jp"


def test_keeps_japanese_words() -> None:
    (recipient,) = parse(read_email("japanese-cp932-undeclared")).recipients
    assert "容量が超過" in recipient.text


def test_finds_the_returned_message() -> None:
    for name in ("postfix-user-unknown", "qmail-no-mailbox", "arf-without-recipient", "notice-in-a-notice"):
        assert parse(read_email(name)).message_id == "<d-12-bbbbbbbbbbbbbbbbbbbbbbbbbb@shop.example>"


def test_finds_the_signed_path_of_a_complaint() -> None:
    assert "b-12-aaaaaaaaaaaaaaaaaaaaaaaaaa@bounce.example.com" in parse(read_email("arf-abuse")).return_paths


def test_complaint_whose_fields_are_plain_text() -> None:
    complaint = read_email("arf-abuse")
    found = parse(complaint.replace(b"message/feedback-report", b"text/plain"))
    assert (found.kind, found.recipients) == (COMPLAINT, parse(complaint).recipients)


def test_not_spam_is_no_complaint() -> None:
    """RFC 6430: the reader took the mail out of the spam folder."""
    assert parse(read_email("arf-abuse").replace(b"Feedback-Type: abuse", b"Feedback-Type: not-spam")).kind == REPORT


def test_falls_back_to_what_the_notice_answers_to() -> None:
    mail = (
        b"From: mailer-daemon@x.example\nSubject: failed\nIn-Reply-To: <d-1-x@y>\n\ntaro@example.jp: 550 no such user"
    )
    assert parse(mail).message_id == "<d-1-x@y>"


def test_flufl_finds_an_address_but_no_cause() -> None:
    assert not parse(read_email("flufl-only")).trusted


def bounce_with(status: str, text: str = "") -> ParsedNotice:
    return parse(
        (
            "From: mailer-daemon@x.example\nContent-Type: multipart/report; boundary=b\n\n"
            f"--b\nContent-Type: text/plain\n\n{text}\n--b\nContent-Type: message/delivery-status\n\n{status}\n--b--\n"
        ).encode()
    )


def test_original_recipient_alone_is_enough() -> None:
    notice = bounce_with("Original-Recipient: <taro@example.jp>\nAction: failed\nDiagnostic-Code: smtp; 550 no")
    assert summary(notice) == [(TARO, "", 550, Phase.NOTICE)]


def test_second_final_recipient_needs_no_blank_line() -> None:
    notice = bounce_with(
        "Final-Recipient: rfc822;a@x.example\nStatus: 5.1.1\nFinal-Recipient: rfc822;b@x.example\nStatus: 5.2.2"
    )
    assert [found.address for found in notice.recipients] == ["a@x.example", "b@x.example"]


def test_fields_after_the_last_recipient_belong_to_it() -> None:
    notice = bounce_with("Final-Recipient: rfc822;a@x.example\n\nStatus: 5.2.2\nDiagnostic-Code: 552 mailbox full")
    assert summary(notice) == [("a@x.example", "5.2.2", 552, Phase.NOTICE)]


def test_one_failure_among_others_makes_it_a_bounce() -> None:
    notice = bounce_with(
        "Final-Recipient: rfc822;a@x.example\nAction: delivered\n\nFinal-Recipient: rfc822;b@x.example\nAction: failed"
    )
    assert notice.kind == BOUNCE
    assert [found.action for found in notice.recipients] == [Action.DELIVERED, Action.FAILED]


def test_status_alone_tells_the_action() -> None:
    assert bounce_with("Final-Recipient: rfc822;a@x.example\nStatus: 2.0.0").kind == NoticeKind.DELIVERED
    assert bounce_with("Final-Recipient: rfc822;a@x.example\nStatus: 4.4.7").kind == BOUNCE


def test_continuation_without_a_field_is_left_out() -> None:
    assert summary(bounce_with("  stray\nnonsense\nFinal-Recipient: rfc822;a@x.example")) == [
        ("a@x.example", "", None, Phase.NOTICE)
    ]


def test_status_part_without_recipient_leaves_it_to_the_text() -> None:
    notice = bounce_with("Reporting-MTA: dns; x.example", "<taro@example.jp>: 550 5.1.1 no such user")
    assert (notice.rule, summary(notice)) == ("text", [(TARO, "5.1.1", 550, Phase.NOTICE)])


def test_text_beside_the_status_adds_the_cause() -> None:
    notice = bounce_with(
        "Final-Recipient: rfc822;taro@example.jp\nStatus: 5.0.0\n\nFinal-Recipient: rfc822;b@x.example\nStatus: 5.0.0",
        "<taro@example.jp>: 552 5.2.2 mailbox full",
    )
    assert summary(notice) == [(TARO, "5.2.2", 552, Phase.NOTICE), ("b@x.example", "5.0.0", None, Phase.NOTICE)]


@pytest.mark.parametrize(
    ("told", "phase"),
    [
        ("550 no (in reply to MAIL FROM command)", Phase.MAIL),
        ("550 no (in reply to DATA command)", Phase.DATA),
        ("550 no (in reply to EHLO command)", Phase.EHLO),
        ("host x refused to talk to me while receiving the initial server greeting", Phase.GREETING),
        ("SMTP error from remote mail server after end of data: 550 no", Phase.DOT),
    ],
)
def test_reads_the_step_of_the_dialogue(told: str, phase: Phase) -> None:
    """F3: the stage at which a server refused is read."""
    (recipient,) = bounce_with(f"Final-Recipient: rfc822;a@x.example\nDiagnostic-Code: smtp; {told}").recipients
    assert recipient.phase == phase


def written(text: str, headers: str = "") -> ParsedNotice:
    head = (
        f"Return-Path: <>\nFrom: mailer-daemon@x.example\nTo: me@shop.example\nSubject: Delivery failure\n{headers}\n"
    )
    return parse(f"{head}{text}".encode())


def test_reads_a_transcript() -> None:
    notice = written(
        "   ----- Transcript of session follows -----\n>>> MAIL From:<me@shop.example>\n<<< 250 ok\n"
        ">>> RCPT To:<a@x.example>\n<<< 550 <a@x.example>... User unknown\n550 <a@x.example>... User unknown\n"
        ">>> RCPT To:<b@x.example>\n<<< 552 full\n<<< and more\n"
    )
    assert summary(notice) == [("a@x.example", "", 550, Phase.RCPT), ("b@x.example", "", 552, Phase.RCPT)]


def test_answer_without_a_command_is_read_too() -> None:
    assert summary(written("<<< 550 <a@x.example>... User unknown")) == [("a@x.example", "", 550, Phase.NOTICE)]


@pytest.mark.parametrize(
    "line",
    [
        "There was an error delivering your mail to <a@x.example>.",
        "User mailbox exceeds allowed size: a@x.example",
        "  * a@x.example",
        "a@x.example [User unknown]",
        "a@x.example Invalid Address",
        "SMTP Server <mx.example> rejected recipient <a@x.example> (Error following RCPT command).",
        "RCPT TO: a@x.example",
        "Recipient: <a@x.example>",
        "送信先: a@x.example",
        "次の宛先へは送信できませんでした。\n「a@x.example」",
        'a@x.example\n550 5.1.1 "no"',
        "Neko <a@x.example><mailto:a@x.example>",
    ],
)
def test_finds_the_recipient_in_a_sentence(line: str) -> None:
    assert [found.address for found in written(f"Delivery failed.\n\n{line}\n").recipients] == ["a@x.example"]


@pytest.mark.parametrize(
    "line",
    [
        "For help contact help@x.example",
        "From: a@x.example",
        "MAIL FROM: me@shop.example",
        "me@shop.example",
        "<postmaster@x.example>: we are sorry",
        "> <a@x.example>: quoted by a person",
        "Delivered by magic@ to nobody",
        "<not an address>: no",
        "<not-an-address>: no @",
        "A word about a@x.example here",
    ],
)
def test_other_addresses_are_no_recipients(line: str) -> None:
    notice = written(f"Delivery failed: 550 no\n{line}\n")
    assert (notice.kind, notice.recipients) == (ORDINARY, ())


def test_reads_quoted_printable() -> None:
    notice = written("=3Ca@x.example=3E: 550 5.1.1 no=\n such user", "Content-Transfer-Encoding: quoted-printable\n")
    assert [(found.address, found.text) for found in notice.recipients] == [("a@x.example", "550 5.1.1 no such user")]


def test_several_recipients_keep_their_own_words() -> None:
    notice = written("<a@x.example>:\nmailbox full\n\n<b@x.example>:\n550 5.1.1 no such user\n")
    assert [(found.address, found.text) for found in notice.recipients] == [
        ("a@x.example", "mailbox full"),
        ("b@x.example", "550 5.1.1 no such user"),
    ]


def test_recipients_without_words_get_those_of_the_notice() -> None:
    notice = written("550 5.1.1 User unknown\n\nThese were affected:\n  a@x.example\n  b@x.example\n")
    assert {found.text[:14] for found in notice.recipients} == {"550 5.1.1 User"}


def test_named_host_is_kept() -> None:
    (recipient,) = written("<a@x.example>: host mx.x.example[192.0.2.1] said: 550 no").recipients
    assert recipient.host == "mx.x.example"


def test_failed_header_that_the_text_does_not_repeat() -> None:
    notice = written("b@x.example: 550 5.1.1 no such user", "X-Failed-Recipients: a@x.example\n")
    assert summary(notice) == [("a@x.example", "5.1.1", 550, Phase.NOTICE)]
    assert [
        found.address for found in written("Sorry.", "X-Failed-Recipients: a@x.example, b@x.example\n").recipients
    ] == [
        "a@x.example",
        "b@x.example",
    ]


def test_fields_in_the_text_without_an_address_are_no_status() -> None:
    assert summary(written("a@x.example: 550 no\nFinal-Recipient: rfc822; nobody\n")) == [
        ("a@x.example", "", 550, Phase.NOTICE)
    ]


def test_attached_notice_that_says_nothing_is_no_bounce() -> None:
    inner = "From: mailer-daemon@y.example\nTo: x\n\nhello\n"
    notice = written(
        f"--b\nContent-Type: text/plain\n\nundeliverable\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n",
        "Content-Type: multipart/mixed; boundary=b\n",
    )
    assert (notice.kind, notice.recipients) == (ORDINARY, ())


def test_returned_mail_to_several_names_nobody() -> None:
    original = "From: me@shop.example\nTo: a@x.example, b@x.example\n\nhello\n"
    notice = written(
        f"--b\nContent-Type: text/plain\n\nundeliverable\n--b\nContent-Type: message/rfc822\n\n{original}\n--b--\n",
        "Content-Type: multipart/mixed; boundary=b\n",
    )
    assert notice.recipients == ()


def test_wrapping_ends() -> None:
    content = b"From: mailer-daemon@x.example\nSubject: Delivery failure\n\nend"
    for number in range(50):
        edge = f"b{number}".encode()
        content = (
            b"From: mailer-daemon@x.example\nSubject: Delivery failure\nContent-Type: multipart/mixed; boundary=" + edge
            + b"\n\n--" + edge + b"\nContent-Type: message/rfc822\n\n" + content + b"\n--" + edge + b"--\n"
        )  # fmt: skip
    assert parse(content).kind == ORDINARY


def test_temporary_finding_of_flufl_is_a_delay() -> None:
    text = (
        "The original message was received at noon\n    ***    THIS IS A WARNING MESSAGE ONLY    ***\n"
        "   ----- The following addresses had transient non-fatal errors -----\nto <a@x.example> at last\n"
        "   ----- Transcript of session follows -----\n"
    )
    assert written(text).kind in (DELAY, ORDINARY)
