"""Takes a mail apart, tolerantly and within limits."""

from __future__ import annotations

import binascii
import quopri
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MAX_BYTES = 5 * 1024 * 1024
MAX_DEPTH = 20
MAX_PARTS = 200
# Notices wrapped in notices.
MAX_MAILS = 3
MAX_SECONDS = 2.0
# A header block or a text beyond this says nothing about a recipient.
MAX_HEADER_BYTES = 256 * 1024
MAX_TEXT_BYTES = 256 * 1024

MAX_WORDS = 5000
# What may stand behind a boundary on its line: two hyphens and blanks.
MAX_DELIMITER_REST = 102

# Only these are decoded: a codec's name is the sender's choice, and some codecs take quadratic time.
CHARSETS = {
    "us-ascii": "ascii",
    "ascii": "ascii",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-jp-ms": "iso2022_jp_ext",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
    "euc-jp": "euc_jp",
    "x-euc-jp": "euc_jp",
    "iso-8859-1": "cp1252",
    "iso-8859-2": "iso8859_2",
    "iso-8859-5": "iso8859_5",
    "iso-8859-7": "iso8859_7",
    "iso-8859-9": "iso8859_9",
    "iso-8859-15": "iso8859_15",
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
    "windows-1254": "cp1254",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "utf-7": "utf_7",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5",
    "euc-kr": "euc_kr",
    "iso-2022-kr": "iso2022_kr",
    "ks_c_5601-1987": "euc_kr",
}
# Tried in this order where the mail names no charset or a wrong one. The last takes anything.
GUESSES = ("utf-8", "cp932", "latin-1")

FIELD = re.compile(r"([!-9;-~]{1,200})[ \t]{0,20}:(.*)", re.DOTALL)
LIKE_DELIMITER = re.compile(rb"(?:^|\n)--([^\s]{8,200})[ \t]{0,100}\n[Cc]ontent-[A-Za-z]")
NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
ENCODED_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]{0,500})\?=(?:\s{1,9}(?==\?))?")
HTML_DROPPED = ("head", "style", "script")
HTML_BREAK = re.compile(r"(?i)<(?:br|/p|/div|/tr|/li|/h[1-6]|/table)\b[^<>]{0,500}>")
HTML_TAG = re.compile(r"<(?:[a-zA-Z!/?][^<>@]{0,2000})>")
HTML_ENTITIES = (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&amp;", "&"))


class UnreadableNotice(Exception):
    """Reading a mail took longer than it may."""


@dataclass(slots=True)
class Budget:
    """How much one mail may still cost."""

    # The time of this thread: a mail is not unreadable because the machine is busy.
    clock: Callable[[], float] = time.thread_time
    parts: int = MAX_PARTS
    mails: int = MAX_MAILS
    until: float = field(init=False)

    def __post_init__(self) -> None:
        self.until = self.clock() + MAX_SECONDS

    def require_time(self) -> None:
        """Raise UnreadableNotice when the time is used up."""
        if self.clock() > self.until:
            raise UnreadableNotice(f"reading took more than {MAX_SECONDS} s")

    def take_part(self) -> bool:
        """Pay for one part; False when none is left."""
        self.require_time()
        self.parts -= 1
        return self.parts >= 0

    def take_mail(self) -> bool:
        """Pay for opening one attached mail; False when none is left."""
        self.require_time()
        self.mails -= 1
        return self.mails >= 0


@dataclass(slots=True)
class Part:
    """Headers and the still undecoded body of a mail or of a part of one."""

    # The first of each name, in lower case, on one line.
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header on one line, "" where it is absent. The name is given in lower case."""
        return self.headers.get(name, "")

    @property
    def type(self) -> str:
        """Return the content type in lower case; without one it is text/plain (RFC 2045 section 5.2)."""
        return self.header("content-type").partition(";")[0].strip().lower() or "text/plain"

    def parameter(self, name: str) -> str:
        """Return a parameter of Content-Type.

        The standard library's reader raises on some hostile continuations (RFC 2231), so this is our own.
        """
        pattern = rf'(?i);\s{{0,20}}{name}\s{{0,20}}=\s{{0,20}}(?:"([^"]{{0,500}})"|([^;\s]{{1,500}}))'
        found = re.search(pattern, self.header("content-type")[:2000])
        return (found.group(1) or found.group(2) or "") if found else ""

    def content(self) -> bytes:
        """Return the body without its transfer encoding."""
        body = self.body[:MAX_TEXT_BYTES]
        encoding = self.header("content-transfer-encoding").lower()
        if encoding == "quoted-printable":
            return quopri.decodestring(body)
        if encoding == "base64":
            return decode_base64(body)
        return body

    def text(self) -> str:
        """Return the body as text, HTML without its tags."""
        text = decode_text(self.content(), self.parameter("charset").lower())
        return strip_tags(text) if self.type == "text/html" else text


def decode_base64(body: bytes) -> bytes:
    """Decode base64 whatever stands between its characters; what is left over at the end is dropped."""
    clean = NOT_BASE64.sub(b"", body)
    whole = len(clean) // 4 * 4
    rest = {2: clean[whole:] + b"==", 3: clean[whole:] + b"="}.get(len(clean) - whole, b"")
    return binascii.a2b_base64(clean[:whole] + rest)


def decode_words(value: str) -> str:
    """Decode the encoded words of a header (RFC 2047)."""
    return ENCODED_WORD.sub(decode_word, value[:MAX_WORDS])


def decode_word(found: re.Match[str]) -> str:
    """Decode one encoded word."""
    charset, encoding, word = found.groups()
    raw = word.encode("utf-8", "surrogateescape")
    content = decode_base64(raw) if encoding in "bB" else quopri.decodestring(raw, header=True)
    return decode_text(content, charset.partition("*")[0].lower())


def decode_text(content: bytes, charset: str) -> str:
    """Turn bytes into text: by the declared charset, else by what they look like."""
    guesses = [CHARSETS[charset]] if charset in CHARSETS else []
    # ISO-2022-JP is plain ASCII with escapes, so it is often not declared at all.
    if b"\x1b$" in content or b"\x1b(" in content:
        guesses.append("iso2022_jp_ext")
    for guess in guesses:
        try:
            return content.decode(guess)
        except UnicodeDecodeError:
            continue
    if guesses[-1:] == ["iso2022_jp_ext"]:
        return content.decode("iso2022_jp_ext", "replace")
    return decode_guessing(content)


def decode_guessing(content: bytes) -> str:
    """Turn bytes of an unknown charset into text."""
    for guess in GUESSES[:-1]:
        try:
            return content.decode(guess)
        except UnicodeDecodeError:
            continue
    return content.decode(GUESSES[-1])


def strip_tags(text: str) -> str:
    """Turn HTML into lines of text. An address in angle brackets is no tag."""
    for name in HTML_DROPPED:
        text = drop_element(text, name)
    text = HTML_TAG.sub("", HTML_BREAK.sub("\n", text))
    for entity, character in HTML_ENTITIES:
        text = text.replace(entity, character)
    return text


def drop_element(text: str, name: str) -> str:
    """Leave out the elements of a name; one that does not end is left out to the end."""
    kept = []
    lowered = text.lower()
    # Some letters grow when they are lowered; then the places would not be the same.
    if len(lowered) != len(text):
        return text
    place = 0
    while (start := lowered.find(f"<{name}", place)) >= 0:
        kept.append(text[place:start])
        end = lowered.find(f"</{name}", start)
        if end < 0:
            return "".join(kept)
        place = end
    return "".join([*kept, text[place:]])


def normalise(content: bytes) -> bytes:
    """Cut to the size limit and bring CRLF and CR line ends to LF."""
    return content[:MAX_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n ")


def read_part(content: bytes) -> Part:
    """Split normalised bytes into headers and body. A block that holds no header belongs to the body."""
    if content.startswith(b"\n"):
        return Part({}, content[1:])
    head, _, body = content.partition(b"\n\n")
    headers, rest = read_headers(head[:MAX_HEADER_BYTES])
    return Part(headers, rest + b"\n\n" + body if rest.strip() else body)


def read_headers(head: bytes) -> tuple[dict[str, str], bytes]:
    """Return the header fields (RFC 5322 section 2.2), unfolded, and the lines from the first on that is none."""
    fields: dict[str, list[str]] = {}
    current: list[str] = []
    lines = head.split(b"\n")
    for number, raw in enumerate(lines):
        line = raw.decode("ascii") if raw.isascii() else decode_text(raw, "")
        if line[:1] in (" ", "\t"):
            current.append(line)
        elif found := FIELD.match(line):
            current = [found.group(2)]
            fields.setdefault(found.group(1).lower(), current)
        elif number or not line.startswith("From "):
            return join_fields(fields), b"\n".join(lines[number:])
    return join_fields(fields), b""


def join_fields(fields: dict[str, list[str]]) -> dict[str, str]:
    """Bring each field to one line."""
    return {name: " ".join(" ".join(lines).split()) for name, lines in fields.items()}


def read_child(content: bytes) -> Part:
    """Split a part of a multipart. Without a Content- header its first lines are text, whatever they look like."""
    head = content.partition(b"\n\n")[0][:MAX_HEADER_BYTES].lower()
    if head.startswith(b"content-") or b"\ncontent-" in head:
        return read_part(content)
    return read_part(b"\n" + content)


def split_multipart(part: Part, budget: Budget) -> list[Part]:
    """Return the parts of a multipart body.

    A boundary that the header does not name or that the body does not hold is replaced by the body's own: its
    first line of the shape. Empty where there is none.
    """
    declared = part.parameter("boundary").strip().encode("utf-8", "surrogateescape")
    starts = find_delimiters(part.body, declared, budget) if declared else []
    if not starts and (found := LIKE_DELIMITER.search(part.body)):
        starts = find_delimiters(part.body, found.group(1), budget)
    children = []
    for number, (_begin, start, closing) in enumerate(starts):
        if closing:
            break
        end = starts[number + 1][0] if number + 1 < len(starts) else len(part.body)
        children.append(read_child(part.body[start : end + 1]))
    return children


def find_delimiters(body: bytes, boundary: bytes, budget: Budget) -> list[tuple[int, int, bool]]:
    """Return begin, end and whether it closes of each delimiter line.

    Each mail has a boundary of its own; searching is many times cheaper than compiling an expression for it.
    """
    delimiter = b"--" + boundary
    found = []
    place = body.find(delimiter)
    while place >= 0:
        end = place + len(delimiter)
        if place == 0 or body[place - 1 : place] == b"\n":
            rest = body[end : end + MAX_DELIMITER_REST].partition(b"\n")[0]
            if rest.rstrip(b" \t") in (b"", b"--"):
                found.append((max(place - 1, 0), end + len(rest) + 1, rest.startswith(b"--")))
                if not budget.take_part():
                    break
        place = body.find(delimiter, end)
    return found


def top_level_parts(part: Part, budget: Budget, depth: int = 0) -> Iterator[Part]:
    """Yield the leaves of a mail in order, without opening a mail that is attached to it."""
    if part.type.startswith("multipart/") and depth < MAX_DEPTH:
        children = split_multipart(part, budget)
        for child in children:
            yield from top_level_parts(child, budget, depth + 1)
        if children:
            return
    yield part
