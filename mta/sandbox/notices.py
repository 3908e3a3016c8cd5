"""Builds the mails that come back: delivery reports (RFC 3464), delay notices and automatic replies."""

from datetime import datetime, timedelta
from email import message_from_bytes
from email.generator import BytesGenerator
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from io import BytesIO

from mta.sandbox.answers import BOUNCE_DOMAIN, Action, Answer

REMOTE_HOST = f"mx.{BOUNCE_DOMAIN}"
RETRY_FOR = timedelta(days=3)

REPORT_TEXT = """\
このメールは配送システムが自動で作成しました。
次の宛先に関するお知らせです。

    <{address}>

{japanese}

This is the mail system at host {host}.

{english}

<{address}>: host {host} said: {reply}
"""


def build_notice(answer: Answer, original: bytes, *, return_path: str, address: str, now: datetime) -> bytes:
    """Return the mail (CRLF line ends) that answers `original`, sent to `address`, back to its return path."""
    headers = message_from_bytes(original.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    if answer.action is Action.AUTO_REPLY:
        message = build_auto_reply(answer, headers, address)
    else:
        message = build_report(answer, original, address, now)
    message["To"] = f"<{return_path}>"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=BOUNCE_DOMAIN)
    return flatten(message)


def build_report(answer: Answer, original: bytes, address: str, now: datetime) -> Message:
    """Return a multipart/report of three parts: for people, for programs, and the returned headers."""
    reply = answer.reply.format(address=address)
    failed = answer.action is Action.FAILED
    report = MIMEMultipart("report", report_type="delivery-status")
    report["From"] = f"Mail Delivery System <MAILER-DAEMON@{BOUNCE_DOMAIN}>"
    report["Subject"] = "Undelivered Mail Returned to Sender" if failed else "Delayed Mail (still being retried)"
    report["Auto-Submitted"] = "auto-replied"
    text = REPORT_TEXT.format(
        address=address, japanese=answer.japanese, english=answer.english, host=REMOTE_HOST, reply=reply
    )
    report.attach(MIMEText(text, "plain", "utf-8"))

    per_message = Message()
    per_message["Reporting-MTA"] = f"dns; {REMOTE_HOST}"
    per_message["Arrival-Date"] = format_datetime(now)
    per_recipient = Message()
    per_recipient["Original-Recipient"] = f"rfc822; {address}"
    per_recipient["Final-Recipient"] = f"rfc822; {address}"
    per_recipient["Action"] = answer.action.value
    per_recipient["Status"] = answer.status
    per_recipient["Remote-MTA"] = f"dns; {REMOTE_HOST}"
    per_recipient["Diagnostic-Code"] = f"smtp; {reply}"
    if not failed:
        per_recipient["Will-Retry-Until"] = format_datetime(now + RETRY_FOR)
    status = MIMENonMultipart("message", "delivery-status")
    # A report holds one block of fields for the message and one for each recipient (RFC 3464 section 2.1).
    status.set_payload([per_message, per_recipient])
    report.attach(status)

    returned = MIMENonMultipart("text", "rfc822-headers")
    returned.set_payload(original.partition(b"\r\n\r\n")[0].decode("ascii", "surrogateescape").replace("\r\n", "\n"))
    report.attach(returned)
    return report


def build_auto_reply(answer: Answer, headers: Message, address: str) -> Message:
    """Return a vacation reply as RFC 3834 describes it."""
    reply = MIMEText(f"{answer.japanese}\n\n{answer.english}\n", "plain", "utf-8")
    reply["From"] = f"<{address}>"
    reply["Subject"] = Header("自動応答: 不在のお知らせ", "utf-8").encode()
    reply["Auto-Submitted"] = "auto-replied"
    reply["X-Auto-Response-Suppress"] = "All"
    if message_id := headers["Message-ID"]:
        reply["In-Reply-To"] = message_id
        reply["References"] = message_id
    return reply


def flatten(message: Message) -> bytes:
    """Return the bytes of a message with CRLF line ends."""
    out = BytesIO()
    # compat32 leaves the returned headers as they are; the line ends are those of SMTP.
    BytesGenerator(out, mangle_from_=False, policy=message.policy.clone(linesep=SMTP.linesep)).flatten(message)
    return out.getvalue()
