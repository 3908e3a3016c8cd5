"""A whole installation, started as a person starts it, and a browser in front of it."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

from hypermail.valkey import find_free_port
from tests.migrated import copy_migrated

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# What a browser of a desktop does by itself has no place in a test without a network.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).parent / "screenshots"
EMAIL, PASSWORD = "journey@example.com", "tabi-no-password-1"
START_SECONDS = 180.0


@dataclass
class Installation:
    """A running `manage.py up`."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://localhost:{self.port}"

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until database and broker answer; fail with the log otherwise."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            connection = http.client.HTTPConnection("localhost", self.port, timeout=1)
            try:
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                # Not listening yet.
                pass
            finally:
                connection.close()
            time.sleep(0.2)
        pytest.fail(self.log.read_text(encoding="utf-8")[-4000:])


@contextmanager
def run_installation(folder: Path, *, demo: bool = True, **settings_of_test: str) -> Iterator[Installation]:
    """Start web, workers, beat, LMTP door, sandbox and Valkey on ports of their own; stop them by Ctrl-C.

    A demonstration sets what keeps its mail on the machine, whatever is given; without one `settings_of_test` holds.
    """
    copy_migrated(folder / "hypermail.sqlite3")
    port = find_free_port()
    running = Installation(port, folder / "up.log")
    environment = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")} | {
        "DATA_DIR": str(folder),
        "LMTP_LISTEN": f"127.0.0.1:{find_free_port()}",
        "SANDBOX_LISTEN": f"127.0.0.1:{find_free_port()}",
        "HYPERMAIL_ADMIN_EMAIL": EMAIL,
        "HYPERMAIL_ADMIN_PASSWORD": PASSWORD,
    }
    with running.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *(["--demo"] if demo else []), "--port", str(port)],
            cwd=settings.BASE_DIR,
            env=environment | settings_of_test,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            running.wait_until_ready(process)
            yield running
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation as it comes."""
    with run_installation(tmp_path_factory.mktemp("installation")) as running:
        yield running


# Not for the whole run: Playwright keeps an event loop in this thread, beside which no other can run.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """A person at the browser: notes what the console complains about and takes pictures."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    pictures: int = 0

    def take_picture(self, name: str) -> None:
        """Write a screenshot of the whole page to a folder that git ignores."""
        self.pictures += 1
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{self.pictures:02}-{name}.png", full_page=True)

    def open(self, path: str) -> None:
        """Open a page of the installation."""
        self.page.goto(self.url + path)

    def go(self, name: str) -> None:
        """Choose an entry of the main navigation."""
        self.page.get_by_role("navigation", name="メインメニュー").get_by_role("link", name=name, exact=True).click()


@pytest.fixture
def visitor(installation: Installation, browser: Browser) -> Iterator[Visitor]:
    """A person with a fresh browser."""
    context = browser.new_context(locale="ja-JP", viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(20_000)
    page = context.new_page()
    person = Visitor(page, installation.url)
    page.on("console", lambda said: person.complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: person.complaints.append(str(error)))
    yield person
    context.close()
