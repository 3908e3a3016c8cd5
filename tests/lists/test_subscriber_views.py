"""The pages of subscribers: plain success, access, bad input."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, Role, User
from lists.models import CsvImport, MailingList, Subscriber
from tests.factories import make_errors, make_subscriber, make_user, make_workspace
from tests.lists.pages import text_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


def test_a_subscribers_page_shows_everything_known(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, attributes={"会社名": "みほん商店"})
    page = text_of(editor.get(reverse("subscriber_detail", args=[subscriber.pk])))
    assert "みほん商店" in page
    for part in ("subscriber_deliveries", "subscriber_errors"):
        assert reverse(part, args=[subscriber.pk]) in page


def test_stopping_and_resuming_by_hand_leave_a_trace(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, error_count=0)
    make_errors(subscriber)
    stop_url, resume_url = (reverse(name, args=[subscriber.pk]) for name in ("subscriber_stop", "subscriber_resume"))
    answer = {"reason": "manual", "why": "電話での苦情"}
    assert "配信停止にしますか" in text_of(editor.get(stop_url))
    assert "停止の理由を入力してください" in text_of(editor.post(stop_url, answer | {"why": " "}))
    assert "配信停止にしました" in text_of(editor.post(stop_url, answer, follow=True))
    assert "すでに配信停止です" in text_of(editor.post(stop_url, answer, follow=True))
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

READ = ["subscriber_detail"]
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
