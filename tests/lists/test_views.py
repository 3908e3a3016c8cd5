"""The pages of lists, imports and subscribers: plain success, access, bad input, number of queries."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, User, Workspace
from lists.csv_import import apply_import
from lists.models import CsvImport, ImportMode, ImportState, MailingList, RejectedRow, Subscriber
from lists.replacing import EXACT_ROWS
from tests.factories import make_errors, make_list, make_subscriber, make_user, make_workspace
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]

FILE = "メールアドレス,氏名,会社名\ntaro@example.jp,山田 太郎,みほん商店\nだめ,鈴木,\n"


@pytest.fixture
def mailing_list(workspace: Workspace) -> MailingList:
    return make_list(workspace)


def upload(client: Client, mailing_list: MailingList, content: bytes | str, **fields: str) -> Any:
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("会員名簿.csv", data, "text/csv")
    url = reverse("import_upload", args=[mailing_list.pk])
    return client.post(url, {"file": file} | fields)


def columns_of(csv_import: CsvImport, **changes: Any) -> dict[str, Any]:
    chosen = {
        "encoding": csv_import.encoding,
        "separator": "comma",
        "has_header": "on",
        "mode": "merge",
        "consent": "on",
        "column_0": "address",
        "column_1": "name",
        "column_2": "attribute",
    }
    return {name: value for name, value in (chosen | changes).items() if value is not None}


def text_of(response: Any) -> str:
    if isinstance(response, StreamingHttpResponse):
        return b"".join(response).decode("utf-8-sig")
    return str(response.content.decode())


# The whole way.


def test_a_list_is_made_filled_and_read(client_for: ClientFor) -> None:
    workspace = make_workspace()
    client = client_for(make_user(workspace, Role.EDITOR))
    response: Any
    assert "まだリストがありません" in text_of(client.get(reverse("list_index")))
    response = client.post(reverse("list_create"), {"name": "会員", "description": "", "error_limit": ""})
    mailing_list = MailingList.objects.get(workspace=workspace)
    assert response["Location"] == reverse("import_upload", args=[mailing_list.pk])
    assert "このリストにはまだ購読者がいません" in text_of(client.get(reverse("list_detail", args=[mailing_list.pk])))

    response = upload(client, mailing_list, FILE.encode("cp932"))
    csv_import = CsvImport.objects.get()
    assert response["Location"] == reverse("import_columns", args=[csv_import.pk])
    assert csv_import.filename == "会員名簿.csv"
    page = text_of(client.get(response["Location"]))
    assert "山田 太郎" in page
    assert "差し込み項目「会社名」" in page

    response = client.post(reverse("import_columns", args=[csv_import.pk]), columns_of(csv_import))
    assert response["Location"] == reverse("import_detail", args=[csv_import.pk])
    assert "順番を待っています" in text_of(client.get(response["Location"]))
    progress = client.get(reverse("import_progress", args=[csv_import.pk]))
    assert "HX-Redirect" not in progress
    apply_import(csv_import.pk, now=NOW)
    progress = client.get(reverse("import_progress", args=[csv_import.pk]))
    assert progress["HX-Redirect"] == reverse("import_detail", args=[csv_import.pk])
    page = text_of(client.get(reverse("import_detail", args=[csv_import.pk])))
    assert "2行の取り込みが完了しました" in page
    assert "「@」がありません。" in page

    rejected = text_of(client.get(reverse("import_rejected_csv", args=[csv_import.pk])))
    assert rejected == "行,列,値,理由\r\n3,メールアドレス,だめ,「@」がありません。\r\n"
    page = text_of(client.get(reverse("list_detail", args=[mailing_list.pk])))
    assert "taro@example.jp" in page
    assert "会員名簿.csv" in page
    assert "会員" in text_of(client.get(reverse("list_index")))
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {"list.create", "list.import"}


def test_the_replace_button_suggests_replacing(editor: Client, mailing_list: MailingList) -> None:
    page = text_of(editor.get(reverse("import_upload", args=[mailing_list.pk]), {"mode": "replace"}))
    assert "CSVで差し替え" in page
    upload(editor, mailing_list, FILE, mode="replace")
    assert CsvImport.objects.get().mode == ImportMode.REPLACE


def test_a_wrong_guess_is_put_right_by_the_selector_f2(editor: Client, mailing_list: MailingList) -> None:
    """F2."""
    # Half-width kana of an even number cannot be told from kanji in EUC-JP.
    upload(editor, mailing_list, "email,name\na@example.jp,山田太郎\n".encode("euc_jp"))
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    assert "山田太郎" not in text_of(editor.get(url))
    chosen = {"encoding": "euc_jp", "separator": "comma", "has_header": "on"}
    page = text_of(editor.get(url, chosen))
    assert "山田太郎" in page
    csv_import.refresh_from_db()
    assert csv_import.encoding == "cp932"
    editor.post(url, columns_of(csv_import, encoding="euc_jp", column_2=None))
    apply_import(csv_import.pk, now=NOW)
    assert Subscriber.objects.get().name == "山田太郎"


def test_a_format_that_cannot_be_read_is_told_beside_the_selector(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE)
    url = reverse("import_columns", args=[CsvImport.objects.get().pk])
    page = text_of(editor.get(url, {"encoding": "utf-16", "separator": "comma"}))
    assert "選ばれた文字コードでは読めない" in page
    assert text_of(editor.get(url, {"encoding": "nonsense", "separator": "x"})).count("山田 太郎")


def test_a_file_without_a_header_can_be_told(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, "a@example.jp,山田\nb@example.jp,鈴木\n")
    csv_import = CsvImport.objects.get()
    page = text_of(editor.get(reverse("import_columns", args=[csv_import.pk])))
    assert "列1" in page
    data = columns_of(csv_import, has_header=None, column_2=None)
    editor.post(reverse("import_columns", args=[csv_import.pk]), data)
    apply_import(csv_import.pk, now=NOW)
    assert Subscriber.objects.count() == 2


def prepare_replacing(editor: Client, mailing_list: MailingList) -> tuple[CsvImport, dict[str, Any]]:
    """Upload FILE for a list with three subscribers, of whom one is in it; return the import and its answer."""
    for address in ("taro@example.jp", "jiro@example.jp", "saburo@example.jp"):
        make_subscriber(mailing_list, address)
    upload(editor, mailing_list, FILE, mode="replace")
    csv_import = CsvImport.objects.get()
    return csv_import, columns_of(csv_import, mode="replace")


def test_replacing_asks_before_it_removes_people(editor: Client, mailing_list: MailingList) -> None:
    csv_import, answer = prepare_replacing(editor, mailing_list)
    url = reverse("import_columns", args=[csv_import.pk])
    page = text_of(editor.post(url, answer))
    assert "この差し替えで 2 件がリストから外れます(現在 3 件)。よろしいですか?" in page
    assert "2件を外して差し替える" in page
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.UPLOADED
    # The answer of the page is made of its hidden fields.
    hidden = dict(re.findall(r'<input type="hidden" name="(?!csrf)([^"]+)" value="([^"]*)"', page))
    response = editor.post(url, hidden | {"confirmed": "1"})
    assert response["Location"] == reverse("import_detail", args=[csv_import.pk])
    apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (csv_import.rows_removed, csv_import.columns) == (2, {"0": "address", "1": "name", "2": "会社名"})


def test_who_does_not_want_to_replace_gets_the_columns_as_chosen(editor: Client, mailing_list: MailingList) -> None:
    csv_import, answer = prepare_replacing(editor, mailing_list)
    answer |= {"column_1": "", "back": "1"}
    page = text_of(editor.post(reverse("import_columns", args=[csv_import.pk]), answer))
    assert "取り込みを始める" in page
    assert re.search(r'value="replace"[^>]* checked', page)
    assert re.search(r'name="column_1"[^>]*>\s*<option value="" selected', page)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.UPLOADED


def test_replacing_by_a_large_file_tells_the_sizes(editor: Client, mailing_list: MailingList) -> None:
    csv_import, answer = prepare_replacing(editor, mailing_list)
    CsvImport.objects.update(rows_total=EXACT_ROWS + 1)
    page = text_of(editor.post(reverse("import_columns", args=[csv_import.pk]), answer))
    assert "リストには現在 3 件、ファイルには約 5,001 行あります" in page
    assert "ファイルにない宛先を外して差し替える" in page


@pytest.mark.parametrize("already", [[], ["taro@example.jp"]])
def test_replacing_that_removes_nobody_asks_nothing(
    editor: Client, mailing_list: MailingList, already: list[str]
) -> None:
    for address in already:
        make_subscriber(mailing_list, address)
    upload(editor, mailing_list, FILE, mode="replace")
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    response = editor.post(url, columns_of(csv_import, mode="replace"))
    assert response["Location"] == reverse("import_detail", args=[csv_import.pk])


def test_replacing_by_a_file_without_a_valid_address_is_refused_and_removes_nobody(
    editor: Client, mailing_list: MailingList
) -> None:
    make_subscriber(mailing_list)
    upload(editor, mailing_list, "メールアドレス,氏名\nだめ,鈴木\n")
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    editor.post(url, columns_of(csv_import, mode="replace", column_2=None))
    apply_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (csv_import.state, mailing_list.subscriptions.count()) == (ImportState.FAILED, 1)


def test_replacing_by_a_file_that_breaks_off_is_told_on_the_page(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list)
    upload(editor, mailing_list, "メールアドレス,氏名\n" + "a@example.jp,x\n" * 30 + '"b@example.jp,x\n')
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    page = text_of(editor.post(url, columns_of(csv_import, mode="replace", column_2=None)))
    assert "32行目から始まる引用符" in page


def test_choosing_another_file_throws_the_upload_away(editor: Client, mailing_list: MailingList, media: Any) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    url = reverse("import_discard", args=[csv_import.pk])
    assert url in text_of(editor.get(reverse("import_columns", args=[csv_import.pk])))
    response = editor.post(url, columns_of(csv_import, mode="replace"))
    assert response["Location"] == reverse("import_upload", args=[mailing_list.pk]) + "?mode=replace"
    csv_import.refresh_from_db()
    assert (csv_import.state, csv_import.file.name) == (ImportState.CANCELLED, "")
    assert list(media.glob("imports/*")) == []
    assert "列を確認する前に取り消されました" in text_of(editor.get(reverse("import_detail", args=[csv_import.pk])))
    # A second click, or one after the import went on, changes nothing.
    assert editor.post(url)["Location"] == reverse("import_detail", args=[csv_import.pk])


def test_choosing_another_file_keeps_the_way_of_importing(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE, mode="replace")
    url = reverse("import_discard", args=[CsvImport.objects.get().pk])
    assert editor.post(url, {"mode": "nonsense"})["Location"].endswith("?mode=replace")


# Bad input.


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "ファイルが空です"),
        ("メールアドレス,氏名\n".encode(), "見出しの行だけ"),
        (b"PK\x03\x04" + bytes(100), "Excelのブック"),
        (bytes(range(0x80, 0x100)) * 30, "文字コードを判別できません"),
        (b"email\na@example.jp\0\n", "NUL文字"),
        (b'email,name\n"a@example.jp,x\n', "2行目から始まる引用符"),
        (b"a," * 5000 + b"\n" + b"b," * 5000, "列が多すぎます"),
    ],
)
def test_a_file_that_is_no_list_is_refused_on_the_page(
    editor: Client, mailing_list: MailingList, content: bytes, sentence: str
) -> None:
    response = upload(editor, mailing_list, content)
    assert response.status_code == 200
    assert sentence in text_of(response)
    assert not CsvImport.objects.exists()


def test_no_file_is_told(editor: Client, mailing_list: MailingList) -> None:
    response = editor.post(reverse("import_upload", args=[mailing_list.pk]), {"mode": "merge"})
    assert "CSVファイルを選んでください" in text_of(response)
    assert "CSVファイルを選んでください" in text_of(editor.post(reverse("import_upload", args=[mailing_list.pk])))


def test_a_body_that_is_too_large_is_refused_before_it_is_stored(
    editor: Client, mailing_list: MailingList, settings: Any, media: Any
) -> None:
    settings.UPLOAD_MAX_BYTES = 1024 * 1024
    response = upload(editor, mailing_list, b"x" * (2 * 1024 * 1024))
    url = reverse("import_upload", args=[mailing_list.pk])
    assert (response.status_code, response["Location"]) == (302, url)
    assert "ファイルが大きすぎます(1MBまで)" in text_of(editor.get(url))
    assert not media.exists()


def test_a_file_just_above_the_limit_is_refused_by_the_form(
    editor: Client, mailing_list: MailingList, settings: Any
) -> None:
    settings.UPLOAD_MAX_BYTES = 1024 * 1024
    response = upload(editor, mailing_list, b"x" * (1024 * 1024 + 1))
    assert "ファイルが大きすぎます" in text_of(response)


def test_an_upload_needs_the_token_of_its_form(mailing_list: MailingList) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(mailing_list.workspace, Role.EDITOR))
    assert upload(client, mailing_list, FILE).status_code == 403
    page = text_of(client.get(reverse("import_upload", args=[mailing_list.pk])))
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    assert upload(client, mailing_list, FILE, csrfmiddlewaretoken=token).status_code == 302


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"column_0": ""}, "メールアドレスの列がありません"),
        ({"column_1": "address"}, "2つ以上選ばれています"),
        ({"column_1": "name", "column_2": "name", "column_0": "name"}, "お名前の列は2つ"),
        ({"consent": None}, "配信の同意を得た宛先だけ"),
        ({"mode": "nonsense"}, "選択"),
    ],
)
def test_a_choice_that_cannot_be_imported_is_told(
    editor: Client, mailing_list: MailingList, changes: dict[str, Any], sentence: str
) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    response = editor.post(reverse("import_columns", args=[csv_import.pk]), columns_of(csv_import, **changes))
    assert response.status_code == 200
    assert sentence in text_of(response)
    csv_import.refresh_from_db()
    assert csv_import.state == ImportState.UPLOADED


def test_a_file_without_an_address_column_is_told_before_anything_is_chosen(
    editor: Client, mailing_list: MailingList
) -> None:
    upload(editor, mailing_list, "ID,氏名\n1,山田\n")
    page = text_of(editor.get(reverse("import_columns", args=[CsvImport.objects.get().pk])))
    assert "メールアドレスの列が見つかりませんでした" in page


def test_a_second_click_imports_once(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    for _click in range(2):
        response = editor.post(url, columns_of(csv_import))
        assert response["Location"] == reverse("import_detail", args=[csv_import.pk])
    assert AuditEntry.objects.filter(action="list.import").count() == 1


def test_a_failed_import_says_why_and_what_to_do(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, "email\nだめ\n", mode="replace")
    csv_import = CsvImport.objects.get()
    data = columns_of(csv_import, mode="replace", column_1=None, column_2=None)
    editor.post(reverse("import_columns", args=[csv_import.pk]), data)
    apply_import(csv_import.pk, now=NOW)
    page = text_of(editor.get(reverse("import_detail", args=[csv_import.pk])))
    assert "リストは変わっていません" in page
    assert "差し替えを中止しました" in page


def test_a_file_whose_time_is_over_is_told(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    csv_import.file.delete()
    page = text_of(editor.get(reverse("import_columns", args=[csv_import.pk])))
    assert "保存期間を過ぎて" in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "必須"),
        ({"name": "同じ"}, "同じ名前のリストがあります"),
        ({"name": "改行\nBcc: x"}, "改行や制御文字"),
        ({"name": "a\u202egro.example"}, "改行や制御文字"),
        ({"name": "x", "error_limit": "0"}, "1"),
        ({"name": "x", "error_limit": "100"}, "99"),
    ],
)
def test_a_list_that_cannot_be_saved_is_told(
    editor: Client, mailing_list: MailingList, fields: dict[str, str], sentence: str
) -> None:
    make_list(mailing_list.workspace, name="同じ")
    response = editor.post(reverse("list_create"), {"description": "", "error_limit": ""} | fields)
    assert response.status_code == 200
    assert sentence in text_of(response)


# Lists.


def test_lowering_the_limit_of_a_list_asks_and_stops_those_who_are_over_it(
    editor: Client, mailing_list: MailingList
) -> None:
    """A7: the number is told before it is saved, also without scripts."""
    subscriber = make_errors(make_subscriber(mailing_list), 2)
    url = reverse("list_edit", args=[mailing_list.pk])
    fields = {"name": mailing_list.name, "description": "", "error_limit": "2"}
    preview = reverse("list_limit_preview", args=[mailing_list.pk])
    assert "<strong>1件</strong>" in text_of(editor.get(preview, {"error_limit": "2"}))
    assert "ありません" in text_of(editor.get(preview, {"error_limit": ""}))
    assert not text_of(editor.get(preview, {"error_limit": "0"})).strip()
    assert "<strong>1件</strong>が配信停止になります" in text_of(editor.post(url, fields))
    mailing_list.refresh_from_db()
    subscriber.refresh_from_db()
    assert (mailing_list.error_limit, subscriber.is_stopped()) == (None, False)
    assert "1件を配信停止にしました" in text_of(editor.post(url, fields | {"confirmed": "1"}, follow=True))
    subscriber.refresh_from_db()
    assert subscriber.is_stopped()
    saved, applied = AuditEntry.objects.order_by("pk")
    assert (saved.detail, applied.detail) == ({"error_limit": 2}, {"stopped": 1})


def test_a_list_is_deleted_after_asking_with_its_files_but_not_its_people(
    editor: Client, mailing_list: MailingList, media: Any, django_capture_on_commit_callbacks: Any
) -> None:
    make_subscriber(mailing_list)
    upload(editor, mailing_list, FILE)
    url = reverse("list_delete", args=[mailing_list.pk])
    assert "リストを削除しますか" in text_of(editor.get(url))
    assert MailingList.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert editor.post(url)["Location"] == reverse("list_index")
    assert not MailingList.objects.exists()
    assert Subscriber.objects.count() == 1
    assert not list(media.glob("imports/*"))


def test_an_exported_list_imports_unchanged(
    editor: Client, mailing_list: MailingList, import_csv: Callable[..., CsvImport]
) -> None:
    import_csv(mailing_list, "メールアドレス,氏名,会社名\n'+tag@example.jp,'=山田,㈱みほん\na@example.jp,髙橋,\n")
    for encoding in ("utf-8", "cp932"):
        response = editor.get(reverse("list_export", args=[mailing_list.pk]), {"encoding": encoding})
        exported = b"".join(response)
        again = import_csv(mailing_list, exported)
        assert (again.rows_unchanged, again.rows_rejected) == (2, 0)
        assert again.columns == {"0": "address", "1": "name", "2": "会社名"}


def test_subscribers_of_a_list_are_searched(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "taro@example.jp", name="山田 太郎")
    make_subscriber(mailing_list, "hanako@example.jp", name="鈴木 花子", status="stopped")
    url = reverse("list_detail", args=[mailing_list.pk])
    for query, shown, hidden in (
        ({"q": "TARO"}, "taro@", "hanako@"),
        ({"q": "花子"}, "hanako@", "taro@"),
        ({"q": "ｔａｒｏ＠"}, "taro@", "hanako@"),
        ({"status": "stopped"}, "hanako@", "taro@"),
    ):
        page = text_of(editor.get(url, query))
        assert shown in page
        assert hidden not in page
    assert "条件に合う購読者はいません" in text_of(editor.get(url, {"q": "\0nobody%_"}))
    assert "taro@" in text_of(editor.get(reverse("subscriber_index"), {"q": "taro"}))


def test_pages_of_lists_ask_few_queries(
    editor: Client, mailing_list: MailingList, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(60):
        make_subscriber(mailing_list)
    for _number in range(10):
        make_subscriber(make_list(mailing_list.workspace), error_count=1)
    for url, limit in (
        (reverse("list_index"), 8),
        (reverse("list_detail", args=[mailing_list.pk]), 11),
        (reverse("subscriber_index"), 8),
        (reverse("subscriber_detail", args=[Subscriber.objects.first().pk]), 11),
    ):
        with django_assert_max_num_queries(limit):
            assert editor.get(url).status_code == 200


# Subscribers.


def test_a_subscribers_page_shows_everything_known(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, attributes={"会社名": "みほん商店"})
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "みほん商店" in page
    for part in ("subscriber_deliveries", "subscriber_errors"):
        assert reverse(part, args=[subscriber.pk]) in page


def test_stopping_and_resuming_by_hand_leave_a_trace(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, error_count=0)
    make_errors(subscriber)
    stop_url, resume_url = (reverse(name, args=[subscriber.pk]) for name in ("subscriber_stop", "subscriber_resume"))
    assert "配信停止にしました" in text_of(editor.post(stop_url, follow=True))
    assert "すでに配信停止です" in text_of(editor.post(stop_url, follow=True))
    subscriber.refresh_from_db()
    assert subscriber.stop_reason == "manual"

    assert "再開の理由を入力してください" in text_of(editor.post(resume_url, {"why": " "}))
    assert "改行や制御文字" in text_of(editor.post(resume_url, {"why": "a\nb"}))
    assert "配信を再開しました" in text_of(editor.post(resume_url, {"why": "本人の依頼"}, follow=True))
    assert "配信停止ではありません" in text_of(editor.post(resume_url, {"why": "本人の依頼"}, follow=True))
    subscriber.refresh_from_db()
    assert (subscriber.status, subscriber.error_count) == ("active", 0)
    stopped, resumed = AuditEntry.objects.order_by("pk")
    assert (stopped.action, stopped.target, stopped.detail) == (
        "subscriber.stopped",
        subscriber.address,
        {"reason": "manual"},
    )
    assert (resumed.action, resumed.detail) == ("subscriber.resumed", {"why": "本人の依頼", "was": "manual"})
    # The page of the address tells it, too.
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "購読者の配信再開" in page
    assert "理由: 本人の依頼" in page


@pytest.mark.parametrize("reason", ["unsubscribed", "complaint"])
def test_who_refused_is_resumed_only_with_an_explicit_word(
    editor: Client, mailing_list: MailingList, reason: str
) -> None:
    subscriber = make_subscriber(mailing_list, status="stopped", stop_reason=reason)
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "本人の意思による配信停止です" in page
    url = reverse("subscriber_resume", args=[subscriber.pk])
    assert "チェックを入れてください" in text_of(editor.post(url, {"why": "本人の依頼"}))
    subscriber.refresh_from_db()
    assert subscriber.is_stopped()
    assert "配信を再開しました" in text_of(editor.post(url, {"why": "本人の依頼", "asked": "on"}, follow=True))
    assert AuditEntry.objects.get().detail == {"why": "本人の依頼", "was": reason}


def test_other_stops_are_resumed_without_it(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_errors(make_subscriber(mailing_list), 3)
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "エラー停止になりました" in page
    assert 'name="asked"' not in page
    editor.post(reverse("subscriber_resume", args=[subscriber.pk]), {"why": "アドレスを確かめた"})
    subscriber.refresh_from_db()
    assert (subscriber.status, subscriber.error_count) == ("active", 0)
    assert set(subscriber.errors.values_list("cleared_by", flat=True)) == {"person"}


# Access.

READ = ["list_detail", "import_detail", "import_progress", "subscriber_detail"]
WRITE = [
    "list_edit",
    "list_limit_preview",
    "list_delete",
    "list_export",
    "import_upload",
    "import_columns",
    "import_rejected_csv",
]
POST_ONLY = ["import_discard", "subscriber_stop", "subscriber_resume"]


def url_of(name: str, csv_import: CsvImport) -> str:
    if name.startswith("list") or name == "import_upload":
        return reverse(name, args=[csv_import.mailing_list_id])
    if name.startswith("import"):
        return reverse(name, args=[csv_import.pk])
    return reverse(name, args=[Subscriber.objects.get().pk])


@pytest.fixture
def finished(mailing_list: MailingList, import_csv: Callable[..., CsvImport]) -> CsvImport:
    return import_csv(mailing_list, FILE)


@pytest.mark.parametrize("name", READ + WRITE + POST_ONLY)
def test_each_page_asks_for_its_role(finished: CsvImport, viewer: Client, client_for: ClientFor, name: str) -> None:
    url = url_of(name, finished)
    stranger = client_for(make_user(make_workspace(), Role.ADMIN))
    call = "post" if name in POST_ONLY else "get"
    assert getattr(Client(), call)(url)["Location"].startswith(reverse("account_login"))
    assert getattr(stranger, call)(url).status_code == 404
    assert getattr(viewer, call)(url).status_code == (200 if name in READ else 403)
    if name in POST_ONLY:
        assert viewer.get(url).status_code == 405


@pytest.mark.parametrize("name", ["list_create", "list_edit", "list_delete", "import_upload", "import_columns"])
def test_a_viewer_changes_nothing(finished: CsvImport, viewer: Client, name: str) -> None:
    url = reverse("list_create") if name == "list_create" else url_of(name, finished)
    assert viewer.post(url, {"name": "x"}).status_code == 403
    assert MailingList.objects.count() == 1


def test_a_viewer_sees_lists_without_buttons(finished: CsvImport, viewer: Client) -> None:
    page = text_of(viewer.get(url_of("list_detail", finished)))
    assert reverse("import_upload", args=[finished.mailing_list_id]) not in page
    assert "配信停止にする" not in text_of(viewer.get(url_of("subscriber_detail", finished)))
    assert RejectedRow.objects.exists()
    assert "ダウンロード" not in text_of(viewer.get(url_of("import_detail", finished)))


def test_a_stranger_sees_no_subscribers(finished: CsvImport, client_for: ClientFor) -> None:
    stranger = client_for(make_user(make_workspace(), Role.ADMIN))
    assert "taro@example.jp" not in text_of(stranger.get(reverse("subscriber_index")))
    assert "まだリストがありません" in text_of(stranger.get(reverse("list_index")))


def test_progress_shows_where_an_import_stands(editor: Client, finished: CsvImport) -> None:
    url = reverse("import_progress", args=[finished.pk])
    rows = CsvImport.objects.filter(pk=finished.pk)
    rows.update(state=ImportState.RUNNING, rows_total=5000, rows_done=2000, heartbeat_at=NOW + timedelta(days=1))
    assert "2,000 / 5,000" in text_of(editor.get(url))
    rows.update(rows_done=5000)
    assert "リストに反映しています" in text_of(editor.get(url))
    assert "HX-Redirect" not in editor.get(url)


@pytest.mark.parametrize("name", ["list_edit", "list_delete", "import_upload", "import_detail", "list_export"])
def test_an_editor_opens_each_page(editor: Client, finished: CsvImport, name: str) -> None:
    response = editor.get(url_of(name, finished))
    assert response.status_code == 200
    assert finished.mailing_list.name in text_of(response) or name == "list_export"


def test_the_columns_of_an_import_that_is_over_lead_to_its_result(editor: Client, finished: CsvImport) -> None:
    response: Any = editor.get(url_of("import_columns", finished))
    assert response["Location"] == reverse("import_detail", args=[finished.pk])
