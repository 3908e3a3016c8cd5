"""Writes many rows into a table at once: COPY on PostgreSQL, executemany on SQLite."""

from collections.abc import Iterable, Sequence

from django.db import connection

# Bytes of text that are handed to the server at a time; more of them only wait in memory.
PIECE = 256 * 1024


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
            marks = ", ".join(["%s"] * len(columns))
            sql = f"INSERT INTO {target} ({names}) VALUES ({marks})"  # noqa: S608
            # sqlite3 takes any iterable, and only one row of it at a time.
            cursor.executemany(sql, rows)  # type: ignore[arg-type]
            return max(int(cursor.rowcount), 0)
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


# What COPY's text format gives a meaning (PostgreSQL documentation, COPY, File Formats).
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _as_line(row: Sequence[object]) -> str:
    """Return a row in COPY's text format, without its line break."""
    line = "\t".join(map(str, row))
    # Nearly every row: no value is missing, and the only tabs are those between two values.
    if None not in row and line.count("\t") == len(row) - 1 and "\n" not in line and "\r" not in line:
        return line.replace("\\", "\\\\") if "\\" in line else line
    return "\t".join(["\\N" if value is None else str(value).translate(_ESCAPES) for value in row])
