"""Writes XLSX for people: row by row, safe to open in a spreadsheet."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from tempfile import TemporaryFile
from typing import IO

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The rows of a sheet, its header among them (ECMA-376; Excel, LibreOffice).
SHEET_ROWS = 1_048_576
CELL_LETTERS = 32_767
PIECE = 64 * 1024
# What XML 1.0 cannot hold (its section 2.2), and halves of surrogate pairs, which broken input can leave behind.
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def stream_xlsx(rows: Iterable[Sequence[object]], filename: str) -> StreamingHttpResponse:
    """Return a download of `rows`, the header being the first, without holding them in memory.

    The file is written to the disk first: a ZIP cannot be read before its end is known.
    """
    response = StreamingHttpResponse(write_pieces(rows), content_type=CONTENT_TYPE)
    response["Content-Disposition"] = content_disposition_header(True, filename)
    return response


def write_pieces(rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield the bytes of an XLSX file."""
    with TemporaryFile() as file:
        write_xlsx(rows, file)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


def write_xlsx(rows: Iterable[Sequence[object]], file: IO[bytes]) -> None:
    """Write rows to a file; what does not fit on one sheet goes on to another, under the same header."""
    book = Workbook(write_only=True)
    with closing(book):
        source = iter(rows)
        header = next(source, ())
        sheet, number = new_sheet(book, header), 1
        for row in source:
            if number == SHEET_ROWS:
                sheet, number = new_sheet(book, header), 1
            sheet.append(make_row(sheet, row))
            number += 1
        book.save(file)


def new_sheet(book: Workbook, header: Sequence[object]) -> WriteOnlyWorksheet:
    """Return a new sheet whose header stays in sight."""
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    sheet.append(make_row(sheet, header))
    return sheet


def make_row(sheet: WriteOnlyWorksheet, row: Sequence[object]) -> list[object]:
    """Return the cells of a row."""
    return [make_cell(sheet, value) for value in row]


def make_cell(sheet: WriteOnlyWorksheet, value: object) -> object:
    """Return what stands in a cell; text is always text, never a formula or an error."""
    if not isinstance(value, str):
        return value
    text = UNWRITABLE.sub("", value)[:CELL_LETTERS]
    # openpyxl reads meaning into these: "=1+1", "#N/A".
    if not text.startswith(("=", "#")):
        return text
    cell = WriteOnlyCell(sheet)
    cell.value = text
    cell.data_type = "s"
    # As if an apostrophe had been typed before it: it stays text when somebody edits the cell.
    cell.quotePrefix = True
    return cell
