"""The life of a CSV import: stored, columns guessed, queued, applied, its file deleted after a month."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from lists.attributes import ensure_attributes
from lists.csv_columns import ADDRESS, NAME, guess_columns
from lists.csv_merge import merge_rows
from lists.csv_reading import Format, Preview, inspect_file, preview_file
from lists.csv_staging import stage_rows
from lists.exceptions import ClaimLost, ImportRefused, ListsError, UnreadableFile
from lists.import_claims import Claim, claim_import
from lists.models import AttributeKind, CsvImport, ImportMode, ImportState, MailingList, StagedRow

logger = logging.getLogger(__name__)

# An uploaded file holds personal data and is needed for nothing once the import is over.
KEEP_FILES = timedelta(days=31)
FILES_A_TICK = 20
# Nobody comes back to the page of the columns after so long.
CANCEL_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose on the page of the columns."""

    format: Format
    columns: dict[str, str]
    mode: ImportMode
    # Of the attributes that are new with this file; those that exist keep theirs.
    kinds: Mapping[str, AttributeKind] = field(default_factory=dict)
    # Which wording the people of the file agreed to.
    text_version: str = ""


def create_import(
    mailing_list: MailingList, file: File[Any], user: User | None, mode: ImportMode = ImportMode.MERGE
) -> CsvImport:
    """Store an uploaded file with its guessed encoding, separator and columns; raises UnreadableFile."""
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise UnreadableFile(describe_size_limit())
    found = inspect_file(cast(BinaryIO, file.file))
    file.seek(0)
    filename = (file.name or "upload.csv").rpartition("/")[2][-255:]
    return CsvImport.objects.create(
        workspace=mailing_list.workspace,
        mailing_list=mailing_list,
        created_by=user,
        file=File(file.file, name=filename),
        filename=filename,
        encoding=found.format.encoding,
        separator=found.format.separator,
        has_header=found.format.has_header,
        headers=found.preview.headers if found.format.has_header else [],
        columns=guess_columns(mailing_list, found.preview),
        mode=mode,
        rows_total=found.rows,
    )


def describe_size_limit() -> str:
    """Return the sentence for a file above UPLOAD_MAX_BYTES."""
    megabytes: int = settings.UPLOAD_MAX_BYTES // 1024 // 1024
    return _("ファイルが大きすぎます(%dMBまで)。ファイルを分けて取り込んでください。") % megabytes


def preview_import(csv_import: CsvImport, layout: Format) -> Preview:
    """Return the first rows of the stored file as `layout` reads them; raises UnreadableFile."""
    try:
        with csv_import.file.open("rb") as file:
            return preview_file(cast(BinaryIO, file.file), layout)
    except (FileNotFoundError, ValueError) as error:
        raise UnreadableFile(_("アップロードされたファイルは保存期間を過ぎて削除されました。"), csv_import) from error


def queue_import(csv_import: CsvImport, choice: Choice, user: User | None) -> bool:
    """Let the import wait for its turn as chosen; False where it was queued before. Raises UnreadableFile."""
    preview = preview_import(csv_import, choice.format)
    if list(choice.columns.values()).count(ADDRESS) != 1:
        raise ImportRefused(_("メールアドレスの列を1つ選んでください。"), csv_import)
    with transaction.atomic():
        queued = CsvImport.objects.filter(pk=csv_import.pk, state=ImportState.UPLOADED).update(
            state=ImportState.QUEUED,
            encoding=choice.format.encoding,
            separator=choice.format.separator,
            has_header=choice.format.has_header,
            headers=preview.headers if choice.format.has_header else [],
            columns=choice.columns,
            mode=choice.mode,
            sheet=choice.format.sheet,
            text_version=choice.text_version,
        )
        if queued:
            names = [target for target in choice.columns.values() if target not in (ADDRESS, NAME)]
            kinds = {name: choice.kinds.get(name, AttributeKind.TEXT) for name in names}
            ensure_attributes(csv_import.workspace, kinds)
            detail = {"file": csv_import.filename, "mode": choice.mode.value, "import": csv_import.pk}
            # Whoever queues an import states that its recipients agreed (A4).
            audit.record(csv_import.workspace, user, "list.import", csv_import.mailing_list.name, **detail)
    return bool(queued)


def apply_import(import_id: int, *, now: datetime) -> bool:
    """Do a queued import; False where it was not waiting, its list is busy or another process took over.

    A file or a choice that cannot be imported ends in FAILED with a sentence and the list untouched. Any
    other error is raised and leaves the import to be claimed again.
    """
    claim = claim_import(import_id, now=now)
    if claim is None:
        return False
    csv_import = CsvImport.objects.get(pk=import_id)
    try:
        _stage_and_merge(csv_import, claim, now)
    except ClaimLost:
        logger.warning("import %d was taken over while attempt %d ran", import_id, claim.attempt)
        return False
    StagedRow.objects.filter(csv_import=import_id).delete()
    return True


def _stage_and_merge(csv_import: CsvImport, claim: Claim, now: datetime) -> None:
    try:
        stage_rows(csv_import, claim)
        counts = merge_rows(csv_import, claim, now=now)
    except ClaimLost:
        raise
    except FileNotFoundError:
        _fail(claim, _("アップロードされたファイルが見つかりません。もう一度アップロードしてください。"), now)
    except ListsError as error:
        _fail(claim, error.sentence, now)
    else:
        logger.info("import %d done: %s", csv_import.pk, counts)


def _fail(claim: Claim, sentence: str, now: datetime) -> None:
    logger.info("import %d failed: %s", claim.import_id, sentence)
    claim.renew(state=ImportState.FAILED, message=sentence[:500], finished_at=now)


def cancel_import(csv_import: CsvImport, *, now: datetime) -> bool:
    """Give up an import whose columns were never confirmed and delete its file; False where it went on."""
    uploaded = CsvImport.objects.filter(pk=csv_import.pk, state=ImportState.UPLOADED)
    if not uploaded.update(state=ImportState.CANCELLED, finished_at=now):
        return False
    _delete_file(csv_import)
    return True


def _delete_file(csv_import: CsvImport) -> None:
    csv_import.file.delete(save=False)
    CsvImport.objects.filter(pk=csv_import.pk).update(file="")


def clear_leftovers(now: datetime) -> None:
    """Cancel imports nobody confirmed; delete files that were kept long enough and staged rows of imports
    that are over; a few at a time.
    """
    with_file = CsvImport.objects.exclude(file="")
    for csv_import in with_file.filter(created_at__lt=now - CANCEL_AFTER, state=ImportState.UPLOADED)[:FILES_A_TICK]:
        cancel_import(csv_import, now=now)
    old = with_file.filter(created_at__lt=now - KEEP_FILES)
    for csv_import in old.exclude(state__in=[ImportState.QUEUED, ImportState.RUNNING])[:FILES_A_TICK]:
        _delete_file(csv_import)
    waiting = CsvImport.objects.filter(state__in=[ImportState.QUEUED, ImportState.RUNNING])
    # While nothing waits the staging table is empty, but for what a process left that died after its merge.
    if not waiting.exists() and StagedRow.objects.exists():
        StagedRow.objects.exclude(csv_import__in=waiting).delete()
