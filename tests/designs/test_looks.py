"""Mails in Chromium: no bar to scroll sideways on a phone or a computer, and readable where it is dark."""

import base64
import struct
import zlib

import pytest
from playwright.sync_api import sync_playwright

from designs.brands import Logo, Look
from designs.colours import contrast
from designs.markdown_writing import render_markdown
from designs.models import BrandFont
from designs.rendering import render_design
from tests.designs.samples import full_design, one
from tests.designs.test_rendering import render
from tests.hypermail.test_ui_browser import CHROMIUM, QUIET

pytestmark = [pytest.mark.once, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]
LONG = "https://a.example/" + "x" * 170
# The colours of everything that shows words, each with the nearest ground behind it.
COLOURS = """() => [...document.querySelectorAll('body *')].filter(element => element.checkVisibility() &&
  [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())).map(element => {
    let ground = element;
    while (ground.parentElement && getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
    return [element.textContent, getComputedStyle(element).color, getComputedStyle(ground).backgroundColor];
  })"""


def picture(width: int) -> str:
    """Return a grey picture of a width as an address that needs no server."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 40, 8, 0, 0, 0, 0))
    data = (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress((b"\0" + b"\xb0" * width) * 40))
        + chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def pages():
    """Mails that could be too wide."""
    wide = picture(900)
    look = Look(logo=Logo(picture(200), "例の店", 200))
    services = [{"service": name, "href": LONG} for name in ("x", "line", "instagram", "facebook", "youtube", "tiktok")]
    written = render(
        one("heading", text=LONG, level=1),
        one("text", html=f"<p>{LONG}</p><ul><li>{LONG}</li></ul>"),
        one("button", label="A" * 60, href=LONG),
        one(
            "product",
            name=LONG[:100],
            price="1" * 50,
            text=LONG,
            label="B" * 50,
            href=LONG,
            src="https://a.example/w.png",
        ),
        one("picture", src="https://a.example/w.png", alt="x"),
        one("html", html='<img src="https://a.example/w.png" width="900" alt="x"><pre>' + "x" * 200 + "</pre>"),
        one("html", html='<table width="700"><tr><td width="400">a</td><td width="300">b</td></tr></table>'),
        one("html", html='<div style="width:800px">q</div>'),
        one("footer", text=LONG),
        one("sns", links=services),
        look=look,
    )
    markdown = (
        f"# {LONG}\n\n|a|b|\n|-|-|\n|{LONG}|{'x' * 80}|\n\n```\n{'y' * 200}\n```\n\n![x](https://a.example/w.png)"
    )
    every = [
        render_design(
            full_design(),
            Look(accent=accent, font=font),
            title="夏",
            preheader="予告",
            pictures=dict.fromkeys((5, 6, 7), wide),
        )
        for font, accent in zip(BrandFont, ("#1a5fb4", "#f5c518", "#101010"), strict=True)
    ]
    found = [written, render_markdown(markdown, look, title="夏", preheader=""), *every]
    return [rendered.html.replace("https://a.example/w.png", wide) for rendered in found]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [320, 600, 1280])
def test_no_mail_is_wider_than_the_screen(browser, pages, width):
    page = browser.new_page(viewport={"width": width, "height": 600})
    for content in pages:
        page.set_content(content)
        assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_words_can_be_read(browser, pages, scheme):
    page = browser.new_page(viewport={"width": 600, "height": 600}, color_scheme=scheme)
    for content in pages:
        page.set_content(content)
        found = page.evaluate(COLOURS)
        assert found
        for text, colour, ground in found:
            # Large letters need less, as those of buttons (WCAG 1.4.3).
            assert contrast(hexadecimal(colour), hexadecimal(ground)) >= 3, (text, colour, ground)
    page.close()


def hexadecimal(colour: str) -> str:
    """Return `rgb(1, 2, 3)` as `#rrggbb`."""
    return "#" + "".join(f"{int(part):02x}" for part in colour.removeprefix("rgb(").rstrip(")").split(","))
