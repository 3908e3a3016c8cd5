"""Two people write the same mail in two browsers: it is stored by itself, and whoever is late loses nothing."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Visitor
from tests.journeys.test_main_job import log_in

pytestmark = pytest.mark.journey


def test_two_people_write_one_mail(visitor: Visitor) -> None:
    """Blocks, rich text, keys, undo, a network that goes away, and a second browser."""
    log_in(visitor)
    page = visitor.page
    visitor.go("配信")
    page.get_by_role("link", name="新しいメールを作る").click()
    write_blocks(page)
    visitor.take_picture("blocks")
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_label("件名").fill("紅葉の宿")
    expect_saved(other)
    be_late(page)
    visitor.take_picture("late")
    page.get_by_role("button", name="自分の内容で上書き").click()
    expect(page.get_by_label("件名")).to_have_value("秋の便り")
    page.get_by_role("link", name="版の一覧").click()
    expect(page.get_by_role("main")).to_contain_text("紅葉の宿")
    expect(page.get_by_role("main")).to_contain_text("ほかの人の保存が先だった内容")
    # The browser itself tells of answers that say no.
    assert [said for said in visitor.complaints if "409" not in said and "DISCONNECTED" not in said] == []


def expect_saved(page: Page) -> None:
    expect(page.locator("#save-state")).to_have_text(re.compile(r"^保存しました \d"))


def write_blocks(page: Page) -> None:
    """A mail of blocks: text with an editor, a button, the order by keys and back."""
    page.get_by_label("件名").fill("秋のご案内")
    blocks = page.get_by_role("list", name="ブロック")
    kinds = blocks.locator(".block-kind")
    expect(kinds).to_have_text(["見出し", "本文", "ボタン", "フッター"])
    blocks.get_by_role("button", name="本文").click()
    page.locator(".rich-text").click()
    page.keyboard.type("紅葉が")
    page.keyboard.press("Control+b")
    page.keyboard.type("見ごろ")
    expect_saved(page)
    expect(page.frame_locator("iframe[name=preview]").locator("strong")).to_have_text("見ごろ")
    expect(page.locator("#inbox-lines")).to_contain_text("秋のご案内")
    assert page.url.endswith("/edit/")
    page.get_by_role("button", name="閉じる").click()
    expect(page.locator(".block-form")).to_have_count(0)
    blocks.get_by_role("button", name="ボタン").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(kinds).to_have_text(["見出し", "ボタン", "本文", "フッター"])
    page.get_by_role("button", name="元に戻す").click()
    expect(kinds).to_have_text(["見出し", "本文", "ボタン", "フッター"])
    expect_saved(page)


def be_late(page: Page) -> None:
    """Without a network it is tried again; then somebody else was quicker."""
    page.context.set_offline(True)
    page.get_by_label("件名").fill("秋の便り")
    expect(page.locator("#save-state")).to_contain_text("保存できません・再試行中")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_contain_text("違うところ: 件名")
    expect(page.get_by_label("件名")).to_have_value("秋の便り")
