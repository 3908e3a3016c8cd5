"""Pages of failures, stopped addresses and notices: content, access, downloads, removal."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, User, Workspace
from bounces.models import MatchedBy, NoticeState, RawNotice
from bounces.parsed import NoticeKind
from bounces.processing import process
from bounces.removal import CHUNK, Choice, Removal, remove_failures
from bounces.reports import is_final
from bounces.rule_words import rule_source
from campaigns.models import Campaign, DeliveryState
from lists.models import StopReason, Subscriber, Subscription
from mta.verdicts import Kind, Phase, Reason
from tests.bounces.notices import make_notice, signed_path
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    return make_campaign(make_list(workspace), state="done", finished_at=timezone.now())


def fail(campaign: Campaign, address: str = "", **fields: Any) -> None:
    subscriber = make_subscriber(campaign.mailing_lists.get(), address)
    defaults = {
        "state": DeliveryState.FAILED,
        "settled_at": timezone.now(),
        "kind": Kind.HARD,
        "reason": Reason.USER_UNKNOWN,
        "code": "5.1.1",
        "text": "550 5.1.1 user unknown",
        "phase": Phase.RCPT,
    }
    make_delivery(campaign, subscriber, **defaults | fields)


@pytest.fixture
def editor(workspace: Workspace, client_for: Log) -> Client:
    return client_for(make_user(workspace, Role.EDITOR))


def rows_of(response: Any, encoding: str = "utf-8-sig") -> list[list[str]]:
    content = b"".join(response.streaming_content).decode(encoding)
    return list(csv.reader(io.StringIO(content)))


def test_failed_addresses_show_code_reason_and_words(editor: Client, campaign: Campaign) -> None:
    """A8, A9, B9, C15: each failed row with code, Japanese reason and the server's own text."""
    fail(campaign, "a@x.example")
    fail(campaign, "b@x.example", state="bounced", kind=Kind.REFUSED, reason=Reason.REFUSED, phase=Phase.NOTICE)
    fail(campaign, "ok@x.example", state=DeliveryState.SENT)
    page = editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    assert "a@x.example" in page
    assert "5.1.1" in page
    assert "宛先不明" in page
    assert "550 5.1.1 user unknown" in page
    assert "SMTP (RCPT TO)" in page
    assert "エラーメール" in page
    assert "ok@x.example" not in page
    assert "エラーメールを返しません" in page


def test_a_row_is_narrow_enough_to_be_read(editor: Client, campaign: Campaign) -> None:
    """A8: the reason stands next to the address; code and source have no columns of their own."""
    fail(campaign, "a@x.example")
    page = editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    [table] = re.findall(r"<table class=\"table[^>]*>.*?</table>", page, re.DOTALL)
    heads = re.findall(r'<th scope="col">([^<]+)</th>', table)
    assert heads == ["メールアドレス", "種別と理由", "受信サーバーの応答", "日時と通知元"]
    words = ["a@x.example", "5.1.1", "宛先不明", "550 5.1.1 user unknown", "SMTP (RCPT TO)"]
    body = table[table.index("<tbody>") :]
    # The check box names the address before the cell does.
    places = [body.rindex(word) if word == "a@x.example" else body.index(word) for word in words]
    assert places == sorted(places)


def test_counts_lead_to_their_rows(editor: Client, campaign: Campaign) -> None:
    """B10, B11: counts by kind; each opens its addresses."""
    fail(campaign, "a@x.example")
    fail(campaign, "b@x.example", kind=Kind.SOFT, reason=Reason.MAILBOX_FULL)
    fail(campaign, "c@x.example", kind="", reason="", phase="", code="", text="")
    url = reverse("failed_addresses", args=[campaign.pk])
    response = editor.get(url, {"kind": "soft"})
    assert [delivery.address for delivery, *_ in response.context["rows"]] == ["b@x.example"]
    assert [chip.value for chip in response.context["counts"].reasons] == ["mailbox_full"]
    assert len(editor.get(url, {"reason": "user_unknown"}).context["rows"]) == 1
    assert len(editor.get(url, {"reason": "no-such", "kind": "'"}).context["rows"]) == 3


def test_hostile_words_are_shown_as_words(editor: Client, campaign: Campaign) -> None:
    fail(campaign, text="550 <script>alert(1)</script>")
    assert "<script>alert" not in editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()


def test_no_failures_say_what_comes(editor: Client, campaign: Campaign) -> None:
    assert "失敗した宛先はありません" in editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()


def test_result_is_preliminary_for_a_week(campaign: Campaign) -> None:
    """B7: 速報 for 7 days, then 確定."""
    assert campaign.finished_at is not None
    assert not is_final(campaign, now=campaign.finished_at + timedelta(days=6, hours=23))
    assert is_final(campaign, now=campaign.finished_at + timedelta(days=7))
    campaign.finished_at = None
    assert not is_final(campaign, now=timezone.now())


def test_page_tells_preliminary_from_final(editor: Client, campaign: Campaign) -> None:
    """B7."""
    url = reverse("failed_addresses", args=[campaign.pk])
    assert 'badge-info">速報' in editor.get(url).content.decode()
    Campaign.objects.update(finished_at=timezone.now() - timedelta(days=8))
    assert 'badge-ok">確定' in editor.get(url).content.decode()


def test_page_needs_few_queries(
    editor: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        fail(campaign)
    with django_assert_max_num_queries(12):
        editor.get(reverse("failed_addresses", args=[campaign.pk]))


def test_csv_of_failures(editor: Client, campaign: Campaign) -> None:
    """A8, A9, B10, C35: UTF-8 with BOM by default, safe in a spreadsheet."""
    fail(campaign, "a@x.example", text="=cmd|'/c calc'!A1", name="山田 太郎")
    response = editor.get(reverse("failed_addresses_csv", args=[campaign.pk]))
    head, row = rows_of(response)
    assert head[:6] == ["メールアドレス", "お名前", "エラーコード", "種別", "理由", "受信サーバーの応答"]
    assert row[:6] == ["a@x.example", "山田 太郎", "5.1.1", "永続的", "宛先不明", "'=cmd|'/c calc'!A1"]
    assert row[8] == "SMTP (RCPT TO)"


def test_csv_in_cp932_with_chosen_columns(editor: Client, campaign: Campaign) -> None:
    """B10: a choice of columns; CP932 on request."""
    fail(campaign, "a@x.example", settled_at=None)
    url = reverse("failed_addresses_csv", args=[campaign.pk])
    response = editor.get(url, {"encoding": "cp932", "columns": ["reason", "address", "nonsense"]})
    assert rows_of(response, "cp932") == [["メールアドレス", "理由"], ["a@x.example", "宛先不明"]]
    assert rows_of(editor.get(url, {"encoding": "utf-7", "columns": "settled_at"}))[1] == [""]


def test_csv_keeps_the_filter(editor: Client, campaign: Campaign) -> None:
    fail(campaign, "a@x.example")
    fail(campaign, "b@x.example", reason=Reason.REFUSED, kind=Kind.REFUSED)
    response = editor.get(
        reverse("failed_addresses_csv", args=[campaign.pk]), {"reason": "refused", "columns": "address"}
    )
    assert rows_of(response) == [["メールアドレス"], ["b@x.example"]]


def remove(client: Client, campaign: Campaign, **data: Any) -> Any:
    return client.post(reverse("failed_addresses_remove", args=[campaign.pk]), {"removal": "stop"} | data, follow=True)


def test_removal_asks_first(editor: Client, campaign: Campaign) -> None:
    """A10: with a confirmation that tells the number."""
    fail(campaign)
    page = remove(editor, campaign, reasons=["user_unknown"]).content.decode()
    assert "1件" in page
    assert Subscriber.objects.active().count() == 1


def test_unknown_addresses_are_stopped(editor: Client, campaign: Campaign) -> None:
    """A10: 宛先不明 and 受信拒否 can be taken off from the page of failures."""
    fail(campaign, "a@x.example")
    fail(campaign, "b@x.example", reason=Reason.REFUSED, kind=Kind.REFUSED)
    fail(campaign, "c@x.example", reason=Reason.MAILBOX_FULL, kind=Kind.SOFT)
    page = remove(editor, campaign, reasons=["user_unknown", "refused"], confirmed="1").content.decode()
    assert "2件を外しました" in page
    assert set(Subscriber.objects.stopped().values_list("address", "stop_reason")) == {
        ("a@x.example", StopReason.MANUAL),
        ("b@x.example", StopReason.MANUAL),
    }
    entry = AuditEntry.objects.get(action="failures.stop")
    assert (entry.detail["changed"], entry.detail["reasons"]) == (2, ["user_unknown", "refused"])


def test_single_addresses_are_taken_off_the_lists(editor: Client, campaign: Campaign) -> None:
    """A10."""
    fail(campaign, "a@x.example", reason=Reason.MAILBOX_FULL)
    fail(campaign, "b@x.example")
    chosen = campaign.deliveries.get(address="a@x.example")
    elsewhere = make_list(campaign.workspace)
    Subscription.objects.create(mailing_list=elsewhere, subscriber=chosen.subscriber)  # type: ignore[misc]
    remove(editor, campaign, ids=[chosen.pk], removal="unlist", confirmed="1")
    assert set(Subscription.objects.values_list("subscriber__address", "mailing_list")) == {
        ("b@x.example", campaign.mailing_lists.get().pk),
        ("a@x.example", elsewhere.pk),
    }
    assert Subscriber.objects.active().count() == 2


def test_removal_of_nothing_is_explained(editor: Client, campaign: Campaign) -> None:
    assert "外すアドレスを選んでください" in remove(editor, campaign).content.decode()
    assert "選び直してください" in remove(editor, campaign, ids=["1"], removal="burn").content.decode()
    assert "合うアドレスはありませんでした" in remove(editor, campaign, ids=["999"]).content.decode()
    assert "外すアドレスを選んでください" in remove(editor, campaign, reasons=["policy"]).content.decode()


def test_rows_of_another_campaign_are_left_alone(editor: Client, campaign: Campaign) -> None:
    other = make_campaign(make_list(), state="done")
    fail(other)
    remove(editor, campaign, ids=[other.deliveries.get().pk], confirmed="1")
    assert Subscriber.objects.active().count() == 1


def test_removal_goes_through_many(campaign: Campaign, workspace: Workspace) -> None:
    for number in range(5):
        fail(campaign, f"u{number}@x.example")
    actor = make_user(workspace)
    assert CHUNK >= 1000
    assert remove_failures(campaign, Choice(["user_unknown"]), Removal.STOP, actor=actor, now=timezone.now()) == 5
    assert remove_failures(campaign, Choice(["user_unknown"]), Removal.STOP, actor=actor, now=timezone.now()) == 0


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
    with django_assert_max_num_queries(12):
        editor.get(reverse("notice_index"))


def test_operator_sees_notices_of_no_workspace(client_for: Log, workspace: Workspace) -> None:
    notice = make_notice()
    RawNotice.objects.update(workspace=None, kind=NoticeKind.BOUNCE, matched_by=MatchedBy.ADDRESS)
    url = reverse("notice_detail", args=[notice.pk])
    assert client_for(make_user(workspace)).get(url).status_code == 404
    operator = make_user(workspace, is_superuser=True)
    assert client_for(operator).get(url).status_code == 200


READ = ["failed_addresses", "failed_addresses_csv", "stopped_index", "stopped_csv", "notice_index", "notice_detail"]


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


def test_access_to_removal(client: Client, client_for: Log, workspace: Workspace, campaign: Campaign) -> None:
    fail(campaign)
    url = reverse("failed_addresses_remove", args=[campaign.pk])
    data = {"reasons": ["user_unknown"], "removal": "stop", "confirmed": "1"}
    assert client.post(url, data).status_code == 302
    assert client_for(make_user(workspace, Role.VIEWER)).post(url, data).status_code == 403
    assert client_for(make_user(make_workspace())).post(url, data).status_code == 404
    assert client_for(make_user(workspace, Role.EDITOR)).get(url).status_code == 405
    assert Subscriber.objects.active().count() == 1
