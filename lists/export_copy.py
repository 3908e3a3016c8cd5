"""The fast way of exports on PostgreSQL: the server makes the lines itself (COPY … TO STDOUT)."""

import csv
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from lists.csv_writing import FORMULA_STARTS, NEGATIVE_NUMBER
from lists.export_columns import ExportColumn

# Rows that are handed on together: few at first, so that the file begins at once, then as many as fill a piece.
FIRST = 50
LARGEST = 1000
PIECE = 64 * 1024

# As `lists.csv_writing.guard_cell` does it. By the number of the first character: a pattern costs ten times as much.
STARTS = ", ".join(str(ord(character)) for character in FORMULA_STARTS)
NEGATIVE = NEGATIVE_NUMBER.pattern.replace("(?:", "(")
GUARD = f"CASE WHEN ascii({{0}}) IN ({STARTS}) AND {{0}} !~ '^{NEGATIVE}$' THEN '''' || {{0}} ELSE {{0}} END"


def copy_csv(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> Iterator[tuple[int, bytes]]:
    """Yield CSV in UTF-8 in pieces of whole rows, without headings: how many rows, and their bytes.

    The same bytes as `lists.exporting.write_plainly` gives. All rows are of one moment, since it is one statement; it
    ends with the iterator, also where that is closed early. Raises Django's database errors.
    """
    with closing(_copy(rows, columns, is_guarded=True)) as batches:
        for lines in batches:
            if len(columns) == 1:
                lines = [_LONELY.get(bytes(line), line) for line in lines]
            piece = b"".join(lines)
            # PostgreSQL ends its lines with LF alone; a line break within a cell is between quotes.
            if piece.count(b"\n") == len(lines):
                yield len(lines), piece.replace(b"\n", b"\r\n")
            else:
                yield len(lines), b"".join(b"%b\r\n" % bytes(line)[:-1] for line in lines)


def copy_cells(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> Iterator[Sequence[str]]:
    """Yield the cells of each row as text, without guards, as `lists.exporting.read_plainly` does."""
    with closing(_copy(rows, columns, is_guarded=False)) as batches:
        for lines in batches:
            # A line that is empty is a row of one empty cell.
            yield from (cells or [""] for cells in csv.reader(str(line, "utf-8") for line in lines))


# A row of one cell: Python's csv module quotes it where it is empty, PostgreSQL where it is what ended a file once.
_LONELY = {b"\n": b'""\n', b'"\\."\n': b"\\.\n"}


def _copy(
    rows: QuerySet[Any], columns: Sequence[ExportColumn], *, is_guarded: bool
) -> Generator[list[Any], None, None]:
    """Yield the lines as the server sends them (PostgreSQL, 55.2.6: one message for each row)."""
    try:
        statement, params = _build(rows, columns, is_guarded=is_guarded)
    except EmptyResultSet:
        return
    size = FIRST
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(statement, params) as copy,
    ):
        messages = iter(copy)
        while lines := list(islice(messages, size)):
            yield lines
            size = min(max(PIECE * len(lines) // sum(map(len, lines)), 1), LARGEST)


def _build(rows: QuerySet[Any], columns: Sequence[ExportColumn], *, is_guarded: bool) -> tuple[str, tuple[Any, ...]]:
    """Return the statement and its parameters. Raises EmptyResultSet where nothing can be found."""
    names = [f"cell{number}" for number in range(len(columns))]
    cells = rows.annotate(**{name: column.sql for name, column in zip(names, columns, strict=True)})
    inner, params = cells.values_list(*names).query.get_compiler(connection=connection).as_sql()
    # An empty text would be written with quotes around it, NULL without.
    outer = ", ".join(
        f"NULLIF({GUARD.format(name) if is_guarded and column.is_foreign else name}, '')"
        for name, column in zip(names, columns, strict=True)
    )
    statement = f"COPY (SELECT {outer} FROM ({inner}) AS cells) TO STDOUT (FORMAT csv, ENCODING 'UTF8')"  # noqa: S608
    return statement, tuple(params)
