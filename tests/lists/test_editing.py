"""Adding and changing single subscribers."""

import pytest

from accounts.models import AuditEntry, Workspace
from lists.address import clean_address
from lists.editing import (
    AddressErased,
    AddressTaken,
    ListGone,
    Person,
    SubscriberChanged,
    add_subscriber,
    edit_subscriber,
    explain_conflict,
    seen_of,
)
from lists.erasing import erase, find_erased
from lists.models import Consent, MailingList, Subscriber
from lists.subscriber_views import history_of
from tests.factories import make_list, make_subscriber, make_user
from tests.lists.clock import NOW

pytestmark = pytest.mark.django_db


def person(address: str = "taro@example.jp", **fields: object) -> Person:
    return Person(clean_address(address), **fields)


def add(workspace: Workspace, *lists: MailingList, may_return: bool = False, **fields: object) -> Subscriber:
    return add_subscriber(
        workspace,
        person(**fields),
        mailing_lists=lists,
        evidence="申込書",
        actor=make_user(workspace),
        now=NOW,
        may_return=may_return,
    )


def test_who_is_added_is_on_the_lists_with_a_consent_a4(mailing_list: MailingList) -> None:
    """A4."""
    subscriber = add(mailing_list.workspace, mailing_list, name="山田 太郎", attributes={"ランク": "金", "空": ""})
    assert (subscriber.status, subscriber.attributes) == ("active", {"ランク": "金"})
    consent = Consent.objects.get(subscriber=subscriber)
    assert (consent.mailing_list, consent.source, consent.evidence, consent.at) == (
        mailing_list,
        "manual",
        "申込書",
        NOW,
    )
    assert consent.recorded_by is not None
    created, listed = AuditEntry.objects.order_by("pk")
    assert (created.action, created.target, created.detail) == ("subscriber.created", "taro@example.jp", {})
    assert (listed.action, listed.detail) == ("subscriber.listed", {"list": mailing_list.name})


def test_an_address_is_there_only_once(mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, "Taro@example.jp")
    with pytest.raises(AddressTaken) as caught:
        add(mailing_list.workspace)
    assert caught.value.subject == subscriber


def test_an_erased_address_comes_back_only_on_a_word(workspace: Workspace) -> None:
    subscriber = make_subscriber(workspace=workspace, address="taro@example.jp")
    erase([subscriber.pk], workspace=workspace, actor=None, now=NOW)
    with pytest.raises(AddressErased):
        add(workspace)
    add(workspace, may_return=True)
    assert find_erased(workspace, ["taro@example.jp"]) == set()
    assert AuditEntry.objects.get(action="subscriber.created").detail == {"returned": True}


def test_a_change_is_written_down_without_its_values(mailing_list: MailingList) -> None:
    workspace = mailing_list.workspace
    subscriber = make_subscriber(mailing_list, "taro@example.jp", attributes={"ランク": "金", "古い": "x", "点": 1})
    other = make_list(workspace)
    changed = edit_subscriber(
        subscriber,
        person(name="山田 次郎", attributes={"ランク": "銀", "点": ""}),
        mailing_lists=[other],
        evidence="電話",
        actor=make_user(workspace),
        now=NOW,
    )
    assert changed == ["name", "ランク", "点"]
    assert (subscriber.name, subscriber.attributes) == ("山田 次郎", {"ランク": "銀", "古い": "x"})
    assert [place.mailing_list for place in subscriber.subscriptions.all()] == [other]
    edited, listed, unlisted = AuditEntry.objects.order_by("pk")
    assert (edited.action, edited.detail) == ("subscriber.edited", {"fields": ["name", "ランク", "点"]})
    assert (listed.detail, unlisted.detail) == ({"list": other.name}, {"list": mailing_list.name})


def test_nothing_changed_writes_nothing(mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, "taro@example.jp", name="山田", attributes={"ランク": "金"})
    changed = edit_subscriber(
        subscriber,
        person(name="山田"),
        mailing_lists=[mailing_list],
        evidence="",
        actor=make_user(mailing_list.workspace),
        now=NOW,
    )
    assert changed == []
    assert not AuditEntry.objects.exists()


def test_leaving_a_list_ends_its_consent_a4(mailing_list: MailingList) -> None:
    """A4."""
    subscriber = add(mailing_list.workspace, mailing_list)
    edit_subscriber(
        subscriber, person(), mailing_lists=[], evidence="", actor=make_user(mailing_list.workspace), now=NOW
    )
    assert Consent.objects.get().ended_at == NOW


def test_the_history_follows_a_changed_address(mailing_list: MailingList) -> None:
    workspace = mailing_list.workspace
    subscriber = add(workspace, mailing_list)
    edit_subscriber(
        subscriber,
        person("jiro@example.jp"),
        mailing_lists=[mailing_list],
        evidence="",
        actor=make_user(workspace),
        now=NOW,
    )
    assert (subscriber.address, subscriber.address_key) == ("jiro@example.jp", "jiro@example.jp")
    assert set(AuditEntry.objects.values_list("target", flat=True)) == {"jiro@example.jp"}
    edited = AuditEntry.objects.get(action="subscriber.edited")
    assert edited.detail == {"fields": ["address"], "was_address": "taro@example.jp"}


def test_an_address_cannot_be_changed_to_one_that_is_there(mailing_list: MailingList) -> None:
    make_subscriber(mailing_list, "jiro@example.jp")
    subscriber = make_subscriber(mailing_list, "taro@example.jp")
    actor = make_user(mailing_list.workspace)
    with pytest.raises(AddressTaken):
        edit_subscriber(subscriber, person("jiro@example.jp"), mailing_lists=[], evidence="", actor=actor, now=NOW)
    subscriber.refresh_from_db()
    assert subscriber.subscriptions.count() == 1


def test_the_history_follows_an_address_that_a_file_spelled_otherwise(mailing_list: MailingList) -> None:
    workspace = mailing_list.workspace
    subscriber = add(workspace, mailing_list, address="Taro@example.jp")
    Subscriber.objects.update(address="taro@example.jp")
    subscriber.refresh_from_db()
    assert {entry.action for entry in history_of(subscriber)} == {"subscriber.created", "subscriber.listed"}
    edit_subscriber(
        subscriber,
        person("jiro@example.jp"),
        mailing_lists=[mailing_list],
        evidence="",
        actor=make_user(workspace),
        now=NOW,
    )
    assert set(AuditEntry.objects.values_list("target", flat=True)) == {"jiro@example.jp"}


@pytest.mark.parametrize("change", [{"name": "別人"}, {"attributes": {"点": 2}}, {"address": "Taro@example.jp"}])
def test_who_is_not_as_it_was_seen_is_left_alone(mailing_list: MailingList, change: dict[str, object]) -> None:
    subscriber = make_subscriber(mailing_list, "taro@example.jp", name="山田")
    seen = seen_of(subscriber, [mailing_list.pk])
    Subscriber.objects.update(**change)
    with pytest.raises(SubscriberChanged):
        save(subscriber, mailing_list, seen=seen)
    subscriber.refresh_from_db()
    assert subscriber.name != "新しい名前"
    save(subscriber, mailing_list, seen=seen_of(subscriber, [mailing_list.pk]))
    assert subscriber.name == "新しい名前"


def test_who_was_erased_meanwhile_is_told_of(mailing_list: MailingList) -> None:
    subscriber = make_subscriber(mailing_list, "taro@example.jp")
    erase([subscriber.pk], workspace=mailing_list.workspace, actor=None, now=NOW)
    with pytest.raises(SubscriberChanged, match="個人情報を消去しました"):
        save(subscriber, mailing_list)


def test_what_hindered_the_storing_is_told(mailing_list: MailingList) -> None:
    assert isinstance(explain_conflict(make_subscriber(mailing_list)), AddressTaken)
    assert isinstance(explain_conflict(None), ListGone)


def save(subscriber: Subscriber, mailing_list: MailingList, seen: str | None = None) -> list[str]:
    return edit_subscriber(
        subscriber,
        person(name="新しい名前"),
        mailing_lists=[mailing_list],
        evidence="",
        actor=make_user(mailing_list.workspace),
        now=NOW,
        seen=seen,
    )
