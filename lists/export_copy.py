"""The fast way of exports on PostgreSQL: the server makes the lines itself (COPY … TO STDOUT)."""

import csv
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from io import StringIO
from itertools import islice
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet, TextField, Value
from django.db.models.functions import Coalesce

from lists.csv_writing import FORMULA_STARTS, guard_cell
from lists.export_columns import ExportColumn

# Rows that are handed on together: few at first, so that the file begins at once, then as many as fill a piece.
FIRST = 50
LARGEST = 1000
PIECE = 16 * 1024

# Where a cell may begin as a formula does (lists.csv_writing.FORMULA_STARTS); a comma within a cell is a false alarm.
# Looked for here, a hundred lines at a time, and not by the server in each cell: that doubled its work.
# Line breaks stand between quotes.
BREAKS = frozenset("\r\n")
STARTS = b"|".join(re.escape(start.encode()) for start in FORMULA_STARTS if start not in BREAKS)
SUSPECT = re.compile(rb'[,\n](?:"?(?:%b)|"[\r\n])' % STARTS)
# Before that pattern, which takes a microsecond for a line: every byte with which a start begins becomes "=", and
# nothing else does. A line break counts only where a quote stands before it.
FIRST_BYTES = bytes(sorted({start.encode()[0] for start in FORMULA_STARTS if start not in BREAKS}))
MARKS = bytes.maketrans(FIRST_BYTES, b"=" * len(FIRST_BYTES))
HINTS = (b",=", b"\n=", b',"=', b'\n"=', b'"\n', b'"\r')
# What stands for NULL; the expressions give none. Without it an empty text would be written with quotes around it, and
# so would a cell that holds just this, which therefore nobody writes by chance.
NO_VALUE = "\x01no value\x01"


def copy_csv(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> Iterator[tuple[int, bytes]]:
    """Yield CSV in UTF-8 in pieces of whole rows, without headings: how many rows, and their bytes.

    The same bytes as `lists.exporting.write_plainly` gives. All rows are of one moment, since it is one statement; it
    ends with the iterator, also where that is closed early. Raises Django's database errors.
    """
    with closing(_copy(rows, columns)) as batches:
        for lines in batches:
            if len(columns) == 1:
                lines = [_LONELY.get(bytes(line), line) for line in lines]
            piece = b"".join(lines)
            if is_suspect(piece):
                yield len(lines), b"".join(guard_line(bytes(line)) for line in lines)
            # PostgreSQL ends its lines with LF alone; a line break within a cell is between quotes.
            elif piece.count(b"\n") == len(lines):
                yield len(lines), piece.replace(b"\n", b"\r\n")
            else:
                yield len(lines), b"".join(b"%b\r\n" % bytes(line)[:-1] for line in lines)


def is_suspect(lines: bytes) -> bool:
    """Say whether one of the cells may begin as a formula does."""
    marked = b"\n" + lines.translate(MARKS)
    return any(hint in marked for hint in HINTS) and SUSPECT.search(b"\n" + lines) is not None


def guard_line(line: bytes) -> bytes:
    """Return a line of CSV that ends with CRLF instead of LF, without a cell that a spreadsheet computes."""
    if not is_suspect(line):
        return line[:-1] + b"\r\n"
    buffer = StringIO()
    csv.writer(buffer).writerow([guard_cell(cell) for cell in next(csv.reader([line.decode()]))])
    return buffer.getvalue().encode()


def copy_cells(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> Iterator[Sequence[str]]:
    """Yield the cells of each row as text, without guards, as `lists.exporting.read_plainly` does."""
    with closing(_copy(rows, columns)) as batches:
        for lines in batches:
            # A line that is empty is a row of one empty cell.
            yield from (cells or [""] for cells in csv.reader(str(line, "utf-8") for line in lines))


# A row of one cell: Python's csv module quotes it where it is empty, PostgreSQL where it is what ended a file once.
_LONELY = {b"\n": b'""\n', b'"\\."\n': b"\\.\n"}


def _copy(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> Generator[list[Any], None, None]:
    """Yield the lines as the server sends them (PostgreSQL, 55.2.6: one message for each row)."""
    try:
        statement, params = _build(rows, columns)
    except EmptyResultSet:
        return
    size = FIRST
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        # The cursor below Django's: in DEBUG its own `copy` takes no parameters.
        cursor.cursor.copy(statement, params) as copy,
    ):
        messages = iter(copy)
        while lines := list(islice(messages, size)):
            yield lines
            size = min(max(PIECE * len(lines) // sum(map(len, lines)), 1), LARGEST)


def _build(rows: QuerySet[Any], columns: Sequence[ExportColumn]) -> tuple[str, tuple[Any, ...]]:
    """Return the statement and its parameters. Raises EmptyResultSet where nothing can be found."""
    names = [f"cell{number}" for number in range(len(columns))]
    cells = rows.annotate(
        **{
            name: Coalesce(column.sql, Value(""), output_field=TextField())
            for name, column in zip(names, columns, strict=True)
        }
    )
    inner, params = cells.values_list(*names).query.get_compiler(connection=connection).as_sql()
    return f"COPY ({inner}) TO STDOUT (FORMAT csv, ENCODING 'UTF8', NULL '{NO_VALUE}')", tuple(params)
