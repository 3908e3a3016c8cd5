"""Pages of notices, and who may read the pages of what came back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Role, User, Workspace
from bounces.models import MatchedBy, NoticeState, RawNotice
from bounces.parsed import NoticeKind
from bounces.processing import process
from bounces.rule_words import rule_source
from campaigns.models import Campaign, DeliveryState
from lists.models import Subscriber
from tests.bounces.failing import fail
from tests.bounces.notices import make_notice, signed_path
from tests.factories import make_campaign, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    return make_campaign(make_list(workspace), state="done", finished_at=timezone.now())


def test_notices_are_listed_and_explained(editor: Client, campaign: Campaign) -> None:
    """The page tells what was read, which rule matched, and shows the mail as text."""
    fail(campaign, "taro@example.jp", state=DeliveryState.SENT)
    notice = make_notice(to=signed_path(campaign.deliveries.get()))
    process(notice.pk, now=timezone.now())
    page = editor.get(reverse("notice_index")).content.decode()
    assert "taro@example.jp" in page
    assert "処理済み" in page
    detail = editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()
    for text in (
        "配送状況(DSN)",
        "署名付きReturn-Path",
        "結果に反映しました",
        rule_source(notice.bounces.get().rule),
        "MAILER-DAEMON@mx.example.net",
    ):
        assert text in detail
    failed = editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    assert "エラーメール (RCPT TO)" in failed
    assert reverse("notice_detail", args=[notice.pk]) in failed


def test_unmatched_notices_have_their_list(editor: Client, workspace: Workspace) -> None:
    notice = make_notice("qmail-no-mailbox")
    process(notice.pk, now=timezone.now())
    page = editor.get(reverse("notice_index"), {"state": "unmatched"}).content.decode()
    assert reverse("notice_detail", args=[notice.pk]) in page
    assert "この状態のメールはありません" in editor.get(reverse("notice_index"), {"state": "broken"}).content.decode()
    assert editor.get(reverse("notice_index"), {"state": "no-such"}).status_code == 200
    assert "数えていません" in editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()


def test_hostile_mail_is_shown_as_text(editor: Client, workspace: Workspace) -> None:
    notice = make_notice("ordinary-mail", **{"Dear customer": "<script>alert(1)</script>"})
    RawNotice.objects.update(workspace=workspace)
    detail = editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()
    assert "&lt;script&gt;alert(1)" in detail
    assert "まだ読み取っていません" in detail


def test_broken_notice_has_a_page(editor: Client, workspace: Workspace) -> None:
    notice = make_notice()
    RawNotice.objects.update(workspace=workspace, content=b"no zlib", state=NoticeState.BROKEN, reading="strange")
    detail = editor.get(reverse("notice_detail", args=[notice.pk])).content.decode()
    assert "原文を表示できません" in detail
    assert "strange" in detail


def test_no_notices_say_what_comes(editor: Client) -> None:
    assert "返送されたメールはまだありません" in editor.get(reverse("notice_index")).content.decode()


def test_notice_page_needs_few_queries(
    editor: Client, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        notice = make_notice("qmail-no-mailbox", **{"taro@": f"taro{number}@"})
        process(notice.pk, now=timezone.now())
    with django_assert_max_num_queries(20):
        editor.get(reverse("notice_index"))


def test_operator_sees_notices_of_no_workspace(client_for: Log, workspace: Workspace) -> None:
    notice = make_notice()
    RawNotice.objects.update(workspace=None, kind=NoticeKind.BOUNCE, matched_by=MatchedBy.ADDRESS)
    url = reverse("notice_detail", args=[notice.pk])
    assert client_for(make_user(workspace)).get(url).status_code == 404
    operator = make_user(workspace, is_superuser=True)
    assert client_for(operator).get(url).status_code == 200


READ = [
    "failed_addresses",
    "failed_addresses_csv",
    "failed_addresses_xlsx",
    "stopped_index",
    "stopped_csv",
    "stopped_xlsx",
    "notice_index",
    "notice_detail",
]


@pytest.mark.parametrize("name", READ)
def test_access_to_pages(name: str, client: Client, client_for: Log, workspace: Workspace, campaign: Campaign) -> None:
    """A viewer may read; a stranger of another workspace finds nothing; nobody enters without a login."""
    fail(campaign, "secret@x.example")
    Subscriber.objects.update(status="stopped", stop_reason="manual", stopped_at=timezone.now())
    notice = make_notice()
    RawNotice.objects.update(workspace=workspace)
    args = {"notice_detail": [notice.pk]}.get(name, [campaign.pk] if name.startswith("failed") else [])
    url = reverse(name, args=args)
    assert client.get(url).status_code == 302
    assert client_for(make_user(workspace, Role.VIEWER)).get(url).status_code == 200
    stranger = client_for(make_user(make_workspace()))
    answer = stranger.get(url)
    if args:
        assert answer.status_code == 404
    else:
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        assert b"secret@x.example" not in content
    assert stranger.post(url).status_code == 405
