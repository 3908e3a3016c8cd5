"""What is read in the dialogue of two servers, and in the words around a server's own."""

import pytest

from bounces.judging import judge
from bounces.parsed import ParsedRecipient
from bounces.parsing import parse
from mta.verdicts import Kind, Phase, Reason
from tests.bounces.test_parsing import bounce_with, written

DOCOMO = "taro@docomo.ne.jp"


def read_docomo(transcript: str) -> tuple[Phase, Kind]:
    """Return the step and the kind of what sendmail tells of docomo's only refusal."""
    text = f"<{DOCOMO}>\n\n   ----- Transcript of session follows -----\n... while talking to mfsmax.docomo.ne.jp.:\n{transcript}"
    status = f"Final-Recipient: RFC822; {DOCOMO}\nRemote-MTA: DNS; mfsmax.docomo.ne.jp\nDiagnostic-Code: SMTP; 550 Unknown user {DOCOMO}"
    notice = bounce_with(status, text)
    (recipient,) = notice.recipients
    return recipient.phase, judge(notice, recipient).kind


def test_refused_at_rcpt_is_unknown() -> None:
    """F3."""
    transcript = f">>> RCPT To:<{DOCOMO}>\n<<< 550 Unknown user {DOCOMO}\n550 5.1.1 <{DOCOMO}>... User unknown\n>>> DATA\n<<< 503 Bad sequence"
    assert read_docomo(transcript) == (Phase.RCPT, Kind.HARD)


def test_refused_after_data_is_the_owners_filter() -> None:
    """F3."""
    transcript = f">>> DATA\n<<< 550 Unknown user {DOCOMO}\n554 5.0.0 Service unavailable"
    assert read_docomo(transcript) == (Phase.DATA, Kind.REFUSED)


def test_pipelined_answer_below_data_belongs_to_rcpt() -> None:
    """F3: sendmail sends RCPT and DATA together and shows the last command only."""
    transcript = (
        f">>> DATA\n<<< 550 Unknown user {DOCOMO}\n550 5.1.1 <{DOCOMO}>... User unknown\n<<< 503 5.0.0 Need RCPT"
    )
    assert read_docomo(transcript) == (Phase.RCPT, Kind.HARD)


def test_unknown_step_does_not_stop_at_once() -> None:
    """F3: where the notice does not tell the step, a docomo address is not taken for dead."""
    assert read_docomo("") == (Phase.NOTICE, Kind.REFUSED)


def only(text: str, headers: str = "") -> ParsedRecipient:
    (recipient,) = written(text, headers).recipients
    return recipient


def test_answer_to_mail_is_about_the_sender() -> None:
    notice = written(
        "   ----- Transcript of session follows -----\n>>> MAIL From:<news@shop.example>\n"
        "<<< 501 <news@shop.example>... no access from here\n554 <a@x.example>... Remote protocol error\n"
    )
    assert [found.address for found in notice.recipients] == ["a@x.example"]
    assert notice.recipients[0].phase == Phase.MAIL


def test_words_of_a_program_belong_to_the_next_recipient() -> None:
    text = "   ----- Transcript of session follows -----\nmail.local: unknown user: a\n554 <a@x.example>... Service unavailable\n"
    assert only(text).text == "mail.local: unknown user: a 554 <a@x.example>... Service unavailable"


def test_what_was_accepted_is_no_news() -> None:
    text = ">>> RCPT To:<a@x.example>\n<<< 250 ok\n>>> DATA\n<<< 354 go on\n<<< 554-looks like\n<<< 554 spam\n"
    recipient = only(text)
    assert (recipient.text, recipient.phase) == ("554-looks like 554 spam (in reply to DATA)", Phase.DATA)


def test_answer_about_another_recipient_is_not_taken() -> None:
    text = "<a@x.example>\n    (reason: 550 5.1.2 no such host)\n\n>>> DATA\n<<< 452 later\n"
    assert only(text).code == 550


def test_first_line_of_a_reply_is_completed() -> None:
    text = ">>> DATA\n<<< 552-5.7.0 Blocked because\n<<< 552 5.7.0 the attachment is not allowed\n554 5.0.0 Service unavailable\n"
    status = "Final-Recipient: RFC822; a@x.example\nStatus: 5.7.0\nDiagnostic-Code: SMTP; 552-5.7.0 Blocked because"
    (recipient,) = bounce_with(status, "<a@x.example>\n\n" + text).recipients
    assert "the attachment is not allowed" in recipient.text


def test_to_of_the_returned_mail_is_asked_last() -> None:
    quoted = "Your message\n\n  To: b@x.example\n\ndid not reach the following recipient(s):\n\n"
    assert only(f"{quoted}a@x.example on Thu, 29 Apr\n    Unknown Recipient\n").address == "a@x.example"
    assert only("Your message\n\n  To: b@x.example\n\nwas undeliverable.\n").address == "b@x.example"


@pytest.mark.parametrize(
    ("diagnostic", "text", "status"),
    [
        ("smtp; 5.1.0 - Unknown address error 550-'5.7.1 no access' (delivery attempts: 0)", "550 5.7.1 no access", "5.7.1"),
        ("smtp; 5.4.7 - Delivery expired (message too old) 'timeout'", "5.4.7 - Delivery expired (message too old) 'timeout'", "5.4.7"),
        ("X-Unix; 127", "x-unix; 127", "5.1.0"),
        ("X-Unix; no such user", "no such user", "5.1.0"),
        ("550 no", "550 no", "5.1.0"),
    ],
)  # fmt: skip
def test_words_around_the_diagnostic(diagnostic: str, text: str, status: str) -> None:
    (recipient,) = bounce_with(
        f"Final-Recipient: RFC822; a@x.example\nStatus: 5.1.0\nDiagnostic-Code: {diagnostic}"
    ).recipients
    assert (recipient.text, recipient.status) == (text, status)


def test_words_around_a_reply_are_left_out() -> None:
    text = (
        "SMTP Server <mx.example> rejected recipient <a@x.example>. It responded as follows: [550 5.1.1 User unknown]"
    )
    assert only(text).text == "550 5.1.1 User unknown"


def test_headers_attached_as_a_file_are_the_returned_mail() -> None:
    notice = written(
        "--b\nContent-Type: text/plain\n\nDelivery failed\n<a@x.example>: 550 no\n"
        "--b\nContent-Type: text/plain\nContent-Disposition: attachment\n\nX-Rbl: listed\nMessage-ID: <d-1@shop.example>\n\n--b--\n",
        "Content-Type: multipart/mixed; boundary=b\n",
    )
    assert notice.message_id == "<d-1@shop.example>"
    assert "listed" not in notice.recipients[0].text


def test_bounce_in_a_persons_name_needs_all_other_signs() -> None:
    head = "From: Taro <taro@x.example>\nTo: me@shop.example\nSubject: Delivery failure\n"
    text = "Your mail could not be delivered to\n<a@x.example>: 550 no such user\n"
    assert parse(f"{head}\n{text}".encode()).recipients == ()
    notice = parse(f"Return-Path: <>\n{head}\n{text}".encode())
    assert judge(notice, notice.recipients[0]).reason == Reason.USER_UNKNOWN
