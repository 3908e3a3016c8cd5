"""A domain proves itself by real DNS before it may send (A1, B1); an outage never takes that away."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry
from senders.dkim_keys import active_key, public_record, retire_key
from senders.dns import DnsResolver
from senders.domains import add_ed25519_key
from senders.errors import SenderError
from senders.lights import light_of, result_tone
from senders.models import CheckKind, CheckResult, DnsCheck, KeyAlgorithm, Sender, SenderDomain
from senders.records import dkim_name
from senders.registry import SenderDetails, archive_sender, create_sender
from senders.verification import claim_check, explain_missing, require_verified, verify_domain
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
    return dict(DnsCheck.objects.filter(domain=domain).values_list("kind", "result"))


def test_a1_b1_a_domain_with_spf_and_dkim_may_send(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    """A1 A6 B1"""
    publish_key(zones, sender.domain)
    user = make_user(sender.workspace)
    assert verify_domain(sender.domain, resolver, now=NOW, actor=user)
    require_verified(sender)
    sender.domain.refresh_from_db()
    assert sender.domain.verified_at == NOW
    assert results(sender.domain) == {"spf": "ok", "dkim": "ok", "dmarc": "ok"}
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
    assert list(DnsCheck.objects.values_list("checked_at", flat=True)) == [LATER] * 3
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
    with pytest.raises(SenderError, match="DKIM が未設定") as refused:
        require_verified(sender)
    assert "SPF" not in refused.value.sentence
    assert results(sender.domain) == {"spf": "ok", "dkim": "missing", "dmarc": "ok"}
    assert light_of(sender.domain).tone == "bad"


def test_a5_spf_without_our_include_is_wrong(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    """A5"""
    publish_key(zones, sender.domain)
    zones.publish("shop.example", "v=spf1 mx ~all")
    assert not verify_domain(sender.domain, resolver, now=NOW)
    assert explain_missing(sender.domain).startswith("SPF が要修正です")


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
    assert not verify_domain(sender.domain, resolver, now=LATER)


def test_a_removed_record_unverifies(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    name = publish_key(zones, sender.domain)
    verify_domain(sender.domain, resolver, now=NOW)
    zones.publish(name)
    assert not verify_domain(sender.domain, resolver, now=LATER)
    assert AuditEntry.objects.filter(action="sender_domain.unverify").count() == 1
    with pytest.raises(SenderError, match="DKIM が未設定"):
        require_verified(sender)


def test_dmarc_is_advised_and_may_be_required(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender, settings: Settings
) -> None:
    publish_key(zones, sender.domain)
    zones.publish("_dmarc.shop.example")
    assert verify_domain(sender.domain, resolver, now=NOW)
    assert "DMARC も設定" in light_of(sender.domain).sentence
    settings.REQUIRED_CHECKS = ["spf", "dkim", "dmarc"]
    assert not verify_domain(sender.domain, resolver, now=LATER)
    assert "DMARC が未設定" in explain_missing(sender.domain)


def test_a_parents_dmarc_record_speaks_for_a_subdomain(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.load("example.zone")
    sender = create_sender(make_workspace(), "news@mail.news.shop.example", DETAILS)
    verify_domain(sender.domain, resolver, now=NOW)
    assert results(sender.domain)["dmarc"] == CheckResult.OK
    assert [name for name in zones.asked if name.startswith("_dmarc")] == [
        "_dmarc.mail.news.shop.example",
        "_dmarc.news.shop.example",
        "_dmarc.shop.example",
    ]
    zones.failing.add("_dmarc.news.shop.example")
    verify_domain(sender.domain, resolver, now=LATER)
    assert results(sender.domain)["dmarc"] == CheckResult.UNKNOWN


def test_a_domain_without_a_key_is_not_verified(zones: ZoneServer, resolver: DnsResolver, sender: Sender) -> None:
    sender.domain.dkim_keys.all().delete()
    assert not verify_domain(sender.domain, resolver, now=NOW)
    assert "鍵がありません" in DnsCheck.objects.get(kind=CheckKind.DKIM).advice


def test_an_ed25519_key_is_looked_for_and_never_required(
    zones: ZoneServer, resolver: DnsResolver, sender: Sender
) -> None:
    publish_key(zones, sender.domain)
    assert add_ed25519_key(sender.domain, actor=make_user(sender.workspace))
    assert verify_domain(sender.domain, resolver, now=NOW)
    assert results(sender.domain) == {"spf": "ok", "dkim": "ok", "ed25519": "missing", "dmarc": "ok"}
    light = light_of(SenderDomain.objects.get())
    assert (light.tone, "Ed25519" in light.sentence) == ("ok", True)
    key = active_key(sender.domain, KeyAlgorithm.ED25519)
    assert key is not None
    zones.publish(dkim_name(key.selector, sender.domain.name), public_record(key))
    assert verify_domain(sender.domain, resolver, now=LATER)
    assert results(sender.domain)["ed25519"] == "ok"
    assert "そろっています" in light_of(SenderDomain.objects.get()).sentence
    retire_key(key, now=LATER)
    assert verify_domain(sender.domain, resolver, now=LATER)
    assert set(results(sender.domain)) == {"spf", "dkim", "dmarc"}


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
    turns = [claim_check(domain, now=NOW + timedelta(seconds=second)) for second in range(21)]
    assert [second for second, free in enumerate(turns) if free] == [0, 10, 20]


def test_a_check_that_says_ok_on_an_unverified_domain_asks_to_check_again(sender: Sender) -> None:
    for kind in CheckKind:
        DnsCheck.objects.create(domain=sender.domain, kind=kind, result=CheckResult.OK, checked_at=NOW)
    assert explain_missing(sender.domain) == "もう一度「確認する」を押してください。"


def test_what_is_only_advised_is_never_alarming() -> None:
    assert result_tone(CheckResult.MISSING, required=True) == "bad"
    assert result_tone(CheckResult.MISSING, required=False) == "warn"
    assert result_tone(CheckResult.OK, required=False) == "ok"
