"""URL × role × workspace: who may open and change what. The URLs are read from the URL tree, so new ones are covered."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Role, Workspace
from tests.factories import make_user, make_workspace
from tests.hypermail.pages import MARK, PK, PUBLIC, Page, find_pages, make_full_workspace, read

pytestmark = pytest.mark.django_db
PAGES = find_pages()
PRIVATE = [page for page in PAGES if page.name not in PUBLIC]
OWNED = [page for page in PRIVATE if page.has_pk]
LISTS = [page for page in PRIVATE if not page.has_pk]
ADMIN_ONLY = [page for page in PRIVATE if page.path.startswith("/settings/")]
# Whoever is logged in may do these to himself.
OWN_AFFAIRS = {"account_change_password", "workspace_switch"}
# A mail program follows RFC 8058 with a POST of its own, which no form of ours began.
WITHOUT_CSRF = {"unsubscribe"}

every_private_page = pytest.mark.parametrize("page", PRIVATE, ids=str)
every_owned_page = pytest.mark.parametrize("page", OWNED, ids=str)


@pytest.fixture
def workspace() -> Workspace:
    return make_full_workspace()


def as_member(workspace: Workspace, role: Role = Role.ADMIN, **options: bool) -> Client:
    client = Client(**options)
    client.force_login(make_user(workspace, role=role))
    return client


def test_every_url_has_a_name_of_its_own() -> None:
    names = [page.name for page in PAGES]
    assert len(names) == len(set(names))


def test_what_is_public_is_still_there() -> None:
    assert PUBLIC - {page.name for page in PAGES} == set()


@every_private_page
def test_anonymous_is_sent_to_the_login(page: Page, workspace: Workspace) -> None:
    client = Client()
    for answer in (client.get(page.path), client.post(page.path)):
        if answer.status_code != 405:
            assert answer.status_code == 302
            assert answer["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("page", [page for page in PAGES if page.name in PUBLIC], ids=str)
def test_public_pages_tell_strangers_nothing(page: Page, workspace: Workspace) -> None:
    client = Client()
    for answer in (client.get(page.path), client.post(page.path)):
        assert answer.status_code < 500 or page.name == "readyz"
        assert MARK not in read(answer)


@every_private_page
def test_viewer_changes_nothing(page: Page, workspace: Workspace) -> None:
    if page.name in OWN_AFFAIRS:
        pytest.skip("his own affair")
    answer = as_member(workspace, Role.VIEWER).post(page.path)
    assert answer.status_code in (403, 405)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
@pytest.mark.parametrize("page", ADMIN_ONLY, ids=str)
def test_settings_are_for_administrators(page: Page, role: Role, workspace: Workspace) -> None:
    client = as_member(workspace, role)
    assert {client.get(page.path).status_code, client.post(page.path).status_code} <= {403, 405}


@every_owned_page
def test_stranger_from_another_workspace_finds_nothing(page: Page, workspace: Workspace) -> None:
    client = as_member(make_workspace())
    answers = (client.get(page.path), client.post(page.path))
    assert {answer.status_code for answer in answers} in ({404}, {404, 405})
    assert not any(MARK in read(answer) for answer in answers)


@pytest.mark.parametrize("page", LISTS, ids=str)
def test_lists_show_nothing_of_another_workspace(page: Page, workspace: Workspace) -> None:
    answer = as_member(make_workspace()).get(page.path)
    assert MARK not in read(answer)


@every_owned_page
def test_member_finds_what_the_stranger_does_not(page: Page, workspace: Workspace) -> None:
    """Without this the test of the stranger could pass because nothing is there."""
    answer = as_member(workspace).get(page.path)
    assert answer.status_code in (200, 302, 405), f"make_full_workspace() lacks something numbered {PK}"


@every_private_page
def test_get_changes_nothing(page: Page, workspace: Workspace) -> None:
    client = as_member(workspace)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        read(client.get(page.path))
    changes = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [sql for sql in changes if "django_session" not in sql] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_post_needs_the_token_of_a_form(page: Page, workspace: Workspace) -> None:
    if page.name in WITHOUT_CSRF:
        pytest.skip("one-click unsubscribe")
    answer = as_member(workspace, enforce_csrf_checks=True).post(page.path)
    assert answer.status_code in (403, 405)
    if answer.status_code == 403:
        assert "もう一度送信してください" in read(answer)
