"""Uploading in a browser: chosen, dropped, with progress, given up, without script; CSV and Excel (F2)."""

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import EMAIL, PASSWORD, Visitor
from tests.lists.workbooks import make_workbook

pytestmark = [pytest.mark.journey, pytest.mark.once]

ROWS = [["メールアドレス", "氏名", "購入額", "誕生日"]] + [
    [f"kyaku{number}@example.jp", f"お客様{number}", number * 100, f"1980-01-{number:02}"] for number in range(1, 10)
]
# Drops a file on an element, as no function of the browser's driver does.
DROP = """([place, name, content]) => {
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name));
  const target = document.querySelector(place);
  for (const kind of ["dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}"""


def test_uploading(visitor: Visitor, tmp_path: Path) -> None:
    """F2: an Excel file is dropped, a large CSV shows its progress and is given up, mistakes are told at once."""
    page = visitor.page
    open_upload_page(visitor)
    drop_a_workbook(visitor)
    see_progress_and_give_up(page, tmp_path)
    visitor.take_picture("upload-given-up")
    be_told_of_mistakes(page, tmp_path)
    assert visitor.complaints == []


def open_upload_page(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/")
    page.get_by_label("メールアドレス").fill(EMAIL)
    page.get_by_label("パスワード").fill(PASSWORD)
    page.get_by_role("button", name="ログイン").click()
    visitor.go("リスト")
    page.get_by_role("link", name="リストを作成").click()
    page.get_by_label("リスト名").fill("店のお客様")
    page.get_by_role("button", name=re.compile("作成|保存")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ファイルの取り込み")


def drop_a_workbook(visitor: Visitor) -> None:
    page = visitor.page
    content = make_workbook({"表紙": [], "名簿": ROWS, "予備": [["メール"], ["b@example.jp"]]}).getvalue()
    page.evaluate(DROP, [".dropzone", "名簿.xlsx", base64.b64encode(content).decode()])
    expect(page.locator("[data-dropzone-name]")).to_contain_text("名簿.xlsx")
    visitor.take_picture("upload-dropped")
    page.get_by_role("button", name="アップロードして次へ").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("列の確認")
    expect(page.get_by_label("シート").locator("option:checked")).to_have_text("名簿")
    expect(page.get_by_label("メールアドレス", exact=True)).to_have_value("address")
    expect(page.get_by_label("購入額 新しい項目の種類")).to_have_value("number")
    expect(page.get_by_label("誕生日 新しい項目の種類")).to_have_value("date")
    visitor.take_picture("columns-of-a-workbook")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    visitor.take_picture("columns-of-a-workbook-narrow")
    page.emulate_media(color_scheme="dark")
    visitor.take_picture("columns-of-a-workbook-dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_label("シート").select_option("予備")
    page.get_by_role("button", name="読み直す").click()
    expect(page.locator("main")).to_contain_text("b@example.jp")
    page.get_by_role("button", name="別のファイルを選ぶ").click()


def see_progress_and_give_up(page: Page, folder: Path) -> None:
    large = folder / "large.csv"
    large.write_bytes(b"email\r\n" + b"taro@example.jp\r\n" * 200_000)
    driver = page.context.new_cdp_session(page)
    driver.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000}
    driver.send("Network.emulateNetworkConditions", slow)
    page.locator("input[type=file]").set_input_files(large)
    page.get_by_role("button", name="アップロードして次へ").click()
    expect(page.get_by_role("progressbar", name="アップロードの進み具合")).to_be_visible()
    expect(page.locator("[data-upload-percent]")).to_have_text(re.compile("[1-9][0-9]?%"))
    expect(page.get_by_role("button", name="アップロードして次へ")).to_be_disabled()
    page.get_by_role("button", name="アップロードを中止").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("中止しました"))
    expect(page.get_by_role("button", name="アップロードして次へ")).to_be_enabled()
    driver.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})


def be_told_of_mistakes(page: Page, folder: Path) -> None:
    empty = folder / "header.csv"
    empty.write_text("メールアドレス,氏名\r\n", encoding="utf-8")
    page.locator("input[type=file]").set_input_files(empty)
    page.get_by_role("button", name="アップロードして次へ").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("見出しの行だけ"))
    other = folder / "other.csv"
    other.write_text("メールアドレス\r\na@example.jp\r\n", encoding="utf-8")
    page.evaluate("document.querySelector('form[data-upload]').dataset.maxBytes = 10")
    page.locator("input[type=file]").set_input_files(other)
    expect(page.get_by_role("alert")).to_have_text(re.compile("ファイルが大きすぎます"))
