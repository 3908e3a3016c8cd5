"""The workspace's settings: who may change them, and that a lowered limit applies at once (A7)."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, User, Workspace
from lists.models import Subscriber
from tests.factories import (
    make_campaign,
    make_delivery,
    make_errors,
    make_list,
    make_subscriber,
    make_user,
    make_workspace,
)

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
    unchanged = {
        "name": "みほん商店",
        "time_zone": "Asia/Tokyo",
        "error_limit": "3",
        "error_counting": "consecutive",
        "error_period_days": "90",
        "stop_unknown_at_once": "on",
        "hold_percent": "20",
        "hold_minimum": "20",
    }
    return unchanged | changes


def rule(**changes: str) -> dict[str, str]:
    """Return what the preview is asked with."""
    return {"error_limit": "3", "error_counting": "consecutive", "error_period_days": "90"} | changes


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


def test_a_lowered_limit_asks_with_the_number_and_then_stops(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: lowering applies to the counts that are there already, after the number was told, also without scripts."""
    mailing_list = make_list(workspace)
    make_errors(make_subscriber(mailing_list, "two@example.jp"), 2)
    make_errors(make_subscriber(mailing_list, "one@example.jp"), 1)
    make_errors(make_subscriber(address="other@example.jp"), 2)
    page = client.post(URL, fields(error_limit="2")).content.decode()
    assert "<strong>1件</strong>が配信停止になります" in page
    assert stopped(workspace) == set()
    workspace.refresh_from_db()
    assert workspace.error_limit == 3
    for name, value in fields(error_limit="2").items():
        assert f'name="{name}" value="{value if name != "stop_unknown_at_once" else "True"}"' in page
    answer = client.post(URL, fields(error_limit="2", confirmed="1"), follow=True)
    assert "1件を配信停止にしました" in answer.content.decode()
    assert stopped(workspace) == {"two@example.jp"}
    assert Subscriber.objects.get(address="two@example.jp").stop_reason == "errors"
    applied = AuditEntry.objects.get(action="workspace.limit_applied")
    assert (applied.actor, applied.detail) == (None, {"stopped": 1})


def test_a_changed_way_of_counting_applies_to_what_is_there(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: consecutive or within a period."""
    old = make_errors(make_subscriber(workspace=workspace), 2, now=timezone.now() - timedelta(days=40))
    client.post(URL, fields(error_counting="period", error_period_days="30"))
    old.refresh_from_db()
    assert (old.error_count, old.is_stopped()) == (0, False)
    assert AuditEntry.objects.get().detail == {"error_counting": "period", "error_period_days": 30}
    changes = {"error_counting": "period", "error_period_days": "60", "error_limit": "2"}
    assert "<strong>1件</strong>が配信停止になります" in client.post(URL, fields(**changes)).content.decode()
    client.post(URL, fields(**changes, confirmed="1"))
    old.refresh_from_db()
    assert (old.error_count, old.is_stopped()) == (2, True)


def test_who_is_proven_is_not_stopped_by_a_change(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: back to errors in a row, a success in between has reset the count."""
    Workspace.objects.update(error_counting="period", error_limit=5)
    then = timezone.now() - timedelta(days=20)
    proven = make_errors(make_subscriber(workspace=workspace), 3, now=then)
    mailed = then + timedelta(days=1)
    campaign = make_campaign(make_list(workspace))
    make_delivery(campaign, proven, state="sent", mail_date=mailed, settled_at=mailed)
    client.post(URL, fields(confirmed="1"))
    proven.refresh_from_db()
    assert (proven.error_count, proven.is_stopped()) == (0, False)


def test_a_list_with_a_limit_of_its_own_keeps_it(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: per workspace and per list."""
    make_errors(make_subscriber(make_list(workspace, error_limit=5), "patient@example.jp"), 2)
    client.post(URL, fields(error_limit="2"))
    assert stopped(workspace) == set()


def test_a_raised_limit_revives_nobody(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: raising applies to what comes."""
    make_errors(make_subscriber(make_list(workspace), "gone@example.jp"), 3)
    make_errors(make_subscriber(make_list(workspace), "near@example.jp"), 2)
    client.post(URL, fields(error_limit="4"))
    assert stopped(workspace) == {"gone@example.jp"}


def test_the_preview_counts_without_stopping(client: Client, admin: User, workspace: Workspace) -> None:
    """A7: the number is known before it is saved."""
    make_errors(make_subscriber(make_list(workspace), "two@example.jp"), 2)
    preview = reverse("settings_limit_preview")
    assert "<strong>1件</strong>" in client.get(preview, rule(error_limit="2")).content.decode()
    assert stopped(workspace) == set()
    assert "ありません" in client.get(preview, rule()).content.decode()
    within = rule(error_limit="2", error_counting="period", error_period_days="1")
    assert "<strong>1件</strong>" in client.get(preview, within).content.decode()


@pytest.mark.parametrize("name", ["error_period_days", "hold_percent", "hold_minimum"])
@pytest.mark.parametrize("value", ["", "0", "1000000", "多い"])
def test_other_numbers_are_checked_too(
    client: Client, admin: User, workspace: Workspace, name: str, value: str
) -> None:
    page = client.post(URL, fields(**{name: value})).content.decode()
    assert "入力内容に誤りがあります" in page
    assert not AuditEntry.objects.exists()


def test_the_figures_of_the_hold_are_saved(client: Client, admin: User, workspace: Workspace) -> None:
    """B16: default 20 % and at least 20."""
    assert (workspace.hold_percent, workspace.hold_minimum) == (20, 20)
    client.post(URL, fields(hold_percent="10", hold_minimum="50"))
    workspace.refresh_from_db()
    assert (workspace.hold_percent, workspace.hold_minimum) == (10, 50)


@pytest.mark.parametrize("limit", ["", "0", "-1", "101", "ふたつ", "1e9", "2; DROP"])
def test_nonsense_is_refused_with_a_sentence(client: Client, admin: User, workspace: Workspace, limit: str) -> None:
    make_errors(make_subscriber(make_list(workspace), "two@example.jp"), 2)
    page = client.post(URL, fields(error_limit=limit, name="別の名前")).content.decode()
    assert "入力内容に誤りがあります" in page
    assert "回" in page
    # The refused name does not show in the rest of the page as if it were saved.
    workspace.refresh_from_db()
    assert (workspace.name, workspace.error_limit, stopped(workspace)) == ("みほん商店", 3, set())
    assert not client.get(reverse("settings_limit_preview"), rule(error_limit=limit)).content.strip()


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
