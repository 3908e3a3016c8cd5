"""Pages of exports: list, segment and search; columns and format; who may, and what is written down."""

import csv
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Workspace
from lists.models import AttributeDefinition, AttributeKind, MailingList, Segment
from tests.factories import make_list, make_subscriber, make_workspace
from tests.lists.conftest import Importer
from tests.lists.pages import text_of

pytestmark = pytest.mark.django_db
DEFAULT = ["address", "name", "status", "stop_reason", "created_at"]


def fetch(client: Client, url: str, kind: str = "csv", columns: list[str] | None = None) -> Any:
    return client.post(url, {"columns": columns or DEFAULT, "format": kind})


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_list_is_exported_with_the_columns_that_were_chosen(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "a@example.jp")
    make_subscriber(workspace=mailing_list.workspace, address="elsewhere@example.jp")
    url = reverse("list_export", args=[mailing_list.pk])
    page = text_of(editor.get(url))
    assert mailing_list.name in page
    assert "停止のメモ" in page
    response = fetch(editor, url, columns=["name", "address"])
    assert read_csv(response.getvalue()) == [["メールアドレス", "お名前"], ["a@example.jp", "山田 太郎"]]
    assert response["Content-Disposition"].startswith("attachment; ")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("list.export", mailing_list.name)
    assert entry.detail == {"columns": 2, "format": "csv"}


def test_a_segment_is_exported(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "gold@example.jp", attributes={"ランク": "金"})
    make_subscriber(mailing_list, "silver@example.jp", attributes={"ランク": "銀"})
    AttributeDefinition.objects.create(workspace=mailing_list.workspace, name="ランク", label="ランク")
    conditions = {"v": 1, "all": [{"field": "attribute:ランク", "op": "is", "value": "金"}]}
    segment = Segment.objects.create(workspace=mailing_list.workspace, name="金の人", conditions=conditions)
    url = reverse("segment_export", args=[segment.pk])
    assert "金の人" in text_of(editor.get(url))
    assert read_csv(fetch(editor, url, columns=["address"]).getvalue())[1:] == [["gold@example.jp"]]
    assert AuditEntry.objects.get().action == "segment.export"


def test_a_segment_that_cannot_be_used_says_why(editor: Client, workspace: Workspace) -> None:
    conditions = {"v": 1, "all": [{"field": "attribute:なし", "op": "is", "value": "金"}]}
    segment = Segment.objects.create(workspace=workspace, name="古い条件", conditions=conditions)
    conditions["all"] = [{"field": "list", "op": "on", "value": 123456}]
    Segment.objects.filter(pk=segment.pk).update(conditions=conditions)
    response = editor.get(reverse("segment_export", args=[segment.pk]))
    assert response.headers.get("Location") == reverse("segment_detail", args=[segment.pk])
    by_search = editor.get(reverse("subscriber_export"), {"segment": segment.pk})
    assert by_search.headers.get("Location") == reverse("subscriber_index")


def test_a_search_is_exported_and_named(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "sato@example.jp", name="佐藤 花子")
    make_subscriber(mailing_list, "suzuki@example.jp", name="鈴木 花子")
    url = reverse("subscriber_export") + "?q=佐藤&status=active"
    assert "佐藤" in text_of(editor.get(url))
    assert "配信停止の人も含みます" not in text_of(editor.get(url))
    assert "配信停止の人も含みます" in text_of(editor.get(reverse("subscriber_export")))
    assert read_csv(fetch(editor, url, columns=["address"]).getvalue())[1:] == [["sato@example.jp"]]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("subscriber.export", "佐藤、配信中")
    everybody = fetch(editor, reverse("subscriber_export"), columns=["address"]).getvalue()
    assert len(read_csv(everybody)) == 3


def test_an_exported_list_imports_unchanged_from_every_format(
    editor: Client, mailing_list: MailingList, import_csv: Importer
) -> None:
    content = "メールアドレス,氏名,会社名,点数\n'+tag@example.jp,'=山田,㈱みほん,5\na@example.jp,髙橋〜,,\n"
    import_csv(mailing_list, content)
    labels = {"会社名": "お勤め先", "点数": "点数"}
    for name, label in labels.items():
        AttributeDefinition.objects.filter(name=name).update(label=label)
    columns = [*DEFAULT, "attribute:会社名", "attribute:点数", "stopped_at", "stop_note", "error_count"]
    for kind in ("csv", "cp932", "xlsx"):
        exported = fetch(editor, reverse("list_export", args=[mailing_list.pk]), kind, columns).getvalue()
        if kind == "cp932":
            archive = ZipFile(BytesIO(exported))
            exported = archive.read(f"{mailing_list.name}.csv")
        again = import_csv(mailing_list, exported, name=f"again.{'xlsx' if kind == 'xlsx' else 'csv'}")
        if kind == "cp932":
            # 〜 has a neighbour in CP932, which is another character.
            assert (again.rows_updated, again.rows_unchanged, again.rows_rejected) == (1, 1, 0)
        else:
            assert (again.rows_unchanged, again.rows_rejected) == (2, 0)
        assert set(again.columns.values()) == {"address", "name", "会社名", "点数"}


def test_excel_gets_a_book_and_shift_jis_a_report_of_what_it_could_not_hold(
    editor: Client, mailing_list: MailingList
) -> None:
    make_subscriber(mailing_list, "a@example.jp", name="髙橋😀")
    url = reverse("list_export", args=[mailing_list.pk])
    book = load_workbook(BytesIO(fetch(editor, url, "xlsx").getvalue()))
    assert book.worksheets[0]["B2"].value == "髙橋😀"
    response = fetch(editor, url, "cp932", ["address", "name"])
    assert response["Content-Type"] == "application/zip"
    archive = ZipFile(BytesIO(response.getvalue()))
    csv_name, report_name = archive.namelist()
    assert archive.read(csv_name).decode("cp932") == "メールアドレス,お名前\r\na@example.jp,髙橋?\r\n"
    assert read_csv(archive.read(report_name)) == [
        ["行", "列", "文字", "文字コード", "元の値", "書き出した値"],
        ["2", "お名前", "😀", "U+1F600", "髙橋😀", "髙橋?"],
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"format": "csv"}, "書き出す列を1つ以上選んでください。"),
        ({"columns": ["address"]}, "ファイルの形式を選んでください。"),
        ({"columns": ["address", "x"], "format": "csv"}, "列が変わったようです。選び直してください。"),
        ({"columns": ["address"], "format": "pdf"}, "ファイルの形式を選び直してください。"),
    ],
)
def test_what_is_missing_is_said_and_nothing_written_down(
    data: dict[str, Any], sentence: str, editor: Client, mailing_list: MailingList
) -> None:
    response = editor.post(reverse("list_export", args=[mailing_list.pk]), data)
    assert sentence in text_of(response)
    assert not AuditEntry.objects.exists()


def test_looking_at_the_page_writes_nothing_down_and_asks_few_queries(
    editor: Client, mailing_list: MailingList, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        kind = AttributeKind.NUMBER if number % 2 else AttributeKind.TEXT
        AttributeDefinition.objects.create(
            workspace=mailing_list.workspace, name=f"項目{number}", label=f"項目{number}", kind=kind
        )
    with django_assert_max_num_queries(8):
        editor.get(reverse("list_export", args=[mailing_list.pk]))
    assert not AuditEntry.objects.exists()


def test_a_download_asks_for_its_rows_once(
    editor: Client, mailing_list: MailingList, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(30):
        make_subscriber(mailing_list)
    response = fetch(editor, reverse("list_export", args=[mailing_list.pk]))
    # Also while Django writes down its queries, as it does with DEBUG.
    with django_assert_max_num_queries(1):
        assert len(read_csv(response.getvalue())) == 31


def test_lists_and_segments_of_another_workspace_are_not_found(editor: Client) -> None:
    elsewhere = make_list(make_workspace())
    segment = Segment.objects.create(workspace=elsewhere.workspace, name="x")
    for url in (
        reverse("list_export", args=[elsewhere.pk]),
        reverse("segment_export", args=[segment.pk]),
        f"{reverse('subscriber_export')}?list={elsewhere.pk}",
        f"{reverse('subscriber_export')}?segment={segment.pk}",
    ):
        assert editor.get(url).status_code == 404
        assert fetch(editor, url).status_code == 404


def test_a_viewer_exports_nothing(viewer: Client, mailing_list: MailingList) -> None:
    for url in (reverse("list_export", args=[mailing_list.pk]), reverse("subscriber_export")):
        assert viewer.get(url).status_code == 403
        assert fetch(viewer, url).status_code == 403
        assert "エクスポート" not in text_of(viewer.get(reverse("list_detail", args=[mailing_list.pk])))
