"""失敗分に再送: exactly those whom trying again may reach, once, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEntry, Role, User, Workspace
from bounces.resending import RESENDABLE, Selection, look_ahead, make_resend
from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, DeliveryState
from lists.models import Consent, MailingList, Subscriber, Subscription
from mta.verdicts import Kind, Reason
from tests.bounces.failing import fail
from tests.factories import make_campaign, make_list, make_user, make_workspace

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]
FULL = {"kind": Kind.SOFT, "reason": Reason.MAILBOX_FULL}


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    now = timezone.now()
    text = {"html": "<p>こんにちは</p>", "conditions": [{"v": 1, "all": [{"field": "name", "op": "is_filled"}]}]}
    return make_campaign(make_list(workspace), state="done", started_at=now, finished_at=now, **text)


def resend(client: Client, campaign: Campaign, **data: Any) -> Any:
    return client.post(reverse("failed_addresses_resend", args=[campaign.pk]), data, follow=True)


def recipients_of(draft: Campaign) -> set[str]:
    places = Subscription.objects.filter(mailing_list__audiences__campaign=draft)
    return set(places.values_list("subscriber__address", flat=True))


def test_draft_goes_to_exactly_the_chosen_failures(editor: Client, campaign: Campaign) -> None:
    fail(campaign, "full@x.example", state=DeliveryState.BOUNCED, **FULL)
    fail(campaign, "blocked@x.example", kind=Kind.BLOCK, reason=Reason.REPUTATION)
    fail(campaign, "late@x.example", state=DeliveryState.EXPIRED, kind=Kind.SOFT, reason=Reason.TEMPORARY)
    fail(campaign, "sent@x.example", state=DeliveryState.SENT, kind="", reason="")
    page = resend(editor, campaign, reasons=["mailbox_full", "temporary"]).content.decode()
    assert "2件への下書きを作る" in page
    assert campaign.resends.count() == 0
    page = resend(editor, campaign, reasons=["mailbox_full", "temporary"], confirmed="1").content.decode()
    assert "2件に再送する下書きを作りました" in page
    draft = campaign.resends.get()
    assert recipients_of(draft) == {"full@x.example", "late@x.example"}
    assert (draft.state, draft.subject) == (CampaignState.DRAFT, f"【再送】{campaign.subject}")
    assert (draft.text, draft.html, draft.sender) == (campaign.text, campaign.html, campaign.sender)
    assert draft.conditions == campaign.conditions
    assert draft.mailing_lists.get().name == f"再送: {campaign.subject}(2件)"
    entry = AuditEntry.objects.get(action="failures.resend")
    assert (entry.detail["subscribers"], entry.detail["reasons"]) == (2, ["容量超過", "一時的な障害"])
    assert not Consent.objects.exists()


def test_dead_and_unwilling_addresses_are_not_offered(editor: Client, campaign: Campaign) -> None:
    for reason in (Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.REFUSED, Reason.UNKNOWN):
        fail(campaign, reason=reason)
    fail(campaign, state=DeliveryState.COMPLAINED, kind=Kind.COMPLAINT, reason=Reason.COMPLAINT)
    page = editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    assert "再送に向く失敗はありません" in page
    assert "再送する理由を選び直してください" in resend(editor, campaign, reasons=["user_unknown"]).content.decode()
    assert look_ahead(campaign, Selection(["user_unknown", "refused", "complaint"])).chosen == 0
    assert look_ahead(campaign, Selection(RESENDABLE)).chosen == 0


def test_offered_numbers_are_those_that_are_chosen(editor: Client, campaign: Campaign) -> None:
    fail(campaign, **FULL)
    fail(campaign, kind=Kind.SOFT, reason=Reason.UNKNOWN, state=DeliveryState.EXPIRED)
    fail(campaign, kind=Kind.UNKNOWN, reason=Reason.UNKNOWN)
    fail(campaign, kind=Kind.BLOCK, reason=Reason.AUTH)
    offers = editor.get(reverse("failed_addresses", args=[campaign.pk])).context["offers"]
    assert [(offer.value, offer.number, offer.is_block) for offer in offers] == [
        ("mailbox_full", 1, False),
        ("auth", 1, True),
        ("unknown", 1, False),
    ]
    for offer in offers:
        assert look_ahead(campaign, Selection([offer.value])).chosen == offer.number


def test_who_is_left_out_is_said(editor: Client, campaign: Campaign) -> None:
    fail(campaign, **FULL)
    stopped, gone, unlisted = (fail(campaign, **FULL).subscriber for _ in range(3))
    assert stopped is not None and gone is not None and unlisted is not None  # noqa: PT018
    Subscriber.objects.filter(pk=stopped.pk).update(
        status="stopped", stop_reason="unsubscribed", stopped_at=timezone.now()
    )
    gone.delete()
    unlisted.subscriptions.all().delete()
    outlook = look_ahead(campaign, Selection(["mailbox_full"]))
    assert (outlook.chosen, outlook.sent_to, [number for _why, number in outlook.left_out]) == (4, 1, [1, 1, 1])
    page = resend(editor, campaign, reasons=["mailbox_full"]).content.decode()
    for words in ("配信停止になっている", "購読者から削除されている", "配信先から外れている", "1件への下書きを作る"):
        assert words in page


def test_two_clicks_make_one_draft(editor: Client, campaign: Campaign) -> None:
    fail(campaign, **FULL)
    for _ in range(2):
        answer = resend(editor, campaign, reasons=["mailbox_full"], confirmed="1")
    assert "すでに作られています" in answer.content.decode()
    assert campaign.resends.count() == 1
    assert MailingList.objects.filter(name__startswith="再送").count() == 1


def test_nobody_who_was_sent_to_again_gets_it_a_third_time(campaign: Campaign, workspace: Workspace) -> None:
    """Also once the draft was sent and its list is gone."""
    actor = make_user(workspace)
    fail(campaign, "full@x.example", **FULL)
    first = make_resend(campaign, Selection(["mailbox_full"]), actor=actor)
    assert first is not None
    now = timezone.now()
    Campaign.objects.filter(pk=first.draft.pk).update(state=CampaignState.STARTING, started_at=now)
    assert freeze_recipients(first.draft.pk, now=now)
    assert first.draft.deliveries.get().address == "full@x.example"
    first.draft.deliveries.update(state=DeliveryState.SENT)
    Campaign.objects.filter(pk=first.draft.pk).update(state=CampaignState.DONE)
    first.draft.mailing_lists.get().delete()
    fail(campaign, "blocked@x.example", kind=Kind.BLOCK, reason=Reason.POLICY)
    outlook = look_ahead(campaign, Selection(["mailbox_full", "policy"]))
    assert (outlook.sent_to, outlook.left_out) == (1, [("前に作った再送の宛先に入っている", 1)])
    second = make_resend(campaign, Selection(["mailbox_full", "policy"]), actor=actor)
    assert second is not None
    assert recipients_of(second.draft) == {"blocked@x.example"}


def test_a_deleted_draft_frees_its_recipients(campaign: Campaign, workspace: Workspace) -> None:
    fail(campaign, **FULL)
    actor = make_user(workspace)
    first = make_resend(campaign, Selection(["mailbox_full"]), actor=actor)
    assert first is not None
    first.draft.delete()
    second = make_resend(campaign, Selection(["mailbox_full"]), actor=actor)
    assert second is not None
    assert second.is_new
    # The list of the first is still there, so the second has a name of its own.
    assert second.draft.mailing_lists.get().name.endswith("(1件) 2")


def test_doubts_are_apart_and_warned_of(editor: Client, campaign: Campaign) -> None:
    """F7: never silently resent."""
    now = timezone.now()
    fail(campaign, "maybe@x.example", state=DeliveryState.DOUBT, fenced_at=now, kind="", reason="")
    fail(campaign, "full@x.example", **FULL)
    page = editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    assert "結果不明の宛先が1件あります" in page
    asked = resend(editor, campaign, doubts="on").content.decode()
    assert "同じメールが2通届くおそれがあります" in asked
    resend(editor, campaign, reasons=["mailbox_full"], confirmed="1")
    assert recipients_of(campaign.resends.get()) == {"full@x.example"}
    resend(editor, campaign, doubts="on", confirmed="1")
    assert recipients_of(campaign.resends.latest("pk")) == {"maybe@x.example"}


def test_nothing_is_resent_while_the_mailing_goes_on(editor: Client, campaign: Campaign) -> None:
    fail(campaign, **FULL)
    Campaign.objects.update(state=CampaignState.SENDING)
    assert "失敗分に再送" not in editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    answer = resend(editor, campaign, reasons=["mailbox_full"], confirmed="1")
    assert "配信が終わってから" in answer.content.decode()
    assert campaign.resends.count() == 0


def test_nothing_left_to_resend_is_said(editor: Client, campaign: Campaign) -> None:
    assert "残っていません" in resend(editor, campaign, reasons=["mailbox_full"]).content.decode()
    answer = resend(editor, campaign, reasons=["mailbox_full"], confirmed="1")
    assert "再送できる宛先はありませんでした" in answer.content.decode()
    assert "1つ以上選んでください" in resend(editor, campaign).content.decode()


def test_a_resend_names_its_source(editor: Client, campaign: Campaign) -> None:
    fail(campaign, **FULL)
    resend(editor, campaign, reasons=["mailbox_full"], confirmed="1")
    draft = campaign.resends.get()
    assert (
        reverse("campaign_detail", args=[draft.pk])
        in editor.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
    )
    Campaign.objects.filter(pk=draft.pk).update(state=CampaignState.DONE)
    assert "への再送です" in editor.get(reverse("campaign_detail", args=[draft.pk])).content.decode()


def test_access_to_resending(client: Client, client_for: Log, workspace: Workspace, campaign: Campaign) -> None:
    fail(campaign, **FULL)
    url = reverse("failed_addresses_resend", args=[campaign.pk])
    data = {"reasons": ["mailbox_full"], "confirmed": "1"}
    assert client.post(url, data).status_code == 302
    assert client_for(make_user(workspace, Role.VIEWER)).post(url, data).status_code == 403
    assert client_for(make_user(make_workspace())).post(url, data).status_code == 404
    assert client_for(make_user(workspace, Role.EDITOR)).get(url).status_code == 405
    assert campaign.resends.count() == 0
    viewer = client_for(make_user(workspace, Role.VIEWER))
    assert "失敗分に再送" not in viewer.get(reverse("failed_addresses", args=[campaign.pk])).content.decode()
