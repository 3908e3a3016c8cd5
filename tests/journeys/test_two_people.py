"""Two people at one mail: they write it in two browsers and lose nothing; what one wrote the other one approves."""

import io
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import Visitor
from tests.journeys.test_main_job import PATIENCE, log_in, stat, tick_all

pytestmark = pytest.mark.journey


def test_two_people_write_one_mail(visitor: Visitor) -> None:
    """Blocks, rich text, keys, undo, a network that goes away, and a second browser."""
    log_in(visitor)
    page = visitor.page
    visitor.go("配信")
    page.get_by_role("link", name="新しいメールを作る").click()
    write_blocks(page)
    be_told(page)
    visitor.take_picture("blocks")
    add_picture(visitor)
    keep_and_put(page)
    come_back(page)
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
    outlive_deletion(page, other)
    # The browser itself tells of answers that say no.
    assert [said for said in visitor.complaints if not re.search("409|422|DISCONNECTED|ERR_FAILED", said)] == []


def add_picture(visitor: Visitor) -> None:
    """A picture is uploaded within its block, gets its words there and stands in the mail; all is taken back again."""
    page = visitor.page
    page.locator(".palette-kind", has_text="画像").first.click()
    upload = page.locator("[data-picture-file]")
    upload.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"<svg/>"})
    expect(page.locator("[data-picture-note]")).to_contain_text("JPEG、PNG、GIF、WebPのどれか")
    drawn = io.BytesIO()
    Image.new("RGB", (320, 160), (200, 90, 30)).save(drawn, "PNG")
    upload.set_input_files({"name": "momiji.png", "mimeType": "image/png", "buffer": drawn.getvalue()})
    expect(page.locator("[data-picture-note]")).to_contain_text("画像を追加しました")
    alt = page.get_by_label("代替テキスト")
    expect(alt).to_be_focused()
    with page.expect_response(lambda answer: "/pictures/new/" in answer.url):
        alt.fill("色づいた山")
        alt.blur()
    expect(page.frame_locator(".preview-stage iframe").get_by_alt_text("色づいた山")).to_be_visible()
    visitor.take_picture("picture-uploaded")
    # Another picture block finds it in the list, by keyboard, with its words.
    page.locator(".palette-kind", has_text="画像").first.click()
    page.get_by_role("button", name="momiji.png").press("Enter")
    expect(page.get_by_label("代替テキスト")).to_have_value("色づいた山")
    for size, name in ((1440, "wide"), (360, "narrow")):
        page.set_viewport_size({"width": size, "height": 900})
        page.locator("[data-picture-list] summary").click()
        expect(page.locator(".picture-choice[aria-pressed='true']")).to_be_visible()
        visitor.take_picture(f"pictures-{name}")
        page.emulate_media(color_scheme="dark")
        visitor.take_picture(f"pictures-{name}-dark")
        page.emulate_media(color_scheme="light")
        page.locator("[data-picture-list] summary").click()
    page.set_viewport_size({"width": 1280, "height": 900})
    for _turn in range(2):
        block = page.locator(".block-list > li", has_text="色づいた山").first
        block.locator(".block-open").click()
        block.locator(".block-form").get_by_role("button", name="削除").click()
        expect(page.locator(".block-form")).to_have_count(0)


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


def be_told(page: Page) -> None:
    """What cannot be stored is told at its field, and that the other kind of body is not sent at its switch."""
    page.get_by_role("list", name="ブロック").get_by_role("button", name="ボタン").click()
    target = page.get_by_label("リンク先", exact=True)
    target.fill("javascript:alert(1)")
    expect(page.locator(".block-form [data-told]")).to_contain_text("リンク先は「https://」で始まるURL")
    expect(target).to_have_attribute("aria-invalid", "true")
    target.fill("")
    expect(page.locator("[data-told]")).to_have_count(0)
    expect_saved(page)
    page.get_by_role("button", name="閉じる").click()
    blocks_footer(page)
    note = page.get_by_text("「ブロック」で作った本文は送られません")
    expect(note).to_be_hidden()
    page.get_by_role("radio", name="テキスト", exact=True).and_(page.locator("[name=kind]")).check()
    expect(note).to_be_visible()
    page.get_by_role("radio", name="ブロック", exact=True).check()
    expect(note).to_be_hidden()
    expect_saved(page)


def blocks_footer(page: Page) -> None:
    """The merge tags come to the block that is written, and go back once they are closed."""
    page.get_by_role("list", name="ブロック").get_by_role("button", name="フッター").click()
    words = page.get_by_label("フッターの文")
    words.focus()
    page.locator("[data-picker-here] button").click()
    page.locator(".block-form").get_by_role("button", name="カーソルの位置に入れる").click()
    expect(words).to_have_value(re.compile(r"^\{\{name\|お客様\}\}"))
    page.get_by_role("button", name="元に戻す").click()
    expect_saved(page)
    page.get_by_role("button", name="閉じる").click()
    expect(page.locator("#tag-picker")).to_be_visible()


def keep_and_put(page: Page) -> None:
    """A block becomes a snippet, which comes back as a block, and as words into the field that was written in last."""
    blocks = page.get_by_role("list", name="ブロック")
    kinds = blocks.locator(".block-kind")
    blocks.get_by_role("button", name="本文").click()
    page.get_by_text("差し込み部品として保存").click()
    page.get_by_label("部品名").fill("紅葉")
    page.get_by_role("button", name="このブロックを保存").click()
    expect(page.locator("#blocks")).to_contain_text("部品「紅葉」を保存しました")
    with page.expect_response("**/autosave/"):
        page.get_by_role("button", name="部品を入れる").click()
    expect(kinds).to_have_text(["見出し", "本文", "本文", "ボタン", "フッター"])
    expect_saved(page)
    # Also what was saved meanwhile is taken back, and done again.
    page.get_by_role("button", name="元に戻す").click()
    expect(kinds).to_have_text(["見出し", "本文", "ボタン", "フッター"])
    page.get_by_role("button", name="やり直す").click()
    expect(kinds).to_have_text(["見出し", "本文", "本文", "ボタン", "フッター"])
    page.get_by_role("button", name="元に戻す").click()
    expect(kinds).to_have_text(["見出し", "本文", "ボタン", "フッター"])
    subject = page.get_by_label("件名")
    subject.fill("")
    page.locator("#tag-picker summary").click()
    page.get_by_role("button", name="文を入れる").click()
    expect(subject).to_have_value("紅葉が見ごろ")
    subject.fill("秋のご案内")
    expect_saved(page)


def come_back(page: Page) -> None:
    """What could not be saved waits in the browser for whoever comes back."""
    subject = page.get_by_label("件名")
    page.route("**/autosave/", lambda route: route.abort())
    subject.fill("書きかけの便り")
    expect(page.locator("#save-state")).to_contain_text("保存できません")
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.unroute("**/autosave/")
    expect(subject).to_have_value("秋のご案内")
    page.get_by_role("button", name="残っている変更を使う").click()
    expect(subject).to_have_value("書きかけの便り")
    expect_saved(page)
    subject.fill("秋のご案内")
    expect_saved(page)


def be_late(page: Page) -> None:
    """Without a network it is tried again; then somebody else was quicker."""
    page.context.set_offline(True)
    page.get_by_label("件名").fill("秋の便り")
    expect(page.locator("#save-state")).to_contain_text("保存できません・再試行中")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_contain_text("違うところ: 件名")
    expect(page.get_by_label("件名")).to_have_value("秋の便り")


def outlive_deletion(page: Page, other: Page) -> None:
    """What is typed while somebody deletes the draft becomes a draft of its own."""
    page.go_back()
    expect(page.get_by_label("件名")).to_have_value("秋の便り")
    other.goto(page.url.replace("/edit/", "/preview/"))
    other.get_by_role("button", name="下書きを削除").click()
    other.get_by_role("button", name="削除する").click()
    expect(other.get_by_text("下書きを削除しました。")).to_be_visible()
    page.get_by_label("件名").fill("消えない便り")
    expect(page.get_by_role("alert")).to_contain_text("この下書きは削除されました")
    expect(page.get_by_role("button", name="自分の内容で上書き")).to_be_hidden()
    expect(page.get_by_role("link", name="相手の内容を開く")).to_be_hidden()
    before = page.url
    page.get_by_role("button", name="別の下書きにする").click()
    expect(page.get_by_text("入力した内容は新しい下書きになります")).to_be_visible()
    expect(page.get_by_label("件名")).to_have_value("消えない便り")
    assert page.url.endswith("/edit/")
    assert page.url != before


SUBJECT = "年末年始の休業のお知らせ"
COLLEAGUE = "sato@mihon.example"


def test_one_writes_and_another_one_approves(visitor: Visitor, browser: Browser) -> None:
    """From a template over 配信前チェック, approval and the time of the mailing to its report."""
    log_in(visitor)
    page = visitor.page
    password = add_colleague(visitor)
    page.get_by_role("link", name="承認", exact=True).click()
    page.get_by_label("管理者の配信にも承認を必要とする").check()
    page.get_by_role("button", name="設定を保存").click()
    expect(page.locator(".toasts")).to_contain_text("保存しました")
    write_from_template(visitor)
    expect(page.get_by_role("button", name="この日時に予約する")).to_have_count(0)
    page.get_by_label("承認者へのメッセージ").fill("日付を確かめてください")
    page.get_by_role("button", name="承認を依頼").click()
    expect(page.locator("#approval")).to_contain_text("管理者が決めるのを待っています")
    visitor.take_picture("approval-asked")
    approve(browser, visitor.url, password)
    page.reload()
    expect(page.locator("#approval")).to_contain_text("承認しました")
    schedule_soon(visitor)
    follow(visitor)
    assert visitor.complaints == []


def add_colleague(visitor: Visitor) -> str:
    """Make somebody an administrator; return the first password."""
    page = visitor.page
    visitor.open("/settings/members/")
    page.get_by_label("メールアドレス").fill(COLLEAGUE)
    page.get_by_label("お名前").fill("佐藤 花子")
    page.get_by_label("役割").last.select_option(label="管理者")
    page.get_by_role("button", name="追加する").click()
    return page.locator("#first-password").inner_text()


def write_from_template(visitor: Visitor) -> None:
    """Make a draft of the first starter, say to whom it goes, and go on to the check."""
    page = visitor.page
    visitor.go("テンプレート")
    page.get_by_role("button", name="このテンプレートで作る").first.click()
    page.locator("[name=mailing_lists]").first.check()
    page.get_by_label("件名").fill(SUBJECT)
    page.get_by_role("button", name="保存して確認へ進む").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("確認と配信")
    expect(page.locator("#preflight")).to_contain_text("後で書き換えるはずの文字")


def approve(browser: Browser, url: str, password: str) -> None:
    """As the colleague, in a browser of her own, read what waits and approve it."""
    context = browser.new_context(locale="ja-JP", viewport={"width": 1280, "height": 900})
    colleague = Visitor(context.new_page(), url)
    log_in(colleague, email=COLLEAGUE, password=password)
    page = colleague.page
    colleague.go("配信")
    page.get_by_role("link", name="承認待ち").click()
    page.get_by_role("link", name=SUBJECT).click()
    expect(page.locator("#approval")).to_contain_text("日付を確かめてください")
    page.get_by_role("button", name="承認する").click()
    expect(page.locator("#approval")).to_contain_text("承認しました")
    context.close()


def schedule_soon(visitor: Visitor) -> None:
    """Schedule the mailing for the next minute that is not too near."""
    page = visitor.page
    at = datetime.now(ZoneInfo("Asia/Tokyo")) + timedelta(seconds=90)
    # By night the hour itself asks for a tick.
    with page.expect_response("**/schedule/note/**"):
        page.get_by_label("配信日時").fill(at.strftime("%Y-%m-%dT%H:%M"))
    page.wait_for_timeout(300)
    tick_all(page)
    page.get_by_role("button", name="この日時に予約する").click()
    expect(page.locator(".toasts")).to_contain_text("予約しました")


def follow(visitor: Visitor) -> None:
    """Wait for the start, look on until nobody is left, and read the report."""
    page = visitor.page
    visitor.go("配信")
    page.get_by_role("link", name=SUBJECT).click()
    expect(page.locator("#progress")).to_be_visible(timeout=2 * PATIENCE)
    expect(stat(page, "残り")).to_have_text("0", timeout=2 * PATIENCE)
    visitor.take_picture("followed")
    page.reload()
    page.get_by_role("link", name="レポート", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("レポート")
    # It is counted some seconds after the end.
    for _look in range(20):
        if stat(page, "受信サーバー受付").first.inner_text() != "0":
            break
        page.wait_for_timeout(1000)
        page.reload()
    assert int(stat(page, "受信サーバー受付").first.inner_text()) > 0
    visitor.take_picture("report")
