"""Lists at full size in a browser, on real parts: from a file's dry run to a file cleaned before its upload."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Visitor
from tests.journeys.test_main_job import PATIENCE, log_in, stat

pytestmark = pytest.mark.journey
PEOPLE = [
    ("aoki@zenkoku.example", "青木 一郎", "金"),
    ("baba@zenkoku.example", "馬場 二郎", "銀"),
    ("chiba@zenkoku.example", "千葉 三郎", "金"),
    ("doi@taikai.example", "土井 四郎", "銀"),
    ("endo@taikai.example", "遠藤 五郎", "銀"),
    ("fujii@torihiki.example", "藤井 六郎", "金"),
]
HEADER = "メールアドレス,お名前,会員ランク"


def test_lists_at_full_size(visitor: Visitor, tmp_path: Path) -> None:
    """A4, A10, A11, E7, E13, F2: upload with its dry run, segment, exclusion, bulk action, export, cleaning."""
    log_in(visitor)
    upload_with_dry_run(visitor, tmp_path)
    replace_and_take_back(visitor, tmp_path)
    make_segment(visitor)
    exclude_domain(visitor)
    stop_in_bulk(visitor)
    export_list(visitor)
    clean_before_upload(visitor, tmp_path)
    assert visitor.complaints == []


def write(path: Path, rows: list[str], encoding: str = "cp932") -> Path:
    path.write_bytes("".join(f"{row}\r\n" for row in [HEADER, *rows]).encode(encoding))
    return path


def lines() -> list[str]:
    return [",".join(person) for person in PEOPLE]


def upload_with_dry_run(visitor: Visitor, folder: Path) -> None:
    """A new list; a file in Shift_JIS; what it would do is shown before anything is imported."""
    page = visitor.page
    visitor.go("リスト")
    page.get_by_role("link", name="リストを作成").click()
    page.get_by_label("リスト名").fill("全国の会員")
    page.get_by_role("button", name=re.compile("作成|保存")).click()
    file = write(folder / "kaiin.csv", [*lines(), "broken,壊れた行,銀", "AOKI@zenkoku.example,重なり,金"])
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="アップロードして次へ").click()
    expect(page.get_by_label("文字コード").locator("option:checked")).to_contain_text("Shift_JIS")
    page.get_by_label("このファイルの宛先から配信の同意を得ています").check()
    visitor.take_picture("lists-columns")
    page.get_by_role("button", name=re.compile("確認")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("この内容で取り込みますか?", timeout=PATIENCE)
    expect(stat(page, "新規")).to_have_text("6")
    expect(stat(page, "取り込めない行")).to_have_text("1")
    expect(stat(page, "ファイル内の重複")).to_have_text("1")
    visitor.take_picture("lists-dry-run")
    page.get_by_role("button", name="この内容で取り込む").click()
    expect(page.get_by_text("取り込みが完了しました")).to_be_visible(timeout=PATIENCE)
    visitor.take_picture("lists-import-result")
    page.get_by_role("link", name="リストを見る").first.click()
    expect(page.get_by_role("main")).to_contain_text("fujii@torihiki.example")


def replace_and_take_back(visitor: Visitor, folder: Path) -> None:
    """A 差し替え says whom it would take off the list; taken back, the list is as it was."""
    page = visitor.page
    page.get_by_role("link", name="差し替え").click()
    page.locator("input[type=file]").set_input_files(write(folder / "sashikae.csv", lines()[:2]))
    page.get_by_role("button", name="アップロードして次へ").click()
    page.get_by_label("このファイルの宛先から配信の同意を得ています").check()
    page.get_by_role("button", name=re.compile("確認")).click()
    expect(stat(page, "リストから外れる宛先")).to_have_text("4", timeout=PATIENCE)
    visitor.take_picture("lists-replacement")
    page.get_by_role("button", name="取り込みを取り消す").click()
    visitor.go("リスト")
    page.get_by_role("link", name="全国の会員").click()
    expect(page.get_by_role("main")).to_contain_text("fujii@torihiki.example")


def make_segment(visitor: Visitor) -> None:
    """Conditions without SQL, with the number of people while one types."""
    page = visitor.page
    visitor.go("セグメント")
    page.get_by_role("link", name=re.compile("セグメントを作")).first.click()
    page.get_by_label("セグメント名").or_(page.get_by_label("名前")).first.fill("金の会員")
    if not page.get_by_label("項目", exact=True).count():
        page.get_by_role("button", name="条件を追加").click()
    page.get_by_label("項目", exact=True).select_option(label="会員ランク")
    page.get_by_label("値", exact=True).fill("金")
    expect(page.locator("#segment-count")).to_contain_text("3", timeout=PATIENCE)
    visitor.take_picture("lists-segment")
    page.get_by_role("button", name="保存する").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("金の会員")
    expect(page.get_by_role("main")).to_contain_text("aoki@zenkoku.example")


def exclude_domain(visitor: Visitor) -> None:
    """A domain that nobody is to write to any more."""
    page = visitor.page
    visitor.go("除外リスト")
    page.get_by_role("link", name="登録する").first.click()
    page.get_by_label("メールアドレスまたはドメイン").fill("torihiki.example")
    page.get_by_label("理由").fill("取引終了")
    page.get_by_role("button", name="登録する").click()
    # Asked once more, with the number of people whom it concerns.
    expect(page.get_by_role("alert")).to_contain_text("このドメインの購読者が")
    page.get_by_role("button", name="登録する").click()
    expect(page.get_by_role("row").filter(has_text="torihiki.example")).to_be_visible()
    visitor.take_picture("lists-exclusions")


def stop_in_bulk(visitor: Visitor) -> None:
    """All that a search found, stopped with one reason."""
    page = visitor.page
    visitor.go("購読者")
    page.get_by_label("メールアドレス・お名前").fill("@taikai.example")
    page.get_by_role("button", name="検索").click()
    expect(page.get_by_role("main")).to_contain_text("doi@taikai.example")
    page.get_by_role("link", name="一括操作").click()
    page.get_by_role("main").get_by_role("link", name=re.compile("停止.*選ぶ")).first.click()
    page.get_by_label("停止の理由").fill("退会した会員")
    visitor.take_picture("lists-bulk")
    page.get_by_role("button", name="対象の全員に実行する").click()
    expect(page.get_by_role("main")).to_contain_text("完了", timeout=PATIENCE)
    visitor.take_picture("lists-bulk-done")


def export_list(visitor: Visitor) -> None:
    """The list as CSV, with what became of everybody."""
    page = visitor.page
    visitor.go("リスト")
    page.get_by_role("link", name="全国の会員").click()
    page.get_by_role("link", name="エクスポート").click()
    visitor.take_picture("lists-export")
    with page.expect_download() as download:
        page.get_by_role("button", name="ダウンロード").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_bytes().decode("utf-8-sig"))))
    states = {row["メールアドレス"]: row["状態"] for row in rows}
    assert set(states) == {address for address, _name, _rank in PEOPLE}
    assert (states["doi@taikai.example"], states["aoki@zenkoku.example"]) == ("配信停止", "配信中")
    assert {row["会員ランク"] for row in rows} == {"金", "銀"}


def clean_before_upload(visitor: Visitor, folder: Path) -> None:
    """A11: what must not be sent to is taken out before the upload, and nothing of the file stays."""
    page = visitor.page
    added = ["gotou@gmial.com,後藤,銀", "honda,本田,金", "ito@mailinator.com,伊藤,銀", "a..b@docomo.ne.jp,井上,金"]
    file = write(folder / "tsugi.csv", [*lines(), *added, lines()[0]])
    visitor.go("事前クリーニング")
    page.locator("input[type=file]").set_input_files(file)
    visitor.take_picture("cleaning-upload")
    page.get_by_role("button", name="アップロードして次へ").click()
    expect(page.get_by_label("メールアドレスの列").locator("option:checked")).to_have_text("メールアドレス")
    # There is no DNS here to be asked.
    page.get_by_label("DNSで確かめる").uncheck()
    visitor.take_picture("cleaning-columns")
    page.get_by_role("button", name="調べる", exact=True).click()
    expect(stat(page, "調べた行")).to_have_text("11", timeout=PATIENCE)
    expect(stat(page, "取り除く行")).to_have_text("7")
    page.get_by_text("例を見る").last.click()
    expect(page.get_by_role("main")).to_contain_text("gotou@gmail.com")
    visitor.take_picture("cleaning-result")
    page.get_by_role("checkbox", name=re.compile("打ち間違い")).uncheck()
    expect(stat(page, "取り除く行")).to_have_text("6")
    kept = download_text(visitor, "残る行をダウンロード", "cp932")
    assert [row["メールアドレス"] for row in kept] == [
        "aoki@zenkoku.example",
        "baba@zenkoku.example",
        "chiba@zenkoku.example",
        "gotou@gmial.com",
        "a..b@docomo.ne.jp",
    ]
    taken = {row["メールアドレス"]: row["理由"] for row in download_text(visitor, "CSV(UTF-8)", "utf-8-sig")}
    assert taken == {
        "doi@taikai.example": "停止済み",
        "endo@taikai.example": "停止済み",
        "fujii@torihiki.example": "除外リスト",
        "honda": "書式",
        "ito@mailinator.com": "捨てアドレス",
        "aoki@zenkoku.example": "重複",
    }
    page.get_by_role("button", name="今すぐ削除する").click()
    expect(page.locator(".toasts")).to_contain_text("削除しました")


def download_text(visitor: Visitor, name: str, encoding: str) -> list[dict[str, str]]:
    """Download a CSV file and return its rows."""
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("link", name=name).click()
    return list(csv.DictReader(io.StringIO(Path(download.value.path()).read_bytes().decode(encoding), newline="")))
