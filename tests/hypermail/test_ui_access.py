"""URL × role × workspace: who may open and change what. The URLs are read from the URL tree, so new ones are covered.

Each test goes through all pages and names those that answer wrongly.
"""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import Role, Workspace
from tests.factories import make_user, make_workspace
from tests.hypermail.pages import MARK, PUBLIC, Page, find_pages, make_full_workspace, read

pytestmark = pytest.mark.django_db
PAGES = find_pages()
PRIVATE = [page for page in PAGES if page.name not in PUBLIC]
OWNED = [page for page in PRIVATE if page.has_pk]
# Whoever is logged in may do these to himself.
OWN_AFFAIRS = {"account_change_password", "profile", "workspace_switch"}
# A mail program follows RFC 8058 with a POST of its own, which no form of ours began; a service posts to its hook.
WITHOUT_CSRF = {"unsubscribe", "hook", "signup_form", "signup_confirm", "preferences", "unsubscribe_reason"}
WRONG_METHOD = 405


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    settings.SANDBOX = settings.OWN_RETURN_DOMAINS = True
    return make_full_workspace()


def as_member(workspace: Workspace, role: Role = Role.ADMIN, **options: bool) -> Client:
    client = Client(**options)
    client.force_login(make_user(workspace, role=role))
    return client


def get_and_post(client: Client, page: Page) -> list[tuple[str, int, str]]:
    """Return method, status and target of a redirect for both methods, without those that are not allowed."""
    answers = [("GET", client.get(page.path)), ("POST", client.post(page.path))]
    return [
        (method, answer.status_code, answer.headers.get("Location", ""))
        for method, answer in answers
        if answer.status_code != WRONG_METHOD
    ]


def test_every_url_has_a_name_of_its_own() -> None:
    names = [page.name for page in PAGES]
    assert len(names) == len(set(names))


def test_what_is_public_is_still_there() -> None:
    assert PUBLIC - {page.name for page in PAGES} == set()


def test_anonymous_is_sent_to_the_login(workspace: Workspace) -> None:
    client = Client()
    answers = [(page.name, *answer) for page in PRIVATE for answer in get_and_post(client, page)]
    assert len(answers) > len(PRIVATE)
    wrong = [answer for answer in answers if answer[2] != 302 or not answer[3].startswith("/accounts/login/?next=")]
    assert wrong == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name in PUBLIC], ids=str)
def test_public_pages_tell_strangers_nothing(page: Page, workspace: Workspace) -> None:
    client = Client()
    for answer in (client.get(page.path), client.post(page.path)):
        assert answer.status_code < 500 or page.name == "readyz"
        assert MARK not in read(answer)


def test_viewer_changes_nothing(workspace: Workspace) -> None:
    client = as_member(workspace, Role.VIEWER)
    answers = {page.name: client.post(page.path).status_code for page in PRIVATE if page.name not in OWN_AFFAIRS}
    assert {name: status for name, status in answers.items() if status not in (403, WRONG_METHOD)} == {}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_settings_are_for_administrators(role: Role, workspace: Workspace) -> None:
    client = as_member(workspace, role)
    pages = [page for page in PRIVATE if page.path.startswith("/settings/")]
    answers = [(page.name, *answer) for page in pages for answer in get_and_post(client, page)]
    assert len(answers) >= len(pages)
    assert [answer for answer in answers if answer[2] != 403] == []


def test_operators_pages_are_closed_to_every_member(workspace: Workspace) -> None:
    client = as_member(workspace)
    pages = [page for page in PRIVATE if page.path.startswith("/operator/")]
    answers = [(page.name, *answer) for page in pages for answer in get_and_post(client, page)]
    assert len(answers) >= len(pages) > 0
    assert [answer for answer in answers if answer[2] != 403] == []


def test_stranger_from_another_workspace_finds_nothing(workspace: Workspace) -> None:
    client = as_member(make_workspace())
    answers = [(page.name, *answer) for page in OWNED for answer in get_and_post(client, page)]
    assert len(answers) >= len(OWNED)
    assert [answer for answer in answers if answer[2] != 404] == []


def test_no_page_shows_anything_of_another_workspace(workspace: Workspace) -> None:
    client = as_member(make_workspace())
    assert [page.name for page in PRIVATE if MARK in read(client.get(page.path))] == []


def test_member_finds_what_the_stranger_does_not(workspace: Workspace) -> None:
    """Without this the test of the stranger could pass because nothing is there."""
    client = as_member(workspace)
    answers = {page.name: client.get(page.path).status_code for page in OWNED}
    assert {name: status for name, status in answers.items() if status not in (200, 302, WRONG_METHOD)} == {}


def test_get_changes_nothing(workspace: Workspace) -> None:
    client = as_member(workspace)
    changes = []
    for page in PRIVATE:
        with CaptureQueriesContext(connection) as queries:
            read(client.get(page.path))
        writing = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        changes += [(page.name, sql) for sql in writing if "django_session" not in sql]
    assert changes == []


def test_post_needs_the_token_of_a_form(workspace: Workspace) -> None:
    client = as_member(workspace, enforce_csrf_checks=True)
    answers = {page.name: client.post(page.path) for page in PAGES if page.name not in WITHOUT_CSRF}
    allowed = {name: answer for name, answer in answers.items() if answer.status_code != WRONG_METHOD}
    assert [name for name, answer in allowed.items() if "もう一度お試しください" not in read(answer)] == []
