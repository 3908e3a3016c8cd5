"""The beginning of an import: the file stored, its columns guessed and chosen; then it waits to be checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from lists.attributes import ensure_attributes
from lists.csv_columns import ADDRESS, NAME, guess_columns
from lists.csv_reading import Format, Preview, inspect_file, preview_file
from lists.exceptions import ImportRefused, UnreadableFile
from lists.models import AttributeKind, CsvImport, ImportMode, ImportState, MailingList


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
    """Let the import wait for its dry run as chosen; False where it was queued before. Raises UnreadableFile."""
    preview = preview_import(csv_import, choice.format)
    if list(choice.columns.values()).count(ADDRESS) != 1:
        raise ImportRefused(_("メールアドレスの列を1つ選んでください。"), csv_import)
    with transaction.atomic():
        queued = CsvImport.objects.filter(pk=csv_import.pk, state=ImportState.UPLOADED).update(
            state=ImportState.WAITING,
            encoding=choice.format.encoding,
            separator=choice.format.separator,
            has_header=choice.format.has_header,
            headers=preview.headers if choice.format.has_header else [],
            columns=choice.columns,
            mode=choice.mode,
            sheet=choice.format.sheet,
            text_version=choice.text_version,
            # Who says that the recipients agreed.
            created_by=user,
        )
        if queued:
            names = [target for target in choice.columns.values() if target not in (ADDRESS, NAME)]
            kinds = {name: choice.kinds.get(name, AttributeKind.TEXT) for name in names}
            ensure_attributes(csv_import.workspace, kinds)
    return bool(queued)
