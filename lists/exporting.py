"""Exports of lists, segments, searches and other tables: the chosen columns as CSV or XLSX, row by row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from lists.csv_writing import stream_csv
from lists.export_columns import ExportColumn
from lists.xlsx_writing import stream_xlsx

# Rows that are fetched together by the plain way.
BATCH = 2000

CSV, CP932, XLSX = "csv", "cp932", "xlsx"
FORMATS = {CSV: _("CSV(UTF-8)"), CP932: _("CSV(Shift_JIS)"), XLSX: _("Excel(XLSX)")}


@dataclass(frozen=True, slots=True)
class Table:
    """What can be exported: rows, the columns they may have, and the beginning of the file's name."""

    # Filtered by the workspace, and in an order that an index gives; without select_related and annotations.
    rows: QuerySet[Any]
    columns: Sequence[ExportColumn]
    filename: str

    def chosen(self, names: Sequence[str]) -> list[ExportColumn]:
        """Return the named columns in the table's order; unknown names are left out, no name means all of them."""
        return [column for column in self.columns if column.name in names] or list(self.columns)


def stream(table: Table, names: Sequence[str], kind: str) -> StreamingHttpResponse:
    """Return a download of a table with the named columns; `kind` is one of FORMATS.

    The first bytes leave before the last row is read, and no more than a few rows are held in memory.
    """
    columns = table.chosen(names)
    rows = export_rows(table.rows, columns)
    if kind == XLSX:
        return stream_xlsx(rows, f"{table.filename}.xlsx")
    return stream_csv(rows, f"{table.filename}.csv", "cp932" if kind == CP932 else "utf-8-sig")


def export_rows(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> Iterator[Sequence[str]]:
    """Yield the headings and the cells of each row, as text: the plain way, the same on all databases."""
    yield [column.label for column in columns]
    sources = list(dict.fromkeys(column.source for column in columns))
    shows: list[tuple[Callable[[Any], str], int]] = [(column.show, sources.index(column.source)) for column in columns]
    for values in rows.values_list(*sources).iterator(chunk_size=BATCH):
        yield [show(values[place]) for show, place in shows]
