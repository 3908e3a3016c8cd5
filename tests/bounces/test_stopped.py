"""停止アドレス: search, figures and downloads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Workspace
from lists.models import Subscriber
from tests.bounces.failing import rows_of, sheet_of
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db


def test_stopped_addresses(editor: Client, workspace: Workspace) -> None:
    """E13: who is not sent to again, with the reason and what the server said last."""
    mailing_list = make_list(workspace)
    dead = make_subscriber(mailing_list, "dead@x.example", status="stopped", stop_reason="errors", error_count=3)
    dead.errors.create(key="delivery:1", at=timezone.now(), counted=True, kind="hard", reason="user_unknown",
                       code="5.1.1", text="550 gone", about="秋のお知らせ")  # fmt: skip
    make_subscriber(mailing_list, "left@x.example", status="stopped", stop_reason="unsubscribed")
    make_subscriber(mailing_list, "live@x.example")
    make_subscriber(make_list(), "foreign@x.example", status="stopped")
    url = reverse("stopped_index")
    page = editor.get(url).content.decode()
    for text in ("dead@x.example", "left@x.example", "550 gone", "エラー停止", "秋のお知らせ"):
        assert text in page
    for text in ("live@x.example", "foreign@x.example"):
        assert text not in page
    assert "left@x.example" not in editor.get(url, {"reason": "errors"}).content.decode()
    assert "dead@x.example" not in editor.get(url, {"q": "LEFT@"}).content.decode()
    assert "条件に合うアドレスはありません" in editor.get(url, {"q": "nobody"}).content.decode()
    assert editor.get(url, {"reason": "no-such", "page": "x"}).status_code == 200
    rows = rows_of(editor.get(reverse("stopped_csv"), {"reason": "errors"}))
    assert [rows[0][0], rows[1][0], rows[1][2], rows[1][6]] == [
        "メールアドレス",
        "dead@x.example",
        "エラー停止",
        "550 gone",
    ]
    assert len(rows) == 2


def test_nobody_stopped_is_said(editor: Client) -> None:
    assert "停止アドレスはありません" in editor.get(reverse("stopped_index")).content.decode()


def make_stopped(workspace: Workspace, address: str, days_ago: int = 0, **fields: Any) -> Subscriber:
    at = timezone.now() - timedelta(days=days_ago)
    reason = {"stop_reason": "errors", "stopped_at": at}
    return make_subscriber(None, address, workspace=workspace, status="stopped", **reason | fields)


def addresses(response: Any) -> list[str]:
    return [row.subscriber.address for row in response.context["rows"]]


def test_newest_stops_come_first_and_dates_narrow_them(editor: Client, workspace: Workspace) -> None:
    make_stopped(workspace, "old@x.example", 10)
    make_stopped(workspace, "new@x.example")
    make_stopped(workspace, "between@x.example", 5)
    url = reverse("stopped_index")
    assert addresses(editor.get(url)) == ["new@x.example", "between@x.example", "old@x.example"]
    day = f"{timezone.localdate() - timedelta(days=5):%Y-%m-%d}"
    response = editor.get(url, {"since": day, "until": day})
    assert addresses(response) == ["between@x.example"]
    assert [chip.count for chip in response.context["chips"]] == [1]
    assert addresses(editor.get(url, {"since": day})) == ["new@x.example", "between@x.example"]
    assert len(addresses(editor.get(url, {"since": "yesterday"}))) == 3


def test_address_name_and_list_are_searched(editor: Client, workspace: Workspace) -> None:
    mailing_list = make_list(workspace)
    make_subscriber(mailing_list, "a@x.example", status="stopped", name="佐藤 花子")
    make_stopped(workspace, "b@x.example", name="鈴木 一郎")
    url = reverse("stopped_index")
    assert addresses(editor.get(url, {"q": "花子"})) == ["a@x.example"]
    assert addresses(editor.get(url, {"q": "Ｂ@X"})) == ["b@x.example"]
    assert addresses(editor.get(url, {"mailing_list": mailing_list.pk})) == ["a@x.example"]
    assert len(addresses(editor.get(url, {"mailing_list": make_list().pk}))) == 2
    assert "1件のアドレスが見つかりました" in editor.get(url, {"q": "花子"}).content.decode()


def test_downloads_hold_what_is_filtered_in_the_chosen_columns(editor: Client, workspace: Workspace) -> None:
    make_stopped(workspace, "a@x.example", name="=1+1")
    make_stopped(workspace, "b@x.example", stop_reason="complaint")
    query = {"reason": "errors", "columns": ["name", "address", "nonsense"]}
    assert rows_of(editor.get(reverse("stopped_csv"), query)) == [
        ["メールアドレス", "お名前"],
        ["a@x.example", "'=1+1"],
    ]
    assert sheet_of(editor.get(reverse("stopped_xlsx"), query)) == [
        ["メールアドレス", "お名前"],
        ["a@x.example", "=1+1"],
    ]
    assert len(sheet_of(editor.get(reverse("stopped_xlsx")))[0]) == 10


def test_page_needs_few_queries(
    editor: Client, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        make_stopped(workspace, f"u{number}@x.example")
    with django_assert_max_num_queries(12):
        editor.get(reverse("stopped_index"))
