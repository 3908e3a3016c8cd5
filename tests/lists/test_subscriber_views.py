"""The pages of subscribers: plain success, access, bad input."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.audit import record
from accounts.models import AuditEntry, Role, User, Workspace
from lists.models import Consent, CsvImport, MailingList, Segment, Subscriber
from lists.subscriber_views import ROWS_SHOWN
from tests.factories import make_errors, make_subscriber, make_user, make_workspace
from tests.lists.pages import text_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def test_a_subscribers_page_shows_everything_known(
    editor: Client, mailing_list: MailingList, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    subscriber = make_subscriber(
        mailing_list, name="見本 花子", attributes={"会社名": "みほん商店"}, status="stopped", stop_reason="manual",
        stop_note="電話での依頼", stopped_at=datetime(2026, 10, 5, 3, tzinfo=UTC),
    )  # fmt: skip
    Consent.objects.create(
        subscriber=subscriber, mailing_list=mailing_list, source="csv", at=timezone.now(), evidence="meibo.csv"
    )
    record(subscriber.workspace, make_user(), "subscriber.stopped", subscriber.address, why="電話での依頼")
    with django_assert_max_num_queries(20):
        page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    known = ("見本 花子", "みほん商店", mailing_list.name, "2026/10/05 12:00", "meibo.csv", "理由: 電話での依頼")
    assert [text for text in known if text not in page] == []
    for part in ("subscriber_deliveries", "subscriber_errors"):
        assert reverse(part, args=[subscriber.pk]) in page
    # What is all there has no way to more.
    assert "すべて見る" not in page


def test_all_consents_and_all_that_was_done_are_reached(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, "o+1@example.jp")
    Consent.objects.bulk_create(
        Consent(subscriber=subscriber, mailing_list=mailing_list, source="manual", at=timezone.now(), evidence=f"{n}版")
        for n in range(ROWS_SHOWN + 1)
    )
    for number in range(ROWS_SHOWN + 1):
        record(subscriber.workspace, None, "subscriber.resumed", subscriber.address.upper(), why=f"依頼{number:02}")
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "依頼01" in page
    assert "依頼00" not in page
    history = reverse("subscriber_history", args=[subscriber.pk])
    ledger = reverse("consent_index") + "?q=o%2B1%40example.jp"
    assert history in page
    assert ledger in page
    assert f"依頼{ROWS_SHOWN}" in text_of(editor.get(history))
    assert "依頼00" in text_of(editor.get(history, {"page": 2}))
    assert f"{ROWS_SHOWN}版" in text_of(editor.get(ledger))


def test_a_refusal_is_written_down_after_errors_stopped_the_person(editor: Client, mailing_list: MailingList) -> None:
    """Nobody is to resume, without being asked for a word, who refused while being stopped."""
    subscriber = make_subscriber(mailing_list, status="stopped", stop_reason="errors")
    page_url, stop_url = (reverse(name, args=[subscriber.pk]) for name in ("subscriber_detail", "subscriber_stop"))
    assert "停止の理由を変える" in text_of(editor.get(page_url))
    page = text_of(editor.get(stop_url))
    assert "停止の理由を変えますか" in page
    assert "いまの理由は「エラー停止」" in page
    page = text_of(editor.post(stop_url, {"reason": "unsubscribed", "why": "電話で依頼"}, follow=True))
    assert "停止の理由を「購読解除」に変えました" in page
    assert "停止の理由を変える" not in page
    subscriber.refresh_from_db()
    assert (subscriber.stop_reason, subscriber.stop_note) == ("unsubscribed", "電話で依頼")


def test_stopping_and_resuming_by_hand_leave_a_trace(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, error_count=0)
    make_errors(subscriber)
    stop_url, resume_url = (reverse(name, args=[subscriber.pk]) for name in ("subscriber_stop", "subscriber_resume"))
    answer = {"reason": "manual", "why": "電話での苦情"}
    assert "配信停止にしますか" in text_of(editor.get(stop_url))
    assert "停止の理由を入力してください" in text_of(editor.post(stop_url, answer | {"why": " "}))
    assert "配信停止にしました" in text_of(editor.post(stop_url, answer, follow=True))
    assert "停止の理由は変わりませんでした" in text_of(editor.post(stop_url, answer, follow=True))
    subscriber.refresh_from_db()
    assert (subscriber.stop_reason, subscriber.stop_note) == ("manual", "電話での苦情")

    assert "再開の理由を入力してください" in text_of(editor.post(resume_url, {"why": " "}))
    assert "改行や制御文字" in text_of(editor.post(resume_url, {"why": "a\nb"}))
    assert "配信を再開しました" in text_of(editor.post(resume_url, {"why": "本人の依頼"}, follow=True))
    assert "配信停止ではありません" in text_of(editor.post(resume_url, {"why": "本人の依頼"}, follow=True))
    subscriber.refresh_from_db()
    assert (subscriber.status, subscriber.error_count, subscriber.stop_note) == ("active", 0, "")
    stopped, resumed = AuditEntry.objects.order_by("pk")
    assert (stopped.action, stopped.target, stopped.detail) == (
        "subscriber.stopped",
        subscriber.address,
        {"reason": "manual", "why": "電話での苦情"},
    )
    assert (resumed.action, resumed.detail) == ("subscriber.resumed", {"why": "本人の依頼", "was": "manual"})
    # The page of the address tells it, too.
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "購読者の配信再開" in page
    assert "理由: 本人の依頼" in page


@pytest.mark.parametrize("reason", ["unsubscribed", "complaint"])
def test_who_refused_is_resumed_only_with_an_explicit_word(
    editor: Client, mailing_list: MailingList, reason: str
) -> None:
    subscriber = make_subscriber(mailing_list, status="stopped", stop_reason=reason)
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "本人の意思による配信停止です" in page
    url = reverse("subscriber_resume", args=[subscriber.pk])
    assert "チェックを入れてください" in text_of(editor.post(url, {"why": "本人の依頼"}))
    subscriber.refresh_from_db()
    assert subscriber.is_stopped()
    assert "配信を再開しました" in text_of(editor.post(url, {"why": "本人の依頼", "asked": "on"}, follow=True))
    assert AuditEntry.objects.get().detail == {"why": "本人の依頼", "was": reason}


def test_other_stops_are_resumed_without_it(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_errors(make_subscriber(mailing_list), 3)
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "エラー停止になりました" in page
    assert 'name="asked"' not in page
    editor.post(reverse("subscriber_resume", args=[subscriber.pk]), {"why": "アドレスを確かめた"})
    subscriber.refresh_from_db()
    assert (subscriber.status, subscriber.error_count) == ("active", 0)
    assert set(subscriber.errors.values_list("cleared_by", flat=True)) == {"person"}


# Access.

READ = ["subscriber_detail", "subscriber_history"]
WRITE = ["subscriber_stop", "subscriber_edit", "subscriber_erase"]
POST_ONLY = ["subscriber_resume"]


def url_of(name: str) -> str:
    return reverse(name, args=[Subscriber.objects.get().pk])


@pytest.mark.parametrize("name", READ + WRITE + POST_ONLY)
def test_each_page_asks_for_its_role(finished: CsvImport, viewer: Client, client_for: ClientFor, name: str) -> None:
    url = url_of(name)
    stranger = client_for(make_user(make_workspace(), Role.ADMIN))
    call = "post" if name in POST_ONLY else "get"
    assert getattr(Client(), call)(url)["Location"].startswith(reverse("account_login"))
    assert getattr(stranger, call)(url).status_code == 404
    assert getattr(viewer, call)(url).status_code == (200 if name in READ else 403)
    if name in POST_ONLY:
        assert viewer.get(url).status_code == 405


def test_a_viewer_sees_a_subscriber_without_buttons(finished: CsvImport, viewer: Client) -> None:
    assert "配信停止にする" not in text_of(viewer.get(url_of("subscriber_detail")))


def test_a_stranger_sees_no_subscribers(finished: CsvImport, client_for: ClientFor) -> None:
    stranger = client_for(make_user(make_workspace(), Role.ADMIN))
    assert "taro@example.jp" not in text_of(stranger.get(reverse("subscriber_index")))


# The search.


def test_the_search_goes_on_where_its_time_was_over(editor: Client, workspace: Workspace) -> None:
    for number in range(60):
        make_subscriber(workspace=workspace, address=f"r{number}@example.jp")
    url = reverse("subscriber_index")
    page = text_of(editor.get(url, {"q": "example"}))
    assert "r59@example.jp" in page
    assert "r9@example.jp" not in page
    link = re.search(r'rel="next" href="([^"]+)"', page)
    assert link
    page = text_of(editor.get(url + link[1].replace("&amp;", "&")))
    assert "r9@example.jp" in page
    assert "最初のページへ" in page
    # The part is rows without a page around them.
    part = text_of(editor.get(url, {"q": "nobody", "part": "1", "before": "5", "shown": "0"}))
    assert part.strip().startswith("<tr>")
    assert "条件に合う購読者はいません" in part
    assert "条件に合う" not in text_of(editor.get(url, {"q": "nobody", "part": "1", "before": "5", "shown": "3"}))


def test_a_segment_that_cannot_be_used_is_told(editor: Client, workspace: Workspace) -> None:
    make_subscriber(workspace=workspace)
    conditions = {"v": 1, "all": [{"field": "list", "op": "on", "value": [10**9]}]}
    segment = Segment.objects.create(workspace=workspace, name="壊れた", conditions=conditions)
    page = text_of(editor.get(reverse("subscriber_index"), {"segment": segment.pk}))
    assert 'role="alert"' in page


def test_a_reason_from_a_person_stops_as_their_own_will(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list)
    answer = {"reason": "unsubscribed", "why": "電話で依頼"}
    editor.post(reverse("subscriber_stop", args=[subscriber.pk]), answer)
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "本人の意思による配信停止です" in page
    assert "電話で依頼" in page


def test_the_page_names_the_file_that_changed_somebody_last(finished: CsvImport, editor: Client) -> None:
    page = text_of(editor.get(url_of("subscriber_detail")))
    assert reverse("import_detail", args=[finished.pk]) in page
