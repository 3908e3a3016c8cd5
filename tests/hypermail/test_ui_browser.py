"""The pages in a real browser: their scripts, their policy, their width on a small screen.

The pages are rendered first and then handed to Chromium from memory, with their headers; no server is involved.
"""

import gzip
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.db import transaction
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from playwright.sync_api import Browser, Dialog, Page, Route, sync_playwright
from pytest_django import DjangoDbBlocker

from accounts.models import Membership, Role
from tests.factories import make_user, make_workspace
from tests.hypermail.pages import find_pages, make_full_workspace, read

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
HOST = "http://hypermail.test"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# The rules of axe-core for WCAG 2.1 A and AA, and what its authors hold to be good practice.
AXE = Path(str(files("axe_playwright_python") / "axe.min.js"))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
# A table that scrolls bears the name of the card around it: two regions of one name, the one within the other (best
# practice only, landmark-unique).
# Frames hold mails, not screens of ours; style sheets are there when a page has loaded, so none is fetched again.
FIND_FAULTS = """async (only) => {
    const rules = only.type === "tag" ? {"landmark-unique": {enabled: false}} : {};
    const how = {runOnly: only, rules, resultTypes: ["violations"], iframes: false, preload: false};
    const found = await axe.run(document, how);
    return found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 160)}`));
}"""

Pages = dict[str, tuple[str, dict[str, str]]]

# A browser sees the same pages from every database.
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"), pytest.mark.once]


@dataclass
class Site:
    """Rendered pages by path, and what the browser asked for."""

    pages: Pages
    posts: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if route.request.method == "POST":
            self.posts.append(path)
        if path.startswith("/static/"):
            found = finders.find(path.removeprefix("/static/"))
            route.fulfill(path=Path(str(found)))
        elif "hx-request" in route.request.headers:
            # The pages were rendered whole, not as the parts that htmx asks for.
            route.fulfill(status=204)
        elif path in self.pages:
            body, headers = self.pages[path]
            route.fulfill(body=body, headers=headers)
        else:
            # What a page asks for by POST while it loads is not rendered here.
            route.fulfill(status=204 if route.request.method == "POST" else 404, body="")

    def open(self, browser: Browser, path: str, *, width: int = 1280, scheme: str = "light") -> Page:
        page = browser.new_page(
            viewport={"width": width, "height": 800}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route(f"{HOST}/**", self.answer)
        page.goto(HOST + path)
        return page


@pytest.fixture(scope="module")
def rendered(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Pages:
    """Render every page that a member of the full workspace can read, and leave no row behind."""
    with django_db_blocker.unblock(), transaction.atomic():
        pages = render_all()
        transaction.set_rollback(True)
    return pages


def render_all() -> Pages:
    workspace = make_full_workspace()
    user = make_user(workspace)
    make_user(workspace, role=Role.VIEWER, email="a.very.long.address@department.branch.example.co.jp")
    Membership.objects.create(workspace=make_workspace(), user=user, role=Role.ADMIN)
    member, stranger = Client(raise_request_exception=False), Client()
    member.force_login(user)
    answers = {page.path: member.get(page.path) for page in find_pages()}
    answers["/accounts/login/"] = stranger.get("/accounts/login/")
    return {
        path: (read(answer), dict(answer.headers))
        for path, answer in answers.items()
        if answer.status_code == 200 and answer.headers.get("Content-Type", "").startswith("text/html")
    }


@pytest.fixture(scope="module")
def browser(rendered: Pages) -> Iterator[Browser]:
    """Start Chromium once for all tests here.

    Playwright's loop stands still in this thread between its calls, where Django would open a connection of its
    own that nobody closes. So the tests with a browser use no database: what they look at was rendered before.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def site(rendered: Pages) -> Site:
    return Site(dict(rendered))


# Also what makes pytest-django create the database for this module.
@pytest.mark.django_db
def test_every_screen_was_rendered(rendered: Pages) -> None:
    assert {"/", "/lists/", "/campaigns/", "/history/", "/settings/", "/accounts/login/"} <= set(rendered)


def put(site: Site, path: str, content: str) -> None:
    """Add a page of the given content, in the frame of the real one for settings."""
    html, headers = site.pages["/settings/"]
    start, end = html.index('<div class="stack-large">'), html.index("</main>")
    site.pages[path] = (f'{html[:start]}<div class="stack-large">{content}</div>{html[end:]}', headers)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_small_screen_or_breaks_its_policy(site: Site, browser: Browser, scheme: str) -> None:
    page = site.open(browser, "/accounts/login/", width=360, scheme=scheme)
    too_wide = []
    for path in site.pages:
        site.complaints.clear()
        page.goto(HOST + path)
        if page.evaluate("document.documentElement.scrollWidth") > 360:
            too_wide.append(path)
        refused = [text for text in site.complaints if "Content Security Policy" in text or "Error" in text]
        assert refused == [], path
    assert too_wide == []


@pytest.mark.parametrize(
    ("scheme", "only"),
    [("light", {"type": "tag", "values": RULES}), ("dark", {"type": "rule", "values": ["color-contrast"]})],
)
def test_axe_finds_no_fault_in_any_screen(site: Site, browser: Browser, scheme: str, only: dict[str, Any]) -> None:
    """Every screen by all rules in light; in dark only its colours differ."""
    page = site.open(browser, "/accounts/login/", scheme=scheme)
    page.add_init_script(path=AXE)
    faults = {}
    for path, (html, _headers) in site.pages.items():
        if is_screen(html):
            page.goto(HOST + path)
            if found := page.evaluate(FIND_FAULTS, only):
                faults[path] = found
    assert faults == {}


def is_screen(html: str) -> bool:
    """Say whether HTML is a page of ours: neither a part of one nor a mail in a frame."""
    return 'class="skip-link"' in html


def test_pages_are_light(site: Site) -> None:
    """HTML below 100 kB, and what a page runs below 250 kB compressed."""
    heavy = {}
    for path, (html, _headers) in site.pages.items():
        if not is_screen(html):
            continue
        scripts = sum(packed_size(source) for source in set(re.findall(r'<script src="/static/([^"?]+)"', html)))
        if len(html.encode()) >= 100_000 or scripts >= 250_000:
            heavy[path] = (len(html.encode()), scripts)
    assert heavy == {}


@cache
def packed_size(name: str) -> int:
    """Return the bytes of a static file as gzip sends it."""
    return len(gzip.compress(Path(str(finders.find(name))).read_bytes()))


def test_menu_of_a_small_screen_opens_and_closes_by_keyboard(site: Site, browser: Browser) -> None:
    page = site.open(browser, "/settings/", width=360)
    link = page.locator(".menu-panel a", has_text="リスト").first
    assert not link.is_visible()
    page.locator(".menu > summary").press("Enter")
    assert link.is_visible()
    page.keyboard.press("Escape")
    assert not link.is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_skip_link_is_the_first_stop_and_shows(site: Site, browser: Browser) -> None:
    page = site.open(browser, "/settings/")
    page.keyboard.press("Tab")
    link = page.locator(".skip-link")
    assert link.evaluate("element => element === document.activeElement")
    box = link.bounding_box()
    assert box
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_focus_is_visible(site: Site, browser: Browser) -> None:
    page = site.open(browser, "/accounts/login/")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_dialog_opens_asks_and_closes(site: Site, browser: Browser) -> None:
    page = site.open(browser, "/settings/members/")
    dialog = page.locator("dialog").first
    assert not dialog.is_visible()
    page.locator("[data-dialog]").first.click()
    assert dialog.is_visible()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    page.locator("[data-dialog]").first.click()
    dialog.locator("[data-close]").click()
    assert not dialog.is_visible()
    page.locator("[data-dialog]").first.click()
    page.mouse.click(5, 5)
    assert not dialog.is_visible()
    assert site.posts == []


def test_second_click_sends_nothing_twice(site: Site, browser: Browser) -> None:
    put(site, "/send/", '<form id="form" method="post" action="/slow/"><button id="send">送る</button></form>')
    page = site.open(browser, "/send/")
    posts: list[str] = []

    def answer_nothing(route: Route) -> None:
        # "No content" keeps the browser on the page, as a slow server would.
        posts.append(route.request.url)
        route.fulfill(status=204)

    page.route(f"{HOST}/slow/", answer_nothing)
    with page.expect_request("**/slow/"):
        page.click("#send")
    page.wait_for_function("document.getElementById('send').disabled")
    page.evaluate("document.getElementById('send').click()")
    page.evaluate("document.getElementById('form').requestSubmit()")
    page.wait_for_timeout(300)
    assert len(posts) == 1


def test_good_news_can_be_closed_and_warnings_stay(site: Site, browser: Browser) -> None:
    class News:
        """A message as Django's framework gives it."""

        def __init__(self, level_tag: str, text: str) -> None:
            self.level_tag, self.text = level_tag, text

        def __str__(self) -> str:
            return self.text

    news = [News("success", "保存しました。"), News("error", "できませんでした。")]
    toasts = render_to_string("components/_toasts.html", {"messages": news}, RequestFactory().get("/"))
    put(site, "/news/", toasts)
    page = browser.new_page()
    page.clock.install()
    page.route(f"{HOST}/**", site.answer)
    page.goto(f"{HOST}/news/")
    assert page.get_by_text("保存しました。").is_visible()
    page.clock.run_for(9000)
    assert not page.get_by_text("保存しました。").is_visible()
    assert page.get_by_text("できませんでした。").is_visible()
    page.get_by_label("お知らせを閉じる").click()
    assert not page.get_by_text("できませんでした。").is_visible()


def test_text_is_inserted_where_the_cursor_is(site: Site, browser: Browser) -> None:
    put(
        site,
        "/insert/",
        '<textarea id="body" aria-label="本文">こんにちは。</textarea>'
        '<button type="button" data-insert="{{name|お客様}}" data-target="body">名前</button>',
    )
    page = site.open(browser, "/insert/")
    page.evaluate("document.getElementById('body').setSelectionRange(0, 0)")
    page.click("[data-insert]")
    assert page.input_value("#body") == "{{name|お客様}}こんにちは。"


def test_chosen_file_is_named(site: Site, browser: Browser, tmp_path: Path) -> None:
    put(
        site,
        "/drop/",
        '<label class="dropzone"><span data-dropzone-name>ファイルを選ぶ</span><input type="file" name="file"></label>',
    )
    upload = tmp_path / "会員.csv"
    upload.write_bytes(b"x" * 2048)
    page = site.open(browser, "/drop/")
    page.set_input_files("input[type=file]", upload)
    assert page.inner_text("[data-dropzone-name]") == "会員.csv(2 KB)"


def test_unsaved_changes_are_asked_about(site: Site, browser: Browser) -> None:
    page = site.open(browser, "/settings/")
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", agree)
    page.locator("#id_name").press_sequentially("あ")
    page.goto(f"{HOST}/settings/members/")
    assert asked == ["beforeunload"]


def test_record_is_copied(site: Site, browser: Browser) -> None:
    put(
        site,
        "/copy/",
        '<code id="record">v=spf1 -all</code>'
        '<button type="button" data-copy="record"><span data-copy-label>コピー</span></button>',
    )
    page = site.open(browser, "/copy/")
    page.click("[data-copy]")
    page.wait_for_function("document.querySelector('[data-copy-label]').textContent.startsWith('コピーしました')")
    assert page.inner_text("[data-copy-label]").startswith("コピーしました")


def test_pages_work_without_scripts(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.route(f"{HOST}/**", site.answer)
    page.goto(f"{HOST}/settings/members/")
    # The question stands open in the page, and the buttons that need a script are not there.
    assert page.locator("dialog button[type=submit]").first.is_visible()
    assert not page.locator("[data-dialog]").first.is_visible()
    page.locator(".menu > summary").click()
    assert page.locator(".menu-panel a", has_text="リスト").first.is_visible()
    context.close()
