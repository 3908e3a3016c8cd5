"""Writes CSV for people: streamed, safe to open in a spreadsheet, in UTF-8 with BOM or CP932."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

# Rows that are encoded together, and letters after which fewer are.
BATCH = 500
LETTERS = 64 * 1024
CHARSETS = {"utf-8-sig": "utf-8", "cp932": "Shift_JIS"}

# What a spreadsheet takes for the beginning of a formula, also in full width (OWASP: CSV injection). The minus sign
# U+2212 becomes a full-width hyphen in CP932.
FORMULA_STARTS = "=+-@\t\r\n＝＋－＠−"
FORMULA = re.compile(f"[{re.escape(FORMULA_STARTS)}]")
NEGATIVE_NUMBER = re.compile(r"-[0-9]+(?:\.[0-9]+)?")
GUARDED = re.compile(f"'{FORMULA.pattern}")
_STARTS = frozenset(FORMULA_STARTS)

# Characters that other systems write for what CP932 has under a neighbouring code point.
CP932_NEIGHBOURS = str.maketrans("〜−‖—¢£¬¥‾", "～－∥―￠￡￢￥￣")


def stream_csv(rows: Iterable[Sequence[object]], filename: str, encoding: str = "utf-8-sig") -> StreamingHttpResponse:
    """Return a download of `rows`, the header being the first, without holding them in memory.

    `encoding` is "utf-8-sig" (with BOM) or "cp932", where "?" stands for what cannot be written.
    """
    response = StreamingHttpResponse(encode_csv(rows, encoding), content_type=f"text/csv; charset={CHARSETS[encoding]}")
    response["Content-Disposition"] = content_disposition_header(True, filename)
    return response


def encode_csv(rows: Iterable[Sequence[object]], encoding: str = "utf-8-sig") -> Iterator[bytes]:
    """Yield the bytes of a CSV file (RFC 4180: CRLF, quotes where needed), each cell guarded."""
    if encoding == "utf-8-sig":
        yield codecs.BOM_UTF8
    for _number, text in write_csv(rows):
        if encoding == "cp932":
            yield text.translate(CP932_NEIGHBOURS).encode("cp932", "replace")
        else:
            yield encode_utf8(text)


def encode_utf8(text: str) -> bytes:
    """Return text as UTF-8; a lone surrogate, which broken input can leave, must not break the download of the rest."""
    return text.encode("utf-8", "replace")


def write_csv(rows: Iterable[Sequence[object]]) -> Iterator[tuple[int, str]]:
    """Yield CSV in pieces of whole rows, each cell guarded: how many rows, and their text."""
    buffer = StringIO()
    writer = csv.writer(buffer)
    number = 0
    for row in rows:
        writer.writerow([guard_cell(cell) for cell in row])
        number += 1
        if number == BATCH or buffer.tell() > LETTERS:
            yield number, _take(buffer)
            number = 0
    if number:
        yield number, _take(buffer)


def _take(buffer: StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def guard_cell(cell: object) -> object:
    """Return the cell so that no spreadsheet computes it: an apostrophe stands before a formula."""
    if not isinstance(cell, str):
        return cell
    text = cell.replace("\0", "")
    if text[:1] in _STARTS and not NEGATIVE_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def unguard_cell(text: str) -> str:
    """Return the text as it was before `guard_cell`, so that an exported file can be imported again."""
    return text[1:] if GUARDED.match(text) else text
