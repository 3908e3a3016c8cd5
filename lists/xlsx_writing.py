"""Writes XLSX for people: streamed, safe to open in a spreadsheet."""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from math import isfinite

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from lists.csv_writing import FORMULA_STARTS
from lists.zip_streaming import MEMBER_BYTES, stream_zip

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The rows of a sheet, its header among them (ECMA-376; Excel, LibreOffice).
SHEET_ROWS = 1_048_576
SHEET_BYTES = MEMBER_BYTES
CELL_LETTERS = 32_767
# How text begins that spreadsheets read meaning into when somebody edits the cell: "=1+1", "#N/A".
TOUCHY = frozenset(f"#{FORMULA_STARTS}")
# Rows that are written together.
BATCH = 500
# What XML 1.0 cannot hold (its section 2.2), and halves of surrogate pairs, which broken input can leave behind.
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# What readers take for an escaped character (ECMA-376 part 1, 22.9.2.19).
ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
LINE_BREAK = re.compile(r"\r\n?")
# What cannot be written as it stands, or may not: one class of characters, which is found ten times as fast as words.
SPECIAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff&<>\r_]")

# Parts of the file, all but the sheets (ECMA-376 part 1, chapters 12 and 18).
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
ROOT_LINKS = (
    f'{XML}<Relationships xmlns="{LINKS}">'
    f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
# Style 1 is text that was typed with an apostrophe before it: it stays text when somebody edits the cell.
STYLES = (
    f'{XML}<styleSheet xmlns="{MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
# The header stays in sight.
SHEET_HEAD = (
    f'{XML}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
SHEET_END = "</sheetData></worksheet>"


def stream_xlsx(rows: Iterable[Sequence[object]], filename: str) -> StreamingHttpResponse:
    """Return a download of `rows`, the header being the first, without holding them in memory."""
    response = StreamingHttpResponse(write_pieces(rows), content_type=CONTENT_TYPE)
    response["Content-Disposition"] = content_disposition_header(True, filename)
    return response


def write_pieces(rows: Iterable[Sequence[object]], *, sheet_rows: int = SHEET_ROWS) -> Iterator[bytes]:
    """Yield the bytes of an XLSX file, while the rows are being read; `sheet_rows` fit on a sheet."""
    return stream_zip(_Book(rows, sheet_rows).members())


class _Book:
    """The parts of a file; what does not fit on one sheet goes on to another, under the same header."""

    def __init__(self, rows: Iterable[Sequence[object]], sheet_rows: int) -> None:
        self._rows = iter(rows)
        self._sheet_rows = sheet_rows
        self._header: Sequence[object] = ()
        self._waiting: Sequence[object] | None = None

    def members(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Yield the name and the content of each part; how many sheets there are is told after them."""
        yield "_rels/.rels", [ROOT_LINKS.encode()]
        yield "xl/styles.xml", [STYLES.encode()]
        self._header = next(self._rows, ())
        self._waiting = next(self._rows, None)
        sheets = 1
        yield "xl/worksheets/sheet1.xml", self._sheet()
        while self._waiting is not None:
            sheets += 1
            yield f"xl/worksheets/sheet{sheets}.xml", self._sheet()
        yield "xl/_rels/workbook.xml.rels", [_link_sheets(sheets).encode()]
        yield "xl/workbook.xml", [_name_sheets(sheets).encode()]
        yield "[Content_Types].xml", [_name_types(sheets).encode()]

    def _sheet(self) -> Iterator[bytes]:
        lines = [SHEET_HEAD, write_row(1, self._header)]
        number, size = 1, 0
        while self._waiting is not None and number < self._sheet_rows and size < SHEET_BYTES:
            number += 1
            lines.append(write_row(number, self._waiting))
            self._waiting = next(self._rows, None)
            if len(lines) >= BATCH:
                piece = "".join(lines).encode()
                lines, size = [], size + len(piece)
                yield piece
        yield ("".join(lines) + SHEET_END).encode()


def write_row(number: int, row: Sequence[object]) -> str:
    """Return the XML of a row; cells without a value are left out."""
    cells = [
        write_cell(f"{letters}{number}", value) for letters, value in zip(name_columns(len(row)), row, strict=True)
    ]
    return f'<row r="{number}">{"".join(cells)}</row>' if row else ""


def write_cell(place: str, value: object) -> str:
    """Return the XML of a cell; text is always text, never a formula or an error."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float | Decimal) and isfinite(value):
        return f'<c r="{place}"><v>{value}</v></c>'
    text = value if isinstance(value, str) else str(value)
    style = ' s="1"' if text[0] in TOUCHY else ""
    if SPECIAL.search(text) or len(text) > CELL_LETTERS:
        text = escape_text(text)
    return f'<c r="{place}"{style} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def escape_text(text: str) -> str:
    """Return a text as it stands in the XML, without what XML cannot hold and not longer than a cell."""
    text = ESCAPE.sub("_x005F_", LINE_BREAK.sub("\n", UNWRITABLE.sub("", text)[:CELL_LETTERS]))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@lru_cache(maxsize=16)
def name_columns(count: int) -> tuple[str, ...]:
    """Return the letters of the first columns: A, B … Z, AA …"""
    names = []
    for number in range(1, count + 1):
        letters = ""
        while number:
            number, rest = divmod(number - 1, 26)
            letters = chr(65 + rest) + letters
        names.append(letters)
    return tuple(names)


def _link_sheets(sheets: int) -> str:
    links = "".join(
        f'<Relationship Id="rId{number}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, sheets + 1)
    )
    styles = f'<Relationship Id="rId{sheets + 1}" Type="{OFFICE}/styles" Target="styles.xml"/>'
    return f'{XML}<Relationships xmlns="{LINKS}">{links}{styles}</Relationships>'


def _name_sheets(sheets: int) -> str:
    names = "".join(
        f'<sheet name="Sheet{number}" sheetId="{number}" r:id="rId{number}"/>' for number in range(1, sheets + 1)
    )
    return f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>'


def _name_types(sheets: int) -> str:
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{KIND}.worksheet+xml"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{XML}<Types xmlns="{TYPES}">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{KIND}.styles+xml"/>{parts}</Types>'
    )
