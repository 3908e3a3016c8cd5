"""The starters as they arrive: no wider than a screen, and nothing that a SpamAssassin takes for spam."""

import re
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from playwright.sync_api import sync_playwright

from designs.brands import Look
from designs.frames import show_tags
from designs.rendering import Rendered, render_design
from designs.templates import starters
from mta.mime import Mail, build
from tests.hypermail.test_ui_browser import CHROMIUM, QUIET

SPAMASSASSIN = shutil.which("spamassassin")
pytestmark = pytest.mark.once
SCORE = re.compile(r"X-Spam-Status: (?:Yes|No), score=(-?[0-9.]+)")


def rendered() -> dict[str, tuple[str, Rendered]]:
    """Return the subject and parts of every starter."""
    return {
        one.key: (
            one.subject,
            render_design(one.design_for(Look()), Look(), title=one.subject, preheader=one.preheader),
        )
        for one in starters()
    }


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_no_starter_is_wider_than_the_screen() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for width in (320, 600):
            page = browser.new_page(viewport={"width": width, "height": 600})
            for key, (_subject, parts) in rendered().items():
                page.set_content(show_tags(parts.html))
                assert page.evaluate("document.documentElement.scrollWidth") == width, key
        browser.close()


@pytest.mark.skipif(SPAMASSASSIN is None, reason="no SpamAssassin on this machine")
def test_no_starter_looks_like_spam() -> None:
    box = b"".join(
        b"From a@shop.example Thu Jan  1 00:00:00 2026\n" + mail_of(key, *one).replace(b"\r\n", b"\n") + b"\n"
        for key, one in rendered().items()
    )
    asked = subprocess.run(
        [str(SPAMASSASSIN), "--local", "--test-mode", "--mbox"], input=box, capture_output=True, check=True
    )
    told = asked.stdout.decode(errors="replace")
    scores = [float(score) for score in SCORE.findall(told)]
    assert len(scores) == len(starters())
    # 5 is spam by its own measure; what is left to whoever fills the starter in should be most of that.
    assert max(scores) < 1, told


def mail_of(key: str, subject: str, parts: Rendered) -> bytes:
    """Return a starter as a mail to somebody."""
    return build(
        Mail(
            from_name="例の株式会社",
            from_address="news@shop.example",
            to_name="山田 花子",
            to_address="hanako@example.jp",
            subject=show_tags(subject),
            text=show_tags(parts.text),
            html=show_tags(parts.html),
            message_id=f"<{key}@shop.example>",
            date=datetime.now(UTC),
            boundary=f"part-{key}",
        )
    )
