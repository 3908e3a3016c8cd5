"""The audit log: who sees it, and that every action has a word."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.audit import record
from accounts.audit_words import ACTIONS, DETAILS
from accounts.models import AuditEntry, Role, User
from accounts.templatetags.audit import action_label, detail_text
from tests.factories import make_user, make_workspace

APPS = (
    "accounts",
    "lists",
    "mta",
    "senders",
    "cleaning",
    "designs",
    "tracking",
    "campaigns",
    "bounces",
    "signup",
    "archive",
    "hypermail",
)


def read_sources() -> Iterator[ast.Module]:
    """Yield the modules that write to the audit log."""
    for app in APPS:
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            text = path.read_text()
            # Exports are written down where they are answered.
            if any(words in text for words in ("audit import record", "import audit", "export_views import")):
                yield ast.parse(text)


def find_actions() -> set[str]:
    """Return every text in those modules that looks like an action: `campaign.pause`."""
    texts = {
        node.value
        for module in read_sources()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if re.fullmatch(r"[a-z_]+\.[a-z_]+", text) and not text.endswith(".csv")}


def find_prefixes() -> set[str]:
    """Return the beginnings of actions that a value ends: f"failures.{...}"."""
    calls = [node for module in read_sources() for node in ast.walk(module) if isinstance(node, ast.Call)]
    joined = [
        value for call in calls if is_record(call.func) for value in call.args if isinstance(value, ast.JoinedStr)
    ]
    beginnings = {node.values[0].value for node in joined if isinstance(node.values[0], ast.Constant)}
    return {text for text in beginnings if isinstance(text, str) and re.fullmatch(r"[a-z_]+\.", text)}


def find_details() -> set[str]:
    """Return the names of the details in every call of `record`."""
    calls = [node for module in read_sources() for node in ast.walk(module) if isinstance(node, ast.Call)]
    names = {keyword.arg for call in calls if is_record(call.func) for keyword in call.keywords}
    return {name for name in names if name}


def is_record(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute):
        return function.attr == "record" and isinstance(function.value, ast.Name) and function.value.id == "audit"
    return isinstance(function, ast.Name) and function.id == "record"


def test_every_recorded_action_and_detail_has_a_japanese_word() -> None:
    assert find_actions() - set(ACTIONS) == set()
    assert find_details() - set(DETAILS) == set()
    assert all(any(action.startswith(prefix) for action in ACTIONS) for prefix in find_prefixes())


def test_no_word_is_left_over() -> None:
    prefixes = tuple(find_prefixes())
    begun = {action for action in ACTIONS if action.startswith(prefixes)}
    assert set(ACTIONS) - find_actions() - begun == set()


def test_details_are_put_into_words() -> None:
    at = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    detail = {
        "at": at.isoformat(),
        "before": "viewer",
        "count_unknown_reason": True,
        "unsent": 1200,
        "new_name": "2026",
    }
    expected = (
        "配信日時: 2026/11/21 12:00、変更前: 閲覧者、原因不明も数える: はい、送らなかった件数: 1200、new_name: 2026"
    )
    assert detail_text(detail) == expected
    assert detail_text({"reasons": ["user_unknown", "refused"]}) == "エラーの理由: 宛先不明・受信拒否"
    assert detail_text({"error_limit": None, "other": None}) == (
        "エラー停止までの回数: ワークスペースの設定に従う、other: なし"
    )
    assert action_label("sender.archive") == "送信元の使用の終了"
    assert action_label("something.else") == "something.else"


@pytest.fixture
def admin(client: Client, db: None) -> User:
    user = make_user(make_workspace(), name="佐藤 花子")
    client.force_login(user)
    return user


def test_shows_who_did_what(client: Client, admin: User) -> None:
    workspace = admin.memberships.get().workspace
    record(workspace, admin, "member.invite", "new@example.jp", role="editor")
    record(workspace, None, "workspace.limit_applied", stopped=3)
    page = client.get(reverse("audit_log")).content.decode()
    for words in ("佐藤 花子", "メンバーの追加", "new@example.jp", "役割: 作成者", "自動", "配信停止にした件数: 3"):
        assert words in page


def test_says_so_where_nothing_happened_yet(client: Client, admin: User) -> None:
    assert "まだ記録はありません" in client.get(reverse("audit_log")).content.decode()


def test_shows_nothing_of_another_workspace(client: Client, admin: User) -> None:
    record(make_workspace(), None, "member.invite", "secret@example.jp")
    assert "secret@example.jp" not in client.get(reverse("audit_log")).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_is_for_administrators(client: Client, role: Role) -> None:
    client.force_login(make_user(make_workspace(), role=role))
    assert client.get(reverse("audit_log")).status_code == 403


def test_pages_through_many_entries_in_a_few_queries(
    client: Client, admin: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    workspace = admin.memberships.get().workspace
    AuditEntry.objects.bulk_create(
        AuditEntry(workspace=workspace, actor=admin, action="member.role", target=f"no{number}@example.jp")
        for number in range(120)
    )
    with django_assert_max_num_queries(8):
        page = client.get(reverse("audit_log"), {"page": 2}).content.decode()
    assert "51〜100件目" in page
    assert "?page=3" in page
