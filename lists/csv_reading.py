"""Reads a CSV file row by row with limits: separator, header, rows with the line they began at."""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from typing import BinaryIO, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lists.address import InvalidAddress, clean_address
from lists.csv_encoding import EIGHT_BIT, detect_encoding, scan_file
from lists.exceptions import UnreadableFile
from lists.import_reasons import RejectReason
from lists.mixed_encodings import KEEP_BYTES, NAMES, find_other_encoding, restore_cells, strange_text
from lists.models import FileKind

SEPARATORS = {
    ",": gettext_lazy("コンマ(,)"),
    "\t": gettext_lazy("タブ"),
    ";": gettext_lazy("セミコロン(;)"),
    "|": gettext_lazy("縦棒(|)"),
}

# Characters of one row over all its lines. Longer ones are nearly always a quote that never closes.
MAX_ROW = 100_000
MAX_COLUMNS = 200
# Bytes that are read at a time.
CHUNK = 1 << 16
# Rows by which separator and header are guessed; also the rows of the preview.
PREVIEW_ROWS = 20
# Blank rows that are passed over while guessing.
PREVIEW_BLANKS = 2000


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
    """What was found out about an uploaded file. `rows` is an estimate; `sheets` are those of a workbook."""

    format: Format
    rows: int
    preview: "Preview"
    kind: FileKind = FileKind.CSV
    sheets: tuple[str, ...] = ()


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
    first = next(_first_rows(file, encoding, separator), None)
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
        rows = list(islice(_first_rows(file, encoding, separator), PREVIEW_ROWS))
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
    rows = list(islice(_first_rows(file, layout.encoding, layout.separator), PREVIEW_ROWS + 1))
    return make_preview(rows, has_header=layout.has_header)


def make_preview(rows: list[Row], *, has_header: bool) -> Preview:
    """Return the first rows of a file with a name for each column; raises UnreadableFile for too many columns."""
    header = rows[0].cells if has_header and rows else []
    rows = rows[has_header : PREVIEW_ROWS + has_header]
    width = len(header) or max((len(row.cells) for row in rows), default=0)
    if width > MAX_COLUMNS:
        raise UnreadableFile(_("列が多すぎます(%d列まで)。区切り文字が合っているか確かめてください。") % MAX_COLUMNS)
    return Preview(name_columns(header, width), rows)


def name_columns(header: list[str], width: int) -> list[str]:
    """Return a name for each of so many columns, "列1" where the header has none."""
    named = header + [""] * (width - len(header))
    return [cell.strip() or name_column(index) for index, cell in enumerate(named)]


def name_column(index: int) -> str:
    """Return what a column without a header is called; `index` counts from 0."""
    return _("列%d") % (index + 1)


def _first_rows(file: BinaryIO, encoding: str, separator: str) -> Iterator[Row]:
    """Yield the rows of a file while somebody waits for its page: a file of blank rows takes no longer."""
    return read_rows(file, encoding, separator, most_blanks=PREVIEW_BLANKS)


def read_rows(file: BinaryIO, encoding: str, separator: str, *, most_blanks: int | None = None) -> Iterator[Row]:
    """Yield the rows that are not blank, from the file's beginning, the header included.

    With `most_blanks` it ends after so many blank rows, as if the file did. A row that cannot be read has a `fault`;
    raises UnreadableFile where the rest of the file cannot be read either: a quote that never closes, a row beyond
    MAX_ROW.
    """
    file.seek(0)
    try:
        yield from _parse(Feed(file, encoding), separator, most_blanks)
    except UnicodeError as error:
        raise UnreadableFile(_("選ばれた文字コードでは読めないファイルです。")) from error


class Feed:
    """Gives the CSV reader its lines and keeps one row from growing without end.

    `row_began` is the line at which the present row begins; who takes the rows keeps it up to date.
    """

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.file = file
        self.encoding = encoding
        self.strange = strange_text(encoding)
        # What does not decode becomes U+FFFD, and only the row it stands in is refused.
        errors = KEEP_BYTES if encoding in EIGHT_BIT else "replace"
        self.decoder = codecs.getincrementaldecoder(encoding)(errors)
        self.row_began = 1
        self.has_ended = False
        # Up to this line there may be what no row may hold: the rows that begin before are looked at.
        self.suspicious_to = 0

    def lines(self) -> Iterator[str]:
        """Yield line after line, with its end; raises UnreadableFile where a row is beyond MAX_ROW."""
        number = size = 0
        has_quotes = False
        for piece in self._pieces():
            # Files that were joined have a byte order mark in the middle.
            text = piece.replace("\ufeff", "") if "\ufeff" in piece else piece
            lines = StringIO(text, newline="").readlines()
            if self._is_suspicious(text):
                self.suspicious_to = number + len(lines)
            has_quotes = has_quotes or '"' in text
            if not has_quotes and len(text) <= MAX_ROW:
                # Without quotes each line is a row, and none is longer than the whole.
                number += len(lines)
                yield from lines
                continue
            for line in lines:
                number += 1
                if number == self.row_began:
                    size = 0
                size += len(line)
                if size > MAX_ROW:
                    raise self._too_long()
                yield line
        self.has_ended = True

    def _is_suspicious(self, text: str) -> bool:
        return "\ufffd" in text or "\0" in text or bool(self.strange and self.strange.search(text))

    def _pieces(self) -> Iterator[str]:
        """Yield the text in pieces that end where a line ends."""
        rest = ""
        while chunk := self.file.read(CHUNK):
            text = rest + self.decoder.decode(chunk)
            # A carriage return at the very end may be half of a line's end.
            end = text.rfind("\n") + 1 or text.rfind("\r", 0, len(text) - 1) + 1
            if end:
                yield text[:end]
            elif len(text) > MAX_ROW:
                raise self._too_long()
            rest = text[end:]
        if rest := rest + self.decoder.decode(b"", final=True):
            yield rest

    def _too_long(self) -> UnreadableFile:
        return UnreadableFile(
            _('%d行目が長すぎます。引用符「"」が閉じられていないか、CSVファイルではない可能性があります。')
            % self.row_began
        )


def _parse(feed: Feed, separator: str, most_blanks: int | None) -> Iterator[Row]:
    blanks = 0
    reader = csv.reader(feed.lines(), delimiter=separator, strict=True)
    make = tuple.__new__
    while True:
        try:
            for cells in reader:
                line = feed.row_began
                feed.row_began = reader.line_num + 1
                if not cells or ((not cells[0] or cells[0].isspace()) and _is_blank(cells)):
                    blanks += 1
                    if blanks == most_blanks:
                        return
                    continue
                if line <= feed.suspicious_to or len(cells) > MAX_COLUMNS:
                    yield _look_at(line, cells, feed.encoding)
                else:
                    # Half the time of Row(…), which matters a million times.
                    yield make(Row, (line, cells, "", ""))
            return
        except csv.Error as error:
            first, last = feed.row_began, reader.line_num
            if feed.has_ended:
                raise UnreadableFile(_describe_open_quote(first)) from error
            feed.row_began = last + 1
            yield Row(first, [], _describe_quotes(first, last), RejectReason.UNREADABLE)


def _look_at(line: int, cells: list[str], encoding: str) -> Row:
    fault, code = find_fault(cells, encoding)
    # Who mends the file looks for what really stands there.
    return Row(line, restore_cells(cells, encoding) if code == RejectReason.ENCODING else cells, fault, code)


def _is_blank(cells: list[str]) -> bool:
    return not any(cell and not cell.isspace() for cell in cells)


def _describe_open_quote(line: int) -> str:
    return _(
        '%(line)d行目から始まる引用符「"」が閉じられていません。%(line)d行目の「"」を消すか、値の終わりにも「"」を付けて保存し、'
        "もう一度アップロードしてください。まだ何も取り込んでいません。"
    ) % {"line": line}


def _describe_quotes(first: int, last: int) -> str:
    if last > first:
        return _('引用符「"」の使い方が正しくありません(%(first)d行目から%(last)d行目まで)。') % {
            "first": first,
            "last": last,
        }
    return _('引用符「"」の使い方が正しくありません。')


def find_fault(cells: list[str], encoding: str = "") -> tuple[str, str]:
    """Return why a row cannot be used, as a sentence and a RejectReason; both empty where it can.

    `encoding` is the codec by which the row was read, "" where the file says for each character what it is.
    """
    if other := find_other_encoding(cells, encoding):
        return _describe_other(NAMES[other]), RejectReason.ENCODING
    text = "".join(cells)
    if "\ufffd" in text:
        return _("文字コードが合わず、読めない文字があります。"), RejectReason.ENCODING
    if "\0" in text:
        return _("NUL文字(値が0の文字)があります。"), RejectReason.UNREADABLE
    if len(cells) > MAX_COLUMNS:
        return _("列が多すぎます(%d列まで)。") % MAX_COLUMNS, RejectReason.COLUMNS
    return "", ""


def _describe_other(name: str) -> str:
    return (
        _("文字コードが合わないようです(%sで書かれた行と思われます)。ファイル全体をUTF-8で保存し直してください。")
        % name
    )
