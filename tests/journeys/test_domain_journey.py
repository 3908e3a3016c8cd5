"""A sender domain in a browser, on real parts: from its name, over a mailing that is refused, to 配信できます."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.journeys.conftest import Installation, Visitor, run_installation
from tests.journeys.test_main_job import PATIENCE, log_in, upload
from tests.senders.dns_server import ZoneServer, serve_zones

pytestmark = pytest.mark.journey
DOMAIN = "tabi.example"
INCLUDE = "_spf.hypermail.example"
AGAIN = re.compile("ほど待ってから")


@pytest.fixture(scope="module")
def zones() -> Iterator[ZoneServer]:
    """The DNS of the customer, and a name that is surely there."""
    with serve_zones() as server:
        server.add_zone("gmail.com. 300 IN MX 10 mx.gmail.com.")
        server.publish(INCLUDE, "v=spf1 ip4:192.0.2.10 ~all")
        server.publish(DOMAIN, "v=spf1 ip4:203.0.113.5 -all")
        yield server


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, zones: ZoneServer) -> Iterator[Installation]:
    """An installation that asks this DNS and lets only proved domains send, as it comes without a demonstration.

    Its mail goes to the sandbox.
    """
    folder = tmp_path_factory.mktemp("installation")
    with run_installation(folder, demo=False, SANDBOX="1", DNS_SERVERS=zones.address, SPF_INCLUDE=INCLUDE) as running:
        yield running


def test_a_domain_proves_itself(visitor: Visitor, zones: ZoneServer) -> None:
    """A1, A6, B1, D1, E3, E9: new domain, its records, a mailing refused, a difference, mended, verified, the mailing sent."""
    log_in(visitor)
    add_domain(visitor)
    choose_panel(visitor)
    make_list(visitor)
    add_sender(visitor)
    be_refused(visitor)
    set_cut_key(visitor, zones)
    mend(visitor, zones)
    see_it_verified(visitor)
    send(visitor)
    assert visitor.complaints == []


def card(visitor: Visitor, kind: str) -> Locator:
    return visitor.page.locator(f"#{kind}")


def value(visitor: Visitor, kind: str) -> str:
    """Return what the page asks to be set."""
    return visitor.page.locator(f"#{kind}-value").inner_text()


def add_domain(visitor: Visitor) -> None:
    """A URL is refused with a sentence; the name alone leads to its records, merged with what is there."""
    page = visitor.page
    visitor.go("送信元")
    page.get_by_role("link", name="ドメインを追加").click()
    page.get_by_label("ドメイン").fill(f"https://{DOMAIN}/")
    page.get_by_role("button", name="追加する").click()
    expect(page.locator(".field-errors")).to_contain_text("ドメイン名だけを入力")
    page.get_by_label("ドメイン").fill(DOMAIN)
    page.get_by_role("button", name="追加する").click()
    expect(page.locator(".steps [aria-current]")).to_have_text("DNS に登録", timeout=PATIENCE)
    expect(card(visitor, "spf")).to_contain_text("足りない")
    assert value(visitor, "spf") == f"v=spf1 ip4:203.0.113.5 include:{INCLUDE} -all"
    expect(page.locator(".light")).to_have_text("設定が必要")
    visitor.take_picture("domain-records")


def choose_panel(visitor: Visitor) -> None:
    """The values are written as the panel wants them."""
    page = visitor.page
    page.get_by_role("button", name="Amazon Route 53").click()
    expect(page.get_by_role("button", name="Amazon Route 53")).to_have_attribute("aria-pressed", "true")
    assert value(visitor, "spf").startswith('"v=spf1')
    page.get_by_role("button", name="Cloudflare").click()
    expect(page.locator("#spf-host")).to_have_text("@")


def make_list(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("リスト")
    page.get_by_role("link", name="リストを作成").first.click()
    page.get_by_label("リスト名").fill("旅の会員")
    page.get_by_role("button", name=re.compile("作成|保存")).click()
    upload(visitor, "kaiin_utf8.csv", "UTF-8")


def add_sender(visitor: Visitor) -> None:
    """The sender of a domain that is not proved can be kept, and the list says that it cannot send yet."""
    page = visitor.page
    visitor.go("送信元")
    page.get_by_role("link", name="送信元を追加").click()
    page.get_by_label("差出人名").fill("旅のたより編集部")
    page.get_by_label("送信元アドレス").fill(f"news@{DOMAIN}")
    page.get_by_label("送信者の氏名または名称").fill("旅のたより株式会社")
    page.get_by_label("住所").fill("京都府京都市中京区一之船入町1")
    page.get_by_label("苦情・問い合わせの受付先").fill(f"https://{DOMAIN}/contact")
    page.get_by_role("button", name="追加する").click()
    visitor.go("送信元")
    expect(page.get_by_role("row", name=re.compile("旅のたより編集部")).locator(".light")).to_have_text("設定が必要")
    visitor.take_picture("sender-not-proved")


def be_refused(visitor: Visitor) -> None:
    """A1, B1: the check before sending names what is missing and leads to it; nothing can be sent or booked."""
    page = visitor.page
    visitor.go("配信")
    page.get_by_role("link", name="新しいメールを作る").click()
    page.get_by_label("送信元").select_option(label=f"旅のたより編集部 <news@{DOMAIN}>")
    page.locator("[name=mailing_lists]").and_(page.get_by_label("旅の会員")).check()
    page.get_by_label("件名").fill("秋の旅のご案内")
    page.get_by_role("radio", name="テキスト").first.check()
    page.get_by_role("textbox", name=re.compile("テキスト本文")).fill("秋の旅をご案内します。\n")
    page.get_by_role("button", name="保存して確認へ進む").click()
    refusal = page.locator("[data-level=red]", has_text=DOMAIN)
    expect(refusal).to_contain_text("確認が済んでいないため、まだ配信できません")
    expect(refusal).to_contain_text("DKIM")
    expect(page.get_by_role("button", name="今すぐ配信する")).to_have_count(0)
    visitor.take_picture("mailing-refused")
    refusal.get_by_role("link", name="設定を見る").click()
    expect(page).to_have_url(re.compile("#spf$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(DOMAIN)


def press_check(visitor: Visitor) -> None:
    """Press 確認する until it is this domain's turn."""
    page = visitor.page
    for _press in range(6):
        page.get_by_role("button", name="確認する").first.click()
        if not page.locator(".toasts").filter(has_text=AGAIN).count():
            return
        page.wait_for_timeout(4_000)
    pytest.fail("its turn never came")


def set_cut_key(visitor: Visitor, zones: ZoneServer) -> None:
    """A panel that cuts the key at 255 characters is found out."""
    page = visitor.page
    zones.publish(DOMAIN, value(visitor, "spf"))
    zones.publish(f"{page.locator('#dkim-host').inner_text()}.{DOMAIN}", value(visitor, "dkim")[:255])
    press_check(visitor)
    expect(card(visitor, "dkim")).to_contain_text("途中で切れています", timeout=PATIENCE)
    expect(card(visitor, "dkim")).to_contain_text("文字だけが登録されています")
    expect(card(visitor, "spf")).to_contain_text("設定済み")
    visitor.take_picture("domain-difference")


def mend(visitor: Visitor, zones: ZoneServer) -> None:
    page = visitor.page
    zones.publish(f"{page.locator('#dkim-host').inner_text()}.{DOMAIN}", value(visitor, "dkim"))
    zones.publish(f"_dmarc.{DOMAIN}", value(visitor, "dmarc"))
    press_check(visitor)
    expect(page.locator(".light")).to_have_text("配信できます", timeout=PATIENCE)
    expect(page.locator(".steps .is-done")).to_have_count(3)
    visitor.take_picture("domain-verified")


def see_it_verified(visitor: Visitor) -> None:
    page = visitor.page
    visitor.go("送信元")
    page.get_by_role("link", name="検証済み配信元メールドメイン").click()
    expect(page.get_by_role("main")).to_contain_text(DOMAIN)
    visitor.take_picture("verified-domains")


def send(visitor: Visitor) -> None:
    """The same mailing leaves now."""
    page = visitor.page
    visitor.go("配信")
    page.get_by_role("link", name="秋の旅のご案内").click()
    expect(page.locator("[data-finding=sender]")).to_have_attribute("data-level", "green")
    for tick in page.locator("[data-level=yellow]").get_by_role("checkbox").all():
        tick.check()
    page.get_by_role("button", name="今すぐ配信する").click()
    page.get_by_role("dialog").get_by_role("button", name="配信を始める").click()
    expect(page.locator("#progress")).to_be_visible(timeout=PATIENCE)
    visitor.take_picture("mailing-sent")
