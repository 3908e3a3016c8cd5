"""Finds where the rows of a file begin, so that those that stay can be copied byte by byte."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO, TextIOWrapper
from itertools import pairwise
from typing import BinaryIO

from django.utils.translation import gettext as _

from cleaning.errors import CleaningRefused
from lists.csv_encoding import SEVEN_BIT

CHUNK = 1 << 20
PIECE = 1 << 16
# What ends a line: as io.TextIOWrapper with newline="" sees it, by which the reader of lists counts.
LINE_END = re.compile(rb"\r\n|\r|\n")
# In UTF-16 a character is two bytes; a match counts where it begins at a character.
WIDE_LINE_ENDS = {
    "utf-16-le": re.compile(rb"\r\0\n\0|\r\0|\n\0"),
    "utf-16-be": re.compile(rb"\0\r\0\n|\0\r|\0\n"),
}
MARKS = {"utf-8-sig": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}


def find_line_starts(file: BinaryIO, encoding: str) -> Iterator[int]:
    """Yield the offset in bytes of each line, the first one included, in the file's order."""
    encoding = exact_encoding(file, encoding)
    pattern, width = WIDE_LINE_ENDS.get(encoding, LINE_END), 2 if encoding in WIDE_LINE_ENDS else 1
    file.seek(0)
    yield 0
    position, data = 0, b""
    while True:
        chunk = file.read(CHUNK)
        data += chunk
        # At the end of a chunk CR may be the first half of CRLF: what could be one is looked at with the next chunk.
        limit = (len(data) // 2 * 2) - 2 * width if chunk else len(data)
        done = max(0, limit)
        for match in pattern.finditer(data):
            if match.start() >= limit:
                break
            if match.start() % width:
                continue
            yield position + match.end()
            done = max(done, match.end())
        if not chunk:
            return
        position, data = position + done, data[done:]


def exact_encoding(file: BinaryIO, encoding: str) -> str:
    """Return the encoding with its byte order, which "utf-16" leaves to the file's first bytes (RFC 2781)."""
    if encoding != "utf-16":
        return encoding
    file.seek(0)
    return "utf-16-be" if file.read(2) == codecs.BOM_UTF16_BE else "utf-16-le"


def mark_length(file: BinaryIO, encoding: str) -> int:
    """Return how many bytes a byte order mark takes at the file's beginning."""
    mark = MARKS.get(exact_encoding(file, encoding), b"")
    file.seek(0)
    return len(mark) if mark and file.read(len(mark)) == mark else 0


def make_finder(file: BinaryIO, encoding: str) -> Callable[[int], int]:
    """Return a function from a line's number to its offset in bytes; numbers are to be asked in rising order.

    `file` is read beside, so it must not be the one that the rows are read from. Raises CleaningRefused for an
    ISO-2022-JP file whose escape sequences swallow line ends, since its lines cannot be told apart by their bytes.
    """
    if encoding in SEVEN_BIT:
        require_plain_lines(file, encoding)
    starts = find_line_starts(file, encoding)
    at = 0
    offset = 0

    def find(line: int) -> int:
        nonlocal at, offset
        while at < line:
            offset = next(starts)
            at += 1
        return offset

    return find


def require_plain_lines(file: BinaryIO, encoding: str) -> None:
    """Refuse a file whose text has other lines than its bytes; raises CleaningRefused."""
    file.seek(0, 2)
    size = file.tell()
    by_bytes = sum(start < size for start in find_line_starts(file, encoding))
    file.seek(0)
    text = TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        by_text = sum(1 for _line in text)
    except UnicodeError:
        by_text = -1
    finally:
        text.detach()
    if by_text != by_bytes:
        raise CleaningRefused(
            _("文字コードの切り替えが壊れているため、行を分けられません。UTF-8で保存し直してください。")
        )


def copy_rows(file: BinaryIO, offsets: Sequence[int], keeps: Callable[[int], bool], *, mark: int) -> Iterator[bytes]:
    """Yield the bytes of the file without the rows that are not kept.

    `offsets` are where the rows begin, the header not among them, and the file's size at the end. What stands before
    the first row (the header, the byte order mark of `mark` bytes) is kept.
    """
    yield from copy_range(file, 0, max(mark, offsets[0]))
    begin = end = max(mark, offsets[0])
    for number, (start, following) in enumerate(pairwise(offsets)):
        if not keeps(number):
            continue
        # Rows side by side are copied together.
        if start != end:
            yield from copy_range(file, begin, end)
            begin = max(mark, start)
        end = following
    yield from copy_range(file, begin, end)


def copy_range(file: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a file from one offset to another, in pieces."""
    file.seek(begin)
    while begin < end and (piece := file.read(min(PIECE, end - begin))):
        begin += len(piece)
        yield piece


@dataclass(frozen=True, slots=True)
class RowsAt:
    """Reads single rows of a file by where they begin; `encoding` is one of exact_encoding."""

    file: BinaryIO
    offsets: Sequence[int]
    encoding: str
    separator: str

    def read(self, number: int) -> list[str]:
        """Return the cells of a row; one whose quotes do not fit is one cell, as it stands in the file."""
        begin, end = self.offsets[number], self.offsets[number + 1]
        self.file.seek(begin)
        # As the reader of lists does: the mark of joined files is taken out, what does not decode is replaced.
        text = self.file.read(end - begin).decode(self.encoding, "replace").replace("\ufeff", "")
        try:
            return next(csv.reader(StringIO(text, newline=""), delimiter=self.separator, strict=True))
        except csv.Error:
            return [text.rstrip("\r\n")]
