"""Replies of SMTP servers: read from hostile octets, bounded in length and lines, and made safe to show."""

import re
from collections import deque
from typing import Final, NamedTuple

from mta.replies import enhanced_status
from mta.verdicts import Phase

# RFC 5321 section 4.5.3.1.5 says 512 octets a line; real servers write more. What is longer than this
# is no SMTP server.
_LONGEST_LINE: Final = 4096
_MOST_LINES: Final = 128
_LONGEST_REPLY: Final = 64 * 1024
# One group of commands has at most five replies; a server that says more on its own is not to be trusted.
_MOST_REPLIES: Final = 16
_LONGEST_TEXT: Final = 1000
# Control characters, what has no width, and what turns the direction of the text around it.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_CODES: Final = {b"%d" % code: code for code in range(200, 600)}
# What stands behind the code: of the last line, of the lines before it, and of a bare code.
_MARKS: Final = (b" ", b"-", b"", b"\r")


class Answer(NamedTuple):
    """What was said in which phase; `code` is None where no server said it."""

    phase: Phase
    text: str
    code: int | None = None
    status: str = ""


class Reply:
    """One reply, of one or several lines, without line ends."""

    __slots__ = ("code", "lines")

    def __init__(self, code: int, lines: tuple[bytes, ...]) -> None:
        self.code = code
        self.lines = lines

    @property
    def text(self) -> str:
        """The lines as one, in UTF-8, at most 1,000 characters and safe to store and show."""
        return clean_text(b" ".join(self.lines).decode("utf-8", "replace"))


class Fault(Exception):
    """The connection is of no use any more; `answer` tells why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.phase}: {answer.text}")
        self.answer = answer


class NoSmtpError(Exception):
    """What the server says is no SMTP; the text tells why."""


class ReplyReader:
    """Turns octets, however they are cut, into replies. Never holds more than a few bounded ones."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        # The beginning of a line, and of a reply of several lines with its size.
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._code = 0

    def feed(self, data: bytes) -> None:
        """Take octets in; raises NoSmtpError, after which nothing more is to be fed."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            code = _CODES.get(line[:3])
            mark = line[3:4]
            if code is None or mark not in _MARKS or len(line) > _LONGEST_LINE:
                raise NoSmtpError("the server's reply is no SMTP")
            text = line[4:-1] if line.endswith(b"\r") else line[4:]
            if mark == b"-" or self._lines:
                self._take_one_of_several(code, text, is_last=mark != b"-")
            else:
                self.replies.append(Reply(code, (text,)))
            if len(self.replies) > _MOST_REPLIES:
                raise NoSmtpError("the server sent replies nobody asked for")
        if len(self._rest) > _LONGEST_LINE:
            raise NoSmtpError("the server's reply is too long")

    def is_empty(self) -> bool:
        """Say whether nothing is left, not even the beginning of a reply."""
        return not (self._rest or self._lines or self.replies)

    def _take_one_of_several(self, code: int, text: bytes, *, is_last: bool) -> None:
        if self._lines and code != self._code:
            raise NoSmtpError("the server's reply has two codes")
        self._code = code
        self._lines.append(text)
        self._size += len(text)
        if is_last:
            self.replies.append(Reply(code, tuple(self._lines)))
            self._lines, self._size = [], 0
        elif len(self._lines) >= _MOST_LINES or self._size > _LONGEST_REPLY:
            raise NoSmtpError("the server's reply has too many lines")


def clean_text(text: str) -> str:
    """Return hostile text without control and invisible characters, at most 1,000 characters."""
    if not text.isprintable():
        text = _UNPRINTABLE.sub(" ", text)
    return text.strip()[:_LONGEST_TEXT]


def answer_of(reply: Reply, phase: Phase) -> Answer:
    """Join a reply and the phase it came in."""
    text = reply.text
    return Answer(phase, text, reply.code, enhanced_status(text))
