"""The pages of lists: plain success, access, bad input, number of queries."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, Role, User
from lists.bulk_turns import run_bulk
from lists.mailing_lists import ListNameTaken, save_list
from lists.models import BulkJob, CsvImport, MailingList, Subscriber, Subscription
from tests.factories import make_errors, make_list, make_subscriber, make_user, make_workspace
from tests.lists.pages import FILE, text_of, upload

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "必須"),
        ({"name": "同じ"}, "同じ名前のリストがあります"),
        ({"name": "改行\nBcc: x"}, "改行や制御文字"),
        ({"name": "a\u202egro.example"}, "改行や制御文字"),
        ({"name": "x", "error_limit": "0"}, "1 以上"),
        ({"name": "x", "error_limit": "100"}, "99 以下"),
    ],
)
def test_a_list_that_cannot_be_saved_is_told(
    editor: Client, mailing_list: MailingList, fields: dict[str, str], sentence: str
) -> None:
    make_list(mailing_list.workspace, name="同じ")
    response = editor.post(reverse("list_create"), {"description": "", "error_limit": ""} | fields)
    assert response.status_code == 200
    assert sentence in text_of(response)


def test_a_name_that_somebody_else_took_at_this_moment_is_told(mailing_list: MailingList) -> None:
    """The form has looked, and then another one is stored first."""
    namesake = MailingList(workspace=mailing_list.workspace, name=mailing_list.name)
    with pytest.raises(ListNameTaken, match="同じ名前のリスト"):
        save_list(namesake, actor=make_user(mailing_list.workspace), now=timezone.now())
    assert not AuditEntry.objects.exists()


def test_lowering_the_limit_of_a_list_asks_and_stops_those_who_are_over_it(
    editor: Client, mailing_list: MailingList
) -> None:
    """A7: the number is told before it is saved, also without scripts."""
    subscriber = make_errors(make_subscriber(mailing_list), 2)
    url = reverse("list_edit", args=[mailing_list.pk])
    fields = {"name": mailing_list.name, "description": "", "error_limit": "2"}
    preview = reverse("list_limit_preview", args=[mailing_list.pk])
    assert "<strong>1件</strong>" in text_of(editor.get(preview, {"error_limit": "2"}))
    assert "ありません" in text_of(editor.get(preview, {"error_limit": ""}))
    assert not text_of(editor.get(preview, {"error_limit": "0"})).strip()
    assert "<strong>1件</strong>が配信停止になります" in text_of(editor.post(url, fields))
    mailing_list.refresh_from_db()
    subscriber.refresh_from_db()
    assert (mailing_list.error_limit, subscriber.is_stopped()) == (None, False)
    assert "1件を配信停止にしました" in text_of(editor.post(url, fields | {"confirmed": "1"}, follow=True))
    subscriber.refresh_from_db()
    assert subscriber.is_stopped()
    saved, applied = AuditEntry.objects.order_by("pk")
    assert (saved.detail, applied.detail) == ({"error_limit": 2}, {"stopped": 1})


def test_a_list_is_deleted_after_asking_with_its_files_but_not_its_people(
    editor: Client, mailing_list: MailingList, media: Any, django_capture_on_commit_callbacks: Any
) -> None:
    make_subscriber(mailing_list)
    upload(editor, mailing_list, FILE)
    url = reverse("list_delete", args=[mailing_list.pk])
    assert "リストを削除しますか" in text_of(editor.get(url))
    assert MailingList.objects.exists()
    assert editor.post(url)["Location"] == reverse("list_index")
    assert not MailingList.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert not run_bulk(BulkJob.objects.get().pk, now=timezone.now())
    assert Subscriber.objects.count() == 1
    assert not Subscription.objects.exists()
    assert not list(media.glob("imports/*"))


def test_subscribers_of_a_list_are_searched(editor: Client, mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "taro@example.jp", name="山田 太郎")
    make_subscriber(mailing_list, "hanako@example.jp", name="鈴木 花子", status="stopped")
    url = reverse("list_detail", args=[mailing_list.pk])
    for query, shown, hidden in (
        ({"q": "TARO"}, "taro@", "hanako@"),
        ({"q": "花子"}, "hanako@", "taro@"),
        ({"q": "ｔａｒｏ＠"}, "taro@", "hanako@"),
        ({"status": "stopped"}, "hanako@", "taro@"),
    ):
        page = text_of(editor.get(url, query))
        assert shown in page
        assert hidden not in page
    assert "条件に合う購読者はいません" in text_of(editor.get(url, {"q": "\0nobody%_"}))
    assert "taro@" in text_of(editor.get(reverse("subscriber_index"), {"q": "taro"}))


def test_pages_of_lists_ask_few_queries(
    editor: Client, mailing_list: MailingList, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(60):
        make_subscriber(mailing_list)
    for _number in range(10):
        make_subscriber(make_list(mailing_list.workspace), error_count=1)
    for url, limit in (
        (reverse("list_index"), 9),
        (reverse("list_detail", args=[mailing_list.pk]), 14),
        (reverse("subscriber_index"), 13),
        (reverse("subscriber_detail", args=[Subscriber.objects.first().pk]), 13),
    ):
        with django_assert_max_num_queries(limit):
            assert editor.get(url).status_code == 200


# Access.

READ = ["list_detail"]
WRITE = ["list_edit", "list_limit_preview", "list_delete", "list_export"]


def url_of(name: str, csv_import: CsvImport) -> str:
    return reverse(name, args=[csv_import.mailing_list_id])


@pytest.mark.parametrize("name", READ + WRITE)
def test_each_page_asks_for_its_role(finished: CsvImport, viewer: Client, client_for: ClientFor, name: str) -> None:
    url = url_of(name, finished)
    stranger = client_for(make_user(make_workspace(), Role.ADMIN))
    response: Any = Client().get(url)
    assert response["Location"].startswith(reverse("account_login"))
    assert stranger.get(url).status_code == 404
    assert viewer.get(url).status_code == (200 if name in READ else 403)


@pytest.mark.parametrize("name", ["list_create", "list_edit", "list_delete"])
def test_a_viewer_changes_nothing(finished: CsvImport, viewer: Client, name: str) -> None:
    url = reverse("list_create") if name == "list_create" else url_of(name, finished)
    assert viewer.post(url, {"name": "x"}).status_code == 403
    assert MailingList.objects.count() == 1


def test_a_viewer_sees_lists_without_buttons(finished: CsvImport, viewer: Client) -> None:
    page = text_of(viewer.get(url_of("list_detail", finished)))
    assert reverse("import_upload", args=[finished.mailing_list_id]) not in page


def test_a_stranger_sees_no_lists(finished: CsvImport, client_for: ClientFor) -> None:
    stranger = client_for(make_user(make_workspace(), Role.ADMIN))
    assert "まだリストがありません" in text_of(stranger.get(reverse("list_index")))


@pytest.mark.parametrize("name", ["list_edit", "list_delete", "list_export"])
def test_an_editor_opens_each_page(editor: Client, finished: CsvImport, name: str) -> None:
    response = editor.get(url_of(name, finished))
    assert response.status_code == 200
    assert finished.mailing_list.name in text_of(response)
