"""A reader registers on somebody's page, confirms by the mail, gets a mailing, and leaves with a word why."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import Visitor
from tests.journeys.test_main_job import PATIENCE, log_in, tick_all

pytestmark = pytest.mark.journey

READER = "hana.form@example.jp"


def test_a_reader_comes_and_goes(visitor: Visitor, browser: Browser) -> None:
    """A4, F4, F6: embed, mail in the sandbox, confirmation, subscriber, mailing, settings, stop with its reason."""
    log_in(visitor)
    snippet = make_form(visitor)
    reader = browser.new_context(locale="ja-JP", viewport={"width": 360, "height": 740}).new_page()
    register(reader, snippet)
    reader.goto(find_link(visitor, "メール登録のご確認", r"http\S+/fc/\S+"))
    expect(reader.get_by_role("main")).to_contain_text(READER)
    reader.get_by_role("button", name="登録する").click()
    expect(reader.get_by_role("heading", level=1)).to_have_text("登録が完了しました")
    see_subscriber(visitor)
    send_mailing(visitor)
    leave(reader, find_link(visitor, "ようこその便り", r"http\S+/m/\S+"))
    see_stop(visitor)
    reader.context.close()
    assert visitor.complaints == []


def make_form(visitor: Visitor) -> str:
    """Make a list and a form for it; return the snippet."""
    page = visitor.page
    visitor.open("/lists/new/")
    page.get_by_label("リスト名").fill("季節の便り")
    page.get_by_role("button", name="作成して次へ").click()
    visitor.go("登録フォーム")
    page.get_by_role("link", name="登録フォームを作成").click()
    page.get_by_label("フォーム名").fill("トップページ")
    page.get_by_label("季節の便り").check()
    page.get_by_label("見出し").fill("季節の便りに登録")
    page.get_by_role("button", name="作成する").click()
    visitor.take_picture("signup-form")
    return page.locator("#form-snippet").inner_text()


def register(reader: Page, snippet: str) -> None:
    """Fill in the form on a page of somebody else."""
    reader.set_content(f"<h1>みほん商店</h1>{snippet}")
    reader.get_by_label("メールアドレス").fill(READER)
    reader.get_by_label("お名前").fill("鈴木 花")
    reader.get_by_role("button", name="登録を申し込む").click()
    expect(reader.get_by_role("heading", level=1)).to_have_text("確認メールをご覧ください")


def find_link(visitor: Visitor, subject: str, pattern: str) -> str:
    """Wait for a mail to the reader in the sandbox; return a link of its text."""
    page = visitor.page
    found = page.get_by_role("link", name=re.compile(subject))
    for _look in range(PATIENCE // 1000):
        visitor.open(f"/sandbox/?q={READER}")
        if found.count():
            break
        page.wait_for_timeout(1000)
    found.first.click()
    visitor.open(page.url.removeprefix(visitor.url).partition("?")[0] + "?tab=text")
    link = re.search(pattern, page.locator(".preview-text").inner_text())
    assert link is not None
    return link[0]


def see_subscriber(visitor: Visitor) -> None:
    """The person is on the list, with the consent."""
    page = visitor.page
    visitor.open(f"/subscribers/?q={READER}")
    page.get_by_role("link", name=READER).click()
    expect(page.get_by_role("main")).to_contain_text("登録フォーム")
    expect(page.get_by_role("main")).to_contain_text("季節の便り")


def send_mailing(visitor: Visitor) -> None:
    """Write to the new list, with the link to the settings."""
    page = visitor.page
    visitor.go("配信")
    page.get_by_role("link", name="新しいメールを作る").click()
    page.get_by_label("送信元").select_option(label="みほん商店 <news@mihon-shoten.example>")
    page.locator("[name=mailing_lists]").and_(page.get_by_label("季節の便り")).check()
    page.get_by_label("件名").fill("ようこその便り")
    page.get_by_role("radio", name="テキスト", exact=True).check()
    page.get_by_role("textbox", name=re.compile("テキスト本文")).fill("ようこそ。\n設定: {{preferences_url}}\n")
    page.get_by_role("button", name="保存して確認へ進む").click()
    tick_all(page)
    page.get_by_role("button", name="今すぐ配信する").click()
    page.get_by_role("dialog").get_by_role("button", name="配信を始める").click()


def leave(reader: Page, settings_url: str) -> None:
    """Look at the settings in both languages, leave everything, and say why."""
    reader.goto(settings_url)
    expect(reader.get_by_label("季節の便り")).to_be_checked()
    reader.get_by_role("link", name="English").click()
    expect(reader.get_by_role("heading", level=1)).to_have_text("Email settings")
    reader.get_by_label("Name").fill("鈴木 はな")
    reader.get_by_role("button", name="Save settings").click()
    expect(reader.get_by_role("status")).to_have_text("Your settings are saved.")
    reader.get_by_role("link", name="Unsubscribe from everything").click()
    reader.get_by_role("button", name="配信を停止する").click()
    reader.get_by_label("メールの回数が多い").check()
    reader.get_by_role("button", name="回答を送る").click()
    expect(reader.get_by_role("status")).to_have_text("ご回答ありがとうございました。")


def see_stop(visitor: Visitor) -> None:
    """The stop and its reason stand with the subscriber and in the report."""
    page = visitor.page
    visitor.open(f"/subscribers/?q={READER}")
    page.get_by_role("link", name=READER).click()
    expect(page.get_by_role("main")).to_contain_text("鈴木 はな")
    expect(page.get_by_role("main")).to_contain_text("購読解除")
    expect(page.get_by_role("main")).to_contain_text("メールの回数が多い")
