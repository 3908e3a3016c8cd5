"""First half of an import: checks every row and puts it into the staging table or among the rejected.

Of a file that replaces the list a refused row, too, goes into the staging table if its address can be read: it keeps its
person's place.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from lists.address import Address, clean_address
from lists.columns import importable_columns
from lists.consent_values import ToldTuple, with_consent
from lists.csv_reading import MAX_COLUMNS, Row
from lists.csv_writing import unguard_cell
from lists.erasing import find_erased
from lists.exceptions import ImportRefused, InvalidAddress, RowRefused
from lists.exclusions import find_excluded, has_exclusions
from lists.import_claims import Claim
from lists.import_matching import KEEPS, give_memory, learn_staged
from lists.import_reasons import RejectReason
from lists.import_sources import open_rows
from lists.loading import load_rows
from lists.models import KEEPS_PLACE, CsvImport, ErasedAddress, ImportMode, RejectedRow, StagedRow
from lists.row_cleaning import Layout, StagedTuple, compile_cleaner, make_layout

# Rows of one short transaction; progress is visible after each, and a cancel is heard.
BATCH = 10_000
# Rejected rows that are kept to be looked at; the others are only counted.
REJECTED_KEPT = 100_000
# Estimated rows from which on a file is large.
LARGE = 20_000
# As the model has it.
MAKE_INDEX = "CREATE INDEX IF NOT EXISTS staged_by_address ON lists_stagedrow (csv_import_id, address_key, line)"
STAGED = ("line", "address", "address_key", "name", "attributes", "flags", "csv_import_id")
# Of a file that tells of the consent.
TOLD = (*STAGED[:-1], "consent_at", "consent_ip", STAGED[-1])
REJECTED = ("line", "column", "value", "reason", "code", "csv_import_id")

RejectedTuple = tuple[int, str, str, str, str, int]


@dataclass(slots=True)
class Staging:
    """One file on its way into the staging table: what was read, what was refused and why."""

    csv_import: CsvImport
    layout: Layout
    cleaner: Callable[[Row], StagedTuple | ToldTuple]
    now: datetime
    # Nearly no workspace has erased anybody, and many exclude nobody.
    excludes: bool
    # Of a file that replaces the list.
    keeps_places: bool
    read: int = 0
    staged: int = 0
    kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    # Refused rows of the present batch, and those of them that keep their person's place.
    rejected: list[RejectedTuple] = field(default_factory=list)
    places: list[StagedTuple] = field(default_factory=list)
    # So many of the staged rows keep a place.
    placed: int = 0

    def clean(self, rows: Iterator[Row]) -> Iterator[StagedTuple | ToldTuple]:
        """Yield the rows that are in order; the others are noted."""
        cleaner = self.cleaner
        for row in rows:
            self.read += 1
            try:
                yield cleaner(row)
            except RowRefused as refusal:
                self.refuse(row.line, refusal)
                if self.keeps_places and (address := find_address(row, self.layout)):
                    self.keep_place(row.line, address.address, address.key)

    def refuse(self, line: int, refusal: RowRefused) -> None:
        """Count a row that is not imported, and keep it while there are few."""
        self.reasons[refusal.code] += 1
        if self.kept < REJECTED_KEPT:
            self.kept += 1
            # PostgreSQL stores neither NUL nor what is no character.
            value = refusal.value.replace("\0", "").encode("utf-8", "replace").decode()[:500]
            row = (line, refusal.column[:200], value, refusal.sentence[:200], refusal.code, self.csv_import.pk)
            self.rejected.append(row)

    def keep_place(self, line: int, address: str, key: str) -> None:
        """Note that whoever has the address stays on the list."""
        self.places.append((line, address, key, "", "{}", KEEPS_PLACE))

    def leave_out(self, rows: Sequence[StagedTuple | ToldTuple]) -> list[StagedTuple | ToldTuple]:
        """Return the rows whose address was neither erased nor is on the 除外リスト; the others are noted."""
        keys = {row[2] for row in (*rows, *self.places)}
        erased = find_erased(self.csv_import.workspace, keys)
        excluded = find_excluded(self.csv_import.workspace_id, keys, now=self.now)
        column = self.layout.label(self.layout.address)
        self.places = [row for row in self.places if row[2] not in erased]
        kept = []
        for row in rows:
            line, address, key = row[:3]
            if key in erased:
                sentence = _("消去済みの宛先です。取り込むには、購読者の画面から1件ずつ追加してください。")
                self.refuse(line, RowRefused(sentence, column, address, RejectReason.ERASED))
            elif key in excluded:
                reason = excluded[key].reason
                sentence = _("除外リストに入っています。")
                if reason and excluded[key].workspace_id is not None:
                    sentence = _("除外リストに入っています(理由: %s)。") % reason[:150]
                self.refuse(line, RowRefused(sentence, column, address, RejectReason.EXCLUDED))
                if self.keeps_places:
                    self.keep_place(line, address, key)
            else:
                kept.append(row)
        return kept


def find_address(row: Row, layout: Layout) -> Address | None:
    """Return the address of a refused row: that of its column or, where the cells may have moved, the first that is one."""
    cells = row.cells[layout.address : layout.address + 1]
    if len(row.cells) != len(layout.headers):
        cells += row.cells[:MAX_COLUMNS]
    for cell in cells:
        try:
            return clean_address(unguard_cell(cell))
        except InvalidAddress:
            continue
    return None


def stage_rows(csv_import: CsvImport, claim: Claim, *, now: datetime) -> Counter[str]:
    """Read the whole file into the staging table and the rejected rows, in short transactions with progress.

    What an earlier attempt left is removed first. Returns how many rows were refused, by RejectReason, and writes
    rows_total, rows_rejected, rows_duplicate and rows_staged. Raises ClaimLost, ImportCancelled, UnreadableFile,
    ImportRefused, FileNotFoundError.
    """
    staging = begin_staging(csv_import, claim, now)
    with without_index(csv_import), open_rows(csv_import) as rows:
        while stage_batch(staging, claim, rows) == BATCH:
            require_few(staging)
    require_few(staging)
    claim.renew(rows_done=staging.read, rows_rejected=staging.reasons.total())
    with transaction.atomic():
        learn_staged()
        spare = drop_spare_places(csv_import) if staging.placed else 0
        duplicates = reject_duplicates(staging) if staging.staged else 0
        # After the staged rows: in this order whoever erases people locks them, too.
        claim.renew(
            rows_total=staging.read,
            rows_duplicate=duplicates,
            rows_staged=staging.staged + staging.placed - duplicates - spare,
        )
    csv_import.refresh_from_db()
    return staging.reasons


def stage_batch(staging: Staging, claim: Claim, rows: Iterator[Row]) -> int:
    """Stage the next rows of the file; return how many they were, below BATCH at its end."""
    before = staging.read
    # Cleaned while the database takes them in; looked up only between two statements.
    cleaned = staging.clean(islice(rows, BATCH))
    # Somebody may be erased while the file is read.
    if staging.excludes or ErasedAddress.objects.filter(workspace=staging.csv_import.workspace_id).exists():
        # To its end before COPY begins: during it the connection answers no question.
        cleaned = iter(staging.leave_out(list(cleaned)))
    import_id = staging.csv_import.pk
    with transaction.atomic():
        claim.renew(rows_done=before, rows_rejected=staging.reasons.total())
        fields = TOLD if staging.layout.tells_consent() else STAGED
        staging.staged += load_rows("lists_stagedrow", fields, ((*row, import_id) for row in cleaned))
        if staging.rejected:
            load_rows("lists_rejectedrow", REJECTED, staging.rejected)
        if staging.places:
            staging.placed += load_rows("lists_stagedrow", STAGED, ((*row, import_id) for row in staging.places))
    staging.rejected, staging.places = [], []
    return staging.read - before


@contextmanager
def without_index(csv_import: CsvImport) -> Iterator[None]:
    """Leave the index of the staging table away while a large file is loaded on SQLite, and make it after.

    There each batch would write most pages of the index again; to build it at once is much less. Not where the rows of
    another import are in the table. If the process dies in between, the next file makes the index again.
    """
    is_left_away = connection.vendor == "sqlite" and csv_import.rows_total > LARGE and not StagedRow.objects.exists()
    with connection.cursor() as cursor:
        if is_left_away:
            cursor.execute("DROP INDEX IF EXISTS staged_by_address")
        elif connection.vendor == "sqlite":
            # There already, but for a process that died.
            cursor.execute(MAKE_INDEX)
        try:
            yield
        finally:
            if is_left_away:
                cursor.execute(MAKE_INDEX)


def begin_staging(csv_import: CsvImport, claim: Claim, now: datetime) -> Staging:
    """Return an empty beginning; raises ImportRefused where the columns do not say which one is the address."""
    replaces = csv_import.mode == ImportMode.REPLACE
    columns = importable_columns(csv_import.workspace, csv_import.kinds)
    layout = make_layout(csv_import.columns, csv_import.headers, columns, keeps_blank=replaces)
    with transaction.atomic():
        give_memory()
        StagedRow.objects.filter(csv_import=csv_import).delete()
        RejectedRow.objects.filter(csv_import=csv_import).delete()
        claim.renew(rows_done=0, rows_rejected=0, rows_duplicate=0, rows_staged=0, has_staged=True, is_matched=False)
    excludes = has_exclusions(csv_import.workspace_id)
    clean = compile_cleaner(layout)
    cleaner = with_consent(clean, layout, now=now) if layout.tells_consent() else clean
    return Staging(csv_import, layout, cleaner, now, excludes, keeps_places=replaces)


def require_few(staging: Staging) -> None:
    """Raise ImportRefused for a file with more rows than IMPORT_MAX_ROWS."""
    if staging.read > settings.IMPORT_MAX_ROWS:
        sentence = _(
            "行が多すぎます(%(limit)s行まで)。ファイルを分けて取り込んでください。まだ何も取り込んでいません。"
        )
        raise ImportRefused(sentence % {"limit": f"{settings.IMPORT_MAX_ROWS:,}"}, staging.csv_import)


# Another row brings the person, or keeps the place already.
DROP_SPARE = f"""
DELETE FROM lists_stagedrow AS s WHERE s.csv_import_id = %(csv_import)s AND {KEEPS} AND EXISTS (
    SELECT 1 FROM lists_stagedrow AS other
    WHERE other.csv_import_id = %(csv_import)s AND other.address_key = s.address_key
    AND (other.flags < {KEEPS_PLACE} OR other.line < s.line)
)
"""  # noqa: S608


def drop_spare_places(csv_import: CsvImport) -> int:
    """Leave of the rows that keep a place the first of each address, none where the file has a good row of it; return
    how many went.
    """
    with connection.cursor() as cursor:
        cursor.execute(DROP_SPARE, {"csv_import": csv_import.pk})
        return int(cursor.rowcount)


REPEATED = """
SELECT address_key, MIN(line) AS first_line FROM lists_stagedrow
WHERE csv_import_id = %(csv_import)s GROUP BY address_key HAVING COUNT(*) > 1
"""
KEEP_DUPLICATES = f"""
INSERT INTO lists_rejectedrow (csv_import_id, line, "column", value, reason, code)
SELECT s.csv_import_id, s.line, %(column)s, s.address,
    replace(%(reason)s, '{{line}}', CAST(r.first_line AS varchar(20))), %(code)s
FROM ({REPEATED}) AS r
JOIN lists_stagedrow AS s
ON s.csv_import_id = %(csv_import)s AND s.address_key = r.address_key AND s.line > r.first_line
ORDER BY s.line LIMIT %(left)s
"""  # noqa: S608
DELETE_DUPLICATES = f"""
DELETE FROM lists_stagedrow WHERE id IN (
    SELECT s.id FROM ({REPEATED}) AS r
    JOIN lists_stagedrow AS s
    ON s.csv_import_id = %(csv_import)s AND s.address_key = r.address_key AND s.line > r.first_line
)
"""  # noqa: S608


def reject_duplicates(staging: Staging) -> int:
    """Move every row whose address stands further up in the file to the rejected; return how many."""
    values: dict[str, int | str] = {
        "csv_import": staging.csv_import.pk,
        "column": staging.layout.label(staging.layout.address)[:200],
        "reason": _("同じアドレスが{line}行目にもあります(最初の行だけを使います)。"),
        "code": RejectReason.DUPLICATE.value,
        "left": max(REJECTED_KEPT - staging.kept, 0),
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP_DUPLICATES, values)
        if cursor.rowcount == 0 and values["left"]:
            return 0
        cursor.execute(DELETE_DUPLICATES, values)
        return int(cursor.rowcount)
