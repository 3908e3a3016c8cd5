"""The workspace's settings: who may change them, and that a lowered limit applies at once (A7)."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, User, Workspace
from lists.models import Subscriber
from tests.factories import make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
URL = "/settings/"


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace(name="みほん商店", error_limit=3)


@pytest.fixture
def admin(client: Client, workspace: Workspace) -> User:
    user = make_user(workspace)
    client.force_login(user)
    return user


def fields(**changes: str) -> dict[str, str]:
    """Return what the browser sends; the check box of 宛先不明 is ticked."""
    return {"name": "みほん商店", "error_limit": "3", "stop_unknown_at_once": "on"} | changes


def stopped(workspace: Workspace) -> set[str]:
    return set(Subscriber.objects.for_workspace(workspace).stopped().values_list("address", flat=True))


def test_saves_what_was_changed_and_writes_it_down(client: Client, admin: User, workspace: Workspace) -> None:
    answer = client.post(URL, fields(name="みほん書店", error_limit="5", count_unknown_reason="on"), follow=True)
    assert "設定を保存しました" in answer.content.decode()
    workspace.refresh_from_db()
    assert (workspace.name, workspace.error_limit, workspace.count_unknown_reason) == ("みほん書店", 5, True)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == (admin, "workspace.settings")
    assert entry.detail == {"error_limit": 5, "count_unknown_reason": True}


def test_nothing_changed_leaves_no_entry(client: Client, admin: User) -> None:
    client.post(URL, fields())
    assert not AuditEntry.objects.exists()


def test_a_lowered_limit_stops_those_who_have_that_many_errors(
    client: Client, admin: User, workspace: Workspace
) -> None:
    """A7: lowering applies to the counts that are there already."""
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list, "two@example.jp", error_count=2)
    make_subscriber(mailing_list, "one@example.jp", error_count=1)
    make_subscriber(address="other@example.jp", error_count=2)
    answer = client.post(URL, fields(error_limit="2"), follow=True)
    assert "1件を配信停止にしました" in answer.content.decode()
    assert stopped(workspace) == {"two@example.jp"}
    assert Subscriber.objects.get(address="two@example.jp").stop_reason == "errors"
    assert not Subscriber.objects.get(address="other@example.jp").is_stopped()
    applied = AuditEntry.objects.get(action="workspace.limit_applied")
    assert (applied.actor, applied.detail) == (None, {"stopped": 1})


def test_a_list_with_a_limit_of_its_own_keeps_it(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: per workspace and per list."""
    make_subscriber(make_list(workspace, error_limit=5), "patient@example.jp", error_count=2)
    client.post(URL, fields(error_limit="2"))
    assert stopped(workspace) == set()


def test_a_raised_limit_revives_nobody(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: raising applies to what comes."""
    make_subscriber(make_list(workspace), "gone@example.jp", status="stopped", stop_reason="errors", error_count=3)
    make_subscriber(make_list(workspace), "near@example.jp", error_count=2)
    client.post(URL, fields(error_limit="4"))
    assert stopped(workspace) == {"gone@example.jp"}


def test_the_preview_counts_without_stopping(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: the number is known before it is saved."""
    make_subscriber(make_list(workspace), "two@example.jp", error_count=2)
    part = client.get(reverse("settings_limit_preview"), {"error_limit": "2"}).content.decode()
    assert "<strong>1件</strong>" in part
    assert stopped(workspace) == set()
    assert "ありません" in client.get(reverse("settings_limit_preview"), {"error_limit": "3"}).content.decode()


@pytest.mark.parametrize("limit", ["", "0", "-1", "101", "ふたつ", "1e9", "2; DROP"])
def test_nonsense_is_refused_with_a_sentence(client: Client, admin: User, workspace: Workspace, limit: str) -> None:
    make_subscriber(make_list(workspace), "two@example.jp", error_count=2)
    page = client.post(URL, fields(error_limit=limit, name="別の名前")).content.decode()
    assert "入力内容に誤りがあります" in page
    assert "回" in page
    # The refused name does not show in the rest of the page as if it were saved.
    workspace.refresh_from_db()
    assert (workspace.name, workspace.error_limit, stopped(workspace)) == ("みほん商店", 3, set())
    assert not client.get(reverse("settings_limit_preview"), {"error_limit": limit}).content.strip()


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_others_than_administrators_are_refused(client: Client, workspace: Workspace, role: Role) -> None:
    client.force_login(make_user(workspace, role=role))
    answer = client.post(URL, fields(error_limit="1"))
    assert answer.status_code == 403
    assert "管理者に依頼してください" in answer.content.decode()
    workspace.refresh_from_db()
    assert workspace.error_limit == 3


def test_costs_few_queries(client: Client, admin: User, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_max_num_queries(6):
        client.get(URL)
