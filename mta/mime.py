"""Mail bytes: headers and bodies as they leave, ready for the DKIM signature (RFC 5322, 2045–2047)."""

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from django.utils.translation import gettext as _

from mta.addresses import AddressError, quote_address
from mta.errors import MimeError

__all__ = ["Mail", "MimeError", "build", "quote_address"]

# RFC 5322 section 2.1.1: the limit, and the width lines are folded at.
LONGEST_LINE: Final = 998
_WIDTH: Final = 76
# RFC 2047 section 2.
_LONGEST_WORD: Final = 75
_WORD_START, _WORD_END = "=?UTF-8?B?", "?="

# C0, DEL, C1 and the Unicode line ends: no header value has a use for any of them, and each is a line
# end to some program on the way.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Words of printable ASCII with single spaces between them: the same before and after folding and after
# the relaxed canonicalisation of DKIM.
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
MESSAGE_ID = re.compile(r"<[!#-;=?A-Z^-~]+@[!#-;=?A-Z^-~]+>")
BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}")
URL = re.compile(r"(?:https?://|mailto:)[!-;=?-~]+", re.IGNORECASE)
LIST_ID = re.compile(r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)*")
TOKEN = re.compile(r"[!-~]+")
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")
_LINE_END = re.compile(r"\r\n|\r|\n")
_NEEDS_QP = bytes(byte for byte in range(256) if not (32 <= byte <= 126 or byte in b"\r\n\t") or byte == ord("="))

# Headers that `build` writes itself, and those that only the way of a mail may add.
_OWN_HEADERS: Final = frozenset(
    {
        "bcc", "cc", "content-transfer-encoding", "content-type", "date", "dkim-signature", "feedback-id",
        "from", "list-id", "list-unsubscribe", "list-unsubscribe-post", "message-id", "mime-version",
        "precedence", "received", "reply-to", "return-path", "sender", "subject", "to",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to one recipient. `list_unsubscribe` holds https and mailto URLs."""

    from_name: str
    from_address: str
    to_name: str
    to_address: str
    subject: str
    text: str
    html: str = ""
    reply_to: str = ""
    message_id: str
    date: datetime
    boundary: str
    list_unsubscribe: tuple[str, ...] = ()
    list_id: str = ""
    feedback_id: str = ""
    extra: tuple[tuple[str, str], ...] = ()


def build(mail: Mail) -> bytes:
    """Return the mail in ASCII bytes with CRLF line ends; the same input gives the same bytes.

    Raises MimeError for a value that cannot be written, above all for control characters, so that no
    value can ever add a header.
    """
    part_headers, body = _build_content(mail)
    headers = [*_own_headers(mail), *(_extra_header(*pair) for pair in mail.extra), *part_headers]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    require_headers(head, [name for name, _value in headers])
    return head.encode("ascii") + b"\r\n" + body


def require_headers(head: str, names: Sequence[str]) -> None:
    """Read the finished header block again; raise MimeError unless it holds exactly `names` in their order."""
    lines = head.split("\r\n")
    found = [line.partition(":")[0] for line in lines if line and line[0] != " "]
    if found != list(names) or "\r" in "".join(lines) or "\n" in "".join(lines):
        raise MimeError(_("ヘッダーに余分な行ができるため、送信を中止しました。"), "header")
    if any(len(line) > LONGEST_LINE for line in lines):
        raise MimeError(_("ヘッダーの1行が長すぎます。値を短くしてください。"), "header")


def _own_headers(mail: Mail) -> Iterator[tuple[str, str]]:
    if mail.date.tzinfo is None:
        raise MimeError(_("日付にタイムゾーンがありません。"), "Date")
    yield "Date", format_datetime(mail.date)
    yield "From", mailbox_value("From", mail.from_name, mail.from_address)
    yield "To", mailbox_value("To", mail.to_name, mail.to_address)
    yield "Subject", text_value("Subject", mail.subject)
    yield "Message-ID", checked_value("Message-ID", mail.message_id, MESSAGE_ID)
    if mail.reply_to:
        yield "Reply-To", address_value("Reply-To", mail.reply_to)
    if mail.list_unsubscribe:
        urls = [checked_value("List-Unsubscribe", url, URL) for url in mail.list_unsubscribe]
        # Raw, one URL a line and never cut inside: receivers read this header literally (RFC 2369, RFC 8058).
        yield "List-Unsubscribe", ",\r\n ".join(f"<{url}>" for url in urls)
        if any(url[:4].lower() == "http" for url in urls):
            yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    if mail.list_id:
        yield "List-Id", f"<{checked_value('List-Id', mail.list_id, LIST_ID)}>"
    if mail.feedback_id:
        yield "Feedback-ID", checked_value("Feedback-ID", mail.feedback_id, TOKEN)
    yield "Precedence", "bulk"
    yield "MIME-Version", "1.0"


def _extra_header(name: str, value: str) -> tuple[str, str]:
    if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
        raise MimeError(_("このヘッダー名は使えません。"), repr(name[:80]))
    return name, text_value(name, value)


def checked_value(name: str, value: str, pattern: re.Pattern[str]) -> str:
    """Return a header value that has the form of `pattern`. Raises MimeError for any other."""
    if not pattern.fullmatch(value):
        raise MimeError(_("ヘッダーの値に使えない文字があります。"), name)
    return value


def address_value(name: str, address: str) -> str:
    """Return the value of a header with one bare address. Raises MimeError."""
    try:
        return quote_address(address)
    except AddressError as error:
        raise MimeError(error.sentence, name) from error


def mailbox_value(name: str, display_name: str, address: str) -> str:
    """Return the value of a header with one mailbox (RFC 5322 section 3.4). Raises MimeError."""
    addr_spec = address_value(name, address)
    if not display_name:
        return addr_spec
    phrase = _phrase(name, display_name)
    last_line = len(phrase) - phrase.rfind("\r\n") - 2 if "\r\n" in phrase else len(name) + 2 + len(phrase)
    gap = " " if last_line + len(addr_spec) + 3 <= _WIDTH else "\r\n "
    return f"{phrase}{gap}<{addr_spec}>"


def _phrase(name: str, text: str) -> str:
    """Return a display name as atoms, as a quoted string, or as encoded words (RFC 5322, RFC 2047)."""
    _require_clean(name, text)
    if len(text) < _WIDTH - len(name) - 4 and _PLAIN.fullmatch(text) and "=?" not in text:
        if _ATOMS.fullmatch(text):
            return text
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'
    return _encoded_words(name, text)


def text_value(name: str, text: str) -> str:
    """Return free text, folded; as encoded words where folding could change it (F8)."""
    _require_clean(name, text)
    if not text:
        return ""
    if _PLAIN.fullmatch(text) and "=?" not in text:
        words = text.split(" ")
        if max(map(len, words)) < _WIDTH - len(name) - 2:
            return _fold(name, words)
    return _encoded_words(name, text)


def _require_clean(name: str, text: str) -> None:
    if text.isprintable():
        return
    if _CONTROL.search(text) or _SURROGATE.search(text):
        raise MimeError(_("改行などの制御文字は使えません。取り除いてください。"), name)


def _fold(name: str, words: Sequence[str]) -> str:
    lines: list[str] = []
    line = words[0]
    width = _WIDTH - len(name) - 2
    for word in words[1:]:
        if len(line) + 1 + len(word) > width:
            lines.append(line)
            line, width = word, _WIDTH - 1
        else:
            line = f"{line} {word}"
    return "\r\n ".join([*lines, line])


def _encoded_words(name: str, text: str) -> str:
    """Return base64 encoded words, cut between characters, one a line (RFC 2047 sections 2 and 5)."""
    data = text.encode("utf-8")
    words: list[str] = []
    start = 0
    room = _payload_room(min(_LONGEST_WORD, _WIDTH - len(name) - 2))
    while start < len(data):
        end = start + room
        # Bytes 10xxxxxx continue a character of UTF-8; a word never begins with one.
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(_encoded_word(data[start:end]))
        start, room = end, _payload_room(_LONGEST_WORD)
    return "\r\n ".join(words)


def _payload_room(width: int) -> int:
    # Four letters of base64 carry three bytes; a header with a very long name still gets one character a word.
    return max((width - len(_WORD_START) - len(_WORD_END)) // 4 * 3, 6)


def _encoded_word(chunk: bytes) -> str:
    return _WORD_START + binascii.b2a_base64(chunk, newline=False).decode("ascii") + _WORD_END


def _build_content(mail: Mail) -> tuple[list[tuple[str, str]], bytes]:
    if not mail.html:
        headers, body = _encode_part("plain", mail.text, mail.boundary)
        return headers, body
    boundary = checked_value("Content-Type", mail.boundary, BOUNDARY)
    dashes = b"--" + boundary.encode("ascii")
    chunks = []
    # The preferred part comes last (RFC 2046 section 5.1.4).
    for subtype, text in (("plain", mail.text), ("html", mail.html)):
        headers, body = _encode_part(subtype, text, boundary)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("ascii")
        chunks += [dashes, b"\r\n", head, b"\r\n", body, b"\r\n"]
    content_type = f'multipart/alternative;\r\n boundary="{boundary}"'
    return [("Content-Type", content_type)], b"".join([*chunks, dashes, b"--\r\n"])


def _encode_part(subtype: str, text: str, boundary: str) -> tuple[list[tuple[str, str]], bytes]:
    encoding, body = encode_body(text, boundary)
    return [
        ("Content-Type", f"text/{subtype}; charset=UTF-8"),
        ("Content-Transfer-Encoding", encoding),
    ], body


def encode_body(text: str, boundary: str = "") -> tuple[str, bytes]:
    """Return the transfer encoding and the encoded lines of a text, whichever encoding is smaller.

    All line ends become CRLF and the last line gets one. Raises MimeError for lone surrogates.
    """
    data = normalise(text)
    if not data.endswith(b"\r\n"):
        data += b"\r\n"
    if may_be_quoted(len(data), quoted_size(data)):
        quoted = quote(data)
        if is_quoted_right(quoted, len(data), boundary):
            return "quoted-printable", quoted
    return "base64", base64_lines(data)


def normalise(text: str) -> bytes:
    """Return a text in UTF-8 with CRLF line ends. Raises MimeError for lone surrogates."""
    try:
        return _LINE_END.sub("\r\n", text).encode("utf-8")
    except UnicodeEncodeError as error:
        raise MimeError(_("本文に文字として正しくないデータがあります。"), "body") from error


def quote(data: bytes) -> bytes:
    """Return lines with CRLF line ends in quoted-printable (RFC 2045 section 6.7); no line depends on another."""
    return binascii.b2a_qp(data)


def base64_lines(data: bytes) -> bytes:
    """Return `data` in base64, 76 letters a line (RFC 2045 section 6.8)."""
    encoded = binascii.b2a_base64(data, newline=False)
    if 0 < len(encoded) <= 76:
        return encoded + b"\r\n"
    return b"".join([encoded[start : start + 76] + b"\r\n" for start in range(0, len(encoded), 76)])


def quoted_size(data: bytes) -> int:
    """Return the least size of `data` in quoted-printable, in bytes."""
    return len(data) + 2 * (len(data) - len(data.translate(None, _NEEDS_QP)))


def base64_size(size: int) -> int:
    """Return what `size` bytes take in base64 with its line ends."""
    letters = -(-size // 3) * 4
    return letters + -(-letters // 76) * 2


def may_be_quoted(size: int, quoted: int) -> bool:
    """Say whether quoted-printable can win. Counting is cheap: it is only tried where it can."""
    return quoted <= base64_size(size)


def is_quoted_right(quoted: bytes, size: int, boundary: str) -> bool:
    """Say whether `size` bytes leave as `quoted` rather than in base64: where that is no larger, and safe."""
    if len(quoted) > base64_size(size):
        return False
    # A line that looks like the boundary would end the part; one that begins with "From " is changed by
    # programs that keep mail in mbox files, which breaks the signature.
    lines = b"\n" + quoted
    return b"\nFrom " not in lines and not (boundary and b"\n--" + boundary.encode("ascii", "replace") in lines)
