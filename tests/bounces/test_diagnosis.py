"""配信診断: every stored check, a real mail's head with what a receiver notes, and each provider's rules (B15, F5, C26)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import authres
import dkim
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User, Workspace
from bounces.diagnosis import PROVIDERS, Diagnosis
from bounces.diagnosis_mail import RECEIVER, make_sample
from bounces.domain_rules import Outcome, judge_domains
from bounces.provider_guides import GUIDES, Check
from campaigns.models import Tally
from mta.models import RouteKind
from senders.dkim_keys import generate_key
from senders.models import DnsCheck, KeyAlgorithm, Sender, SenderDomain, ServerCheck
from tests.factories import make_campaign, make_list, make_mail_route, make_sender, make_user, make_workspace
from tests.senders.dns_server import ZoneServer, serve_zones

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DMARC = "v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.example"


@pytest.fixture
def sender(workspace: Workspace, settings: Settings) -> Sender:
    settings.SENDING_IPS = ["192.0.2.10"]
    settings.RETURN_DOMAIN = "bounce.hypermail.example"
    settings.OWN_RETURN_DOMAINS = True
    settings.EHLO_NAME = "mta.hypermail.example"
    # Nothing may ask the DNS: nobody is there.
    settings.DNS_SERVERS = ["127.0.0.1:1"]
    sender = make_sender(workspace, "news@shop.example")
    generate_key(sender.domain)
    return sender


@pytest.fixture
def zones(sender: Sender, settings: Settings) -> Iterator[ZoneServer]:
    """A DNS server that knows nobody."""
    with serve_zones() as server:
        settings.DNS_SERVERS = [server.address]
        yield server


def check_domain(domain: SenderDomain, **results: str) -> None:
    for kind, result in results.items():
        text = DMARC if kind == "dmarc" else f"{kind} の値"
        DnsCheck.objects.create(
            domain=domain, kind=kind, result=result, found=text, expected=text, advice="", checked_at=NOW
        )


def check_servers(**results: str) -> None:
    subjects = {"ehlo": "mta.hypermail.example", "return_mx": "bounce.hypermail.example"}
    for kind, result in results.items():
        found = "softfail\nv=spf1 ~all" if kind == "return_spf" and result == "wrong" else "mta.hypermail.example"
        subject = subjects.get(kind, "192.0.2.10")
        ServerCheck.objects.create(kind=kind, subject=subject, result=result, found=found, checked_at=NOW)


def all_well(sender: Sender) -> None:
    check_domain(sender.domain, spf="ok", dkim="ok", dmarc="ok", proof="ok")
    check_servers(ptr="ok", ehlo="ok", include="ok", return_mx="ok", return_spf="ok")


def tally(workspace: Workspace, sender: Sender, provider: str, state: str, number: int, *reason: str) -> None:
    began = NOW - timedelta(hours=1)
    campaign = make_campaign(make_list(workspace), sender=sender, state="done", started_at=began, finished_at=NOW)
    kind, why = reason or ("", "")
    Tally.objects.create(campaign=campaign, provider=provider, state=state, number=number, kind=kind, reason=why)


def show(client: Client, sender: Sender | None = None) -> Any:
    response = client.get(reverse("diagnosis_sender", args=[sender.pk]) if sender else reverse("diagnosis"))
    assert response.status_code == 200
    return response


def words(diagnosis: Diagnosis, provider: str) -> dict[str, str]:
    """Return what was decided about each rule of a provider that our data can answer."""
    [found] = [one for one in diagnosis.providers if one.key == provider]
    return {rule.guideline.check.name: rule.word for rule in found.rules if rule.guideline.check}


def read_results(sender: Sender) -> list[tuple[str, str]]:
    """Return what a receiver notes of the sample mail, as authres reads it."""
    fresh = Sender.objects.select_related("domain", "workspace").get(pk=sender.pk)
    sample = make_sample(fresh, list(ServerCheck.objects.all()), now=NOW)
    assert not sample.problem
    start = sample.headers.index("Authentication-Results:")
    end = sample.headers.index("\nDKIM-Signature") if "\nDKIM-Signature" in sample.headers else None
    field = sample.headers[start : end or sample.headers.index("\nDate:")]
    parsed = authres.AuthenticationResultsHeader.parse(field)
    assert parsed.authserv_id == RECEIVER
    return [(one.method, one.result) for one in parsed.results]


def test_the_light_is_that_of_an_address_that_alone_is_proved(viewer: Client, sender: Sender) -> None:
    """E10"""
    SenderDomain.objects.update(verified_at=None)
    Sender.objects.update(address_verified_at=NOW)
    light = show(viewer, sender).context["diagnosis"].light
    assert (light.tone, light.label) == ("warn", "アドレスの確認のみ")


def test_everything_is_in_order(viewer: Client, workspace: Workspace, sender: Sender) -> None:
    """B15 F5"""
    all_well(sender)
    tally(workspace, sender, "gmail", "sent", 9_000)
    diagnosis: Diagnosis = show(viewer).context["diagnosis"]
    assert [row.check.kind for row in diagnosis.checks] == ["spf", "dkim", "dmarc", "proof"]
    assert [row.tone for row in diagnosis.servers] == ["ok"] * 5
    assert not diagnosis.never
    met = {
        "SPF": "満たす",
        "DKIM": "満たす",
        "DMARC": "満たす",
        "ALIGNMENT": "満たす",
        "ONE_CLICK": "満たす",
        "PTR": "満たす",
    }
    assert met.items() <= words(diagnosis, "gmail").items()
    met["DMARC_PASS"] = met.pop("DMARC")
    assert met.items() <= words(diagnosis, "yahoo").items()
    assert words(diagnosis, "gmail")["TLS"] == "判定できない"
    assert [one.name for one in diagnosis.criteria] == [
        "一度に届く量",
        "エラーの量",
        "迷惑メール報告",
        "差出人の正しさ",
        "送信サーバーの安全性",
    ]
    assert diagnosis.criteria[0].figure == "最も多い日 9,000通"
    assert diagnosis.criteria[4].figure == "送信元IPアドレス: 192.0.2.10、逆引き: 満たしています"


def test_every_rule_has_a_word_a_source_and_a_date(viewer: Client, sender: Sender) -> None:
    """A17 F5"""
    response = show(viewer)
    page = response.content.decode()
    diagnosis: Diagnosis = response.context["diagnosis"]
    assert [one.key for one in diagnosis.providers] == list(PROVIDERS)
    assert len(PROVIDERS) == 8
    for provider in diagnosis.providers:
        assert len(provider.rules) + len(provider.notices) == len(GUIDES[provider.key].guidelines)
        assert {rule.word for rule in provider.rules} <= {"満たす", "満たさない", "判定できない", "対象外", "参考"}
        for guideline in (*(rule.guideline for rule in provider.rules), *provider.notices):
            assert guideline.source.url in page
            assert guideline.source.how_known() in page
            assert str(guideline.since) in page


def test_what_is_wrong_is_not_met(viewer: Client, workspace: Workspace, sender: Sender) -> None:
    check_domain(sender.domain, spf="missing", dkim="wrong", dmarc="missing")
    check_servers(ptr="missing", return_spf="wrong")
    tally(workspace, sender, "gmail", "sent", 990)
    tally(workspace, sender, "gmail", "complained", 10, "complaint", "complaint")
    diagnosis: Diagnosis = show(viewer).context["diagnosis"]
    found = words(diagnosis, "gmail")
    for name in ("SPF", "DKIM", "DMARC", "ALIGNMENT", "PTR", "COMPLAINTS"):
        assert found[name] == "満たさない"
    assert found["ONE_CLICK"] == "満たす"


def test_what_asks_for_nothing_is_no_rule(viewer: Client, workspace: Workspace, sender: Sender) -> None:
    """A17: a notice is told below the rules; a rule for more mail than ours is out of scope."""
    diagnosis: Diagnosis = show(viewer).context["diagnosis"]
    assert words(diagnosis, "gmail")["VOLUME"] == "対象外"
    assert words(diagnosis, "microsoft")["VOLUME"] == "対象外"
    assert "VOLUME" not in words(diagnosis, "yahoo_jp")
    tally(workspace, sender, "gmail", "sent", 9_000)
    assert words(show(viewer).context["diagnosis"], "gmail")["VOLUME"] == "参考"


def test_one_fault_alarms_once(viewer: Client, sender: Sender) -> None:
    """A proof that fails for want of a key, and records that nobody needs, are no faults of their own."""
    check_domain(sender.domain, spf="ok", dkim="missing", proof="wrong", bimi="missing", mta_sts="wrong")
    rows = {row.check.kind: row for row in show(viewer).context["diagnosis"].checks}
    assert (rows["dkim"].tone, rows["dkim"].word) == ("bad", "未設定")
    assert (rows["proof"].tone, rows["proof"].word) == ("muted", "未確認")
    assert "DKIM のレコードを登録すると確認できます" in rows["proof"].advice
    assert (rows["bimi"].tone, rows["mta_sts"].tone) == ("muted", "warn")
    DnsCheck.objects.filter(kind="dkim").update(result="ok")
    rows = {row.check.kind: row for row in show(viewer).context["diagnosis"].checks}
    assert (rows["proof"].tone, rows["proof"].word) == ("warn", "不合格")


def test_the_sample_is_seen_from_the_worst_address(viewer: Client, sender: Sender, settings: Settings) -> None:
    """C1: what one address gets wrong is not hidden by another."""
    all_well(sender)
    settings.SENDING_IPS = ["192.0.2.10", "192.0.2.11", "192.0.2.12"]
    for number, result in ((11, "wrong"), (12, "ok")):
        subject = f"192.0.2.{number}"
        ServerCheck.objects.create(kind="ptr", subject=subject, result="ok", found="mta.example", checked_at=NOW)
        ServerCheck.objects.create(kind="return_spf", subject=subject, result=result, found="softfail", checked_at=NOW)
    response = show(viewer)
    sample = response.context["diagnosis"].sample
    assert sample.address == "192.0.2.11"
    assert "spf=softfail" in sample.headers
    assert "policy.iprev=192.0.2.11" in sample.headers
    assert "受信側での評価が最も低い 192.0.2.11 から送る場合" in response.content.decode()


def test_what_was_never_checked_is_unknown(viewer: Client, sender: Sender) -> None:
    response = show(viewer)
    diagnosis: Diagnosis = response.context["diagnosis"]
    assert diagnosis.never == ["SPF", "DKIM", "DMARC"]
    found = words(diagnosis, "gmail")
    assert {found[name] for name in ("SPF", "DKIM", "DMARC", "ALIGNMENT", "PTR", "COMPLAINTS")} == {"判定できない"}
    assert "まだ確認していません: SPF、DKIM、DMARC" in response.content.decode()


def test_figures_are_those_of_the_domain(viewer: Client, workspace: Workspace, sender: Sender) -> None:
    other = make_sender(workspace, "news@other.example")
    tally(workspace, other, "gmail", "sent", 500)
    tally(workspace, sender, "gmail", "sent", 30)
    tally(workspace, sender, "docomo", "sent", 12)
    assert show(viewer, sender).context["diagnosis"].criteria[0].figure == "最も多い日 42通"
    assert show(viewer, other).context["diagnosis"].criteria[0].figure == "最も多い日 500通"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"kind": RouteKind.DIRECT, "host": "", "security": "opportunistic"}, "満たす"),
        ({"kind": RouteKind.RELAY}, "判定できない"),
    ],
)
def test_encryption_is_that_of_the_route(fields: dict[str, str], word: str, viewer: Client, sender: Sender) -> None:
    make_mail_route(senders="shop.example", **fields)
    assert words(show(viewer).context["diagnosis"], "gmail")["TLS"] == word


def test_the_head_is_that_of_the_newest_mailing(viewer: Client, workspace: Workspace, sender: Sender) -> None:
    """Signed with the real key: dkimpy verifies what the renderer gave."""
    all_well(sender)
    make_campaign(
        make_list(workspace), sender=sender, subject="古い便り", started_at=NOW - timedelta(days=2), state="done"
    )
    make_campaign(make_list(workspace), sender=sender, subject="{{name|お客様}}への便り", started_at=NOW, state="done")
    make_campaign(make_list(workspace), sender=sender, subject="下書き")
    headers = show(viewer).context["diagnosis"].sample.headers
    first, field, rest = headers.split("\n", 1)[0], headers.split("\n", 2)[1], headers
    assert first.startswith("Return-Path: <b-9223372036854775807-")
    assert field.startswith(f"Authentication-Results: {RECEIVER};")
    signed = rest[rest.index("DKIM-Signature:") :].replace("\n", "\r\n").encode()
    assert dkim.DKIM(signed).domain is None
    for part in ("d=shop.example", "From: ", "List-Unsubscribe-Post: List-Unsubscribe=One-Click", "Subject: =?"):
        assert part in headers
    assert "古い便り" not in headers


def test_results_where_all_is_well(sender: Sender) -> None:
    """C26"""
    all_well(sender)
    assert read_results(sender) == [("iprev", "pass"), ("spf", "pass"), ("dkim", "pass"), ("dmarc", "pass")]


def test_results_where_nothing_is_known(sender: Sender) -> None:
    assert read_results(sender) == [("dkim", "temperror")]


@pytest.mark.parametrize(
    ("domain", "servers", "expected"),
    [
        # Nothing that passes aligns: our return domain is not the customer's.
        ({"dkim": "missing", "dmarc": "ok"}, {"return_spf": "ok"}, {"spf": "pass", "dkim": "permerror", "dmarc": "fail"}),
        ({"dkim": "wrong", "dmarc": "ok"}, {}, {"dkim": "fail", "dmarc": "fail"}),
        ({"dkim": "unknown", "dmarc": "ok"}, {}, {"dkim": "temperror", "dmarc": "temperror"}),
        ({"dkim": "ok", "proof": "wrong", "dmarc": "ok"}, {}, {"dkim": "fail", "dmarc": "fail"}),
        ({"dkim": "ok", "dmarc": "missing"}, {}, {"dkim": "pass", "dmarc": "none"}),
        ({"dkim": "ok", "dmarc": "unknown"}, {}, {"dkim": "pass", "dmarc": "temperror"}),
        ({"dkim": "ok"}, {"return_spf": "wrong", "ptr": "wrong"}, {"iprev": "fail", "spf": "softfail", "dkim": "pass"}),
        ({"dkim": "ok"}, {"return_spf": "missing", "ptr": "missing"}, {"iprev": "permerror", "spf": "none", "dkim": "pass"}),
        ({"dkim": "ok"}, {"return_spf": "unknown", "ptr": "unknown"}, {"iprev": "temperror", "spf": "temperror", "dkim": "pass"}),
    ],
)  # fmt: skip
def test_results(domain: dict[str, str], servers: dict[str, str], expected: dict[str, str], sender: Sender) -> None:
    """C26: the words of RFC 8601 section 2.7 for what was found."""
    check_domain(sender.domain, **domain)
    check_servers(**servers)
    assert dict(read_results(sender)) == expected


def test_a_return_domain_of_the_customers_own_aligns(sender: Sender) -> None:
    """C26: relaxed alignment within one organisation, where DKIM fails."""
    name = "bounce.shop.example"
    SenderDomain.objects.filter(pk=sender.domain_id).update(return_name=name, return_proved_at=NOW)
    check_domain(sender.domain, dkim="wrong", dmarc="ok", **{"return": "ok"})
    assert dict(read_results(sender)) == {"spf": "pass", "dkim": "fail", "dmarc": "pass"}
    DnsCheck.objects.filter(kind="dmarc").update(found=f"{DMARC}; aspf=s", expected=f"{DMARC}; aspf=s")
    assert dict(read_results(sender))["dmarc"] == "fail"


@pytest.mark.parametrize(("result", "expected"), [("ok", "pass"), ("wrong", "softfail")])
def test_a_return_domain_that_is_a_cname_has_our_spf_record(result: str, expected: str, sender: Sender) -> None:
    """C1 C26: what receivers read behind the CNAME; where that does not pass nothing aligns."""
    name = "bounce.shop.example"
    SenderDomain.objects.filter(pk=sender.domain_id).update(return_name=name, return_proved_at=NOW)
    check_domain(sender.domain, dkim="wrong", dmarc="ok", **{"return": "ok"})
    DnsCheck.objects.filter(kind="return").update(found="CNAME bounce.hypermail.example")
    assert "spf" not in dict(read_results(sender))
    check_servers(return_spf=result)
    found = dict(read_results(sender))
    assert (found["spf"], found["dmarc"]) == (expected, "pass" if expected == "pass" else "fail")


def test_a_record_of_the_parent_speaks_for_the_domain(workspace: Workspace, sender: Sender) -> None:
    """C26: the check proposes nothing where the record stands at the Organizational Domain; its sp= holds."""
    below = make_sender(workspace, "news@mail.shop.example")
    generate_key(below.domain)
    text = "v=DMARC1; p=none; sp=reject"
    DnsCheck.objects.create(domain=below.domain, kind="dmarc", result="ok", found=text, checked_at=NOW)
    DnsCheck.objects.create(domain=below.domain, kind="dkim", result="ok", checked_at=NOW)
    assert dict(read_results(below)) == {"dkim": "pass", "dmarc": "pass"}
    fresh = Sender.objects.select_related("domain", "workspace").get(pk=below.pk)
    headers = make_sample(fresh, [], now=NOW).headers
    assert "dmarc=pass (p=none sp=reject)" in headers
    assert "policy.dmarc=reject" in headers


def test_the_policy_that_holds_in_testing_is_the_next_weaker(sender: Sender) -> None:
    """RFC 9989 section 9.1: policy.dmarc is what holds after t=; the comment is what stands in the record."""
    check_domain(sender.domain, dkim="ok", dmarc="ok")
    DnsCheck.objects.filter(kind="dmarc").update(found="v=DMARC1; p=reject; t=y")
    headers = make_sample(Sender.objects.get(), [], now=NOW).headers
    assert "dmarc=pass (p=reject t=y)" in headers
    assert "policy.dmarc=quarantine" in headers
    assert dict(read_results(sender))["dmarc"] == "pass"


def test_the_rules_and_the_sample_agree(sender: Sender) -> None:
    """C26: what a receiver would note of DMARC, and whether the rule that asks for it is met, are one."""
    name = "bounce.shop.example"
    SenderDomain.objects.filter(pk=sender.domain_id).update(return_name=name, return_proved_at=NOW)
    generate_key(sender.domain, KeyAlgorithm.ED25519)
    check_domain(sender.domain, dkim="ok", ed25519="ok", dmarc="ok", **{"return": "ok"})
    meanings = {"pass": Outcome.MET, "fail": Outcome.NOT_MET, "temperror": Outcome.UNKNOWN}
    seen = set()
    for dkim_result, second, returned, aspf in product(
        ("ok", "wrong", "missing", "unknown"), ("ok", "missing"), ("ok", "wrong", "unknown"), ("r", "s")
    ):
        for kind, result in {"dkim": dkim_result, "ed25519": second, "return": returned}.items():
            DnsCheck.objects.filter(kind=kind).update(result=result)
        DnsCheck.objects.filter(kind="dmarc").update(found=f"{DMARC}; aspf={aspf}")
        noted = dict(read_results(sender))["dmarc"]
        domain = SenderDomain.objects.prefetch_related("checks").get()
        for check in (Check.DMARC_PASS, Check.ALIGNMENT):
            assert judge_domains([domain], check, [])[0] is meanings[noted]
        seen.add((noted, dkim_result == "ok", returned == "ok", aspf))
    assert ("pass", False, True, "r") in seen
    assert ("fail", False, True, "s") in seen
    assert {noted for noted, *_rest in seen} == set(meanings)


def test_a_record_that_lets_nothing_pass_is_no_broken_one(sender: Sender) -> None:
    """C26: the check calls it wrong where nothing of our mail is signed or aligns."""
    check_domain(sender.domain, dkim="missing", dmarc="wrong")
    assert dict(read_results(sender))["dmarc"] == "fail"
    DnsCheck.objects.filter(kind="dmarc").update(found=f"{DMARC}\nv=DMARC1; p=none")
    assert dict(read_results(sender))["dmarc"] == "permerror"


def test_both_signatures_are_told_apart(sender: Sender) -> None:
    key = generate_key(sender.domain, "ed25519")
    type(key).objects.filter(pk=key.pk).update(activated_at=NOW)
    check_domain(sender.domain, dkim="ok", ed25519="missing", dmarc="ok")
    assert read_results(sender) == [("dkim", "pass"), ("dkim", "permerror"), ("dmarc", "pass")]


def test_a_domain_without_a_key_is_not_signed(workspace: Workspace, settings: Settings) -> None:
    settings.SENDING_IPS = []
    assert read_results(make_sender(workspace)) == [("dkim", "none")]


def test_a_key_that_cannot_be_read_is_told(viewer: Client, sender: Sender) -> None:
    sender.domain.dkim_keys.update(private_key=b"broken")
    response = show(viewer)
    assert response.context["diagnosis"].sample.problem
    assert response.context["diagnosis"].sample.problem in response.content.decode()


def test_without_a_sender_the_page_says_what_to_do(viewer: Client, editor: Client) -> None:
    assert "送信元がまだありません" in show(viewer).content.decode()
    assert reverse("sender_create") not in show(viewer).content.decode().split("<main")[1]
    assert reverse("sender_create") in show(editor).content.decode().split("<main")[1]


def test_the_button_is_for_those_who_may_check(viewer: Client, editor: Client, sender: Sender) -> None:
    url = reverse("domain_check", args=[sender.domain_id])
    assert url not in show(viewer).content.decode()
    assert url in show(editor).content.decode()


def test_the_button_returns_to_the_diagnosis(
    editor: Client, workspace: Workspace, sender: Sender, zones: ZoneServer
) -> None:
    url = reverse("domain_check", args=[sender.domain_id])
    here = reverse("diagnosis_sender", args=[sender.pk])
    assert f'name="diagnosis" value="{sender.pk}"' in show(editor, sender).content.decode()
    assert editor.post(url, {"diagnosis": str(sender.pk)}).headers["Location"] == here
    other = make_sender(workspace, "news@other.example")
    for wrong in (str(other.pk), "1e9", "", "http://evil.example/"):
        back = editor.post(url, {"diagnosis": wrong})
        assert back.headers["Location"] == reverse("domain_detail", args=[sender.domain_id])


def test_the_page_reads_little(
    viewer: Client, workspace: Workspace, sender: Sender, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    all_well(sender)
    for number in range(15):
        tally(workspace, sender, PROVIDERS[number % 8], "sent", 100)
    with django_assert_max_num_queries(22):
        show(viewer)


def test_access(client: Client, client_for: Callable[[User], Client], viewer: Client, sender: Sender) -> None:
    """A viewer may read; a stranger of another workspace sees nothing of it; nobody enters without a login."""
    url = reverse("diagnosis_sender", args=[sender.pk])
    assert client.get(url).status_code == 302
    assert viewer.get(url).status_code == 200
    stranger = client_for(make_user(make_workspace()))
    assert stranger.get(url).status_code == 404
    assert "shop.example" not in stranger.get(reverse("diagnosis")).content.decode()
    assert stranger.post(url).status_code == 405
