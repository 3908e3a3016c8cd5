"""The 除外リスト as a file: reading one with its refused lines, and the table that is exported."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.fields import Field
from import_export.resources import Resource

from lists.column_memory import fold_header
from lists.csv_columns import ADDRESS_WORDS
from lists.csv_encoding import detect_encoding, scan_file
from lists.csv_reading import Row, detect_separator, read_rows
from lists.csv_writing import unguard_cell
from lists.exceptions import InvalidAddress, ListsError, UnreadableFile
from lists.exclusion_entries import MAX_REASON, Entry, end_of, last_day_of, read_last_day, read_value
from lists.export_columns import MomentField, as_text
from lists.exporting import ResourceTable
from lists.models import Exclusion
from lists.table_files import is_workbook
from lists.xlsx_reading import preview_filled, read_sheet

MAX_ENTRIES: Final = 100_000
# Refused lines that are kept; the others are counted.
REJECTED_KEPT: Final = 10_000
# Lines between two words about how far it is.
TOLD: Final = 5000

# Headers by which the columns are known, as `fold_header` leaves them; the first one that is there counts.
VALUE_WORDS: Final = (
    "メールアドレスまたはドメイン", "アドレスまたはドメイン", *sorted(ADDRESS_WORDS),
    "アドレス", "ドメイン", "ドメイン名", "除外する宛先", "address", "domain", "value",
)  # fmt: skip
REASON_WORDS: Final = ("理由", "備考", "メモ", "除外理由", "reason", "note", "comment")
EXPIRY_WORDS: Final = ("期限", "有効期限", "除外期限", "期日", "expires", "expiresat", "expiry", "until")


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
    rows: int = 0
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


def read_exclusions(
    file: BinaryIO,
    *,
    reason: str,
    expires_at: datetime | None,
    now: datetime,
    tell: Callable[[int], None] = lambda rows: None,
) -> Reading:
    """Read a CSV, TSV, text or XLSX file of up to MAX_ENTRIES lines.

    `reason` and `expires_at` are for lines that have none of their own; `tell` hears how many lines were read. Raises
    UnreadableFile with a sentence where the file cannot be read to its end; lines that cannot be taken are told in the
    result.
    """
    reading = Reading()
    columns: Columns | None = None
    for row in open_rows(file):
        if columns is None:
            columns = find_columns(row.cells)
            if columns.has_header:
                continue
        reading.rows += 1
        if reading.rows % TOLD == 0:
            tell(reading.rows)
        if reading.rows > MAX_ENTRIES:
            raise UnreadableFile(
                _(
                    "1つのファイルに入れられるのは100,000行までです。ファイルを分けてください。まだ何も登録していません。"
                )
            )
        take_row(reading, row, columns, reason=reason, expires_at=expires_at, now=now)
    if reading.rows == 0:
        raise UnreadableFile(_("ファイルに、登録できる行がありません。"))
    return reading


def open_rows(file: BinaryIO) -> Iterator[Row]:
    """Yield the rows of a file that are not blank; raises UnreadableFile."""
    if is_workbook(file):
        _sheets, sheet, _first, _rows = preview_filled(file, 1)
        return read_sheet(file, sheet)
    scan = scan_file(file)
    if scan.size == 0:
        raise UnreadableFile(_("ファイルが空です。"))
    encoding = detect_encoding(scan)
    return read_rows(file, encoding, detect_separator(file, encoding))


def find_columns(cells: Sequence[str]) -> Columns:
    """Tell the columns by the first row: by its headers, or where it has none, by their order."""
    names = [fold_header(cell) for cell in cells]
    value = find_name(names, VALUE_WORDS)
    if value is not None:
        return Columns(value, find_name(names, REASON_WORDS), find_name(names, EXPIRY_WORDS), has_header=True)
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
    except ListsError:
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


class ExclusionResource(Resource):  # type: ignore[misc]
    """The columns of entries as they are exported; such a file can be read in again."""

    kind = Field("get_kind_display", gettext_lazy("種類"))
    value = Field("value", gettext_lazy("メールアドレスまたはドメイン"))
    reason = Field("reason", gettext_lazy("理由"))
    last_day = Field(column_name=gettext_lazy("期限"))
    created_at = MomentField("created_at", gettext_lazy("登録日時"))
    created_by = Field("created_by__email", gettext_lazy("登録した人"))

    def dehydrate_last_day(self, entry: Exclusion) -> str:
        """Return the last day on which an entry holds, "" where it has no end."""
        return as_text(last_day_of(entry.expires_at))


def exclusion_table(entries: QuerySet[Exclusion], filename: str) -> ResourceTable:
    """Return entries, in the order of an index, as a table to export."""
    return ResourceTable(entries.select_related("created_by"), ExclusionResource(), filename, unchosen=["created_by"])
