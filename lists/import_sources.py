"""Opens the uploaded file of an import as rows, whatever kind of file it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from lists.csv_import import format_of
from lists.csv_reading import Row
from lists.models import CsvImport
from lists.table_files import read_table


@contextmanager
def open_rows(csv_import: CsvImport) -> Iterator[Iterator[Row]]:
    """Give the rows of the stored file below its header; raises FileNotFoundError and UnreadableFile."""
    with csv_import.file.open("rb") as file:
        rows = read_table(cast(BinaryIO, file.file), format_of(csv_import))
        if csv_import.has_header:
            next(rows, None)
        yield rows
