"""An uploaded file as rows, whether it is a CSV file or an Excel workbook."""

from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _

from lists.csv_encoding import WORKBOOK_HEAD
from lists.csv_reading import (
    PREVIEW_ROWS,
    Format,
    Inspection,
    Preview,
    Row,
    has_address,
    inspect_file,
    make_preview,
    preview_file,
    read_rows,
)
from lists.exceptions import UnreadableFile
from lists.models import FileKind
from lists.xlsx_reading import preview_filled, preview_sheet, read_sheet


def inspect_table(file: BinaryIO) -> Inspection:
    """Guess how the file is written; raises UnreadableFile with a sentence where it cannot be a list."""
    if not is_workbook(file):
        return inspect_file(file)
    sheets, sheet, first, rows = preview_filled(file, PREVIEW_ROWS + 1)
    if not first:
        raise UnreadableFile(_("ファイルに行がありません。"))
    layout = Format("utf-8-sig", ",", has_header=not has_address(first[0].cells), sheet=sheet)
    preview = make_preview(first, has_header=layout.has_header)
    if not preview.rows:
        raise UnreadableFile(_("見出しの行だけで、宛先の行がありません。"))
    return Inspection(layout, max(1, rows - layout.has_header), preview, FileKind.XLSX, tuple(sheets))


def is_workbook(file: BinaryIO) -> bool:
    """Say whether the file begins as an Excel workbook (.xlsx) does."""
    file.seek(0)
    return file.read(4) == WORKBOOK_HEAD


def preview_table(file: BinaryIO, layout: Format) -> Preview:
    """Return the header and the first rows; raises UnreadableFile."""
    if not layout.sheet:
        return preview_file(file, layout)
    rows, _number = preview_sheet(file, layout.sheet, PREVIEW_ROWS + 1)
    return make_preview(rows, has_header=layout.has_header)


def read_table(file: BinaryIO, layout: Format) -> Iterator[Row]:
    """Yield the rows that are not blank, the header included, from the file's beginning; raises UnreadableFile."""
    if layout.sheet:
        return read_sheet(file, layout.sheet)
    return read_rows(file, layout.encoding, layout.separator)
