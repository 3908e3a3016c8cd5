"""What nobody should send and somebody will: no page answers it with an error of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.conf import settings as django_settings
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Workspace
from tests.factories import make_user
from tests.hypermail.pages import PUBLIC, Page, find_pages, make_full_workspace, read

pytestmark = pytest.mark.django_db
# Tells of a system that is not ready with 503, whatever is asked.
PAGES = [page for page in find_pages() if page.name != "readyz"]
# Numbers beyond Python's and the databases', digits that are none of ours, days at the ends of the calendar, what is broken.
HOSTILE = (
    "9" * 5000,
    "9" * 30,
    "9" * 18,
    "-1",
    "٣",
    "nan",
    "0001-01-01",
    "9999-12-31",
    "9999-12-31T23:59",
    "[[[[[[",
    "\0",
    "{{name|{{%}}<script>'\"&",
    "http://[::1",
)
ASKED = re.compile(r"""\b(?:GET|POST|query|given|data)\.get(?:list)?\(\s*["']([^"']+)["']""")


def names_asked() -> list[str]:
    """Return every name that the code asks of a query or a body."""
    root = Path(django_settings.BASE_DIR)
    sources = [
        path for path in root.glob("*/**/*.py") if not path.relative_to(root).parts[0].startswith((".", "tests"))
    ]
    return sorted({name for path in sources for name in ASKED.findall(path.read_text("utf-8"))})


NAMES = names_asked()
# On every page alike.
COMMON = (reverse("theme"), reverse("workspace_switch"), reverse("account_logout"))


@dataclass
class FoundForm:
    """A form of a page, and what a browser would send of it untouched."""

    action: str
    method: str
    hidden: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self, html: str, path: str) -> None:
        super().__init__()
        self.found: list[FoundForm] = []
        self._by_id: dict[str, FoundForm] = {}
        self._open: FoundForm | None = None
        self._path = path
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = urljoin(self._path, values.get("action", ""))
            self._open = FoundForm(action, values.get("method", "get").lower())
            self._by_id[values.get("id", "")] = self._open
            self.found.append(self._open)
        form = self._by_id.get(values["form"]) if "form" in values else self._open
        if form and tag in ("input", "select", "textarea", "button") and values.get("name"):
            fields = form.hidden if values.get("type") == "hidden" else form.shown
            fields.setdefault(values["name"], values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def find_forms(answer: HttpResponseBase, page: Page) -> list[FoundForm]:
    """Return the forms of a page; those of all pages only on ホーム."""
    if answer.status_code != 200 or not answer.headers.get("Content-Type", "").startswith("text/html"):
        return []
    found = Forms(read(answer), page.path).found
    return [form for form in found if page.name == "home" or form.action not in COMMON]


def send(client: Client, form: FoundForm, value: str) -> Iterator[HttpResponseBase]:
    """Send a form with a value in all fields that a person sees, then in all others."""
    call = client.post if form.method == "post" else client.get
    yield call(form.action, form.hidden | dict.fromkeys(form.shown, value))
    yield call(form.action, form.shown | dict.fromkeys(form.hidden, value))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_answers_whatever_is_sent(page: Page, settings: Settings) -> None:
    settings.SANDBOX = settings.OWN_RETURN_DOMAINS = True
    workspace: Workspace = make_full_workspace()
    client = Client()
    if page.name not in PUBLIC:
        client.force_login(make_user(workspace))
    forms = find_forms(client.get(page.path), page)
    # An exception of ours comes through to here.
    for value in HOSTILE:
        given = dict.fromkeys(NAMES, value)
        answers: list[HttpResponseBase] = [client.get(page.path, given), client.post(page.path, given)]
        answers += [answer for form in forms for answer in send(client, form, value)]
        assert {answer.status_code // 100 for answer in answers} <= {2, 3, 4}
