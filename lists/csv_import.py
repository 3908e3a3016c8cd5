"""The beginning of an import: the file stored, its columns guessed and chosen; then it waits to be checked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File
from django.utils.translation import gettext as _

from accounts.models import User, Workspace
from lists.attributes import require_room
from lists.columns import ADDRESS, NO_ATTRIBUTES, importable_columns
from lists.csv_columns import guess_columns
from lists.csv_reading import Format, Preview
from lists.exceptions import ImportRefused, UnreadableFile
from lists.models import AttributeKind, CsvImport, FileKind, ImportMode, ImportState, MailingList, upload_path
from lists.table_files import inspect_table, preview_table
from lists.xlsx_reading import sheet_names


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose on the page of the columns."""

    format: Format
    columns: dict[str, str]
    mode: ImportMode
    # Of the attributes that are new with this file; those that exist keep theirs.
    kinds: Mapping[str, AttributeKind] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    # Which wording the people of the file agreed to.
    text_version: str = ""


def create_import(
    mailing_list: MailingList, file: File[Any], user: User | None, mode: ImportMode = ImportMode.MERGE
) -> CsvImport:
    """Store an uploaded file (CSV or XLSX) with its guessed format and columns; raises UnreadableFile."""
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise UnreadableFile(describe_size_limit())
    found = inspect_table(cast(BinaryIO, file.file))
    file.seek(0)
    filename = (file.name or "upload.csv").rpartition("/")[2][-255:]
    csv_import = CsvImport(
        workspace=mailing_list.workspace,
        mailing_list=mailing_list,
        created_by=user,
        filename=filename,
        kind=found.kind,
        sheet=found.format.sheet,
        encoding=found.format.encoding,
        separator=found.format.separator,
        has_header=found.format.has_header,
        headers=found.preview.headers if found.format.has_header else [],
        columns=guess_columns(mailing_list, found.preview),
        mode=mode,
        rows_total=found.rows,
    )
    # The row first: should the process die now, the row leads to what is there of the file.
    csv_import.file = upload_path(csv_import, filename)
    csv_import.save()
    csv_import.file.storage.save(csv_import.file.name, File(file.file))
    return csv_import


def describe_size_limit() -> str:
    """Return the sentence for a file above UPLOAD_MAX_BYTES."""
    megabytes: int = settings.UPLOAD_MAX_BYTES // 1024 // 1024
    return _("ファイルが大きすぎます(%dMBまで)。ファイルを分けて取り込んでください。") % megabytes


def format_of(csv_import: CsvImport) -> Format:
    """Return how the file of an import is read, as guessed or chosen."""
    return Format(csv_import.encoding, csv_import.separator, csv_import.has_header, csv_import.sheet)


def preview_import(csv_import: CsvImport, layout: Format) -> Preview:
    """Return the first rows of the stored file as `layout` reads them; raises UnreadableFile."""
    with open_stored(csv_import) as file:
        return preview_table(file, layout)


def sheets_of(csv_import: CsvImport) -> list[str]:
    """Return the sheets of the stored file, none where it is no workbook; raises UnreadableFile."""
    if csv_import.kind != FileKind.XLSX:
        return []
    with open_stored(csv_import) as file:
        return sheet_names(file)


@contextmanager
def open_stored(csv_import: CsvImport) -> Iterator[BinaryIO]:
    """Give the stored file of an import; raises UnreadableFile where it is gone."""
    try:
        stored = csv_import.file.open("rb")
    except (FileNotFoundError, ValueError) as error:
        raise UnreadableFile(_("アップロードされたファイルは保存期間を過ぎて削除されました。"), csv_import) from error
    with stored:
        yield cast(BinaryIO, stored.file)


def queue_import(csv_import: CsvImport, choice: Choice, user: User | None) -> bool:
    """Let the import wait for its dry run as chosen; False where it was queued before.

    Nothing is made of what was chosen until the rows are merged. Raises UnreadableFile, ImportRefused without exactly
    one address column, and ListsError for too many attributes.
    """
    preview = preview_import(csv_import, choice.format)
    if list(choice.columns.values()).count(ADDRESS) != 1:
        raise ImportRefused(_("メールアドレスの列を1つ選んでください。"), csv_import)
    kinds = kinds_of(csv_import.workspace, choice)
    require_room(csv_import.workspace, kinds)
    queued = CsvImport.objects.filter(pk=csv_import.pk, state=ImportState.UPLOADED).update(
        state=ImportState.WAITING,
        encoding=choice.format.encoding,
        separator=choice.format.separator,
        has_header=choice.format.has_header,
        headers=preview.headers if choice.format.has_header else [],
        columns=choice.columns,
        kinds=kinds,
        labels=dict(choice.labels),
        mode=choice.mode,
        sheet=choice.format.sheet,
        text_version=choice.text_version,
        # Who says that the recipients agreed.
        created_by=user,
    )
    return bool(queued)


def kinds_of(workspace: Workspace, choice: Choice) -> dict[str, str]:
    """Return the kind of each attribute that a column was chosen to be; those that exist keep theirs."""
    known = {column.name: column.kind for column in importable_columns(workspace, choice.kinds)}
    names = [target for target in choice.columns.values() if target not in NO_ATTRIBUTES]
    return {name: known.get(name, AttributeKind.TEXT).value for name in names}
