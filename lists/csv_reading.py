"""Reads a CSV file row by row with limits: separator, header, rows with the line they began at."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from typing import BinaryIO, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lists.address import InvalidAddress, clean_address
from lists.csv_encoding import detect_encoding, scan_file
from lists.exceptions import UnreadableFile
from lists.import_reasons import RejectReason

SEPARATORS = {
    ",": gettext_lazy("コンマ(,)"),
    "\t": gettext_lazy("タブ"),
    ";": gettext_lazy("セミコロン(;)"),
    "|": gettext_lazy("縦棒(|)"),
}

# Characters of one row over all its lines. Longer ones are nearly always a quote that never closes.
MAX_ROW = 100_000
MAX_COLUMNS = 200
# Rows by which separator and header are guessed; also the rows of the preview.
PREVIEW_ROWS = 20


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is to be read: codec, separator, whether the first row is a header; of a workbook, which sheet."""

    encoding: str
    separator: str
    has_header: bool
    sheet: str = ""


class Row(NamedTuple):
    """One row: `line` counts from 1 where the row begins; `fault` says in Japanese why it cannot be read.

    `code` is the RejectReason of a fault. (A tuple because a million of them are made.)
    """

    line: int
    cells: list[str]
    fault: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found out about an uploaded file. `rows` is an estimate for the progress bar."""

    format: Format
    rows: int
    preview: "Preview"


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a file. `headers` has one name for each column, "列1" where there is none."""

    headers: list[str]
    rows: list[Row]


def inspect_file(file: BinaryIO) -> Inspection:
    """Guess how the file is written; raises UnreadableFile with a sentence where it cannot be a list."""
    scan = scan_file(file)
    if scan.size == 0:
        raise UnreadableFile(_("ファイルが空です。"))
    encoding = detect_encoding(scan)
    separator = detect_separator(file, encoding)
    first = next(read_rows(file, encoding, separator), None)
    if first is None:
        raise UnreadableFile(_("ファイルに行がありません。"))
    layout = Format(encoding, separator, has_header=not has_address(first.cells))
    preview = preview_file(file, layout)
    if not preview.rows:
        raise UnreadableFile(_("見出しの行だけで、宛先の行がありません。"))
    return Inspection(layout, max(1, scan.newlines - layout.has_header), preview)


def detect_separator(file: BinaryIO, encoding: str) -> str:
    """Return the separator that cuts most of the first rows into the same number of cells."""
    scores = {separator: _score_separator(file, encoding, separator) for separator in SEPARATORS}
    return max(scores, key=lambda separator: scores[separator])


def _score_separator(file: BinaryIO, encoding: str, separator: str) -> tuple[int, int]:
    try:
        rows = list(islice(read_rows(file, encoding, separator), PREVIEW_ROWS))
    except UnreadableFile:
        return (0, 0)
    width = len(rows[0].cells) if rows else 0
    if width < 2:
        return (0, 0)
    return (sum(len(row.cells) == width for row in rows), width)


def has_address(cells: list[str]) -> bool:
    """Say whether one of the cells is a mail address, as no header has one."""
    return any(_is_address(cell) for cell in cells)


def _is_address(cell: str) -> bool:
    try:
        clean_address(cell)
    except InvalidAddress:
        return False
    return True


def preview_file(file: BinaryIO, layout: Format) -> Preview:
    """Return the header and the first rows; raises UnreadableFile."""
    rows = list(islice(read_rows(file, layout.encoding, layout.separator), PREVIEW_ROWS + 1))
    header = rows.pop(0).cells if layout.has_header and rows else []
    rows = rows[:PREVIEW_ROWS]
    width = len(header) or max((len(row.cells) for row in rows), default=0)
    if width > MAX_COLUMNS:
        raise UnreadableFile(_("列が多すぎます(%d列まで)。区切り文字が合っているか確かめてください。") % MAX_COLUMNS)
    named = header + [""] * (width - len(header))
    return Preview([cell.strip() or _("列%d") % number for number, cell in enumerate(named, start=1)], rows)


def read_rows(file: BinaryIO, encoding: str, separator: str) -> Iterator[Row]:
    """Yield the rows that are not blank, from the file's beginning, the header included.

    A row that cannot be read has a `fault`; raises UnreadableFile where the rest of the file cannot be
    read either: a quote that never closes, a row beyond MAX_ROW.
    """
    file.seek(0)
    # What does not decode becomes U+FFFD, and only the row it stands in is refused.
    text = TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        yield from _parse(Feed(text), separator)
    except UnicodeError as error:
        raise UnreadableFile(_("選ばれた文字コードでは読めないファイルです。")) from error
    finally:
        text.detach()


class Feed:
    """Gives the CSV reader its lines, counts them and keeps one row from growing without end."""

    def __init__(self, text: TextIOWrapper) -> None:
        self.text = text
        self.line = 0
        self.row_began = 1
        self.row_size = 0
        self.has_ended = False

    def begin_row(self) -> None:
        """Note that the next line begins a row."""
        self.row_began = self.line + 1
        self.row_size = 0

    def __iter__(self) -> "Feed":
        return self

    def __next__(self) -> str:
        line = self.text.readline(MAX_ROW + 1)
        if not line:
            self.has_ended = True
            raise StopIteration
        self.line += 1
        self.row_size += len(line)
        if self.row_size > MAX_ROW:
            raise UnreadableFile(
                _('%d行目が長すぎます。引用符「"」が閉じられていないか、CSVファイルではない可能性があります。')
                % self.row_began
            )
        # Files that were joined have a byte order mark in the middle.
        return line.replace("\ufeff", "")


def _parse(feed: Feed, separator: str) -> Iterator[Row]:
    reader = csv.reader(feed, delimiter=separator, strict=True)
    while True:
        feed.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if feed.has_ended:
                raise UnreadableFile(_describe_open_quote(feed.row_began)) from error
            yield Row(feed.row_began, [], _describe_quotes(feed), RejectReason.UNREADABLE)
            continue
        if any(cell and not cell.isspace() for cell in cells):
            yield Row(feed.row_began, cells, *_find_fault(cells))


def _describe_open_quote(line: int) -> str:
    return _(
        '%(line)d行目から始まる引用符「"」が閉じられていません。%(line)d行目の「"」を消すか、値の終わりにも「"」を付けて保存し、'
        "もう一度アップロードしてください。まだ何も取り込んでいません。"
    ) % {"line": line}


def _describe_quotes(feed: Feed) -> str:
    if feed.line > feed.row_began:
        return _('引用符「"」の使い方が正しくありません(%(first)d行目から%(last)d行目まで)。') % {
            "first": feed.row_began,
            "last": feed.line,
        }
    return _('引用符「"」の使い方が正しくありません。')


def _find_fault(cells: list[str]) -> tuple[str, str]:
    if any("\ufffd" in cell for cell in cells):
        return _("文字コードが合わず、読めない文字があります。"), RejectReason.ENCODING
    if any("\0" in cell for cell in cells):
        return _("NUL文字(値が0の文字)があります。"), RejectReason.UNREADABLE
    if len(cells) > MAX_COLUMNS:
        return _("列が多すぎます(%d列まで)。") % MAX_COLUMNS, RejectReason.COLUMNS
    return "", ""
