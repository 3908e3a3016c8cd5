"""Fixtures of the tests of lists."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from accounts.models import User, Workspace
from lists.csv_import import Choice, create_import, queue_import
from lists.csv_reading import Format
from lists.models import CsvImport, ImportMode, MailingList
from tests.factories import make_list, make_user
from tests.lists.clock import NOW
from tests.lists.importing import apply_import
from tests.lists.pages import FILE

Importer = Callable[..., CsvImport]


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """A folder of its own for uploads."""
    settings.MEDIA_ROOT = tmp_path / "files"
    return Path(settings.MEDIA_ROOT)


@pytest.fixture
def queue_csv() -> Importer:
    """A function that uploads text and queues its import."""

    def queue(
        mailing_list: MailingList,
        content: str | bytes,
        mode: ImportMode = ImportMode.MERGE,
        user: User | None = None,
        name: str = "meibo.csv",
    ) -> CsvImport:
        data = content.encode() if isinstance(content, str) else content
        user = user or make_user(mailing_list.workspace)
        csv_import = create_import(mailing_list, ContentFile(data, name=name), user)
        layout = Format(csv_import.encoding, csv_import.separator, csv_import.has_header, csv_import.sheet)
        assert queue_import(csv_import, Choice(layout, csv_import.columns, mode), user)
        csv_import.refresh_from_db()
        return csv_import

    return queue


@pytest.fixture
def import_csv(queue_csv: Importer) -> Importer:
    """A function that uploads text, imports it and returns the finished import."""

    def run(*args: Any, **kwargs: Any) -> CsvImport:
        csv_import = queue_csv(*args, **kwargs)
        assert apply_import(csv_import.pk, now=NOW)
        csv_import.refresh_from_db()
        return csv_import

    return run


@pytest.fixture
def mailing_list(workspace: Workspace) -> MailingList:
    """A list without subscribers."""
    return make_list(workspace)


@pytest.fixture
def finished(mailing_list: MailingList, import_csv: Importer) -> CsvImport:
    """The finished import of a small file, of which one row was refused."""
    return import_csv(mailing_list, FILE)
