"""Writes many rows into a table at once: COPY on PostgreSQL, statements of many rows on SQLite."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from django.db import connection
from django.db.backends.utils import CursorWrapper

# Bytes of text that are handed to the server at a time; more of them only wait in memory.
PIECE = 256 * 1024
# Rows of one statement on SQLite, which writes down the last id at the end of each: alone, a row costs three times as much.
ROWS = 100


def load_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Insert rows into a table and return how many, within the present transaction.

    Values are str, int, bool or None (and datetime on PostgreSQL), in the order of `columns`; JSON is handed over as
    text made by `json.dumps` with ASCII escapes, as Django writes it (SQLite compares its keys as text). Text must not
    hold NUL or lone surrogates. Raises Django's database errors; then nothing of it stays.
    """
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    target = connection.ops.quote_name(table)
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            marks = f"({', '.join(['%s'] * len(columns))})"
            return _insert(cursor, f"INSERT INTO {target} ({names}) VALUES {marks}", f", {marks}", rows)  # noqa: S608
        number = 0
        with connection.wrap_database_errors, cursor.copy(f"COPY {target} ({names}) FROM STDIN") as copy:
            lines: list[str] = []
            size = 0
            for row in rows:
                number += 1
                line = _as_line(row)
                lines.append(line)
                size += len(line)
                if size > PIECE:
                    copy.write("\n".join(lines) + "\n")
                    lines, size = [], 0
            if lines:
                copy.write("\n".join(lines) + "\n")
        return number


def _insert(cursor: CursorWrapper, first: str, further: str, rows: Iterable[Sequence[object]]) -> int:
    """Run an INSERT that is made of what it needs for its first row and for each further one; return how many rows."""
    remaining, number = iter(rows), 0
    rest: list[Sequence[object]] = []

    def pieces() -> Iterator[list[object]]:
        nonlocal number, rest
        while len(rest := list(islice(remaining, ROWS))) == ROWS:
            number += ROWS
            yield list(chain.from_iterable(rest))

    # sqlite3 takes any iterable, and only one piece of it at a time.
    cursor.executemany(first + further * (ROWS - 1), pieces())  # type: ignore[arg-type]
    if rest:
        cursor.execute(first + further * (len(rest) - 1), [value for row in rest for value in row])  # type: ignore[misc]
    return number + len(rest)


# What COPY's text format gives a meaning (PostgreSQL documentation, COPY, File Formats).
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _as_line(row: Sequence[object]) -> str:
    """Return a row in COPY's text format, without its line break."""
    line = "\t".join(map(str, row))
    # Nearly every row: no value is missing, and the only tabs are those between two values.
    if None not in row and line.count("\t") == len(row) - 1 and "\n" not in line and "\r" not in line:
        return line.replace("\\", "\\\\") if "\\" in line else line
    return "\t".join(["\\N" if value is None else str(value).translate(_ESCAPES) for value in row])
