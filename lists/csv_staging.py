"""First half of an import: checks every row and puts it into the staging table or among the rejected."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, cast

from django.db import connection, transaction
from django.utils.translation import gettext as _

from lists.address import clean_address
from lists.csv_columns import ADDRESS, NAME
from lists.csv_reading import Row, read_rows
from lists.csv_writing import unguard_cell
from lists.exceptions import ImportRefused, InvalidAddress, RowRefused
from lists.import_claims import Claim
from lists.models import CsvImport, ImportMode, RejectedRow, StagedRow

# Rows of one short transaction; progress is visible after each.
BATCH = 1000
MAX_NAME = 200
MAX_VALUE = 1000
LINE_BREAKS = str.maketrans({"\r": " ", "\n": " ", "\t": " "})


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the values of a row stand. `attributes` are (column index, name)."""

    address: int
    names: list[int]
    attributes: list[tuple[int, str]]
    headers: list[str]
    # An empty cell empties the value (差し替え) instead of leaving it as it is.
    keeps_blank: bool

    def label(self, index: int) -> str:
        """Return what people call the column."""
        return self.headers[index] if index < len(self.headers) else _("列%d") % (index + 1)

    def is_header(self, cells: list[str]) -> bool:
        """Say whether the row repeats the header, as in files that were joined."""
        if not self.headers or cells[0].strip() != self.headers[0]:
            return False
        return [cell.strip() for cell in cells] == self.headers


@dataclass(slots=True)
class Batch:
    """Rows that are written together."""

    staged: list[StagedRow] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)


def stage_rows(csv_import: CsvImport, claim: Claim) -> None:
    """Read the whole file into StagedRow and RejectedRow, in short transactions with progress.

    What an earlier attempt left is removed first. Raises ClaimLost, UnreadableFile, ImportRefused.
    """
    layout = make_layout(csv_import)
    with transaction.atomic():
        claim.renew(rows_done=0, rows_rejected=0, rows_duplicate=0)
        StagedRow.objects.filter(csv_import=csv_import).delete()
        RejectedRow.objects.filter(csv_import=csv_import).delete()
    done = rejected = 0
    with csv_import.file.open("rb") as file:
        rows = read_rows(cast(BinaryIO, file.file), csv_import.encoding, csv_import.separator)
        if csv_import.has_header:
            next(rows, None)
        while piece := list(islice(rows, BATCH)):
            batch = _check_rows(csv_import, layout, piece)
            done += len(piece)
            rejected += len(batch.rejected)
            with transaction.atomic():
                claim.renew(rows_done=done, rows_rejected=rejected)
                StagedRow.objects.bulk_create(batch.staged)
                RejectedRow.objects.bulk_create(batch.rejected)
    with transaction.atomic():
        claim.renew(rows_total=done, rows_duplicate=reject_duplicates(csv_import, layout))


def make_layout(csv_import: CsvImport) -> Layout:
    """Return the layout that the columns of the import describe; raises ImportRefused without an address."""
    targets = sorted((int(number), target) for number, target in csv_import.columns.items())
    addresses = [index for index, target in targets if target == ADDRESS]
    if len(addresses) != 1:
        raise ImportRefused(_("メールアドレスの列を1つ選んでください。"), csv_import)
    return Layout(
        address=addresses[0],
        names=[index for index, target in targets if target == NAME],
        attributes=[(index, target) for index, target in targets if target not in (ADDRESS, NAME)],
        headers=csv_import.headers,
        keeps_blank=csv_import.mode == ImportMode.REPLACE,
    )


def _check_rows(csv_import: CsvImport, layout: Layout, rows: list[Row]) -> Batch:
    batch = Batch()
    for row in rows:
        try:
            staged = check_row(row, layout)
        except RowRefused as refusal:
            batch.rejected.append(
                RejectedRow(
                    csv_import=csv_import,
                    line=row.line,
                    column=refusal.column[:200],
                    # PostgreSQL cannot store NUL.
                    value=refusal.value.replace("\0", "")[:500],
                    reason=refusal.sentence[:200],
                )
            )
        else:
            staged.csv_import = csv_import
            batch.staged.append(staged)
    return batch


def check_row(row: Row, layout: Layout) -> StagedRow:
    """Return the row cleaned, not stored; raises RowRefused with what is wrong in it."""
    cells = row.cells
    if row.fault:
        raise RowRefused(row.fault, value=",".join(cells))
    if layout.is_header(cells):
        raise RowRefused(_("見出しの行が繰り返されています。"), value=",".join(cells))
    if layout.headers and any(cell.strip() for cell in cells[len(layout.headers) :]):
        raise RowRefused(_("列の数が見出しより多いです。値の中の区切り文字を確かめてください。"), value=",".join(cells))
    cells = [unguard_cell(cell) for cell in cells] + [""] * (layout.address + 1 - len(cells))
    try:
        address = clean_address(cells[layout.address])
    except InvalidAddress as error:
        raise RowRefused(error.sentence, layout.label(layout.address), cells[layout.address]) from error
    return StagedRow(
        line=row.line,
        address=address.address,
        address_key=address.key,
        name=_clean_name(cells, layout),
        attributes=dict(_clean_attributes(cells, layout)),
    )


def _clean_name(cells: list[str], layout: Layout) -> str:
    parts = []
    for index in layout.names:
        text = cells[index].strip() if index < len(cells) else ""
        # A line break in a name is an attempt to add a mail header, or a row that broke.
        if _has_controls(text):
            raise RowRefused(_("お名前に改行や制御文字が入っています。"), layout.label(index), text)
        parts.append(text)
    name = " ".join(part for part in parts if part)
    if len(name) > MAX_NAME:
        raise RowRefused(_("お名前が長すぎます(%d文字まで)。") % MAX_NAME, layout.label(layout.names[0]), name)
    return name


def _clean_attributes(cells: list[str], layout: Layout) -> Iterator[tuple[str, str]]:
    for index, name in layout.attributes:
        text = cells[index] if index < len(cells) else ""
        value = text.translate(LINE_BREAKS).strip()
        if _has_controls(value):
            raise RowRefused(_("制御文字が入っています。"), layout.label(index), text)
        if len(value) > MAX_VALUE:
            raise RowRefused(_("値が長すぎます(%d文字まで)。") % MAX_VALUE, layout.label(index), text)
        if value or layout.keeps_blank:
            yield name, value


def _has_controls(text: str) -> bool:
    # isprintable() is fast and true for nearly every cell.
    return not text.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text)


DUPLICATES = """
INSERT INTO lists_rejectedrow (csv_import_id, line, "column", value, reason)
SELECT csv_import_id, line, %(column)s, address, replace(%(reason)s, '{line}', CAST(first_line AS varchar(20)))
FROM (
    SELECT csv_import_id, line, address, MIN(line) OVER (PARTITION BY address_key) AS first_line
    FROM lists_stagedrow WHERE csv_import_id = %(csv_import)s
) AS ranked
WHERE line > first_line
"""
DELETE_DUPLICATES = """
DELETE FROM lists_stagedrow WHERE csv_import_id = %(csv_import)s AND EXISTS (
    SELECT 1 FROM lists_stagedrow AS earlier
    WHERE earlier.csv_import_id = lists_stagedrow.csv_import_id
    AND earlier.address_key = lists_stagedrow.address_key AND earlier.line < lists_stagedrow.line
)
"""


def reject_duplicates(csv_import: CsvImport, layout: Layout) -> int:
    """Move every row whose address stands further up in the file to the rejected; return how many."""
    reason = _("同じアドレスが{line}行目にもあります(最初の行を使いました)。")
    values: dict[str, int | str] = {
        "csv_import": csv_import.pk,
        "column": layout.label(layout.address)[:200],
        "reason": reason,
    }
    with connection.cursor() as cursor:
        cursor.execute(DUPLICATES, values)
        duplicates = int(cursor.rowcount)
        if duplicates:
            cursor.execute(DELETE_DUPLICATES, {"csv_import": csv_import.pk})
    return duplicates
