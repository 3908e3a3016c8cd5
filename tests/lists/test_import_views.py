"""The pages of imports: plain success, access, bad input."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Role, User
from lists.erasing import erase
from lists.import_checking import check_import
from lists.import_running import run_import
from lists.models import CsvImport, Exclusion, ExclusionKind, ImportMode, ImportState, MailingList, Subscriber
from tests.factories import make_subscriber, make_user, make_workspace
from tests.lists.clock import NOW
from tests.lists.importing import apply_import
from tests.lists.pages import FILE, columns_of, text_of, upload

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


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
    assert "確認の順番を待っています" in text_of(client.get(response["Location"]))
    progress = client.get(reverse("import_progress", args=[csv_import.pk]))
    assert "HX-Redirect" not in progress
    assert check_import(csv_import.pk, now=NOW)
    progress = client.get(reverse("import_progress", args=[csv_import.pk]))
    assert progress["HX-Redirect"] == reverse("import_check", args=[csv_import.pk])
    assert "この内容で取り込む" in text_of(client.get(progress["HX-Redirect"]))
    response = run(client, csv_import)
    assert response["Location"] == reverse("import_detail", args=[csv_import.pk])
    assert "順番を待っています" in text_of(client.get(response["Location"]))
    assert run_import(csv_import.pk, now=NOW)
    progress = client.get(reverse("import_progress", args=[csv_import.pk]))
    assert progress["HX-Redirect"] == reverse("import_detail", args=[csv_import.pk])
    page = text_of(client.get(reverse("import_detail", args=[csv_import.pk])))
    assert "2行の取り込みが完了しました" in page
    assert "「@」がありません。" in page

    rejected = text_of(client.post(reverse("import_rejected_csv", args=[csv_import.pk])))
    assert rejected == "行,列,値,理由\r\n3,メールアドレス,だめ,「@」がありません。\r\n"
    page = text_of(client.get(reverse("list_detail", args=[mailing_list.pk])))
    assert "taro@example.jp" in page
    assert "会員名簿.csv" in page
    assert "会員" in text_of(client.get(reverse("list_index")))
    assert set(AuditEntry.objects.values_list("action", flat=True)) == {
        "list.create",
        "list.import",
        "list.import_rejected",
    }


def test_the_replace_button_suggests_replacing(editor: Client, mailing_list: MailingList) -> None:
    page = text_of(editor.get(reverse("import_upload", args=[mailing_list.pk]), {"mode": "replace"}))
    assert "ファイルで差し替え" in page
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


def run(client: Client, csv_import: CsvImport) -> Any:
    """Say yes to the dry run that was shown last."""
    csv_import.refresh_from_db()
    return client.post(reverse("import_run", args=[csv_import.pk]), {"attempt": csv_import.attempt})


def check(editor: Client, csv_import: CsvImport, **changes: Any) -> str:
    """Answer the page of the columns, do the dry run and return its page."""
    response = editor.post(reverse("import_columns", args=[csv_import.pk]), columns_of(csv_import, **changes))
    assert response["Location"] == reverse("import_detail", args=[csv_import.pk])
    assert check_import(csv_import.pk, now=NOW)
    return text_of(editor.get(reverse("import_check", args=[csv_import.pk])))


def prepare_replacing(editor: Client, mailing_list: MailingList) -> CsvImport:
    """Upload FILE for a list with three subscribers, of whom one is in it."""
    for address in ("taro@example.jp", "jiro@example.jp", "saburo@example.jp"):
        make_subscriber(mailing_list, address)
    upload(editor, mailing_list, FILE, mode="replace")
    return CsvImport.objects.get()


def test_the_dry_run_tells_what_an_import_would_do_and_does_nothing(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "taro@example.jp")
    make_subscriber(mailing_list, "stop@example.jp", status="stopped", stop_reason="unsubscribed")
    upload(editor, mailing_list, FILE + "new@example.jp,新,\nnew@example.jp,また,\nstop@example.jp,,\n")
    csv_import = CsvImport.objects.get()
    page = check(editor, csv_import)
    for label, number in (("新規", 1), ("更新", 1), ("変更なし", 1), ("取り込めない行", 1), ("ファイル内の重複", 1),
                          ("配信停止のままの宛先", 1), ("うち本人の意思による停止", 1)):  # fmt: skip
        assert re.search(rf">{label}</span>\s*<span class=\"stat-value[^>]*>{number}<", page), label
    assert "リストに加わる宛先" in page
    assert re.search(r"new@example.jp</span>\s*<span class=\"muted\">4行目", page)
    assert "メールアドレスの書式が正しくない" in page
    assert "ファイルの中の重複" in page
    assert mailing_list.subscriptions.count() == 2
    assert not AuditEntry.objects.filter(action="list.import").exists()


def test_the_dry_run_shows_some_rows_of_each_reason(editor: Client, mailing_list: MailingList) -> None:
    workspace = mailing_list.workspace
    Exclusion.objects.create(workspace=workspace, kind=ExclusionKind.ADDRESS, value="jogai@example.jp", reason="退会")
    erased = make_subscriber(mailing_list, "kesu@example.jp")
    erase([erased.pk], workspace=workspace, actor=None, now=NOW)
    bad = "".join(f"だめ{number},x,\n" for number in range(30))
    rows = "taro@example.jp,また,\njogai@example.jp,x,\nkesu@example.jp,x,\nb@example.jp,\ufffd,\n"
    upload(editor, mailing_list, FILE + bad + rows)
    page = check(editor, CsvImport.objects.get())
    for reason, number in (("メールアドレスの書式が正しくない", 31), ("ファイルの中の重複", 1), ("除外リストの宛先", 1),
                           ("消去済みの宛先", 1), ("文字コードが合わない", 1)):  # fmt: skip
        assert re.search(rf"{reason} <span[^>]*>{number}行", page), reason
    for value in ("だめ3<", "taro@example.jp</td>", "jogai@example.jp</td>", "kesu@example.jp</td>", "b@example.jp,"):
        assert value in page
    assert "だめ4<" not in page
    assert "最初の5行までを表示しています。ほかの行はCSVで" in page


def test_replacing_asks_before_it_removes_people(editor: Client, mailing_list: MailingList) -> None:
    csv_import = prepare_replacing(editor, mailing_list)
    page = check(editor, csv_import, mode="replace")
    assert "この差し替えで 2 件がリストから外れます" in page
    assert "2件を外して差し替える" in page
    assert "jiro@example.jp" in page
    assert mailing_list.subscriptions.count() == 3
    response: Any = run(editor, csv_import)
    assert response["Location"] == reverse("import_detail", args=[csv_import.pk])
    assert run_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (csv_import.rows_removed, csv_import.columns) == (2, {"0": "address", "1": "name", "2": "会社名"})


def test_who_does_not_want_to_replace_gets_the_columns_as_chosen(editor: Client, mailing_list: MailingList) -> None:
    csv_import = prepare_replacing(editor, mailing_list)
    check(editor, csv_import, mode="replace", column_1=None)
    response: Any = editor.post(reverse("import_reopen", args=[csv_import.pk]))
    assert response["Location"] == reverse("import_columns", args=[csv_import.pk])
    page = text_of(editor.get(response["Location"]))
    assert re.search(r'value="replace"[^>]* checked', page)
    assert re.search(r'name="column_1"[^>]*>\s*<option value="" selected', page)
    # The second answer counts.
    page = check(editor, csv_import, mode="add")
    assert "リストから外れ" not in page
    csv_import.refresh_from_db()
    assert csv_import.mode == ImportMode.ADD


def test_replacing_that_removes_nobody_warns_of_nothing(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "taro@example.jp")
    upload(editor, mailing_list, FILE, mode="replace")
    page = check(editor, CsvImport.objects.get(), mode="replace")
    assert "件がリストから外れます" not in page
    assert "この内容で取り込む" in page


def test_a_file_that_changes_nothing_is_told(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "taro@example.jp", name="山田 太郎", attributes={"会社名": "みほん商店"})
    upload(editor, mailing_list, FILE)
    assert "取り込んでも、リストは変わりません" in check(editor, CsvImport.objects.get())


def test_a_list_that_changed_after_the_dry_run_is_told(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    check(editor, csv_import)
    MailingList.objects.update(generation=7)
    page = text_of(editor.get(reverse("import_check", args=[csv_import.pk])))
    assert "別の取り込みや一括操作でリストが変わりました" in page


def test_replacing_by_a_file_without_a_valid_address_is_refused_and_removes_nobody(
    editor: Client, mailing_list: MailingList
) -> None:
    make_subscriber(mailing_list)
    upload(editor, mailing_list, "メールアドレス,氏名\nだめ,鈴木\n")
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    editor.post(url, columns_of(csv_import, mode="replace", column_2=None))
    check_import(csv_import.pk, now=NOW)
    csv_import.refresh_from_db()
    assert (csv_import.state, mailing_list.subscriptions.count()) == (ImportState.FAILED, 1)


def test_a_file_that_breaks_off_is_told_by_the_dry_run(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list)
    upload(editor, mailing_list, "メールアドレス,氏名\n" + "a@example.jp,x\n" * 30 + '"b@example.jp,x\n')
    csv_import = CsvImport.objects.get()
    url = reverse("import_columns", args=[csv_import.pk])
    editor.post(url, columns_of(csv_import, mode="replace", column_2=None))
    check_import(csv_import.pk, now=NOW)
    page = text_of(editor.get(reverse("import_detail", args=[csv_import.pk])))
    assert "32行目から始まる引用符" in page


def test_an_import_is_cancelled_from_its_pages(editor: Client, mailing_list: MailingList, media: Any) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    check(editor, csv_import)
    url = reverse("import_cancel", args=[csv_import.pk])
    assert url in text_of(editor.get(reverse("import_check", args=[csv_import.pk])))
    editor.post(url)
    page = text_of(editor.get(reverse("import_detail", args=[csv_import.pk])))
    assert "取り消されました" in page
    assert reverse("import_upload", args=[mailing_list.pk]) in page
    assert list(media.glob("imports/*")) == []
    assert AuditEntry.objects.filter(action="list.import_cancel").count() == 1
    # Again, and too late.
    assert "すでに終わっていた" in text_of(editor.post(url, follow=True))
    run(editor, csv_import)
    assert not run_import(csv_import.pk, now=NOW)
    assert not mailing_list.subscriptions.exists()


def test_a_cancel_that_is_being_heard_is_shown(editor: Client, mailing_list: MailingList) -> None:
    upload(editor, mailing_list, FILE)
    csv_import = CsvImport.objects.get()
    check(editor, csv_import)
    CsvImport.objects.update(state=ImportState.RUNNING, heartbeat_at=NOW)
    url = reverse("import_detail", args=[csv_import.pk])
    cancel = reverse("import_cancel", args=[csv_import.pk])
    # SQLite's merge is its only writer and hears nothing.
    assert (cancel in text_of(editor.get(url))) == (connection.vendor == "postgresql")
    CsvImport.objects.update(rows_done=0)
    assert cancel in text_of(editor.get(url))
    editor.post(cancel)
    page = text_of(editor.get(url))
    assert "取り消しています" in page
    assert cancel not in page


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
    assert "取り込みは取り消されました" in text_of(editor.get(reverse("import_detail", args=[csv_import.pk])))
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
    assert "CSVまたはExcelのファイルを選んでください" in text_of(response)
    assert "CSVまたはExcelのファイルを選んでください" in text_of(
        editor.post(reverse("import_upload", args=[mailing_list.pk]))
    )


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
    assert check_import(csv_import.pk, now=NOW)
    for _click in range(2):
        run(editor, csv_import)
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
