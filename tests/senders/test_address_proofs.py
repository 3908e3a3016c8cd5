"""An address proves itself by a mailed link: who may ask, what is mailed, what the link does (E5 E10 E11)."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection
from pytest_django import Settings

from accounts.models import AuditEntry, User
from campaigns.routing import choose_route
from mta import tokens
from senders import tasks
from senders.address_proofs import (
    KEPT,
    MAILS_A_SENDER,
    MAILS_A_WORKSPACE,
    ask,
    confirm,
    find_open,
    forget_old,
    list_addresses,
    mail_link,
    proofs_to_mail,
    token_of,
)
from senders.check_store import store_outcomes
from senders.dkim_keys import active_key, keys_in_dns, public_record
from senders.dns import DnsResolver
from senders.errors import SenderError
from senders.lights import light_of, light_of_sender
from senders.models import AddressProof, CheckKind, CheckResult, DnsCheck, Sender, SenderDomain
from senders.outcomes import CheckOutcome
from senders.rechecks import domains_due
from senders.records import dkim_name
from senders.registry import SenderDetails, archive_sender, create_sender
from senders.verification import CHECK_INTERVAL, claim_check, require_verified
from senders.verified import verified_domains
from tests.factories import make_mail_route, make_sender, make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
DETAILS = SenderDetails("みほん商店", "", "みほん商店株式会社", "東京都", "03-0000-0000")


@pytest.fixture
def sender(zones: ZoneServer) -> Sender:
    """A sender of a domain of which the DNS knows nothing but its name."""
    zones.publish("noc.example", "unrelated")
    return create_sender(make_workspace(name="みほん\n商店"), "news@noc.example", DETAILS)


@pytest.fixture
def actor(sender: Sender) -> User:
    return make_user(sender.workspace)


@pytest.fixture
def proof(sender: Sender, resolver: DnsResolver, actor: User) -> AddressProof:
    """A proof that was asked for at NOW."""
    return ask(sender, resolver, actor=actor, now=NOW)


def outcome(result: CheckResult) -> dict[CheckKind, CheckOutcome]:
    return {CheckKind.SPF: CheckOutcome(result), CheckKind.DKIM: CheckOutcome(result)}


def prove_by_dns(domain: SenderDomain, *, now: datetime = NOW) -> None:
    kinds = keys_in_dns(domain)
    outcomes = outcome(CheckResult.OK) | {kind: CheckOutcome(CheckResult.OK) for kind in kinds}
    assert store_outcomes(domain, outcomes, keys=kinds, now=now, actor=make_user(domain.workspace))


# ── the way through ───────────────────────────────────────────────────────────────────────────────────────────────


def test_e5_e11_the_link_lets_the_address_send(sender: Sender, proof: AddressProof, actor: User) -> None:
    """E5 E11 A2"""
    with pytest.raises(SenderError):
        require_verified(sender)
    assert mail_link(proof.pk, now=NOW) == 1
    letter = mail.outbox[0]
    assert letter.to == ["news@noc.example"]
    assert "「みほん 商店」" in letter.body
    found = re.search(r"/prove/(\S+)/", letter.body)
    assert found is not None
    opened = find_open(found[1], now=NOW + HOUR)
    assert opened == proof
    assert confirm(proof, now=NOW + HOUR)
    sender.refresh_from_db()
    assert sender.address_verified_at == NOW + HOUR
    require_verified(sender)
    entries = AuditEntry.objects.filter(action__startswith="sender.prove").order_by("pk")
    assert [(entry.action, entry.actor) for entry in entries] == [("sender.prove_ask", actor), ("sender.prove", None)]


def test_e10_the_light_of_the_sender_warns(sender: Sender, proof: AddressProof) -> None:
    """E10"""
    confirm(proof, now=NOW)
    sender.refresh_from_db()
    light = light_of_sender(sender, light_of(sender.domain))
    assert (light.tone, light.label) == ("warn", "アドレスの確認のみ")
    assert "経由" in light.sentence
    assert [row.is_proved for row in list_addresses(sender.domain, now=NOW)] == [True]


def test_the_link_is_mailed_once_by_the_tick(sender: Sender, proof: AddressProof) -> None:
    assert proofs_to_mail(NOW) == [proof.pk]
    assert mail_link(proof.pk, now=NOW) == 1
    assert mail_link(proof.pk, now=NOW) == 0
    assert proofs_to_mail(NOW) == []
    assert len(mail.outbox) == 1


def test_the_task_mails(sender: Sender, resolver: DnsResolver, actor: User) -> None:
    tasks.slow_tick()
    proof = ask(sender, resolver, actor=actor, now=datetime.now(UTC))
    tasks.hint_address(proof.pk)
    tasks.mail_address(proof.pk)
    assert len(mail.outbox) == 1


def test_a_mail_that_cannot_leave_is_not_sent_twice_and_may_be_asked_for_again(
    sender: Sender, proof: AddressProof, resolver: DnsResolver, actor: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert mail_link(proof.pk, now=NOW) == 0
    assert proofs_to_mail(NOW) == []
    assert ask(sender, resolver, actor=actor, now=NOW + CHECK_INTERVAL)


# ── the link ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_link_works_once_and_until_it_expires(sender: Sender, proof: AddressProof, settings: Settings) -> None:
    token = token_of(proof)
    end = NOW + timedelta(hours=settings.ADDRESS_PROOF_HOURS)
    assert proof.expires_at == end
    assert find_open(token, now=end - HOUR)
    assert find_open(token, now=end) is None
    assert not confirm(proof, now=end)
    assert confirm(proof, now=end - HOUR)
    assert not confirm(proof, now=end - HOUR)
    assert find_open(token, now=end - HOUR) is None


def test_a_link_that_expired_unmailed_is_not_mailed(proof: AddressProof) -> None:
    assert mail_link(proof.pk, now=proof.expires_at) == 0
    assert proofs_to_mail(proof.expires_at) == []


def test_the_newest_link_alone_works(sender: Sender, proof: AddressProof, resolver: DnsResolver, actor: User) -> None:
    newer = ask(sender, resolver, actor=actor, now=NOW + HOUR)
    assert find_open(token_of(proof), now=NOW + HOUR) is None
    assert find_open(token_of(newer), now=NOW + HOUR)


@pytest.mark.parametrize("make", [lambda pk: "x", lambda pk: f"{pk}-aaaaaaaaaaaaaaaaaaaaaaaaaa", lambda pk: ""])
def test_a_token_of_ones_own_making_finds_nothing(proof: AddressProof, make: Callable[[int], str]) -> None:
    assert find_open(make(proof.pk), now=NOW) is None


def test_a_token_of_another_purpose_finds_nothing(proof: AddressProof, settings: Settings) -> None:
    assert find_open(tokens.make("allow-page", proof.pk, secret=settings.SECRET_KEY), now=NOW) is None


def test_a_link_of_an_archived_sender_or_of_a_changed_setting_is_over(
    sender: Sender, proof: AddressProof, settings: Settings
) -> None:
    settings.ADDRESS_VERIFICATION = False
    assert find_open(token_of(proof), now=NOW) is None
    settings.ADDRESS_VERIFICATION = True
    archive_sender(sender, now=NOW)
    assert find_open(token_of(proof), now=NOW) is None


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_confirm_once(sender: Sender, proof: AddressProof) -> None:
    meet = threading.Barrier(2)

    def click() -> bool:
        try:
            meet.wait()
            return confirm(proof, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        clicks = [threads.submit(click) for _ in range(2)]
        assert sorted(click.result() for click in clicks) == [False, True]
    assert AuditEntry.objects.filter(action="sender.prove").count() == 1


# ── who may ask ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_three_mails_a_day_for_a_sender(sender: Sender, resolver: DnsResolver, actor: User) -> None:
    for hour in range(MAILS_A_SENDER):
        ask(sender, resolver, actor=actor, now=NOW + hour * HOUR)
    with pytest.raises(SenderError, match="1日に3通まで"):
        ask(sender, resolver, actor=actor, now=NOW + 10 * HOUR)
    assert ask(sender, resolver, actor=actor, now=NOW + DAY)


def test_twenty_mails_a_day_for_a_workspace(sender: Sender, resolver: DnsResolver, actor: User) -> None:
    others = [make_sender(sender.workspace, f"news{number}@other.example") for number in range(MAILS_A_WORKSPACE)]
    AddressProof.objects.bulk_create(
        AddressProof(sender=other, asked_at=NOW - HOUR, expires_at=NOW - HOUR) for other in others
    )
    with pytest.raises(SenderError, match="1日に20通まで"):
        ask(sender, resolver, actor=actor, now=NOW)
    assert ask(sender, resolver, actor=actor, now=NOW + DAY)


@pytest.mark.django_db(transaction=True)
def test_clicks_at_once_do_not_exceed_the_day(sender: Sender, resolver: DnsResolver, actor: User) -> None:
    meet = threading.Barrier(5)

    def click() -> bool:
        try:
            meet.wait()
            ask(sender, resolver, actor=actor, now=NOW)
        except SenderError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(5) as threads:
        clicks = [threads.submit(click) for _ in range(5)]
        assert sum(click.result() for click in clicks) == 1


@pytest.mark.parametrize("policy", ["quarantine", "reject"])
def test_a_domain_whose_receivers_refuse_unsigned_mail_is_refused(
    zones: ZoneServer, sender: Sender, resolver: DnsResolver, actor: User, policy: str
) -> None:
    zones.publish("_dmarc.noc.example", f"v=DMARC1; p={policy}")
    with pytest.raises(SenderError, match=f"p={policy}"):
        ask(sender, resolver, actor=actor, now=NOW)
    assert not AddressProof.objects.exists()


def test_a_policy_is_no_obstacle_where_the_signature_passes_it(
    zones: ZoneServer, sender: Sender, resolver: DnsResolver, actor: User
) -> None:
    """E5"""
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=reject")
    key = active_key(sender.domain)
    assert key is not None
    name = dkim_name(key.selector, "noc.example")
    zones.publish(name, public_record(key))
    # Mails are signed once a check found the key.
    with pytest.raises(SenderError, match="「確認する」を押して"):
        ask(sender, resolver, actor=actor, now=NOW)
    DnsCheck.objects.create(domain=sender.domain, kind=CheckKind.DKIM, result=CheckResult.OK, checked_at=NOW)
    assert ask(sender, resolver, actor=actor, now=NOW + HOUR)
    # Gone since.
    zones.publish(name)
    with pytest.raises(SenderError, match="p=reject"):
        ask(sender, resolver, actor=actor, now=NOW + 2 * HOUR)


def test_a_policy_in_testing_counts_as_the_next_weaker_one(
    zones: ZoneServer, sender: Sender, resolver: DnsResolver, actor: User
) -> None:
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=quarantine; t=y")
    assert ask(sender, resolver, actor=actor, now=NOW)
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=reject; t=y")
    with pytest.raises(SenderError, match="p=quarantine"):
        ask(sender, resolver, actor=actor, now=NOW + HOUR)


def test_the_policy_of_a_parent_counts(zones: ZoneServer, resolver: DnsResolver) -> None:
    zones.publish("_dmarc.big.example", "v=DMARC1; p=none; sp=reject")
    zones.publish("mail.big.example", "unrelated")
    sender = create_sender(make_workspace(), "news@mail.big.example", DETAILS)
    with pytest.raises(SenderError, match="p=reject"):
        ask(sender, resolver, actor=make_user(sender.workspace), now=NOW)


def test_a_policy_of_none_is_no_obstacle(zones: ZoneServer, sender: Sender, resolver: DnsResolver, actor: User) -> None:
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=none")
    assert ask(sender, resolver, actor=actor, now=NOW)


def test_what_could_not_be_asked_is_no_yes(
    zones: ZoneServer, sender: Sender, resolver: DnsResolver, actor: User
) -> None:
    zones.failing |= {"_dmarc.noc.example"}
    with pytest.raises(SenderError, match="問い合わせできず"):
        ask(sender, resolver, actor=actor, now=NOW)


def test_a_refused_look_is_not_repeated_at_once(
    zones: ZoneServer, sender: Sender, resolver: DnsResolver, actor: User
) -> None:
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=reject")
    for sentence in ("p=reject", "10秒ほど"):
        with pytest.raises(SenderError, match=sentence):
            ask(sender, resolver, actor=actor, now=NOW)
    assert zones.asked.count("_dmarc.noc.example") == 1


def test_it_is_refused_where_it_proves_nothing(
    sender: Sender, resolver: DnsResolver, actor: User, settings: Settings
) -> None:
    settings.ADDRESS_VERIFICATION = False
    with pytest.raises(SenderError, match="このシステムでは使えません"):
        ask(sender, resolver, actor=actor, now=NOW)
    assert list_addresses(sender.domain, now=NOW) == []
    settings.ADDRESS_VERIFICATION = True
    sender.domain.verified_at = NOW
    with pytest.raises(SenderError, match="DNS で確認済み"):
        ask(sender, resolver, actor=actor, now=NOW)
    sender.domain.verified_at, sender.archived_at = None, NOW
    with pytest.raises(SenderError, match="使用を終了"):
        ask(sender, resolver, actor=actor, now=NOW)


def test_asking_keeps_no_check_of_another_waiting(sender: Sender, resolver: DnsResolver, zones: ZoneServer) -> None:
    others = [sender, create_sender(make_workspace(), "news@noc.example", DETAILS)]
    for other in others:
        ask(other, resolver, actor=make_user(other.workspace), now=NOW)
    third = create_sender(make_workspace(), "news@noc.example", DETAILS)
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=reject")
    with pytest.raises(SenderError, match="p=reject"):
        ask(third, resolver, actor=make_user(third.workspace), now=NOW)
    last = create_sender(make_workspace(), "news@noc.example", DETAILS)
    assert not claim_check(last.domain, now=NOW)


def test_a_proved_address_is_looked_at_daily_whatever_was_lost_before(sender: Sender, proof: AddressProof) -> None:
    """E5"""
    SenderDomain.objects.update(lost_at=NOW - 40 * DAY, recheck_at=None)
    confirm(proof, now=NOW)
    domain = SenderDomain.objects.get()
    assert (domain.lost_at, domain.recheck_at) == (None, NOW)
    assert domains_due(NOW).exists()


def test_a_free_mail_address_of_old_is_refused(resolver: DnsResolver) -> None:
    sender = make_sender(make_workspace(), "shop@gmail.com")
    sender.domain.verified_at = None
    with pytest.raises(SenderError, match="フリーメール"):
        ask(sender, resolver, actor=make_user(sender.workspace), now=NOW)


# ── the owner of the DNS ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_domain_that_another_workspace_proved_is_refused_without_saying_whose(
    sender: Sender, proof: AddressProof, resolver: DnsResolver, actor: User
) -> None:
    owner = create_sender(make_workspace(name="もちぬし"), "info@noc.example", DETAILS)
    prove_by_dns(owner.domain)
    with pytest.raises(SenderError, match="登録できません") as refused:
        ask(sender, resolver, actor=actor, now=NOW + HOUR)
    assert "もちぬし" not in refused.value.sentence
    assert find_open(token_of(proof), now=NOW) is None
    assert not confirm(proof, now=NOW)


def test_the_owner_of_the_dns_takes_back_what_addresses_proved(sender: Sender, proof: AddressProof) -> None:
    confirm(proof, now=NOW)
    owner = create_sender(make_workspace(), "info@noc.example", DETAILS)
    prove_by_dns(owner.domain)
    sender.refresh_from_db()
    assert sender.address_verified_at is None
    entry = AuditEntry.objects.get(action="sender.unprove")
    assert (entry.workspace, entry.target) == (sender.workspace, "news@noc.example")


def test_ones_own_dns_takes_the_place_of_the_link(sender: Sender, proof: AddressProof) -> None:
    """Else a domain that is lost later would go on sending by it."""
    confirm(proof, now=NOW)
    prove_by_dns(sender.domain)
    sender.refresh_from_db()
    assert sender.address_verified_at is None
    SenderDomain.objects.update(verified_at=None, lost_at=NOW)
    with pytest.raises(SenderError):
        require_verified(Sender.objects.select_related("domain").get(pk=sender.pk))


def test_a_link_that_is_opened_after_the_dns_proved_the_domain_hides_no_loss(
    sender: Sender, proof: AddressProof, resolver: DnsResolver, actor: User
) -> None:
    """E5"""
    second = create_sender(sender.workspace, "info@noc.example", DETAILS)
    other = ask(second, resolver, actor=actor, now=NOW + MINUTE)
    prove_by_dns(sender.domain, now=NOW + HOUR)
    # One that was asked for while the look was under way.
    AddressProof.objects.filter(pk=other.pk).update(expires_at=NOW + DAY)
    SenderDomain.objects.update(failing_since=NOW + HOUR)
    for link in (proof, other):
        assert find_open(token_of(link), now=NOW + 2 * HOUR) is None
        assert not confirm(link, now=NOW + 2 * HOUR)
    assert SenderDomain.objects.get().failing_since == NOW + HOUR
    SenderDomain.objects.update(verified_at=None, lost_at=NOW + 2 * HOUR)
    assert find_open(token_of(proof), now=NOW + 3 * HOUR) is None
    assert not confirm(proof, now=NOW + 3 * HOUR)


def test_e1_a_proved_address_makes_no_verified_domain(sender: Sender, proof: AddressProof) -> None:
    """E1"""
    make_mail_route(name="検証済み用", for_verified=True)
    confirm(proof, now=NOW)
    assert verified_domains(sender.workspace) == []
    assert choose_route(sender.workspace, sender.address) == "relay"


# ── what stays ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_old_proofs_are_forgotten_and_what_they_proved_stays(sender: Sender, proof: AddressProof) -> None:
    confirm(proof, now=NOW)
    assert forget_old(now=NOW + KEPT) == 0
    assert forget_old(now=NOW + KEPT + HOUR) == 1
    sender.refresh_from_db()
    assert sender.address_verified_at == NOW


def test_proofs_go_with_their_sender_and_stay_when_the_asker_goes(
    sender: Sender, proof: AddressProof, actor: User
) -> None:
    actor.delete()
    proof.refresh_from_db()
    assert proof.asked_by is None
    sender.delete()
    assert not AddressProof.objects.exists()
