"""The pages on which a subscriber is added and changed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Role, User, Workspace
from lists.editing import seen_of
from lists.erasing import erase
from lists.models import AttributeDefinition, Consent, Exclusion, MailingList, Subscriber, Subscription
from tests.factories import make_list, make_subscriber, make_user, make_workspace
from tests.lists.clock import NOW
from tests.lists.pages import text_of

pytestmark = pytest.mark.django_db
ClientFor = Callable[[User], Client]


@pytest.fixture
def kinds(workspace: Workspace) -> dict[str, str]:
    """The names of the form's fields for an attribute of each kind."""
    made = [
        AttributeDefinition.objects.create(
            workspace=workspace,
            name=kind,
            label=f"項目{kind}",
            kind=kind,
            choices=["金", "銀"] if kind == "choice" else [],
        )
        for kind in ("text", "number", "date", "choice")
    ]
    return {definition.kind: f"attribute_{definition.pk}" for definition in made}


def test_somebody_is_added_with_values_of_all_kinds_a4(
    editor: Client, mailing_list: MailingList, kinds: dict[str, str]
) -> None:
    """A4: who adds somebody to a list says how they agreed."""
    url = reverse("subscriber_create")
    assert "項目number" in text_of(editor.get(url, {"list": mailing_list.pk}))
    data: dict[str, Any] = {
        "address": " Ｔａｒｏ@example.jp ",
        "name": "山田 太郎",
        "lists": [mailing_list.pk],
        kinds["text"]: "みほん",
        kinds["number"]: "1,200",
        kinds["date"]: "2026-05-01",
        kinds["choice"]: "金",
    }
    assert "どのように得たかを入力してください" in text_of(editor.post(url, data))
    assert not Subscriber.objects.exists()
    page = text_of(editor.post(url, data | {"evidence": "申込書"}, follow=True))
    assert "Taro@example.jpを追加しました" in page
    subscriber = Subscriber.objects.get()
    assert subscriber.attributes == {"text": "みほん", "number": 1200, "date": "2026-05-01", "choice": "金"}
    assert Consent.objects.get().evidence == "申込書"
    assert "2026/05/01" in page
    assert "購読者の追加" in page


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("address", "", "メールアドレスを入力してください"),
        ("address", "だめ", "「@」がありません"),
        ("address", "a@example.jp\nBcc: b@example.jp", "改行や制御文字が入っています"),
        ("name", "山田\u202e", "改行や制御文字"),
        ("number", "たくさん", "数値として読めません"),
        ("date", "2026-02-30", "暦にない日付"),
        ("choice", "銅", "正しく選択してください"),
        ("lists", "999999", "正しく選択してください"),
    ],
)
def test_what_cannot_be_saved_is_told(
    editor: Client, kinds: dict[str, str], field: str, text: str, sentence: str
) -> None:
    data = {"address": "taro@example.jp"} | {kinds.get(field, field): text}
    response = editor.post(reverse("subscriber_create"), data)
    assert response.status_code == 200
    assert sentence in text_of(response)
    assert not Subscriber.objects.exists()


def test_an_address_that_is_there_leads_to_its_subscriber(editor: Client, mailing_list: MailingList) -> None:
    known = make_subscriber(mailing_list, "taro@example.jp")
    page = text_of(editor.post(reverse("subscriber_create"), {"address": "TARO@example.jp"}))
    assert "登録済みです" in page
    assert reverse("subscriber_detail", args=[known.pk]) in page


def test_an_erased_address_is_asked_about(editor: Client, workspace: Workspace) -> None:
    erase(
        [make_subscriber(workspace=workspace, address="taro@example.jp").pk], workspace=workspace, actor=None, now=NOW
    )
    url, data = reverse("subscriber_create"), {"address": "taro@example.jp"}
    assert "may_return_again" not in text_of(editor.get(url))
    page = text_of(editor.post(url, data))
    assert "以前に個人情報を消去したアドレスです" in page
    assert 'name="may_return_again"' in page
    assert "追加しました" in text_of(editor.post(url, data | {"may_return_again": "on"}, follow=True))


def test_who_is_on_the_exclusion_list_is_told_of(editor: Client, workspace: Workspace) -> None:
    Exclusion.objects.create(workspace=workspace, kind="domain", value="example.jp", reason="退会済み")
    page = text_of(editor.post(reverse("subscriber_create"), {"address": "taro@example.jp"}, follow=True))
    assert "除外リストに登録されています" in page
    assert "理由: 退会済み" in page


def test_a_subscriber_is_changed_and_the_page_tells_it(
    editor: Client, mailing_list: MailingList, kinds: dict[str, str]
) -> None:
    # A value from before the attribute became a number, and one of a choice that is not offered any more.
    stored = {"number": "十二", "choice": "銅", "もうない": "x"}
    subscriber = make_subscriber(mailing_list, "taro@example.jp", attributes=stored)
    url = reverse("subscriber_edit", args=[subscriber.pk])
    page = text_of(editor.get(url))
    assert 'value="十二"' in page
    assert '<option value="銅" selected' in page
    data = {
        "seen": seen_of(subscriber, [mailing_list.pk]),
        "address": "taro@example.jp",
        "name": "山田 次郎",
        "lists": [mailing_list.pk],
        kinds["text"]: "新しい",
        kinds["number"]: "十二",
        kinds["choice"]: "銅",
        kinds["date"]: "",
    }
    page = text_of(editor.post(url, data, follow=True))
    assert "購読者の内容を保存しました" in page
    subscriber.refresh_from_db()
    assert (subscriber.name, subscriber.attributes) == ("山田 次郎", stored | {"text": "新しい"})
    assert "変更した項目: お名前・text" in page
    assert "もうない" in page


def test_what_others_changed_meanwhile_is_not_overwritten(editor: Client, mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, "taro@example.jp", name="山田")
    url = reverse("subscriber_edit", args=[subscriber.pk])
    seen = seen_of(subscriber, [mailing_list.pk])
    assert f'name="seen" value="{seen}"' in text_of(editor.get(url))
    # A file puts the person on another list.
    other = make_list(mailing_list.workspace)
    Subscription.objects.create(mailing_list=other, subscriber=subscriber)
    data = {"address": "taro@example.jp", "name": "山田 太郎", "lists": [mailing_list.pk], "seen": seen}
    page = text_of(editor.post(url, data))
    assert "別の画面や取り込みで変更されました" in page
    # What was typed is still there, and sending it again changes nothing either.
    assert 'value="山田 太郎"' in page
    assert "変更されました" in text_of(editor.post(url, data))
    subscriber.refresh_from_db()
    assert (subscriber.name, subscriber.subscriptions.count()) == ("山田", 2)
    data |= {"seen": seen_of(subscriber, [mailing_list.pk, other.pk]), "lists": [mailing_list.pk, other.pk]}
    assert "保存しました" in text_of(editor.post(url, data, follow=True))


def test_lists_of_others_are_not_offered(editor: Client, workspace: Workspace) -> None:
    foreign = make_list(name="よその名簿")
    assert "よその名簿" not in text_of(editor.get(reverse("subscriber_create")))
    data = {"address": "taro@example.jp", "lists": [foreign.pk], "evidence": "x"}
    assert editor.post(reverse("subscriber_create"), data).status_code == 200
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("name", ["subscriber_create", "subscriber_edit"])
def test_only_who_may_edit_adds_and_changes(
    workspace: Workspace, viewer: Client, client_for: ClientFor, name: str
) -> None:
    subscriber = make_subscriber(workspace=workspace)
    args = [subscriber.pk] if name == "subscriber_edit" else []
    url = reverse(name, args=args)
    assert (viewer.get(url).status_code, viewer.post(url, {"address": "x@example.jp"}).status_code) == (403, 403)
    stranger = client_for(make_user(make_workspace(), Role.ADMIN))
    assert stranger.post(url, {"address": "bad"}).status_code == (404 if args else 200)
