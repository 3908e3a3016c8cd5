"""Reads a received mail for display. Whatever arrived, this never fails."""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

# Folded lines are shown as one (RFC 5322 section 2.2.3).
FOLD = re.compile(r"\r?\n[ \t]*")


@dataclass(frozen=True, slots=True)
class Reading:
    """A mail for people: decoded headers in their order, the first text and HTML parts, names of the others."""

    headers: list[tuple[str, str]]
    text: str
    html: str
    attachments: list[str]

    def header(self, name: str) -> str:
        """Return the first header of that name, "" where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def read_mail(content: bytes) -> Reading:
    """Read a whole message."""
    message = message_from_bytes(content)
    headers = [(name, decode(str(value))) for name, value in message.items()]
    texts: dict[str, str] = {}
    attachments = []
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart():
            continue
        if kind in {"text/plain", "text/html"} and kind not in texts and part.get_content_disposition() != "attachment":
            texts[kind] = decode_text(part)
        else:
            attachments.append(decode(part.get_filename() or kind))
    return Reading(headers, texts.get("text/plain", ""), texts.get("text/html", ""), attachments)


def read_subject(content: bytes) -> str:
    """Return the decoded subject of a message, reading no further than its headers."""
    headers = message_from_bytes(content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    return decode(str(headers["Subject"] or ""))


def decode(value: str) -> str:
    """Return a header unfolded and with its encoded words (RFC 2047) read; as it is where they are broken."""
    value = FOLD.sub(" ", value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, UnicodeError, LookupError, ValueError):
        return value


def decode_text(part: Message) -> str:
    """Return the text of a part; bytes that its charset does not know become replacement characters."""
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    try:
        return octets.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return octets.decode("utf-8", "replace")
