"""A mail compiled once for a campaign and filled per recipient. Gives what mta.mime.build and mta.dkim.sign give."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from mta.compiled_body import CompiledBody
from mta.dkim import Signer, SigningKey, canonical_body, canonical_field
from mta.mime import (
    BOUNDARY,
    LIST_ID,
    LONGEST_LINE,
    MESSAGE_ID,
    TOKEN,
    URL,
    address_value,
    checked_value,
    mailbox_value,
    require_headers,
    text_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedParts:
    """What all mails of a campaign have in common. A text is cut at the places that differ: n values, n + 1 pieces."""

    from_name: str
    from_address: str
    reply_to: str
    list_id: str
    feedback_id: str
    subject: Sequence[str]
    text: Sequence[str]
    # Without HTML, empty.
    html: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnParts:
    """What one mail has for itself; values of texts in their order. No value of text or HTML holds a line end."""

    to_name: str
    to_address: str
    subject: Sequence[str]
    text: Sequence[str]
    html: Sequence[str]
    message_id: str
    date: datetime
    boundary: str
    # An http or https URL.
    list_unsubscribe: str


class CompiledMail:
    """The mail of a campaign, ready to be filled. Raises MimeError and ValueError for what cannot be compiled."""

    def __init__(self, shared: SharedParts, keys: Sequence[SigningKey]) -> None:
        self._subject = tuple(shared.subject)
        self._text = CompiledBody(shared.text)
        self._html = CompiledBody(shared.html) if shared.html else None
        self._from = mailbox_value("From", shared.from_name, shared.from_address)
        # In the order of mta.mime.build: the fields between List-Unsubscribe and the content.
        reply_to = [("Reply-To", address_value("Reply-To", shared.reply_to))] if shared.reply_to else []
        after = [
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("List-Id", f"<{checked_value('List-Id', shared.list_id, LIST_ID)}>"),
            ("Feedback-ID", checked_value("Feedback-ID", shared.feedback_id, TOKEN)),
            ("Precedence", "bulk"),
            ("MIME-Version", "1.0"),
        ]
        self._reply_to = "".join(f"{name}: {value}\r\n" for name, value in reply_to)
        self._after = "".join(f"{name}: {value}\r\n" for name, value in after)
        content = ["Content-Type"] if self._html else ["Content-Type", "Content-Transfer-Encoding"]
        self._names = [
            *("Date", "From", "To", "Subject", "Message-ID"),
            *(name for name, _value in reply_to),
            "List-Unsubscribe",
            *(name for name, _value in after),
            *content,
        ]
        # What `require_headers` asks for, in one look at the usual head.
        self._form = re.compile("".join(rf"{name}: [^\r\n]*\r\n(?: [^\r\n]+\r\n)*" for name in self._names))
        fixed = [("From", self._from), *reply_to, *after]
        self._canonical = {name.lower().encode(): _canonical(name, value) for name, value in fixed}
        self._signer = Signer(keys, [name.lower().encode() for name in self._names]) if keys else None

    def fill(self, own: OwnParts) -> tuple[bytes, bool]:
        """Return the mail of one recipient, signed where there is a key. Raises MimeError as `build` does.

        The second value says that it is as DATA wants it (`mta.outcomes.Outgoing.is_wire_ready`).
        """
        content, body, is_base64 = self._fill_content(own)
        date = _write_date(own.date, own.date.utcoffset())
        to = mailbox_value("To", own.to_name, own.to_address)
        subject = text_value("Subject", _interleave(self._subject, own.subject).strip())
        message_id = checked_value("Message-ID", own.message_id, MESSAGE_ID)
        unsubscribe = checked_value("List-Unsubscribe", own.list_unsubscribe, URL)
        head = (
            f"Date: {date}\r\nFrom: {self._from}\r\nTo: {to}\r\nSubject: {subject}\r\n"
            f"Message-ID: {message_id}\r\n{self._reply_to}List-Unsubscribe: <{unsubscribe}>\r\n{self._after}"
        ) + "".join([f"{name}: {value}\r\n" for name, value in content.items()])
        if len(head) > LONGEST_LINE or not self._form.fullmatch(head):
            require_headers(head, self._names)
        message = head.encode("ascii") + b"\r\n" + body
        # All line ends are CRLF, and no line of a header begins with a dot.
        is_wire_ready = is_base64 or b"\r\n." not in message
        if self._signer is None:
            return message, is_wire_ready
        fields = self._canonical | {
            # These have neither folds nor spaces to be taken out.
            b"date": f"date:{date}".encode("ascii"),
            b"message-id": f"message-id:{message_id}".encode("ascii"),
            b"list-unsubscribe": f"list-unsubscribe:<{unsubscribe}>".encode("ascii"),
            b"to": _canonical("To", to),
            b"subject": _canonical("Subject", subject),
        }
        for name, value in content.items():
            fields[name.lower().encode()] = _canonical(name, value)
        signed = body if is_base64 else canonical_body(body)
        return self._signer.sign(fields, signed, now=own.date) + message, is_wire_ready

    def _fill_content(self, own: OwnParts) -> tuple[dict[str, str], bytes, bool]:
        """Return the headers of the content, its bytes, and whether all of them are in base64."""
        text_encoding, text = self._text.encode(_as_bytes(own.text), own.boundary if self._html else "")
        if self._html is None:
            headers = {"Content-Type": "text/plain; charset=UTF-8", "Content-Transfer-Encoding": text_encoding}
            return headers, text, text_encoding == "base64"
        boundary = checked_value("Content-Type", own.boundary, BOUNDARY)
        html_encoding, html = self._html.encode(_as_bytes(own.html), boundary)
        line = b"--" + boundary.encode("ascii")
        body = b"".join(
            (
                *(line, _part_head("plain", text_encoding), text, b"\r\n"),
                *(line, _part_head("html", html_encoding), html, b"\r\n"),
                *(line, b"--\r\n"),
            )
        )
        headers = {"Content-Type": f'multipart/alternative;\r\n boundary="{boundary}"'}
        return headers, body, text_encoding == html_encoding == "base64"


def _part_head(subtype: str, encoding: str) -> bytes:
    return (f"\r\nContent-Type: text/{subtype}; charset=UTF-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n").encode(
        "ascii"
    )


def _as_bytes(values: Sequence[str]) -> list[bytes]:
    return [value.encode("utf-8") for value in values]


def _interleave(pieces: Sequence[str], values: Sequence[str]) -> str:
    parts = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += (value, piece)
    return "".join(parts)


def _canonical(name: str, value: str) -> bytes:
    return canonical_field(f"{name}: {value}".encode("ascii"))


# The rows of a claim have the same date. Equal moments of two zones are written differently, hence the offset.
@lru_cache(maxsize=64)
def _write_date(date: datetime, _offset: timedelta | None) -> str:
    return format_datetime(date)
