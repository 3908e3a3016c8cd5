"""The page of one provider: its rules, our figures against them, and the letters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User, Workspace
from bounces.domain_rules import RULES, Outcome
from bounces.letters import EXAMPLES, Letter, hide_recipient
from bounces.provider_guides import Check, guide_of
from campaigns.models import Campaign, DeliveryState, Tally
from campaigns.tally import refresh
from mta.providers import PROVIDER_LABELS
from senders.models import DnsCheck, Sender, SenderDomain, ServerCheck
from tests.factories import (
    make_campaign,
    make_delivery,
    make_lane,
    make_list,
    make_sender,
    make_subscriber,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db
Log = Callable[[User], Client]
NOW = timezone.now()


@pytest.fixture
def sender(workspace: Workspace) -> Sender:
    return make_sender(workspace, "news@shop.example", legal_name="みほん商店株式会社", contact="03-0000-0000")


@pytest.fixture
def campaign(workspace: Workspace, sender: Sender) -> Campaign:
    began = NOW - timedelta(hours=1)
    return make_campaign(make_list(workspace), sender=sender, state="done", started_at=began, finished_at=NOW)


def tally(campaign: Campaign, provider: str, state: str, number: int, kind: str = "", reason: str = "") -> None:
    Tally.objects.create(campaign=campaign, provider=provider, state=state, number=number, kind=kind, reason=reason)


def block(campaign: Campaign, text: str, address: str = "taro@gmail.com", provider: str = "gmail") -> None:
    make_delivery(
        campaign,
        make_subscriber(campaign.mailing_lists.get(), address),
        lane=make_lane(campaign.workspace, provider=provider),
        state=DeliveryState.FAILED,
        settled_at=NOW,
        kind="block",
        reason="reputation",
        code="5.7.1",
        text=text,
    )


def check_domain(domain: SenderDomain, **results: str) -> None:
    for kind, result in results.items():
        DnsCheck.objects.create(domain=domain, kind=kind, result=result, checked_at=NOW)


def check_return_spf(*results: str) -> None:
    for number, result in enumerate(results):
        ServerCheck.objects.create(
            kind="return_spf", subject=f"192.0.2.{10 + number}", result=result, found="", checked_at=NOW
        )


def return_to_own(domain: SenderDomain, settings: Settings, found: str) -> None:
    """Let errors return to a name of the domain's own, whose records are as found."""
    settings.SENDING_IPS = ["192.0.2.10"]
    settings.RETURN_DOMAIN = "bounce.hypermail.example"
    settings.OWN_RETURN_DOMAINS = True
    SenderDomain.objects.filter(pk=domain.pk).update(return_name="bounce.shop.example", return_proved_at=NOW)
    DnsCheck.objects.create(domain=domain, kind="return", result="ok", found=found, checked_at=NOW)


def show(client: Client, provider: str = "gmail", **query: Any) -> Any:
    response = client.get(reverse("provider_report", args=[provider]), query)
    assert response.status_code == 200
    return response


def outcome(response: Any, check: Check) -> tuple[Outcome | None, str]:
    [found] = [one for one in response.context["judgements"] if one.guideline.check is check]
    return found.outcome, found.figure


@pytest.mark.parametrize("provider", PROVIDER_LABELS)
def test_every_provider_has_a_guide_with_its_sources(provider: str, viewer: Client) -> None:
    """A12: facts with the address of their source; a figure that nobody published is not made up."""
    guide = guide_of(provider)
    assert all(urlsplit(one.source.url).scheme == "https" for one in guide.guidelines)
    checks = {one.check for one in guide.guidelines}
    assert Check.COMPLAINTS in checks
    assert checks & {Check.SPF, Check.AUTHOR_SPF, Check.SPF_OR_DKIM}
    page = show(viewer, provider).content.decode()
    assert str(PROVIDER_LABELS[provider]) in page
    for one in guide.guidelines:
        assert one.source.url in page
        assert one.source.how_known() in page
        assert str(one.source.note) in page
        # Without a limit of its own a rule about numbers says that none is published.
        if one.check is Check.COMPLAINTS and one.limit is None:
            assert "公表されていません" in str(one.text)


def test_figures_of_a_provider(viewer: Client, campaign: Campaign) -> None:
    """A12, B15: tried, accepted, errors by kind, blocks, complaints, and the five things that receivers look at."""
    tally(campaign, "gmail", "sent", 9_970)
    tally(campaign, "gmail", "complained", 20, "complaint", "complaint")
    tally(campaign, "gmail", "failed", 10, "hard", "user_unknown")
    tally(campaign, "docomo", "sent", 500)
    response = show(viewer)
    facts = response.context["facts"]
    assert (facts.figures.tried, facts.unknown, facts.complaints, facts.blocked) == (10_000, 10, 20, 0)
    assert outcome(response, Check.VOLUME) == (Outcome.FIGURE, "最も多い日 10,000通(条件の対象です)")
    assert outcome(response, Check.COMPLAINTS)[0] is Outcome.NOT_MET
    assert "届いた報告 20件(0.20%)" in outcome(response, Check.COMPLAINTS)[1]
    assert [one.name for one in response.context["criteria"]] == [
        "一度に届く量",
        "エラーの量",
        "迷惑メール報告",
        "差出人の正しさ",
        "送信サーバーの安全性",
    ]
    assert "エラー率 0.30%、宛先不明 10件(配信数の0.10%)" in response.content.decode()
    assert show(viewer, "docomo").context["figures"].tried == 500


def test_no_complaints_prove_nothing_where_none_are_told(viewer: Client, campaign: Campaign) -> None:
    """Gmail tells nobody of single complaints, so none known is no proof."""
    tally(campaign, "gmail", "sent", 1000)
    found, figure = outcome(show(viewer), Check.COMPLAINTS)
    assert found is Outcome.UNKNOWN
    assert "報告を1件ずつ知らせない" in figure
    tally(campaign, "microsoft", "sent", 1000)
    assert outcome(show(viewer, "microsoft"), Check.COMPLAINTS) == (Outcome.FIGURE, "届いた報告 0件(0.00%)")


def test_domains_are_compared_with_the_rules(
    viewer: Client, campaign: Campaign, sender: Sender, settings: Settings
) -> None:
    """B15: SPF, DKIM and DMARC of the domains that were sent from, as last checked; never a guess."""
    settings.SENDING_IPS = ["192.0.2.10"]
    assert outcome(show(viewer), Check.SPF) == (Outcome.UNKNOWN, "送信サーバーの確認がまだ済んでいません")
    check_return_spf("ok")
    check_domain(sender.domain, spf="ok", dkim="unknown", dmarc="wrong")
    response = show(viewer)
    assert outcome(response, Check.SPF) == (Outcome.MET, "確認済み: shop.example")
    assert outcome(response, Check.DKIM) == (Outcome.UNKNOWN, "未確認: shop.example")
    assert outcome(response, Check.DMARC) == (Outcome.NOT_MET, "設定が必要: shop.example")
    assert outcome(response, Check.ONE_CLICK)[0] is Outcome.MET
    assert outcome(show(viewer, "yahoo_jp"), Check.SPF_OR_DKIM)[0] is Outcome.MET


def test_every_rule_about_a_domain_can_be_judged() -> None:
    others = {Check.PTR, Check.TLS, Check.ONE_CLICK, Check.COMPLAINTS, Check.UNKNOWN_USERS, Check.VOLUME}
    assert set(RULES) == set(Check) - others


def test_spf_is_judged_as_receivers_do(viewer: Client, campaign: Campaign, sender: Sender, settings: Settings) -> None:
    """B15 C1: by the Return-Path, and for the worst of all sending addresses; docomo looks at the From domain too."""
    settings.SENDING_IPS = ["192.0.2.10", "192.0.2.11"]
    check_domain(sender.domain, spf="ok", dkim="ok", dmarc="ok")
    check_return_spf("ok", "wrong")
    ours = (Outcome.NOT_MET, "当サービス側の設定が必要(エラーメールの戻り先の SPF): 192.0.2.11")
    for provider in ("gmail", "yahoo", "microsoft", "icloud"):
        assert outcome(show(viewer, provider), Check.SPF) == ours
    assert outcome(show(viewer, "docomo"), Check.AUTHOR_SPF) == ours
    assert outcome(show(viewer, "yahoo_jp"), Check.SPF_OR_DKIM)[0] is Outcome.MET
    ServerCheck.objects.update(result="ok")
    for provider in ("docomo", "au", "softbank"):
        assert outcome(show(viewer, provider), Check.AUTHOR_SPF) == (Outcome.MET, "確認済み: shop.example")
    DnsCheck.objects.filter(kind="spf").update(result="missing")
    assert outcome(show(viewer), Check.SPF)[0] is Outcome.MET
    assert outcome(show(viewer, "docomo"), Check.AUTHOR_SPF) == (Outcome.NOT_MET, "設定が必要: shop.example")


def test_spf_of_an_address_that_nobody_looked_at_is_unknown(
    viewer: Client, campaign: Campaign, sender: Sender, settings: Settings
) -> None:
    settings.SENDING_IPS = ["192.0.2.10", "192.0.2.11"]
    check_domain(sender.domain, spf="ok")
    check_return_spf("ok")
    assert outcome(show(viewer), Check.SPF) == (Outcome.UNKNOWN, "送信サーバーの確認がまだ済んでいません")
    settings.SENDING_IPS = []
    assert outcome(show(viewer), Check.SPF) == (
        Outcome.UNKNOWN,
        "送信元 IP アドレスが登録されていないため、わかりません",
    )


def test_spf_of_a_return_domain_of_the_customers_own(
    viewer: Client, campaign: Campaign, sender: Sender, settings: Settings
) -> None:
    """E9: one with MX and TXT records has an SPF record of its own, and what ours says is nothing to it."""
    return_to_own(sender.domain, settings, "MX 10 mx.hypermail.example\nTXT v=spf1 include:_spf.hypermail.example ~all")
    check_return_spf("wrong")
    assert outcome(show(viewer), Check.SPF) == (Outcome.MET, "確認済み: shop.example")
    DnsCheck.objects.filter(kind="return").update(result="wrong")
    assert outcome(show(viewer), Check.SPF) == (Outcome.NOT_MET, "設定が必要: shop.example")


def test_spf_of_a_return_domain_that_is_a_cname_to_ours(
    viewer: Client, campaign: Campaign, sender: Sender, settings: Settings
) -> None:
    """E9 C1: receivers follow the CNAME and read our SPF record; what is wrong there is no fault of the customer."""
    return_to_own(sender.domain, settings, "CNAME bounce.hypermail.example\nMX 10 mx.hypermail.example")
    assert outcome(show(viewer), Check.SPF) == (Outcome.UNKNOWN, "送信サーバーの確認がまだ済んでいません")
    check_return_spf("ok")
    assert outcome(show(viewer), Check.SPF) == (Outcome.MET, "確認済み: shop.example")
    ServerCheck.objects.update(result="wrong")
    ours = (Outcome.NOT_MET, "当サービス側の設定が必要(エラーメールの戻り先の SPF): 192.0.2.10")
    assert outcome(show(viewer), Check.SPF) == ours
    DnsCheck.objects.filter(kind="return").update(result="wrong")
    assert outcome(show(viewer), Check.SPF) == (Outcome.NOT_MET, "設定が必要: shop.example")
    # One that leads elsewhere, to the same servers, has its own record.
    DnsCheck.objects.filter(kind="return").update(result="ok", found="CNAME mail.shop.example")
    assert outcome(show(viewer), Check.SPF) == (Outcome.MET, "確認済み: shop.example")


def test_dmarc_passes_by_our_signature(viewer: Client, campaign: Campaign, sender: Sender) -> None:
    """C26: a record alone lets no mail pass, nor does a key that verifies nothing."""
    check_domain(sender.domain, dmarc="ok", dkim="missing")
    assert outcome(show(viewer), Check.DMARC)[0] is Outcome.MET
    assert outcome(show(viewer, "docomo"), Check.DMARC_PASS) == (Outcome.NOT_MET, "設定が必要: shop.example")
    DnsCheck.objects.filter(kind="dkim").update(result="ok")
    assert outcome(show(viewer, "docomo"), Check.DMARC_PASS)[0] is Outcome.MET
    check_domain(sender.domain, proof="wrong")
    assert outcome(show(viewer, "docomo"), Check.DMARC_PASS)[0] is Outcome.NOT_MET


@pytest.mark.parametrize(
    ("result", "expected"), [("ok", Outcome.MET), ("missing", Outcome.NOT_MET), ("unknown", Outcome.UNKNOWN)]
)
def test_docomo_asks_for_a_or_mx(
    result: str, expected: Outcome, viewer: Client, campaign: Campaign, sender: Sender
) -> None:
    check_domain(sender.domain, host=result)
    assert outcome(show(viewer, "docomo"), Check.AUTHOR_HOST)[0] is expected


def test_a_rule_for_more_mail_than_ours_is_out_of_scope(viewer: Client, campaign: Campaign) -> None:
    assert outcome(show(viewer), Check.VOLUME) == (Outcome.OUT_OF_SCOPE, "最も多い日 0通(この期間は対象外です)")


def test_domains_that_sent_nothing_are_left_out(viewer: Client, workspace: Workspace) -> None:
    check_domain(make_sender(workspace).domain, spf="missing")
    assert outcome(show(viewer), Check.SPF) == (Outcome.UNKNOWN, "この期間の送信元がありません")


def test_newest_blocks_are_shown(viewer: Client, campaign: Campaign) -> None:
    block(campaign, "550 5.7.1 low <reputation>")
    refresh(campaign, now=NOW)
    page = show(viewer).content.decode()
    assert "最近のブロックの応答" in page
    assert "550 5.7.1 low &lt;reputation&gt;" in page
    assert "最近のブロックの応答" not in show(viewer, "au").content.decode()


def test_unknown_provider_is_not_found(viewer: Client) -> None:
    assert viewer.get(reverse("provider_report", args=["nobody"])).status_code == 404


def letter(client: Client, **query: Any) -> str:
    response = client.get(reverse("letter"), query)
    assert response.status_code == 200
    return str(response.context["text"])


def test_letter_to_the_subscriber(viewer: Client, sender: Sender) -> None:
    """D6: why mail does not reach them and how to allow it, with the sender's address and domain."""
    text = letter(viewer, provider="docomo", letter="to_subscriber", sender=sender.pk)
    for words in (
        "ドコモのアドレス",
        "news@shop.example",
        "ドメイン:       shop.example",
        "受信リスト",
        "03-0000-0000",
    ):
        assert words in text
    assert "みほん商店株式会社" in text


@pytest.mark.parametrize("kind", [Letter.FROM_SUBSCRIBER, Letter.FROM_SENDER])
def test_letter_to_the_provider(kind: Letter, viewer: Client, campaign: Campaign, settings: Settings) -> None:
    """D7: sender domain, sending IPs, contact, time range and what the servers said; no recipient's address."""
    settings.SENDING_IPS = ["192.0.2.1", "192.0.2.2"]
    for number, word in enumerate(("blocked", "blocked", "listed", "refused", "limited")):
        block(campaign, f"550 5.7.1 <taro{number}@gmail.com> {word} {number}", f"taro{number}@gmail.com")
    refresh(campaign, now=NOW)
    text = letter(viewer, provider="gmail", letter=kind)
    day = f"{timezone.localtime(NOW):%Y/%m/%d %H:%M}"
    began = f"{timezone.localtime(campaign.started_at):%Y/%m/%d %H:%M}"
    for words in ("Gmail", "shop.example", "192.0.2.1、192.0.2.2", "03-0000-0000", f"{began} 〜 {day}"):
        assert words in text
    assert text.count("  ・20") == EXAMPLES
    assert f"{day} 550 5.7.1 <***> blocked 0" in text
    assert "blocked 1" not in text
    assert "taro" not in text
    if kind is Letter.FROM_SENDER:
        assert "拒否された通数:   5通" in text
        assert "@gmail.com" in text


def test_missing_addresses_of_our_servers_are_told(viewer: Client, sender: Sender, settings: Settings) -> None:
    """D7: the operator has to set SENDING_IPS; until then the letter has a blank and the page says why."""
    settings.SENDING_IPS = []
    response = viewer.get(reverse("letter"), {"provider": "gmail", "letter": "from_sender", "sender": sender.pk})
    assert "SENDING_IPS に設定すると" in response.content.decode()
    assert "運用担当者に確かめて記入" in response.context["text"]
    assert "この期間に、ブロックと判定した応答はありません" in response.context["text"]
    page = viewer.get(reverse("letter"), {"letter": "to_subscriber"}).content.decode()
    assert "SENDING_IPS" not in page


def test_letter_is_ready_to_copy_and_to_keep(viewer: Client, sender: Sender) -> None:
    """D6, D7: a text to be changed, a button that copies it, and a file."""
    query = {"provider": "icloud", "letter": "from_sender", "sender": sender.pk}
    page = viewer.get(reverse("letter"), query).content.decode()
    assert 'data-copy="letter-text"' in page
    assert '<textarea class="letter-text" id="letter-text"' in page
    assert "icloudadmin@apple.com" in page
    answer = viewer.get(reverse("letter_text"), query)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert "letter-from_sender-icloud.txt" in answer["Content-Disposition"]
    assert answer.content.decode().replace("\r\n", "\n") == letter(viewer, **query)


def test_letter_without_choices_and_with_wrong_ones(viewer: Client, sender: Sender) -> None:
    assert "受信できるように設定" in letter(viewer)
    stranger = make_sender(make_workspace(), "news@stranger.example")
    response = viewer.get(reverse("letter"), {"letter": "x", "provider": "x", "sender": stranger.pk})
    page = response.content.decode()
    for words in ("選ばれた文面はありません", "選ばれたプロバイダはありません", "選ばれた送信元は見つかりません"):
        assert words in page
    assert "stranger.example" not in page
    assert "news@shop.example" in response.context["text"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [("to_subscriber", "ご登録のアドレスへ"), ("from_sender", "(宛先の会社名) メール運用ご担当者さま")],
)
def test_letter_about_other_receivers_leaves_room_for_their_name(
    viewer: Client, sender: Sender, kind: str, words: str
) -> None:
    text = letter(viewer, provider="other", letter=kind, sender=sender.pk)
    assert words in text
    assert "その他" not in text
    assert "ドコモのアドレスへ" in letter(viewer, provider="docomo", letter="to_subscriber", sender=sender.pk)


def test_letter_needs_a_sender(viewer: Client) -> None:
    assert "送信元がまだありません" in viewer.get(reverse("letter")).content.decode()
    assert viewer.get(reverse("letter_text")).status_code == 404


@pytest.mark.parametrize(
    ("text", "address", "plain"),
    [
        ("<Taro@x.example> unknown", "Taro@x.example", "<***> unknown"),
        ("taro@x.example unknown", "Taro@x.example", "*** unknown"),
        ("mailbox taro is full", "taro@x.example", "mailbox *** is full"),
        ("a bad day", "a@x.example", "a bad day"),
    ],
)
def test_recipient_is_hidden(text: str, address: str, plain: str) -> None:
    assert hide_recipient(text, address) == plain


def test_pages_need_few_queries(
    viewer: Client, campaign: Campaign, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(15):
        block(campaign, f"550 {number}", f"r{number}@gmail.com")
    refresh(campaign, now=NOW)
    with django_assert_max_num_queries(20):
        show(viewer)
    with django_assert_max_num_queries(14):
        letter(viewer, provider="gmail", letter="from_sender")


@pytest.mark.parametrize("name", ["provider_report", "letter", "letter_text"])
def test_access(name: str, client: Client, client_for: Log, viewer: Client, campaign: Campaign) -> None:
    """A viewer may read; a stranger of another workspace sees nothing of it; nobody enters without a login."""
    block(campaign, "ひみつの応答")
    refresh(campaign, now=NOW)
    url = reverse(name, args=["gmail"] if name == "provider_report" else []) + "?provider=gmail&letter=from_sender"
    assert client.get(url).status_code == 302
    assert "ひみつ" in viewer.get(url).content.decode()
    stranger = client_for(make_user(make_workspace()))
    answer = stranger.get(url)
    assert answer.status_code == (404 if name == "letter_text" else 200)
    assert "ひみつ" not in answer.content.decode()
    assert stranger.post(url).status_code == 405
