"""The pages of uploading and of the columns: workbooks, kinds, the wording of the consent, repeated headers (F2)."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import reverse

from lists.models import AttributeDefinition, AttributeKind, Consent, CsvImport, FileKind, ImportState, Subscriber
from tests.factories import make_list, make_user
from tests.lists.clock import NOW
from tests.lists.importing import apply_import
from tests.lists.pages import FILE, text_of, upload
from tests.lists.workbooks import make_workbook

pytestmark = pytest.mark.django_db
ROWS: list[list[object]] = [
    ["メールアドレス", "氏名", "購入額"],
    *([f"k{number}@example.jp", "花子", number * 100] for number in range(1, 4)),
]
OLD_ROWS: list[list[object]] = [["メール"], ["old@example.jp"]]
ANSWER = {"mode": "merge", "consent": "on", "column_0": "address", "column_1": "name", "column_2": "attribute"}


def test_a_workbook_is_imported_from_the_sheet_that_was_chosen(client: Client) -> None:
    mailing_list = make_list()
    client.force_login(make_user(mailing_list.workspace))
    content = make_workbook({"旧": OLD_ROWS, "新": ROWS}).getvalue()
    client.post(
        reverse("import_upload", args=[mailing_list.pk]), {"file": SimpleUploadedFile("名簿.xlsx", content), "mode": ""}
    )
    csv_import = CsvImport.objects.get()
    assert (csv_import.kind, csv_import.sheet) == (FileKind.XLSX, "旧")
    url = reverse("import_columns", args=[csv_import.pk])
    page = text_of(client.get(url, {"sheet": "新", "has_header": "on"}))
    assert "k1@example.jp" in page
    assert "文字コード" not in page
    answer = ANSWER | {"sheet": "新", "has_header": "on", "kind_2": "number", "text_version": "2026年4月版"}
    assert client.post(url, answer).status_code == 302
    assert apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.sheet, csv_import.rows_new) == (ImportState.DONE, "新", 3)
    assert Subscriber.objects.get(address_key="k2@example.jp").attributes == {"購入額": 200}
    assert AttributeDefinition.objects.get(name="購入額").kind == AttributeKind.NUMBER
    assert set(Consent.objects.values_list("text_version", flat=True)) == {"2026年4月版"}


def test_a_known_attribute_can_be_chosen_for_a_column_of_another_name(client: Client) -> None:
    mailing_list = make_list()
    AttributeDefinition.objects.create(workspace=mailing_list.workspace, name="rank", label="会員ランク")
    client.force_login(make_user(mailing_list.workspace))
    upload(client, mailing_list, "メールアドレス,氏名,等級\na@example.jp,花子,金\n")
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    assert "差し込み項目「会員ランク」" in text_of(client.get(url))
    answer = ANSWER | {"encoding": "utf-8-sig", "separator": "comma", "has_header": "on", "column_2": "known:rank"}
    client.post(url, answer)
    apply_import(csv_import.pk, now=NOW)
    assert Subscriber.objects.get().attributes == {"rank": "金"}
    # The next file of the list, and of a new one, begins with what was chosen.
    for again in (mailing_list, make_list(mailing_list.workspace)):
        upload(client, again, "等級,メールアドレス\n金,b@example.jp\n")
        assert CsvImport.objects.latest("pk").columns == {"0": "rank", "1": "address"}


def test_a_header_that_stands_there_twice_is_told(client: Client) -> None:
    mailing_list = make_list()
    client.force_login(make_user(mailing_list.workspace))
    upload(client, mailing_list, "メール,氏名,氏名\na@example.jp,花子,\n")
    page = text_of(client.get(reverse("import_columns", args=[CsvImport.objects.get().pk])))
    assert "同じ見出しの列が2つ以上あります(「氏名」)" in page


def test_rows_of_another_encoding_are_told_before_the_import(client: Client) -> None:
    mailing_list = make_list()
    client.force_login(make_user(mailing_list.workspace))
    upload(
        client, mailing_list, "メール,氏名\n".encode() + "a@example.jp,花子\n".encode() * 9 + b"b@example.jp,\x8e\x52\n"
    )
    page = text_of(client.get(reverse("import_columns", args=[CsvImport.objects.get().pk])))
    assert "最初の行のうち1行に、読めない文字があります" in page


@pytest.mark.parametrize("length", ["", "many"])
def test_an_upload_that_does_not_say_its_length_stores_nothing(client: Client, media: Path, length: str) -> None:
    mailing_list = make_list()
    client.force_login(make_user(mailing_list.workspace))
    body = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("a.csv", b"email\na@example.jp\n"), "mode": ""})
    url = reverse("import_upload", args=[mailing_list.pk])
    response = client.generic("POST", url, body, MULTIPART_CONTENT, CONTENT_LENGTH=length)
    assert "CSVまたはExcelのファイルを選んでください。" in text_of(response)
    assert not CsvImport.objects.exists()
    assert not [path for path in media.rglob("*") if path.is_file()]


def test_the_consent_says_of_whom_it_is_kept(client: Client) -> None:
    mailing_list = make_list()
    client.force_login(make_user(mailing_list.workspace))
    upload(client, mailing_list, "メール,氏名\na@example.jp,花子\n")
    page = text_of(client.get(reverse("import_columns", args=[CsvImport.objects.get().pk])))
    assert "新しくリストに加わる宛先ごとに残します" in page


def test_an_upload_needs_the_token_of_its_form() -> None:
    mailing_list = make_list()
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(mailing_list.workspace))
    assert upload(client, mailing_list, FILE).status_code == 403
    page = text_of(client.get(reverse("import_upload", args=[mailing_list.pk])))
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    assert upload(client, mailing_list, FILE, csrfmiddlewaretoken=token).status_code == 302
