"""The pages of a cleaning."""

import csv
import io
import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook
from pytest_django import Settings

from accounts.models import Role, User, Workspace
from cleaning.running import run_cleaning
from cleaning.work import Cleaning, own_cleanings
from mta.mx import MxResolver
from tests.cleaning.clock import NOW
from tests.conftest import ClientFor
from tests.factories import make_list, make_subscriber, make_user, make_workspace
from tests.hypermail.pages import read

pytestmark = pytest.mark.django_db
NO_DNS = MxResolver(["127.0.0.1:9"])
FILE = (
    "メールアドレス,お名前\na@example.jp,山田\nstop@example.jp,佐藤\ntaro@gmial.com,鈴木\na@example.jp,山田\n".encode(
        "cp932"
    )
)


@pytest.fixture
def browser(cleaner: User, client_for: ClientFor) -> Client:
    return client_for(cleaner)


def upload(browser: Client, content: bytes = FILE, name: str = "meibo.csv") -> str:
    """Upload a file and return the URL of its page."""
    answer = browser.post("/cleaning/", {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302
    return answer["Location"]


def judge(workspace: Workspace, cleaner: User) -> Cleaning:
    cleaning = own_cleanings(workspace, cleaner)[0][0]
    assert run_cleaning(cleaning, resolver=NO_DNS, now=NOW)
    return cleaning


@pytest.fixture
def finished(browser: Client, workspace: Workspace, cleaner: User) -> str:
    """The URL of a cleaning whose result is there."""
    make_subscriber(make_list(workspace), "stop@example.jp", status="stopped", stop_reason="errors")
    url = upload(browser)
    assert browser.post(url, {"column": "0"})["Location"] == url
    judge(workspace, cleaner)
    return url


def test_from_the_file_to_both_results_a11(browser: Client, finished: str) -> None:
    page = read(browser.get(finished))
    assert "checked" in page
    stats = re.findall(r"stat-value[^>]*>([\d,]+)<", page)
    assert stats == ["4", "1", "3"]
    assert "taro@gmail.com" in page
    assert "エラー停止" in page
    links = re.findall(r'href="(/cleaning/[^"]+/(?:clean|excluded)/[^"]*)"', page)
    clean = browser.get(links[0].replace("&amp;", "&"))
    assert clean["Content-Disposition"].startswith("attachment; filename*=utf-8''meibo_")
    assert clean.getvalue() == "メールアドレス,お名前\na@example.jp,山田\n".encode("cp932")
    rows = list(csv.DictReader(io.StringIO(browser.get(links[1].replace("&amp;", "&")).getvalue().decode("utf-8-sig"))))
    assert [(row["行"], row["理由"]) for row in rows] == [("3", "停止済み"), ("4", "打ち間違い"), ("5", "重複")]
    assert rows[1]["正しいと思われるアドレス"] == "taro@gmail.com"
    shift_jis = browser.get(links[2].replace("&amp;", "&"))
    assert shift_jis["Content-Type"] == "text/csv; charset=Shift_JIS"
    assert "佐藤" in shift_jis.getvalue().decode("cp932")


def test_the_choice_parts_anew(browser: Client, finished: str) -> None:
    page = read(browser.get(f"{finished}?chosen=on&flaw=duplicate"))
    assert re.findall(r"stat-value[^>]*>([\d,]+)<", page) == ["4", "3", "1"]
    clean = browser.get(f"{finished}clean/?chosen=on&flaw=duplicate").getvalue().decode("cp932")
    assert "taro@gmial.com" in clean
    assert "残る行 4行" in read(browser.get(f"{finished}?chosen=on"))
    # A choice that is none is as if nothing had been chosen.
    assert "残る行 1行" in read(browser.get(f"{finished}?chosen=on&flaw=nonsense"))


def test_columns_are_shown_and_can_be_chosen(browser: Client, workspace: Workspace, cleaner: User) -> None:
    url = upload(browser, "古い,新しい\nx@example.jp,y@example.jp\n,z@example.jp\n".encode())
    page = read(browser.get(url))
    assert '<option value="1" selected>新しい</option>' in page
    assert "y@example.jp" in page
    browser.post(url, {"column": "0"})
    report = judge(workspace, cleaner).report()
    assert report
    assert report.samples["format"] == [(3, "", "メールアドレスが空です。")]


def test_the_way_of_reading_can_be_chosen(browser: Client, workspace: Workspace, cleaner: User) -> None:
    url = upload(browser, "a@example.jp;ﾔﾏﾀﾞ\n".encode("cp932"))
    page = read(browser.get(url, {"encoding": "utf-8-sig", "separator": "semicolon", "has_header": "on"}))
    assert 'option value="utf-8-sig" selected' in page
    answer = browser.post(url, {"encoding": "cp932", "separator": "semicolon", "column": "0"})
    assert answer.status_code == 302
    about = judge(workspace, cleaner).about()
    assert (about.encoding, about.separator, about.has_header) == ("cp932", ";", False)
    assert browser.get(f"{url}clean/").getvalue() == "a@example.jp;ﾔﾏﾀﾞ\n".encode("cp932")


def test_a_sheet_of_a_workbook_can_be_chosen(browser: Client, workspace: Workspace, cleaner: User) -> None:
    book = Workbook()
    book.active.append(["email"])
    book.active.append(["first@example.jp"])
    second = book.create_sheet("二枚目")
    second.append(["email"])
    second.append(["second@example.jp"])
    file = io.BytesIO()
    book.save(file)
    url = upload(browser, file.getvalue(), "名簿.xlsx")
    assert "second@example.jp" in read(browser.get(url, {"sheet": "二枚目", "has_header": "on"}))
    browser.post(url, {"sheet": "二枚目", "has_header": "on", "column": "0"})
    judge(workspace, cleaner)
    clean = browser.get(f"{url}clean/")
    assert clean.getvalue().decode("utf-8-sig") == "email\r\nsecond@example.jp\r\n"
    assert clean["Content-Disposition"].endswith(".csv")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "ファイルが空です"), (b"email\n", "見出しの行だけ"), (b"%PDF-1.7\n", "CSVファイルではない")],
)
def test_what_is_no_list_is_refused_on_the_page(browser: Client, content: bytes, sentence: str, data_dir: Path) -> None:
    answer = browser.post("/cleaning/", {"file": SimpleUploadedFile("x.csv", content)})
    assert sentence in read(answer)
    assert not data_dir.exists()


def test_a_large_file_is_refused_before_it_is_stored(browser: Client, settings: Settings, data_dir: Path) -> None:
    settings.UPLOAD_MAX_BYTES = 1024
    answer = browser.post("/cleaning/", {"file": SimpleUploadedFile("x.csv", b"a@example.jp\n" * 10_000)}, follow=True)
    assert "ファイルが大きすぎます" in read(answer)
    answer = browser.post("/cleaning/", {"file": SimpleUploadedFile("x.csv", b"a@example.jp\n" * 100)})
    assert "ファイルが大きすぎます" in read(answer)
    assert not data_dir.exists()


def test_a_column_must_be_chosen(browser: Client) -> None:
    url = upload(browser, "会社,担当\nA社,山田\n".encode())
    assert "見つかりませんでした" in read(browser.get(url))
    assert "どの列がメールアドレスかを選んでください" in read(browser.post(url, {"column": ""}))
    assert "選び直してください" in read(browser.post(url, {"column": "7"}))


def test_a_file_that_cannot_be_read_as_chosen_says_so(browser: Client) -> None:
    url = upload(browser, b"email,name\na@example.jp,x" + b"|x" * 300 + b"\n")
    page = read(browser.get(url, {"encoding": "utf-8-sig", "separator": "bar"}))
    assert "列が多すぎます" in page
    assert "どの列を調べますか" not in page


def test_progress_is_told_while_it_runs(browser: Client, workspace: Workspace, cleaner: User) -> None:
    url = upload(browser)
    browser.post(url, {"column": "0"})
    waiting = browser.get(f"{url}progress/")
    assert "順番を待っています" in read(waiting)
    assert "HX-Redirect" not in waiting
    assert "順番を待っています" in read(browser.get(url))
    cleaning = own_cleanings(workspace, cleaner)[0][0]
    run_cleaning(cleaning, resolver=NO_DNS, now=NOW)
    report = cleaning.report()
    assert report
    report.is_over = False
    cleaning.write_report(report)
    running = read(browser.get(f"{url}progress/"))
    assert "4 / 4" in running
    assert "打ち間違い" in running
    report.is_asking, report.domains, report.domains_asked = True, 30, 7
    cleaning.write_report(report)
    assert "7 / 30" in read(browser.get(f"{url}progress/"))
    report.is_over = True
    cleaning.write_report(report)
    assert browser.get(f"{url}progress/")["HX-Redirect"] == url


def test_a_problem_is_told_with_the_next_step(browser: Client, workspace: Workspace, cleaner: User) -> None:
    url = upload(browser, FILE + b"b@example.jp,x\n" * 30 + b'"broken,\n')
    browser.post(url, {"column": "0"})
    judge(workspace, cleaner)
    page = read(browser.get(url))
    assert "引用符" in page
    assert "今すぐ削除する" in page
    assert browser.get(f"{url}clean/").status_code == 404


def test_notes_tell_what_was_not_asked(browser: Client, finished: str, workspace: Workspace, cleaner: User) -> None:
    page = read(browser.get(finished))
    assert "ドメインがあるかどうかは確かめていません" in page
    assert "ドメイン不存在" not in page
    cleaning, about = own_cleanings(workspace, cleaner)[0]
    report = cleaning.report()
    assert report
    about.asks_dns, report.domains, report.domains_unknown, report.carrier_dots = True, 3, 2, 1
    cleaning.write_about(about)
    cleaning.write_report(report)
    page = read(browser.get(finished))
    assert "3種類のドメインのうち2種類" in page
    assert "携帯電話の古い形式" in page
    report.is_dns_silent = True
    cleaning.write_report(report)
    assert "DNSから返事がなかった" in read(browser.get(finished))


def test_without_dns_in_the_settings_nobody_is_asked(
    browser: Client, settings: Settings, workspace: Workspace, cleaner: User
) -> None:
    settings.CLEANING_DNS = False
    url = upload(browser)
    assert "DNSで確かめる" not in read(browser.get(url))
    browser.post(url, {"column": "0", "asks_dns": "on"})
    assert not own_cleanings(workspace, cleaner)[0][1].asks_dns


def test_delete_leaves_nothing_behind(browser: Client, finished: str, data_dir: Path) -> None:
    answer = browser.post(f"{finished}delete/", follow=True)
    assert "削除しました" in read(answer)
    assert list(data_dir.iterdir()) == []
    assert browser.get(finished).status_code == 404
    gone = browser.get(f"{finished}progress/")
    assert (gone.status_code, gone["HX-Redirect"]) == (404, "/cleaning/?gone=1")
    assert "削除されました" in read(browser.get("/cleaning/?gone=1"))


def test_one_finds_back_to_ones_files(browser: Client, finished: str) -> None:
    page = read(browser.get("/cleaning/"))
    assert f'href="{finished}"' in page
    assert "meibo.csv" in page


def test_nobody_else_opens_it(finished: str, workspace: Workspace, cleaner: User, client_for: ClientFor) -> None:
    strangers = [make_user(workspace, Role.ADMIN), make_user(make_workspace(), Role.ADMIN)]
    for stranger in strangers:
        browser = client_for(stranger)
        for part in ("", "progress/", "clean/", "excluded/"):
            assert browser.get(finished + part).status_code == 404
        assert browser.post(f"{finished}delete/").status_code == 404
        assert browser.post(finished, {"column": "0"}).status_code == 404
        assert "meibo.csv" not in read(browser.get("/cleaning/"))


@pytest.mark.parametrize("token", ["x", "..", "-" * 43, "a" * 43, "a" * 200])
def test_a_made_up_token_finds_nothing(browser: Client, token: str) -> None:
    assert browser.get(f"/cleaning/{token}/").status_code == 404


def test_a_viewer_may_not_clean(viewer: Client) -> None:
    assert viewer.get("/cleaning/").status_code == 403


def test_too_many_at_a_time_are_refused(browser: Client) -> None:
    for _turn in range(10):
        upload(browser)
    answer = browser.post("/cleaning/", {"file": SimpleUploadedFile("x.csv", FILE)})
    assert "同時に10個まで" in read(answer)


def test_the_pages_ask_few_questions(browser: Client, finished: str, django_assert_max_num_queries) -> None:
    for url in ("/cleaning/", finished, f"{finished}progress/", f"{finished}clean/"):
        with django_assert_max_num_queries(6):
            read(browser.get(url))
