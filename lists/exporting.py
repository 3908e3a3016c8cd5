"""Exports of lists, segments, searches and other tables: the chosen columns as CSV or XLSX, streamed."""

import codecs
import re
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _
from import_export.resources import Resource

from lists.cp932_report import write_members
from lists.csv_writing import encode_utf8, write_csv
from lists.export_columns import ExportColumn
from lists.export_copy import copy_cells, copy_csv
from lists.xlsx_writing import CONTENT_TYPE, write_pieces
from lists.zip_streaming import stream_zip

# Rows that are fetched together by the plain way.
BATCH = 500

CSV: Final = "csv"
CP932: Final = "cp932"
XLSX: Final = "xlsx"
FORMATS = {
    CSV: _("CSV(UTF-8、BOM付き)"),
    XLSX: _("Excel(XLSX)"),
    CP932: _("CSV(Shift_JIS)"),
}
# A spreadsheet counts with 15 digits; a longer number is the name of something.
NUMBER = re.compile(r"-?(?=[0-9.]{1,16}\Z)[0-9]{1,15}(?:\.[0-9]+)?")
# What Windows refuses in the name of a file, and control characters.
NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class Table:
    """What can be exported: rows, the columns they may have, and the file's name without its ending."""

    # Filtered by the workspace, and in an order that an index gives; without select_related and annotations.
    rows: QuerySet[Any]
    columns: Sequence[ExportColumn]
    filename: str

    def chosen(self, names: Sequence[str]) -> list[ExportColumn]:
        """Return the named columns in the table's order; unknown names are left out, no name means all of them."""
        return [column for column in self.columns if column.name in names] or list(self.columns)

    def choices(self) -> list[tuple[str, str]]:
        """Return name and label of each column."""
        return [(column.name, column.label) for column in self.columns]

    def defaults(self) -> list[str]:
        """Return the names of the columns that are chosen at first."""
        return [column.name for column in self.columns if column.is_default]

    def headings(self, names: Sequence[str]) -> list[str]:
        """Return the labels of the chosen columns."""
        return [column.label for column in self.chosen(names)]

    def lines(self, names: Sequence[str]) -> Iterator[tuple[int, bytes]]:
        """Yield guarded CSV in UTF-8, as `csv_pieces` does, without headings."""
        columns = self.chosen(names)
        is_fast = connection.vendor == "postgresql"
        return copy_csv(self.rows, columns) if is_fast else write_plainly(self.rows, columns)

    def cells(self, names: Sequence[str]) -> Iterator[Sequence[object]]:
        """Yield the cells of each row; numbers are numbers."""
        columns = self.chosen(names)
        is_fast = connection.vendor == "postgresql"
        rows = copy_cells(self.rows, columns) if is_fast else read_plainly(self.rows, columns)
        numbers = [place for place, column in enumerate(columns) if column.is_number]
        return with_numbers(rows, numbers) if numbers else rows


@dataclass(frozen=True, slots=True)
class ResourceTable:
    """What can be exported, with the fields of a django-import-export resource as columns.

    For the records of people's work. It makes an object of each row and asks the resource for each cell, so that it is
    some ten times slower than a Table, whose cells the database makes.
    """

    # As in Table, and with select_related for what the fields read.
    rows: QuerySet[Any]
    resource: Resource
    filename: str
    # The fields that are not chosen at first.
    unchosen: Collection[str] = ()

    def choices(self) -> list[tuple[str, str]]:
        """Return name and label of each column."""
        return [(name, str(shown.column_name)) for name, shown in self.resource.fields.items()]

    def defaults(self) -> list[str]:
        """Return the names of the columns that are chosen at first."""
        return [name for name in self.resource.fields if name not in self.unchosen]

    def headings(self, names: Sequence[str]) -> list[str]:
        """Return the labels of the chosen columns."""
        labels: list[str] = self.resource.get_export_headers(names)
        return labels

    def lines(self, names: Sequence[str]) -> Iterator[tuple[int, bytes]]:
        """Yield guarded CSV in UTF-8, as `csv_pieces` does, without headings."""
        return ((number, encode_utf8(text)) for number, text in write_csv(self.cells(names)))

    def cells(self, names: Sequence[str]) -> Iterator[Sequence[object]]:
        """Yield the cells of each row."""
        return (self.resource.export_resource(row, names) for row in self.rows.iterator(chunk_size=BATCH))


def stream(table: Table | ResourceTable, names: Sequence[str], kind: str) -> StreamingHttpResponse:
    """Return a download of a table with the named columns; `kind` is one of FORMATS.

    CP932 comes as a ZIP: the CSV, and a report of what it could not hold. The first bytes leave before the last row is
    read; only a few rows are held in memory. All rows are of one moment. Not to be called within a transaction that
    goes on: the connection reads until the download's end.
    """
    name = NOT_IN_NAMES.sub("_", table.filename).strip(". ") or "export"
    if kind == XLSX:
        rows = xlsx_rows(table, names)
        return _attach(rows, write_pieces(rows), CONTENT_TYPE, f"{name}.xlsx")
    pieces = csv_pieces(table, names)
    if kind == CP932:
        return _attach(pieces, stream_zip(write_members(pieces, name)), "application/zip", f"{name}.zip")
    content = (piece for _number, piece in pieces)
    return _attach(pieces, chain([codecs.BOM_UTF8], content), "text/csv; charset=utf-8", f"{name}.csv")


def _attach(
    source: Generator[Any, None, None], content: Iterator[bytes], content_type: str, filename: str
) -> StreamingHttpResponse:
    response = StreamingHttpResponse(_with_end(source, content), content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, filename)
    return response


def _with_end(source: Generator[Any, None, None], content: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content; end what it is made from as well where the client goes away, since that reads a connection."""
    with closing(source):
        yield from content


def csv_pieces(table: Table | ResourceTable, names: Sequence[str]) -> Generator[tuple[int, bytes], None, None]:
    """Yield guarded CSV in UTF-8 in pieces of whole rows: the headings, then the rows; how many and their bytes."""
    for number, text in write_csv([table.headings(names)]):
        yield number, encode_utf8(text)
    yield from table.lines(names)


def xlsx_rows(table: Table | ResourceTable, names: Sequence[str]) -> Generator[Sequence[object], None, None]:
    """Yield the headings, then the cells of each row; numbers are numbers."""
    yield table.headings(names)
    yield from table.cells(names)


def with_numbers(rows: Iterator[Sequence[str]], numbers: Sequence[int]) -> Iterator[Sequence[object]]:
    """Yield rows whose cells at these places are numbers, where they can be."""
    for row in rows:
        values: list[object] = list(row)
        for place in numbers:
            if NUMBER.fullmatch(row[place]):
                values[place] = Decimal(row[place])
        yield values


def write_plainly(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> Iterator[tuple[int, bytes]]:
    """Yield CSV as `copy_csv` does, made row by row: the way of SQLite, and what the fast way is compared with."""
    for number, text in write_csv(read_plainly(rows, columns)):
        yield number, encode_utf8(text)


def read_plainly(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> Iterator[Sequence[str]]:
    """Yield the cells of each row as text."""
    sources = list(dict.fromkeys(column.source for column in columns))
    shows: list[tuple[Callable[[Any], str], int]] = [(column.show, sources.index(column.source)) for column in columns]
    for values in rows.values_list(*sources).iterator(chunk_size=BATCH):
        yield [show(values[place]) for show, place in shows]
