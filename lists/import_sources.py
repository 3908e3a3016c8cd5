"""Opens the uploaded file of an import as rows, whatever kind of file it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from lists.csv_reading import Row, read_rows
from lists.models import CsvImport, FileKind
from lists.xlsx_reading import read_sheet


@contextmanager
def open_rows(csv_import: CsvImport) -> Iterator[Iterator[Row]]:
    """Give the rows of the stored file below its header; raises FileNotFoundError and UnreadableFile."""
    with csv_import.file.open("rb") as file:
        source = cast(BinaryIO, file.file)
        if csv_import.kind == FileKind.XLSX:
            rows = read_sheet(source, csv_import.sheet)
        else:
            rows = read_rows(source, csv_import.encoding, csv_import.separator)
        if csv_import.has_header:
            next(rows, None)
        yield rows
