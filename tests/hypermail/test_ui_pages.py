"""Every page's HTML: language, headings, labels, names; nothing inline, and the CSP that would forbid it."""

import re
from html.parser import HTMLParser

import pytest
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Workspace
from tests.factories import make_user, make_workspace
from tests.hypermail.pages import PUBLIC, Page, find_pages, make_full_workspace, read

pytestmark = pytest.mark.django_db
PAGES = find_pages()
EVENT_HANDLER = re.compile(r"^on[a-z]+$")
VOID_LABELS = {"hidden", "submit", "button", "image"}


class Outline(HTMLParser):
    """What of a page's structure the rules ask for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.label_targets: set[str] = set()
        self.controls: list[dict[str, str]] = []
        self.references: list[str] = []
        self.scripts: list[dict[str, str]] = []
        self.buttons: list[str] = []
        self.inline: list[str] = []
        self.images: list[dict[str, str]] = []
        self.counts = {"h1": 0, "main": 0, "style": 0, "title": 0}
        self.lang = ""
        self._labels_open = 0
        self._button: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._look_at_attributes(tag, values)
        if tag in self.counts:
            self.counts[tag] += 1
        if tag == "html":
            self.lang = values.get("lang", "")
        elif tag == "label":
            self._labels_open += 1
            self.label_targets.add(values.get("for", ""))
        elif tag in ("input", "select", "textarea") and values.get("type") not in VOID_LABELS:
            self.controls.append(values | {"in-label": "yes" if self._labels_open else ""})
        elif tag == "script":
            self.scripts.append(values)
        elif tag == "img":
            self.images.append(values)
        elif tag == "button":
            self._button = [values.get("aria-label", ""), values.get("aria-labelledby", "")]

    def _look_at_attributes(self, tag: str, values: dict[str, str]) -> None:
        if "id" in values:
            self.ids.append(values["id"])
        for name in ("aria-describedby", "aria-labelledby"):
            self.references += values.get(name, "").split()
        for name, value in values.items():
            if name == "style" or EVENT_HANDLER.match(name) or value.startswith("javascript:"):
                self.inline.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._labels_open -= 1
        elif tag == "button" and self._button is not None:
            self.buttons.append("".join(self._button))
            self._button = None

    def unlabelled(self) -> list[dict[str, str]]:
        return [
            control
            for control in self.controls
            if not (
                control["in-label"]
                or control.get("aria-label")
                or control.get("aria-labelledby")
                or control.get("id", "-") in self.label_targets
            )
        ]


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    settings.SANDBOX = settings.OWN_RETURN_DOMAINS = True
    return make_full_workspace()


def get(page: Page, workspace: Workspace | None) -> HttpResponseBase | None:
    """Return a page as HTML, or None where it answers otherwise (redirect, file, 405)."""
    client = Client()
    if workspace is not None:
        client.force_login(make_user(workspace))
    answer = client.get(page.path)
    is_html = answer.headers.get("Content-Type", "").startswith("text/html")
    return answer if answer.status_code in (200, 403, 404) and is_html else None


def check_markup(answer: HttpResponseBase) -> None:
    html = read(answer)
    outline = Outline(html)
    assert outline.inline == []
    assert outline.counts["style"] == 0
    assert outline.unlabelled() == []
    assert [name for name in outline.buttons if not name] == []
    assert [image for image in outline.images if "alt" not in image] == []
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.references) <= set(outline.ids)
    if html.lower().startswith("<!doctype"):
        assert outline.lang == "ja"
        assert (outline.counts["h1"], outline.counts["main"]) == (1, 1)
        check_policy(answer, outline)


def check_policy(answer: HttpResponseBase, outline: Outline) -> None:
    """Scripts come by the nonce that this answer's policy allows, and nothing inline is allowed."""
    policy = answer["Content-Security-Policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce
    assert "unsafe" not in policy
    assert {script["nonce"] for script in outline.scripts} == {nonce[1]}
    assert all(script.get("src") for script in outline.scripts)


# These show somebody else's mail, with its own styles, in a frame with a policy of its own.
FRAMES = {
    "archive_preview",
    "brand_sample",
    "campaign_preview_frame",
    "campaign_report_frame",
    "sandbox_html",
    "starter_frame",
    "template_frame",
    "snippet_frame",
    "snippet_text",
}


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in FRAMES], ids=str)
def test_markup_and_policy(page: Page, workspace: Workspace) -> None:
    if answer := get(page, None if page.name in PUBLIC else workspace):
        check_markup(answer)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if not page.has_pk and page.name not in FRAMES | PUBLIC], ids=str
)
def test_empty_workspace_has_sound_pages_too(page: Page, settings: Settings) -> None:
    settings.SANDBOX = True
    if answer := get(page, make_workspace()):
        assert answer.status_code != 500
        check_markup(answer)


def test_operators_pages_are_sound(workspace: Workspace) -> None:
    client = Client()
    client.force_login(make_user(is_superuser=True))
    question = {"step": "stop", "why": "調査のため"}
    refused = client.post(reverse("operator_gate_limits", args=[workspace.pk]), {"warn_percent": "90"})
    for answer in (
        client.get(reverse("operator_gates")),
        client.get(reverse("operator_gate", args=[workspace.pk])),
        client.post(reverse("operator_gate_step", args=[workspace.pk]), question),
        client.post(reverse("operator_gate_limits", args=[workspace.pk]), {"why": "調査のため"}),
        refused,
    ):
        assert answer.status_code == 200
        check_markup(answer)
    assert 'aria-invalid="true"' in read(refused)


def test_refused_form_points_to_its_errors() -> None:
    client = Client()
    client.force_login(make_user(make_workspace()))
    answer = client.post("/settings/", {"name": "", "error_limit": "0"})
    check_markup(answer)
    html = read(answer)
    assert 'aria-invalid="true"' in html
    assert "1以上の回数を入力してください" in html
    assert 'aria-describedby="id_error_limit_helptext id_error_limit_error"' in html


def test_htmx_may_neither_style_nor_evaluate() -> None:
    client = Client()
    html = read(client.get("/accounts/login/"))
    assert '"includeIndicatorStyles": false' in html
    assert '"allowEval": false' in html
    assert "htmx-2.min.js" in html


def test_nonce_is_new_for_every_answer() -> None:
    client = Client()
    assert (
        client.get("/accounts/login/")["Content-Security-Policy"]
        != client.get("/accounts/login/")["Content-Security-Policy"]
    )


def test_missing_page_says_what_to_do(settings: Settings) -> None:
    settings.DEBUG = False
    client = Client()
    client.force_login(make_user(make_workspace()))
    answer = client.get("/no/such/page/")
    assert answer.status_code == 404
    assert "ページが見つかりません" in read(answer)
    check_markup(answer)
