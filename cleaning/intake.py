"""Takes a file, guesses how it is written and where its addresses are, and lets it wait to be judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.base import File

from accounts.models import User, Workspace
from cleaning.errors import CleaningRefused
from cleaning.work import About, Cleaning, create_folder, open_file, require_room, store
from lists.address import InvalidAddress, clean_address
from lists.csv_import import describe_size_limit
from lists.csv_reading import Format, Preview
from lists.csv_writing import unguard_cell
from lists.table_files import inspect_table, preview_table


def begin(workspace: Workspace, file: File[Any], user: User, *, now: float) -> Cleaning:
    """Keep an uploaded file for its cleaning; `now` is in seconds since 1970.

    Raises UnreadableFile where it is no list, CleaningRefused where the workspace has too many at a time.
    """
    require_room(workspace)
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise CleaningRefused(describe_size_limit())
    table = inspect_table(cast(BinaryIO, file.file))
    file.seek(0)
    about = About(
        workspace=workspace.pk,
        user=user.pk,
        filename=(file.name or "upload.csv").rpartition("/")[2][-255:],
        began=now,
        encoding=table.format.encoding,
        separator=table.format.separator,
        has_header=table.format.has_header,
        sheet=table.format.sheet,
        sheets=list(table.sheets),
        rows=table.rows,
    )
    cleaning = create_folder()
    try:
        # Written before the file, so that one which is just being stored counts for `require_room`.
        cleaning.write_about(about)
        store(file, cleaning.upload)
    except BaseException:
        # On a full disk half a file would only keep it full.
        cleaning.delete()
        raise
    return cleaning


def preview(cleaning: Cleaning, layout: Format) -> Preview:
    """Return the first rows of the upload as `layout` reads them; raises UnreadableFile and CleaningGone."""
    with open_file(cleaning, cleaning.upload) as file:
        return preview_table(file, layout)


def guess_column(found: Preview) -> int:
    """Return the number of the column with the most addresses, the first of equals; -1 where none has any."""
    counts = [0] * len(found.headers)
    for row in found.rows:
        for number, cell in enumerate(row.cells[: len(counts)]):
            counts[number] += is_address(cell)
    best = max(counts, default=0)
    return counts.index(best) if best else -1


def is_address(cell: str) -> bool:
    """Say whether a cell holds an address that can be sent to."""
    try:
        clean_address(unguard_cell(cell))
    except InvalidAddress:
        return False
    return True


def start(cleaning: Cleaning, about: About, layout: Format, column: int, *, asks_dns: bool) -> None:
    """Let the file be judged as chosen; the tick asks for it. Raises UnreadableFile and CleaningGone."""
    headers = preview(cleaning, layout).headers
    cleaning.write_about(
        replace(
            about,
            encoding=layout.encoding,
            separator=layout.separator,
            has_header=layout.has_header,
            sheet=layout.sheet,
            column=column,
            headers=headers,
            asks_dns=asks_dns,
        )
    )
