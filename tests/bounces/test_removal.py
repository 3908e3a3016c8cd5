"""一覧から除外: failed addresses are taken out of further mailings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role, User, Workspace
from bounces.removal import CHUNK, Choice, Removal, remove_failures
from campaigns.models import Campaign
from lists.models import Consent, StopReason, Subscriber, Subscription
from mta.verdicts import Kind, Reason
from tests.bounces.failing import fail
from tests.factories import make_campaign, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    now = timezone.now()
    return make_campaign(make_list(workspace), state="done", started_at=now, finished_at=now)


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
    page = remove(editor, campaign, reasons=["user_unknown", "refused"], confirmed="2").content.decode()
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


def test_consents_end_with_the_places_f4(editor: Client, campaign: Campaign) -> None:
    chosen, kept = fail(campaign), fail(campaign)
    for delivery in (chosen, kept):
        mailing_list = campaign.mailing_lists.get()
        Consent.objects.create(
            subscriber=delivery.subscriber, mailing_list=mailing_list, source="csv", at=timezone.now()
        )
    remove(editor, campaign, ids=[chosen.pk], removal="unlist", confirmed="1")
    assert Consent.objects.get(subscriber=chosen.subscriber).ended_at is not None
    assert Consent.objects.get(subscriber=kept.subscriber).ended_at is None


def test_all_that_is_filtered_is_taken_off(editor: Client, campaign: Campaign) -> None:
    """A10: on the whole filter, with a question that names the number."""
    fail(campaign, "a@gmail.com", "gmail", reason=Reason.MAILBOX_FULL, kind=Kind.SOFT)
    fail(campaign, "b@gmail.com", "gmail", reason=Reason.REPUTATION, kind=Kind.BLOCK)
    fail(campaign, "c@x.example")
    chosen = {"shown": "on", "provider": "gmail"}
    page = remove(editor, campaign, **chosen).content.decode()
    assert "<strong>2件</strong>" in page
    assert "このうち1件は" in page
    assert Subscriber.objects.active().count() == 3
    assert "2件を外しました" in remove(editor, campaign, **chosen, confirmed="2").content.decode()
    assert set(Subscriber.objects.stopped().values_list("address", flat=True)) == {"a@gmail.com", "b@gmail.com"}
    assert AuditEntry.objects.get(action="failures.stop").detail["shown"] == ["Gmail"]


def test_a_filter_that_filters_nothing_takes_nobody_off(editor: Client, campaign: Campaign) -> None:
    fail(campaign)
    assert "合うアドレスはありませんでした" in remove(editor, campaign, shown="on", confirmed="1").content.decode()
    assert Subscriber.objects.active().count() == 1


def test_more_failures_since_the_question_are_asked_about_anew(editor: Client, campaign: Campaign) -> None:
    """A10: never more addresses than the question named."""
    fail(campaign)
    fail(campaign)
    page = remove(editor, campaign, reasons=["user_unknown"], confirmed="1").content.decode()
    assert "件数が変わりました" in page
    assert "<strong>2件</strong>" in page
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


def test_access_to_removal(client: Client, client_for: Log, workspace: Workspace, campaign: Campaign) -> None:
    fail(campaign)
    url = reverse("failed_addresses_remove", args=[campaign.pk])
    data = {"reasons": ["user_unknown"], "removal": "stop", "confirmed": "1"}
    assert client.post(url, data).status_code == 302
    assert client_for(make_user(workspace, Role.VIEWER)).post(url, data).status_code == 403
    assert client_for(make_user(make_workspace())).post(url, data).status_code == 404
    assert client_for(make_user(workspace, Role.EDITOR)).get(url).status_code == 405
    assert Subscriber.objects.active().count() == 1
