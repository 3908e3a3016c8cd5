"""A domain proves itself by real DNS before it may send (A1, B1); an outage never takes that away."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry
from senders.advice_checks import ADVICE
from senders.check_store import store_outcomes
from senders.dkim_keys import active_key, choose_signers, generate_key, keys_in_dns, public_record
from senders.dns import DnsResolver
from senders.domains import add_ed25519_key
from senders.errors import SenderError
from senders.lights import light_of, result_tone
from senders.models import CheckKind, CheckResult, DkimKey, DnsCheck, DnsCheckChange, KeyAlgorithm, Sender, SenderDomain
from senders.records import dkim_name
from senders.registry import SenderDetails, archive_sender, create_sender
from senders.secrets import encrypt
from senders.shown_checks import show_check
from senders.verification import (
    CHECK_INTERVAL,
    CHECK_LEASE,
    claim_check,
    explain_missing,
    release_check,
    require_verified,
    run_checks,
    verify_domain,
)
from tests.factories import make_sender, make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
DETAILS = SenderDetails("みほん商店", "", "みほん商店株式会社", "東京都", "03-0000-0000")


@pytest.fixture(autouse=True)
def include(settings: Settings) -> None:
    settings.SPF_INCLUDE = "_spf.hypermail.example"


@pytest.fixture
def sender(zones: ZoneServer) -> Sender:
    """A sender whose domain publishes everything but the DKIM key."""
    zones.load("example.zone")
    return create_sender(make_workspace(), "news@shop.example", DETAILS)


def publish_key(zones: ZoneServer, domain: SenderDomain) -> str:
    """Publish the domain's key and return the name of the record."""
    key = active_key(domain)
    assert key is not None
    name = dkim_name(key.selector, domain.name)
    zones.publish(name, public_record(key))
    return name


def results(domain: SenderDomain) -> dict[str, str]:
    """Return how the checks came out, without what is only advice."""
    asked = DnsCheck.objects.filter(domain=domain).exclude(kind__in=[*ADVICE, CheckKind.HOST])
    return dict(asked.values_list("kind", "result"))


def test_a1_b1_a_domain_with_spf_and_dkim_may_send(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    """A1 A6 B1"""
    publish_key(zones, sender.domain)
    user = make_user(sender.workspace)
    assert verify_domain(sender.domain, resolver, now=NOW, actor=user)
    require_verified(sender)
    sender.domain.refresh_from_db()
    assert sender.domain.verified_at == NOW
    assert results(sender.domain) == {"spf": "ok", "dkim": "ok", "dmarc": "ok", "proof": "ok"}
    spf = DnsCheck.objects.get(domain=sender.domain, kind=CheckKind.SPF)
    assert spf.found == "v=spf1 include:_spf.hypermail.example ip4:192.0.2.10 ~all"
    entry = AuditEntry.objects.get(action="sender_domain.verify")
    assert (entry.target, entry.actor, entry.detail["dkim"]) == ("shop.example", user, "ok")
    assert light_of(sender.domain).tone == "ok"


def test_the_first_proof_keeps_its_time_and_a_second_check_adds_no_row(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender
) -> None:
    publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    verify_domain(sender.domain, resolver, now=LATER)
    sender.domain.refresh_from_db()
    assert sender.domain.verified_at == NOW
    assert list(DnsCheck.objects.values_list("checked_at", flat=True)) == [LATER] * (5 + len(ADVICE))
    assert AuditEntry.objects.filter(action="sender_domain.verify").count() == 1


def test_a1_before_the_first_check_nothing_is_sent(sender: Sender) -> None:
    """A1"""
    with pytest.raises(SenderError) as refused:
        require_verified(sender)
    assert "SPF と DKIM をまだ確認していません" in refused.value.sentence
    assert "shop.example" in refused.value.sentence
    assert refused.value.about == sender.domain
    assert light_of(sender.domain).tone == "warn"


def test_b1_the_refusal_names_the_missing_item(resolver: DnsResolver, sender: Sender) -> None:
    """B1"""
    assert not verify_domain(sender.domain, resolver, now=NOW)
    with pytest.raises(SenderError, match="DKIM がまだありません") as refused:
        require_verified(sender)
    assert "SPF" not in refused.value.sentence
    assert results(sender.domain) == {"spf": "ok", "dkim": "missing", "dmarc": "ok", "proof": "wrong"}
    assert light_of(sender.domain).tone == "bad"


def test_a5_spf_without_our_include_is_wrong(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    """A5"""
    publish_key(zones, sender.domain)
    zones.publish("shop.example", "v=spf1 mx ~all")
    assert not verify_domain(sender.domain, resolver, now=NOW)
    assert explain_missing(sender.domain).startswith("SPF に直すところがあります")


@pytest.mark.parametrize("fault", ["failing", "silent"])
def test_an_outage_never_unverifies(zones: ZoneServer, resolver: DnsResolver, sender: Sender, fault: str) -> None:
    name = publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    getattr(zones, fault).update({"shop.example", "_dmarc.shop.example", name})
    assert verify_domain(sender.domain, resolver, now=LATER)
    assert set(results(sender.domain).values()) == {"unknown"}
    require_verified(sender)
    light = light_of(SenderDomain.objects.get())
    assert light.tone == "ok"
    assert "問い合わせできませんでした" in light.sentence


def test_a_domain_that_is_about_to_stop_is_not_called_well(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender
) -> None:
    """A6"""
    publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    SenderDomain.objects.update(failing_since=LATER, recheck_at=LATER + timedelta(hours=1))
    DnsCheck.objects.filter(kind=CheckKind.DKIM).update(result=CheckResult.MISSING)
    light = light_of(SenderDomain.objects.get())
    assert light.tone == "warn"
    assert "DKIM がまだありません" in light.sentence
    assert "次の自動確認(11月22日(日) 22:00)までに直らないと、配信が止まります" in light.sentence


def test_a_fault_that_is_tolerated_is_not_called_well(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    """A6"""
    publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    DnsCheck.objects.filter(kind=CheckKind.SPF).update(result=CheckResult.WRONG)
    light = light_of(SenderDomain.objects.get())
    assert (light.tone, "SPF に直すところがあります" in light.sentence) == ("warn", True)


@pytest.mark.parametrize("result", [CheckResult.UNKNOWN, CheckResult.WRONG])
def test_a_signature_that_cannot_be_proved_is_told(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender, result: CheckResult
) -> None:
    """B1"""
    publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    DnsCheck.objects.filter(kind=CheckKind.PROOF).update(result=result)
    light = light_of(SenderDomain.objects.get())
    assert (light.tone, "署名の実証" in light.sentence) == ("warn", True)


def test_an_outage_verifies_nothing_either(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    zones.failing.add(publish_key(zones, sender.domain))
    assert not verify_domain(sender.domain, resolver, now=NOW)
    with pytest.raises(SenderError, match="DNS に問い合わせできず、DKIM を確認できませんでした"):
        require_verified(sender)


def test_a_known_fault_beside_an_outage_unverifies(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    name = publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    zones.failing.add(name)
    zones.publish("shop.example", "v=spf1 mx ~all")
    assert not verify_domain(sender.domain, resolver, now=LATER, actor=make_user(sender.workspace))


def test_a_removed_record_that_a_person_sees_unverifies_at_once(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender
) -> None:
    name = publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    zones.publish(name)
    assert not verify_domain(sender.domain, resolver, now=LATER, actor=make_user(sender.workspace))
    assert AuditEntry.objects.filter(action="sender_domain.unverify").count() == 1
    with pytest.raises(SenderError, match="DKIM がまだありません"):
        require_verified(sender)


def test_dmarc_is_advised_and_may_be_required(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender, settings: Settings
) -> None:
    publish_key(zones, sender.domain)
    zones.publish("_dmarc.shop.example")
    assert verify_domain(sender.domain, resolver, now=NOW)
    assert "DMARC も設定" in light_of(sender.domain).sentence
    settings.REQUIRED_CHECKS = ["spf", "dkim", "dmarc"]
    assert not verify_domain(sender.domain, resolver, now=LATER, actor=make_user(sender.workspace))
    assert "DMARC がまだありません" in explain_missing(sender.domain)


def test_a_parents_dmarc_record_speaks_for_a_subdomain(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.load("example.zone")
    sender = create_sender(make_workspace(), "news@mail.news.shop.example", DETAILS)
    verify_domain(sender.domain, resolver, now=NOW)
    assert results(sender.domain)["dmarc"] == CheckResult.OK
    zones.failing.add("_dmarc.news.shop.example")
    verify_domain(sender.domain, resolver, now=LATER)
    assert results(sender.domain)["dmarc"] == CheckResult.UNKNOWN


def test_a_domain_without_a_key_is_not_verified(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    sender.domain.dkim_keys.all().delete()
    assert not verify_domain(sender.domain, resolver, now=NOW)
    assert "鍵がありません" in DnsCheck.objects.get(kind=CheckKind.DKIM).advice


def test_an_ed25519_key_signs_once_its_record_is_seen(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    publish_key(zones, sender.domain)
    zones.add_zone("shop.example. 300 IN MX 10 mx.shop.example.")
    user = make_user(sender.workspace)
    assert [add_ed25519_key(sender.domain, actor=user) for _turn in range(2)] == [True, False]
    assert verify_domain(sender.domain, resolver, now=NOW)
    assert results(sender.domain) == {
        "spf": "ok",
        "dkim": "ok",
        "ed25519": "missing",
        "dmarc": "ok",
        "proof": "ok",
    }
    light = light_of(SenderDomain.objects.get())
    assert (light.tone, "Ed25519" in light.sentence) == ("ok", True)
    assert len(choose_signers(sender.domain.dkim_keys.all())) == 1
    key = active_key(sender.domain, KeyAlgorithm.ED25519)
    assert key is not None
    zones.publish(dkim_name(key.selector, sender.domain.name), public_record(key))
    assert verify_domain(sender.domain, resolver, now=LATER)
    assert results(sender.domain)["ed25519"] == "ok"
    assert [signer.selector for signer in choose_signers(sender.domain.dkim_keys.all())][1:] == [key.selector]
    assert "そろっています" in light_of(SenderDomain.objects.get()).sentence
    DkimKey.objects.filter(pk=key.pk).update(superseded_at=LATER)
    assert verify_domain(sender.domain, resolver, now=LATER)
    assert set(results(sender.domain)) == {"spf", "dkim", "dmarc", "proof", "old_key"}


def test_a_look_that_a_later_one_overtook_is_dropped(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    user = make_user(sender.workspace)
    name = publish_key(zones, sender.domain)
    assert verify_domain(sender.domain, resolver, now=LATER, actor=user)
    zones.publish(name)
    assert verify_domain(sender.domain, resolver, now=NOW, actor=user)
    assert results(sender.domain)["dkim"] == "ok"


def test_a_look_for_keys_that_are_no_more_is_dropped(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    publish_key(zones, sender.domain)
    keys = keys_in_dns(sender.domain)
    outcomes = run_checks(sender.domain, keys, resolver)
    DkimKey.objects.update(superseded_at=NOW)
    generate_key(sender.domain)
    assert not store_outcomes(sender.domain, outcomes, keys=keys, now=NOW)
    assert results(sender.domain) == {}
    assert not verify_domain(sender.domain, resolver, now=NOW)


def test_a_hostile_answer_is_stored_in_part(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    zones.publish("shop.example", *[f"v=spf1 {number} " + "x" * 3900 + "\x00" for number in range(8)])
    verify_domain(sender.domain, resolver, now=NOW)
    check = DnsCheck.objects.get(domain=sender.domain, kind=CheckKind.SPF)
    assert check.result == CheckResult.WRONG
    assert len(check.found) <= 8000
    assert "\x00" not in check.found


def test_everything_may_send_where_no_proof_is_required(sender: Sender, settings: Settings) -> None:
    settings.REQUIRE_VERIFIED_SENDERS = False
    require_verified(sender)
    assert light_of(sender.domain).tone == "muted"


def test_an_archived_sender_never_sends(settings: Settings) -> None:
    settings.REQUIRE_VERIFIED_SENDERS = False
    sender = make_sender()
    archive_sender(sender, now=timezone.now())
    sender.refresh_from_db()
    with pytest.raises(SenderError, match="使用を終了"):
        require_verified(sender)


def test_checks_are_limited_in_rate() -> None:
    domain = make_sender().domain
    turns = []
    for second in range(21):
        turns.append(not claim_check(domain, now=NOW + timedelta(seconds=second)))
        release_check(domain)
    assert [second for second, free in enumerate(turns) if free] == [0, 10, 20]
    assert "確認したばかり" in claim_check(domain, now=NOW + timedelta(seconds=21))


def test_a_domain_is_not_looked_at_twice_at_once() -> None:
    domain = make_sender().domain
    assert not claim_check(domain, now=NOW)
    assert "確認したばかり" in claim_check(domain, now=NOW + CHECK_INTERVAL)
    # One that died.
    assert not claim_check(domain, now=NOW + CHECK_LEASE)


def test_a_workspace_checks_so_many_domains_in_a_minute(settings: Settings) -> None:
    settings.CHECKS_PER_MINUTE = 1
    workspace = make_workspace()
    first, second = [
        SenderDomain.objects.create(workspace=workspace, name=f"shop{number}.example") for number in range(2)
    ]
    elsewhere = SenderDomain.objects.create(workspace=make_workspace(), name="shop.example")
    assert not claim_check(first, now=NOW)
    assert "1分ほど" in claim_check(second, now=NOW)
    second.refresh_from_db()
    assert (second.check_started_at, second.is_checking) == (None, False)
    assert not claim_check(elsewhere, now=NOW)
    assert not claim_check(second, now=NOW + timedelta(minutes=1))


def test_the_refusal_names_the_button_that_was_pressed(sender: Sender) -> None:
    assert not claim_check(sender.domain, now=NOW)
    assert "もう一度「確認する」を押して" in claim_check(sender.domain, now=NOW)
    assert "もう一度「切り替える」を押して" in claim_check(sender.domain, now=NOW, button="切り替える")


def test_what_could_not_be_asked_is_named(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    """A6: where only what nobody requires could not be asked, mail is not affected."""
    publish_key(zones, sender.domain)
    assert verify_domain(sender.domain, resolver, now=NOW)
    zones.failing.add("_dmarc.shop.example")
    assert verify_domain(sender.domain, resolver, now=LATER)
    sentence = light_of(SenderDomain.objects.get()).sentence
    assert sentence == "DMARC は DNS に問い合わせできず、確認できませんでした。配信には影響しません。"
    zones.failing.add("shop.example")
    assert verify_domain(sender.domain, resolver, now=LATER)
    sentence = light_of(SenderDomain.objects.get()).sentence
    assert "SPF、DMARC" in sentence
    assert "前回までの結果にもとづいて配信できます" in sentence


def test_what_an_outage_hides_keeps_its_time_and_is_no_finding(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender
) -> None:
    """A6: the page says of which day a value is; the history does not say that it was seen again."""
    publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    zones.failing.add("shop.example")
    verify_domain(sender.domain, resolver, now=LATER)
    check = DnsCheck.objects.get(domain=sender.domain, kind=CheckKind.SPF)
    assert (check.result, check.found_at, check.checked_at) == ("unknown", NOW, LATER)
    assert check.found.startswith("v=spf1")
    assert show_check(check, {"spf": check}).is_earlier()
    change = DnsCheckChange.objects.filter(kind=CheckKind.SPF).latest("pk")
    assert (change.after, change.found) == ("unknown", "")
    zones.failing.clear()
    verify_domain(sender.domain, resolver, now=LATER)
    check.refresh_from_db()
    assert check.found_at == LATER
    assert not show_check(check, {"spf": check}).is_earlier()


def test_a_domain_without_a_and_mx_is_told(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    """docomo may refuse its mail; it may send all the same."""
    publish_key(zones, sender.domain)
    assert verify_domain(sender.domain, resolver, now=NOW)
    assert DnsCheck.objects.get(domain=sender.domain, kind=CheckKind.HOST).result == "missing"
    assert "docomo などに断られる" in light_of(SenderDomain.objects.get()).sentence
    zones.add_zone("shop.example. 300 IN MX 10 mx.shop.example.")
    assert verify_domain(sender.domain, resolver, now=LATER)
    assert DnsCheck.objects.get(domain=sender.domain, kind=CheckKind.HOST).result == "ok"
    assert "docomo" not in light_of(SenderDomain.objects.get()).sentence


def test_two_checks_run_at_once_in_the_whole_installation() -> None:
    """Those that came to an end, or that died long ago, hold nobody up."""
    first, _second, third = domains = [
        SenderDomain.objects.create(workspace=make_workspace(), name="shop.example") for _number in range(3)
    ]
    refusals = [claim_check(domain, now=NOW) for domain in domains]
    assert refusals[:2] == ["", ""]
    assert "ほかのドメインを確認しているところ" in refusals[2]
    assert claim_check(third, now=NOW + timedelta(seconds=12))
    assert not claim_check(third, now=NOW + CHECK_LEASE)
    SenderDomain.objects.update(check_started_at=NOW, is_checking=True)
    SenderDomain.objects.filter(pk=third.pk).update(check_started_at=None)
    assert claim_check(third, now=NOW)
    release_check(first)
    assert not claim_check(third, now=NOW)


def test_a_stored_look_gives_its_turn_back(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    actor = make_user(sender.workspace)
    assert not claim_check(sender.domain, now=NOW)
    verify_domain(sender.domain, resolver, now=NOW, actor=actor)
    assert not SenderDomain.objects.get().is_checking
    # One that was overtaken as well.
    SenderDomain.objects.update(is_checking=True)
    verify_domain(sender.domain, resolver, now=NOW - timedelta(seconds=1), actor=actor)
    assert not SenderDomain.objects.get().is_checking


@pytest.mark.parametrize("stored", [b"lost", encrypt(b"no key")], ids=["undecipherable", "no key"])
def test_a_key_that_cannot_be_read_is_ours_and_no_verdict(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender, stored: bytes
) -> None:
    publish_key(zones, sender.domain)
    sender.domain.dkim_keys.update(private_key=stored)
    assert verify_domain(sender.domain, resolver, now=NOW)
    assert results(sender.domain)["proof"] == CheckResult.UNKNOWN


def test_a_check_that_says_ok_on_an_unverified_domain_asks_to_check_again(sender: Sender) -> None:
    for kind in CheckKind:
        DnsCheck.objects.create(domain=sender.domain, kind=kind, result=CheckResult.OK, checked_at=NOW)
    assert explain_missing(sender.domain) == "もう一度「確認する」を押してください。"


def test_what_is_only_advised_is_never_alarming() -> None:
    assert result_tone(CheckResult.MISSING, required=True) == "bad"
    assert result_tone(CheckResult.MISSING, required=False) == "warn"
    assert result_tone(CheckResult.OK, required=False) == "ok"
