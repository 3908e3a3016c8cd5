"""The pages of segments, attributes, imports and bulk actions ask no more questions where there is more to show."""

from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Workspace
from lists.csv_import import create_import
from lists.import_checking import check_import
from lists.models import (
    AttributeDefinition,
    BulkJob,
    BulkState,
    Exclusion,
    MailingList,
    Segment,
)
from tests.factories import make_list, make_subscriber, make_user
from tests.lists.clock import NOW
from tests.lists.conftest import Importer
from tests.lists.importing import apply_import

pytestmark = pytest.mark.django_db
HEADER = "メールアドレス,お名前,会員番号"


def add_objects(mailing_list: MailingList, name: str, number: int) -> None:
    """Add attributes, segments that use them and a list, people, entries of the 除外リスト and a bulk action."""
    workspace = mailing_list.workspace
    for each in range(number):
        label = f"{name}{each}"
        AttributeDefinition.objects.create(workspace=workspace, name=label, label=label, kind="choice", choices=["金"])
        make_list(workspace, name=label)
        make_subscriber(mailing_list, f"{name}-{each}@example.jp", attributes={label: "金"})
        Exclusion.objects.create(workspace=workspace, kind="domain", value=f"{name}-{each}.example")
        BulkJob.objects.create(workspace=workspace, action="stop", why="退会", state=BulkState.RUNNING)
        condition = {"field": f"attribute:{label}", "op": "one_of", "value": ["金"]}
        place = {"field": "list", "op": "on", "value": [mailing_list.pk]}
        Segment.objects.create(workspace=workspace, name=label, conditions={"v": 1, "all": [condition, place]})


def file_of(name: str, number: int) -> str:
    """Return a file with new people and rows that are refused for two reasons."""
    rows = [f"{name}{each}@new.example,{name},{each}" for each in range(number)]
    rows += [f"だめ{each},x,1" for each in range(number)]
    rows += [f"{name}{each}@new.example,また,2" for each in range(number)]
    return "\n".join([HEADER, *rows, ""])


def pages_of_workspace(workspace: Workspace) -> Iterator[tuple[str, int]]:
    """Yield the pages of segments, attributes and bulk actions, of the newest ones, and how many queries each may ask."""
    segment = Segment.objects.filter(workspace=workspace).latest("pk").pk
    attribute = AttributeDefinition.objects.filter(workspace=workspace).latest("pk").pk
    job = BulkJob.objects.filter(workspace=workspace).latest("pk").pk
    yield reverse("segment_index"), 7
    yield reverse("segment_create"), 6
    yield reverse("segment_detail", args=[segment]), 13
    yield reverse("segment_edit", args=[segment]), 7
    yield reverse("segment_count", args=[segment]), 11
    yield reverse("attribute_index"), 5
    yield reverse("attribute_create"), 4
    yield reverse("attribute_edit", args=[attribute]), 5
    yield f"{reverse('bulk_create')}?segment={segment}", 19
    yield reverse("bulk_detail", args=[job]), 5
    yield reverse("bulk_progress", args=[job]), 5


def pages_of_imports(queue_csv: Importer, mailing_list: MailingList, *, rows: int) -> Iterator[tuple[str, int]]:
    """Yield the pages of an upload, of imports that wait, were checked and are done, and how many queries each may ask."""
    name = f"n{rows}"
    yield reverse("import_upload", args=[mailing_list.pk]), 5
    file = ContentFile(file_of(f"{name}u", rows).encode(), name="meibo.csv")
    uploaded = create_import(mailing_list, file, make_user(mailing_list.workspace))
    yield reverse("import_columns", args=[uploaded.pk]), 9
    waiting = queue_csv(mailing_list, file_of(f"{name}w", rows))
    yield reverse("import_detail", args=[waiting.pk]), 5
    yield reverse("import_progress", args=[waiting.pk]), 5
    assert check_import(waiting.pk, now=NOW)
    yield reverse("import_check", args=[waiting.pk]), 7
    done = queue_csv(mailing_list, file_of(f"{name}d", rows))
    assert apply_import(done.pk, now=NOW)
    yield reverse("import_detail", args=[done.pk]), 7


def ask(client: Client, pages: Iterator[tuple[str, int]]) -> list[int]:
    """Return the number of queries of each page; none asks more than it may."""
    numbers = []
    for url, limit in pages:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(url).status_code == 200, url
        assert len(asked) <= limit, url
        numbers.append(len(asked))
    return numbers


def test_segments_attributes_and_bulk_actions_ask_few_queries(editor: Client, mailing_list: MailingList) -> None:
    add_objects(mailing_list, "a", 1)
    few = ask(editor, pages_of_workspace(mailing_list.workspace))
    add_objects(mailing_list, "b", 12)
    assert ask(editor, pages_of_workspace(mailing_list.workspace)) == few


def test_the_pages_of_imports_ask_few_queries(editor: Client, mailing_list: MailingList, queue_csv: Importer) -> None:
    add_objects(mailing_list, "a", 1)
    few = ask(editor, pages_of_imports(queue_csv, mailing_list, rows=1))
    add_objects(mailing_list, "b", 12)
    assert ask(editor, pages_of_imports(queue_csv, mailing_list, rows=12)) == few
