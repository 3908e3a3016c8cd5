"""The 除外リスト as a file: reading one with its refused lines, and writing one."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from lists.csv_encoding import detect_encoding, scan_file
from lists.csv_reading import Row, detect_separator, read_rows
from lists.csv_writing import unguard_cell
from lists.exceptions import InvalidAddress, UnreadableFile
from lists.exclusion_entries import MAX_REASON, Entry, end_of, last_day_of, read_last_day, read_value
from lists.models import Exclusion
from lists.table_files import is_workbook
from lists.xlsx_reading import read_sheet, sheet_names

MAX_ENTRIES: Final = 100_000
# Refused lines that are kept to be shown; the others are counted.
REJECTED_KEPT: Final = 500
# Entries that are read at a time for a file that is written.
PIECE: Final = 5000

# Headers by which the columns are known, in small letters and without space.
VALUE_HEADERS: Final = (
    "メールアドレスまたはドメイン", "アドレスまたはドメイン", "メールアドレス", "アドレス", "ドメイン", "宛先", "除外する宛先",
    "email", "e-mail", "mail", "address", "emailaddress", "domain", "value",
)  # fmt: skip
REASON_HEADERS: Final = ("理由", "備考", "メモ", "除外理由", "reason", "note", "comment")
EXPIRY_HEADERS: Final = ("期限", "有効期限", "除外期限", "期日", "expires", "expires_at", "expiry", "until")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that was refused: where its row begins, what stands there, and why."""

    line: int
    value: str
    why: str


@dataclass(slots=True)
class Reading:
    """What a file says. `entries` are by kind and value, the last line counting."""

    entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    # Lines that name what an earlier line named.
    repeated: int = 0

    def take(self, entry: Entry) -> None:
        """Take a line's entry in."""
        key = (entry.kind.value, entry.value)
        self.repeated += key in self.entries
        self.entries[key] = entry

    def reject(self, line: int, value: str, why: str) -> None:
        """Note a line that was refused."""
        self.rejected_count += 1
        if len(self.rejected) < REJECTED_KEPT:
            self.rejected.append(Rejected(line, value.replace("\0", "")[:320], why))


@dataclass(frozen=True, slots=True)
class Columns:
    """Where value, reason and end stand in a row; None = nowhere."""

    value: int
    reason: int | None
    expiry: int | None
    has_header: bool


def read_exclusions(file: BinaryIO, *, reason: str, expires_at: datetime | None, now: datetime) -> Reading:
    """Read a CSV, TSV, text or XLSX file of up to MAX_ENTRIES lines.

    `reason` and `expires_at` are for lines that have none of their own. Raises UnreadableFile with a sentence where
    the file cannot be read to its end; lines that cannot be taken are told in the result.
    """
    reading = Reading()
    columns: Columns | None = None
    number = 0
    for row in open_rows(file):
        if columns is None:
            columns = find_columns(row.cells)
            if columns.has_header:
                continue
        number += 1
        if number > MAX_ENTRIES:
            raise UnreadableFile(
                _(
                    "1つのファイルに入れられるのは100,000行までです。ファイルを分けてください。まだ何も登録していません。"
                )
            )
        take_row(reading, row, columns, reason=reason, expires_at=expires_at, now=now)
    if number == 0:
        raise UnreadableFile(_("ファイルに、登録できる行がありません。"))
    return reading


def open_rows(file: BinaryIO) -> Iterator[Row]:
    """Yield the rows of a file that are not blank; raises UnreadableFile."""
    if is_workbook(file):
        return read_sheet(file, sheet_names(file)[0])
    scan = scan_file(file)
    if scan.size == 0:
        raise UnreadableFile(_("ファイルが空です。"))
    encoding = detect_encoding(scan)
    return read_rows(file, encoding, detect_separator(file, encoding))


def find_columns(cells: Sequence[str]) -> Columns:
    """Tell the columns by the first row: by its headers, or where it has none, by their order."""
    names = ["".join(unicodedata.normalize("NFKC", cell).lower().split()) for cell in cells]
    value = find_name(names, VALUE_HEADERS)
    if value is not None:
        return Columns(value, find_name(names, REASON_HEADERS), find_name(names, EXPIRY_HEADERS), has_header=True)
    width = len(cells)
    return Columns(0, 1 if width > 1 else None, 2 if width > 2 else None, has_header=False)


def find_name(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return the column with the first of the wanted names that is there."""
    return next((names.index(name) for name in wanted if name in names), None)


def take_row(
    reading: Reading, row: Row, columns: Columns, *, reason: str, expires_at: datetime | None, now: datetime
) -> None:
    """Take a row into the reading, as an entry or as a refused line."""
    value = unguard_cell(cell_of(row, columns.value))
    if row.fault:
        reading.reject(row.line, value, row.fault)
        return
    try:
        kind, name = read_value(value)
        end = end_of(read_last_day(cell_of(row, columns.expiry))) or expires_at
    except InvalidAddress as error:
        reading.reject(row.line, value, error.sentence)
        return
    except (ValueError, OverflowError):
        reading.reject(row.line, value, _("期限が日付として読めません(例: 2026-12-31)。"))
        return
    if end is not None and end <= now:
        reading.reject(row.line, value, _("期限が過ぎています。"))
        return
    why = unguard_cell(cell_of(row, columns.reason)).strip() or reason
    if len(why) > MAX_REASON:
        reading.reject(row.line, value, _("理由が長すぎます(%d文字まで)。") % MAX_REASON)
        return
    reading.take(Entry(kind, name, why, end))


def cell_of(row: Row, column: int | None) -> str:
    """Return a cell; "" where the row is shorter."""
    return row.cells[column] if column is not None and column < len(row.cells) else ""


def export_rows(entries: QuerySet[Exclusion]) -> Iterator[Sequence[object]]:
    """Yield the header and the entries for a file that can be read in again. Reads in pieces by id."""
    yield [_("種類"), _("メールアドレスまたはドメイン"), _("理由"), _("期限"), _("登録日")]
    after = 0
    while piece := list(entries.filter(pk__gt=after).order_by("pk")[:PIECE]):
        for entry in piece:
            last_day = last_day_of(entry.expires_at)
            yield [
                entry.get_kind_display(),
                entry.value,
                entry.reason,
                last_day.isoformat() if last_day else "",
                entry.created_at.date().isoformat(),
            ]
        after = piece[-1].pk
