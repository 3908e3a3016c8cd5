"""Splits a file of mails (mbox) into its mails, with bounded memory; wraps a single mail as one.

The standard library's `mailbox.mbox` reads each mail whole, however large, takes every line that begins with
"From " for the next mail, and does not undo the quoting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from bounces.mime_reading import MAX_BYTES

# A longer line comes in pieces; only where it begins is looked at.
MAX_LINE = 64 * 1024
# RFC 4155 appendix A: the sender and the date as asctime() writes it; some programs add a time zone.
DATED = re.compile(
    rb"From .{0,400}?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .{0,20}?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?.{0,20}?\b(?:19|20)[0-9]{2}"
)
# Some write only the sender. Then a blank line has to stand before it.
NAMED = re.compile(rb"From (?:\S{0,200}@\S{0,200}|-|MAILER-DAEMON)\s")
FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]{0,20}:")
# mboxrd: a line of ">"s and "From " was written with one ">" more. mboxo quoted only "From " itself.
QUOTED = re.compile(rb">+From ")
TO_QUOTE = re.compile(rb">*From ")
BLANK = (b"\n", b"\r\n")
# What is written before a single mail; quoted where it stands in one, so that it is always a separator.
SEPARATOR = b"From upload@localhost Thu Jan  1 00:00:00 1970\n"


def read_mails(file: BinaryIO, *, skip: int = 0) -> Iterator[bytes]:
    """Yield the mails of an mbox from its beginning, at most MAX_BYTES of each, without the first `skip` of them.

    A separator is a line "From …" with a date, or with a sender after a blank line, that is followed by a header
    field; whatever stands before the first one is no mail. Line ends are kept, the blank line that ends a mail is not.
    """
    file.seek(0)
    mail: list[bytes] = []
    size = number = 0
    before, line = b"\n", file.readline(MAX_LINE)
    while line:
        following = file.readline(MAX_LINE)
        begins = before.endswith(b"\n")
        if begins and is_separator(line, following, after_blank=before in BLANK):
            if number > skip:
                yield join(mail)
            mail, size, number = [], 0, number + 1
        elif number > skip and size < MAX_BYTES:
            mail.append(line[1:] if begins and QUOTED.match(line) else line)
            size += len(line)
        before, line = line, following
    if number > skip:
        yield join(mail)


def is_separator(line: bytes, following: bytes, *, after_blank: bool) -> bool:
    """Say whether a line begins a mail."""
    if line == SEPARATOR:
        return True
    if not line.startswith(b"From ") or not FIELD.match(following):
        return False
    return bool(DATED.match(line) or (after_blank and NAMED.match(line)))


def join(lines: list[bytes]) -> bytes:
    """Return a mail without the blank line that ends it."""
    if len(lines) > 1 and lines[-1] in BLANK:
        lines = lines[:-1]
    return b"".join(lines)[:MAX_BYTES]


def is_mbox(head: bytes) -> bool:
    """Say whether a file that begins so is an mbox."""
    return head.lstrip(b"\r\n").startswith(b"From ")


def append_mail(target: BinaryIO, mail: BinaryIO) -> None:
    """Write a single mail into an mbox, quoted as mboxrd."""
    target.write(SEPARATOR)
    begins, ended = True, True
    while line := mail.readline(MAX_LINE):
        if begins and TO_QUOTE.match(line):
            target.write(b">")
        target.write(line)
        begins = ended = line.endswith(b"\n")
    target.write(b"\n" if ended else b"\n\n")


def append_mbox(target: BinaryIO, source: BinaryIO) -> None:
    """Write a whole mbox after what is there."""
    while chunk := source.read(1 << 20):
        target.write(chunk)
    target.write(b"\n\n")
