"""The daily check: what is missing is looked at twice, an outage changes nothing, the managers are told once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, Role, User
from senders import tasks
from senders.advice_checks import ADVICE
from senders.check_store import HISTORY_KEPT, LOSSES, forget_old
from senders.dkim_keys import active_key, public_record
from senders.dns import Answer, DnsResolver, RecordType
from senders.domain_mails import domains_to_mail, mail_change
from senders.domains import register_domain
from senders.errors import SenderError
from senders.lights import light_of, light_of_sender
from senders.models import CheckKind, CheckResult, DnsCheck, DnsCheckChange, Sender, SenderDomain
from senders.rechecks import LEASE, domains_due, recheck_due
from senders.records import dkim_name
from senders.registry import SenderDetails, archive_sender, create_sender, restore_sender
from senders.verification import is_signed, require_verified, verify_domain
from tests.factories import make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DETAILS = SenderDetails("みほん商店", "", "みほん商店株式会社", "東京都", "03-0000-0000")


# The clock stands still, so that times may be compared.
recheck = partial(recheck_due, clock=lambda: 0.0)


@pytest.fixture(autouse=True)
def include(settings: Settings) -> None:
    settings.SPF_INCLUDE = "_spf.hypermail.example"


@pytest.fixture
def domain(zones: ZoneServer, resolver: DnsResolver) -> SenderDomain:
    """A domain that a person proved at NOW, in a DNS that knows the world."""
    zones.load("example.zone")
    sender: Sender = create_sender(make_workspace(), "news@shop.example", DETAILS)
    publish_key(zones, sender.domain)
    assert verify_domain(sender.domain, resolver, now=NOW, actor=make_user(sender.workspace, role=Role.ADMIN))
    return sender.domain


def key_name(domain: SenderDomain) -> str:
    key = active_key(domain)
    assert key is not None
    return dkim_name(key.selector, domain.name)


def publish_key(zones: ZoneServer, domain: SenderDomain) -> None:
    key = active_key(domain)
    assert key is not None
    zones.publish(key_name(domain), public_record(key))


def may_send(domain: SenderDomain) -> bool:
    domain.refresh_from_db()
    return domain.is_verified()


def test_a_proved_domain_is_looked_at_each_day(resolver: DnsResolver, domain: SenderDomain) -> None:
    """A6"""
    assert not domains_due(NOW + DAY - HOUR).exists()
    assert recheck(resolver, now=NOW + DAY) == 1
    domain.refresh_from_db()
    assert (domain.checked_at, domain.recheck_at) == (NOW + DAY, NOW + 2 * DAY)
    assert recheck(resolver, now=NOW + DAY) == 0
    assert may_send(domain)


def test_a_domain_that_nobody_sends_from_is_left_alone_unless_it_keeps_others_out(domain: SenderDomain) -> None:
    sender = domain.senders.get()
    archive_sender(sender, now=NOW)
    assert domains_due(NOW + DAY).exists()
    SenderDomain.objects.update(verified_at=None)
    assert not domains_due(NOW + DAY).exists()
    restore_sender(sender, now=NOW)
    assert domains_due(NOW + DAY).exists()
    SenderDomain.objects.update(lost_at=NOW)
    assert domains_due(NOW + 30 * DAY).exists()
    assert not domains_due(NOW + 31 * DAY).exists()


def test_what_is_missing_counts_after_a_second_look(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain
) -> None:
    zones.publish(key_name(domain))
    recheck(resolver, now=NOW + DAY)
    assert may_send(domain)
    assert (domain.failing_since, domain.recheck_at) == (NOW + DAY, NOW + DAY + HOUR)
    recheck(resolver, now=NOW + DAY + HOUR)
    assert not may_send(domain)
    assert (domain.lost_at, domain.failing_since, domain.to_mail) == (NOW + DAY + HOUR, None, True)


def test_what_is_there_again_at_the_second_look_never_counted(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain
) -> None:
    zones.publish(key_name(domain))
    recheck(resolver, now=NOW + DAY)
    publish_key(zones, domain)
    recheck(resolver, now=NOW + DAY + HOUR)
    assert may_send(domain)
    assert (domain.failing_since, domain.to_mail) == (None, False)


def test_a_person_between_the_looks_decides(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain) -> None:
    zones.publish(key_name(domain))
    recheck(resolver, now=NOW + DAY)
    assert not verify_domain(domain, resolver, now=NOW + DAY, actor=make_user(domain.workspace))


def test_an_outage_is_no_second_look(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain) -> None:
    name = key_name(domain)
    zones.publish(name)
    recheck(resolver, now=NOW + DAY)
    zones.failing.add(name)
    recheck(resolver, now=NOW + DAY + HOUR)
    assert may_send(domain)


def test_a_dns_that_knows_nobody_is_not_believed(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain
) -> None:
    zones.records.clear()
    for days in (1, 2, 3):
        recheck(resolver, now=NOW + days * DAY)
    assert may_send(domain)
    assert domain.failing_since is None


def test_a_person_on_a_dns_that_knows_nobody_loses_nothing(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain
) -> None:
    before = DnsCheck.objects.get(domain=domain, kind=CheckKind.SPF)
    zones.records.clear()
    assert verify_domain(domain, resolver, now=NOW + HOUR, actor=make_user(domain.workspace))
    after = DnsCheck.objects.get(domain=domain, kind=CheckKind.SPF)
    assert (after.result, after.found, after.expected) == (CheckResult.UNKNOWN, before.found, before.expected)


class FailingResolver(DnsResolver):
    """Raises what nobody expects where it is asked about one domain."""

    def find(self, name: str, kind: RecordType) -> Answer:
        if name.endswith("broken.example"):
            raise RuntimeError("a fault of the test")
        return super().find(name, kind)


def test_a_domain_whose_check_fails_keeps_no_other_from_its_turn(zones: ZoneServer, domain: SenderDomain) -> None:
    broken = create_sender(make_workspace(), "news@broken.example", DETAILS).domain
    SenderDomain.objects.filter(pk=broken.pk).update(recheck_at=NOW)
    assert recheck(FailingResolver([zones.address]), now=NOW + DAY) == 1
    domain.refresh_from_db()
    broken.refresh_from_db()
    assert (domain.checked_at, broken.checked_at) == (NOW + DAY, None)
    assert broken.recheck_at == NOW + DAY + LEASE


def make_lost(number: int) -> None:
    """Make domains that were looked at today, and lost."""
    workspace = make_workspace()
    SenderDomain.objects.bulk_create(
        SenderDomain(workspace=workspace, name=f"lost{index}.example", checked_at=NOW + DAY, lost_at=NOW + DAY)
        for index in range(number)
    )


@pytest.mark.parametrize(("lost", "kept"), [(LOSSES - 1, False), (LOSSES, True)])
def test_not_everybody_is_lost_at_once(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain, lost: int, kept: bool
) -> None:
    """It is tried again until the operator mended it, or the losses of the day are over."""
    make_lost(lost)
    zones.publish(key_name(domain))
    recheck(resolver, now=NOW + DAY)
    recheck(resolver, now=NOW + DAY + HOUR)
    assert may_send(domain) == kept
    if kept:
        assert (domain.failing_since, domain.recheck_at) == (NOW + DAY, NOW + DAY + 2 * HOUR)
        recheck(resolver, now=NOW + 2 * DAY + HOUR)
        assert not may_send(domain)


def test_many_domains_may_lose_more(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain) -> None:
    make_lost(LOSSES)
    workspace = make_workspace()
    SenderDomain.objects.bulk_create(
        SenderDomain(workspace=workspace, name=f"good{index}.example", checked_at=NOW + DAY) for index in range(60)
    )
    zones.publish(key_name(domain))
    recheck(resolver, now=NOW + DAY)
    recheck(resolver, now=NOW + DAY + HOUR)
    assert not may_send(domain)


def test_what_our_mail_passes_in_spite_of_keeps_no_domain_from_sending(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain, settings: Settings
) -> None:
    """A record of a stranger vanishes; a person who asks is told, and goes on sending as well."""
    settings.SENDING_IPS = ["192.0.2.10"]
    zones.publish("shop.example", "v=spf1 include:_spf.hypermail.example include:gone.example ~all")
    for hours in (0, 1, 2):
        recheck(resolver, now=NOW + DAY + hours * HOUR)
    assert may_send(domain)
    assert domain.failing_since is None
    assert DnsCheck.objects.get(domain=domain, kind=CheckKind.SPF).result == CheckResult.WRONG
    assert verify_domain(domain, resolver, now=NOW + 2 * DAY, actor=make_user(domain.workspace))


def test_our_include_that_grows_is_not_charged_to_who_sends(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain
) -> None:
    zones.add_zone("h.hypermail.example. 300 IN A 198.51.100.7")
    own, ours = "a:h.hypermail.example " * 5, "a:h.hypermail.example " * 6
    zones.publish("shop.example", f"v=spf1 {own}include:_spf.hypermail.example ~all")
    zones.publish("_spf.hypermail.example", f"v=spf1 {ours}-all")
    recheck(resolver, now=NOW + DAY)
    recheck(resolver, now=NOW + DAY + 2 * HOUR)
    assert may_send(domain)
    assert DnsCheck.objects.get(domain=domain, kind=CheckKind.SPF).result == CheckResult.WRONG


def test_a_broken_include_of_ours_is_no_fault_of_the_customer(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain
) -> None:
    zones.publish("_spf.hypermail.example")
    for hours in (0, 1, 2):
        recheck(resolver, now=NOW + DAY + hours * HOUR)
    assert may_send(domain)


def test_a_lost_domain_comes_back_by_itself(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain) -> None:
    zones.publish(key_name(domain))
    recheck(resolver, now=NOW + DAY)
    recheck(resolver, now=NOW + DAY + HOUR)
    assert mail_change(domain.pk, now=NOW + DAY + HOUR) == 1
    publish_key(zones, domain)
    recheck(resolver, now=NOW + 3 * DAY)
    assert may_send(domain)
    assert (domain.lost_at, domain.to_mail) == (None, True)
    assert mail_change(domain.pk, now=NOW + 3 * DAY) == 1
    assert ["配信できなくなりました" in mail.outbox[0].subject, "再び配信できます" in mail.outbox[1].subject] == [
        True,
        True,
    ]


def test_the_managers_are_written_to_once(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain) -> None:
    make_user(domain.workspace, role=Role.VIEWER)
    make_user(domain.workspace, role=Role.ADMIN, is_active=False)
    zones.publish(key_name(domain))
    verify_domain(domain, resolver, now=NOW + DAY, actor=make_user(domain.workspace, role=Role.EDITOR))
    assert domains_to_mail() == [domain.pk]
    assert [mail_change(domain.pk, now=NOW + DAY), mail_change(domain.pk, now=NOW + DAY)] == [1, 0]
    (letter,) = mail.outbox
    assert "DKIM がまだありません" in letter.body
    assert f"/senders/domains/{domain.pk}/" in letter.body


def test_a_loss_that_nobody_was_told_about_needs_no_all_clear(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain
) -> None:
    user = make_user(domain.workspace)
    zones.publish(key_name(domain))
    verify_domain(domain, resolver, now=NOW + DAY, actor=user)
    publish_key(zones, domain)
    verify_domain(domain, resolver, now=NOW + DAY, actor=user)
    assert domains_to_mail() == []


def test_a_domain_in_use_that_was_never_proved_is_looked_at_for_a_month(
    zones: ZoneServer, resolver: DnsResolver
) -> None:
    """A6: then it is for its owner to ask."""
    zones.load("example.zone")
    sender = create_sender(make_workspace(), "news@shop.example", DETAILS)
    verify_domain(sender.domain, resolver, now=NOW, actor=make_user(sender.workspace))
    SenderDomain.objects.update(check_started_at=NOW)
    assert recheck(resolver, now=NOW + 30 * DAY) == 1
    publish_key(zones, sender.domain)
    assert recheck(resolver, now=NOW + 31 * DAY) == 1
    assert may_send(sender.domain)
    SenderDomain.objects.update(verified_at=None)
    zones.publish(key_name(sender.domain))
    assert recheck(resolver, now=NOW + 32 * DAY) == 1
    assert not domains_due(NOW + 400 * DAY).exists()


@pytest.fixture
def proved(zones: ZoneServer, resolver: DnsResolver) -> Sender:
    """A sender whose address alone was proved at NOW."""
    zones.publish("gmail.com", "unrelated")
    zones.publish("noc.example", "unrelated")
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=none")
    sender = create_sender(make_workspace(), "news@noc.example", DETAILS)
    make_user(sender.workspace, role=Role.ADMIN)
    SenderDomain.objects.update(recheck_at=NOW)
    Sender.objects.update(address_verified_at=NOW)
    assert recheck(resolver, now=NOW) == 1
    return sender


def test_a_domain_that_sends_by_address_is_looked_at_daily(resolver: DnsResolver, proved: Sender) -> None:
    """E5 E10"""
    for days in (1, 31, 400):
        assert recheck(resolver, now=NOW + days * DAY) == 1
    SenderDomain.objects.update(created_at=NOW - 400 * DAY)
    archive_sender(proved, now=NOW)
    assert not domains_due(NOW + 402 * DAY).exists()


@pytest.mark.parametrize("lost", [None, NOW])
def test_an_address_that_comes_back_into_use_is_looked_at(
    resolver: DnsResolver, proved: Sender, lost: datetime | None
) -> None:
    """E5 E10: nobody looked at its domain meanwhile, since others of it prove nothing."""
    create_sender(proved.workspace, "info@noc.example", DETAILS)
    archive_sender(proved, now=NOW)
    SenderDomain.objects.update(created_at=NOW - 40 * DAY, lost_at=lost)
    recheck(resolver, now=NOW + DAY)
    later = NOW + 100 * DAY
    assert not domains_due(later).exists()
    restore_sender(Sender.objects.get(pk=proved.pk), now=later)
    assert recheck(resolver, now=later) == 1
    assert domains_due(later + DAY).exists()


def test_domains_that_nobody_looked_at_get_a_look(domain: SenderDomain) -> None:
    """What a migration does: those in use that were looked at once, and no others."""
    given_up, never, _unused = [
        register_domain(domain.workspace, f"{name}.example") for name in ("up", "never", "unused")
    ]
    for row in (given_up, never):
        create_sender(row.workspace, f"news@{row.name}", DETAILS)
    SenderDomain.objects.exclude(pk__in=(domain.pk, never.pk)).update(checked_at=NOW)
    SenderDomain.objects.exclude(pk=domain.pk).update(recheck_at=None)
    import_module("senders.migrations.0011_look_at_all_in_use").look_at_all(apps, None)
    due = set(SenderDomain.objects.filter(recheck_at__isnull=False).values_list("name", flat=True))
    assert due == {domain.name, given_up.name}
    domain.refresh_from_db()
    assert domain.recheck_at == NOW + DAY


def test_an_address_that_proves_nothing_brings_no_look(proved: Sender) -> None:
    SenderDomain.objects.update(recheck_at=None)
    Sender.objects.update(address_verified_at=None, archived_at=NOW)
    restore_sender(Sender.objects.get(), now=NOW)
    assert not domains_due(NOW + DAY).exists()


def test_a_domain_that_is_removed_at_its_turn_keeps_no_other_waiting(
    resolver: DnsResolver, domain: SenderDomain, caplog: pytest.LogCaptureFixture
) -> None:
    removed = register_domain(domain.workspace, "removed.example")
    SenderDomain.objects.filter(pk=removed.pk).update(verified_at=NOW, recheck_at=NOW)

    def remove_once_taken(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if sql.startswith('UPDATE "senders_senderdomain"'):
            SenderDomain.objects.filter(pk=removed.pk).delete()
        return result

    with connection.execute_wrapper(remove_once_taken):
        assert recheck(resolver, now=NOW + DAY) == 1
    domain.refresh_from_db()
    assert domain.checked_at == NOW + DAY
    assert not caplog.records


def test_a_key_that_is_missing_once_leaves_no_mail_unsigned(
    zones: ZoneServer, resolver: DnsResolver, proved: Sender
) -> None:
    """E5 E10: what starts without a signature stays so; a person who looks is believed at once."""

    def is_signed_after(hours: int, *, actor: User | None = None) -> bool:
        domain = SenderDomain.objects.get()
        if actor:
            verify_domain(domain, resolver, now=NOW + hours * HOUR, actor=actor)
        else:
            recheck(resolver, now=NOW + hours * HOUR)
        return is_signed(Sender.objects.get(pk=proved.pk))

    publish_key(zones, proved.domain)
    assert is_signed_after(24)
    zones.publish(key_name(proved.domain))
    assert is_signed_after(48)
    assert SenderDomain.objects.get().recheck_at == NOW + 49 * HOUR
    zones.failing.add(key_name(proved.domain))
    assert is_signed_after(49)
    zones.failing.clear()
    assert is_signed_after(73)
    assert not is_signed_after(74)
    assert SenderDomain.objects.get().recheck_at == NOW + 98 * HOUR
    publish_key(zones, proved.domain)
    assert is_signed_after(98)
    zones.publish(key_name(proved.domain))
    assert not is_signed_after(99, actor=make_user(proved.workspace))


def test_a_policy_that_refuses_its_mails_takes_an_address_back_at_the_second_look(
    zones: ZoneServer, resolver: DnsResolver, proved: Sender
) -> None:
    """E5 E10 E11"""
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=reject")
    recheck(resolver, now=NOW + DAY)
    domain = SenderDomain.objects.get()
    assert (domain.failing_since, domain.recheck_at, domain.lost_at) == (NOW + DAY, NOW + DAY + HOUR, None)
    proved.refresh_from_db()
    require_verified(proved)
    light = light_of_sender(proved, light_of(proved.domain))
    assert (light.tone, "DMARC の方針により" in light.sentence) == ("warn", True)
    recheck(resolver, now=NOW + DAY + HOUR)
    proved.refresh_from_db()
    assert proved.address_verified_at is None
    with pytest.raises(SenderError):
        require_verified(proved)
    assert AuditEntry.objects.filter(action="sender.unprove", target=proved.address, actor=None).count() == 1
    domain = SenderDomain.objects.get()
    assert (domain.failing_since, domain.lost_at, domain.to_mail) == (None, NOW + DAY + HOUR, True)
    assert mail_change(domain.pk, now=NOW + DAY + HOUR) == 1
    assert "DMARC の方針により" in mail.outbox[0].body


def test_a_policy_that_is_taken_back_takes_nothing(zones: ZoneServer, resolver: DnsResolver, proved: Sender) -> None:
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=quarantine")
    recheck(resolver, now=NOW + DAY)
    zones.failing.add("_dmarc.noc.example")
    recheck(resolver, now=NOW + DAY + HOUR)
    proved.refresh_from_db()
    assert proved.address_verified_at is not None
    zones.failing.clear()
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=none")
    recheck(resolver, now=NOW + 3 * DAY)
    assert SenderDomain.objects.get().failing_since is None
    proved.refresh_from_db()
    assert proved.address_verified_at is not None


def test_a_policy_takes_nothing_where_the_signature_passes_it(
    zones: ZoneServer, resolver: DnsResolver, proved: Sender
) -> None:
    """E5: the domain lacks only SPF."""
    publish_key(zones, proved.domain)
    zones.publish("_dmarc.noc.example", "v=DMARC1; p=reject")
    for hours in (0, 1, 2):
        recheck(resolver, now=NOW + DAY + hours * HOUR)
    proved.refresh_from_db()
    assert proved.address_verified_at is not None
    light = light_of_sender(proved, light_of(proved.domain))
    assert (light.tone, "電子署名は付きます" in light.sentence) == ("warn", True)


def test_the_history_holds_what_changed(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain) -> None:
    first = DnsCheckChange.objects.filter(domain=domain)
    assert set(first.values_list("kind", "before", "after")) == {
        *((kind, "", "ok") for kind in (CheckKind.SPF, CheckKind.DKIM, CheckKind.DMARC, CheckKind.PROOF)),
        *((kind, "", "missing") for kind in (CheckKind.HOST, *ADVICE)),
    }
    assert all(change.by is not None for change in first)
    recheck(resolver, now=NOW + DAY)
    assert DnsCheckChange.objects.count() == 5 + len(ADVICE)
    zones.publish("_dmarc.shop.example")
    recheck(resolver, now=NOW + 2 * DAY)
    change = DnsCheckChange.objects.latest("pk")
    assert (change.kind, change.before, change.after, change.by) == ("dmarc", "ok", "missing", None)


def test_an_outage_forgets_nothing_that_was_found(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain
) -> None:
    """D1"""
    before = DnsCheck.objects.get(domain=domain, kind=CheckKind.SPF)
    zones.failing.add("shop.example")
    recheck(resolver, now=NOW + DAY)
    after = DnsCheck.objects.get(domain=domain, kind=CheckKind.SPF)
    assert (after.result, after.found, after.expected) == (CheckResult.UNKNOWN, before.found, before.expected)
    assert before.expected


def test_the_history_has_a_page(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain, client: Client) -> None:
    zones.publish("_dmarc.shop.example")
    recheck(resolver, now=NOW + DAY)
    client.force_login(make_user(domain.workspace, role=Role.VIEWER))
    text = client.get(f"/senders/domains/{domain.pk}/history/").content.decode()
    assert "設定済み → 未設定" in text
    assert "毎日の確認" in text
    assert text.index("設定済み → 未設定") < text.index("v=DMARC1; p=none")
    # In the words of the page of the domain.
    assert "署名の実証" in text
    assert "確認済み" in text
    assert "確認の履歴" in client.get(f"/senders/domains/{domain.pk}/").content.decode()


def test_old_history_is_forgotten(domain: SenderDomain) -> None:
    for at in (NOW, NOW + DAY):
        DnsCheckChange.objects.create(domain=domain, kind="spf", before="ok", after=CheckResult.WRONG, at=at)
    assert forget_old(now=NOW + HISTORY_KEPT + HOUR) == 6 + len(ADVICE)
    assert DnsCheckChange.objects.get().at == NOW + DAY


def test_two_processes_share_the_domains(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain) -> None:
    """The one that moved the time forward has the domain; where it dies, others take it after the lease."""
    later = NOW + DAY
    assert SenderDomain.objects.filter(pk=domain.pk, recheck_at=later).update(recheck_at=later + LEASE) == 1
    assert recheck(resolver, now=later) == 0
    assert recheck(resolver, now=later + LEASE) == 1


def test_a_task_ends_after_its_seconds(zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain) -> None:
    times = iter([0.0, 9.0])
    assert recheck_due(resolver, now=NOW + DAY, clock=lambda: next(times)) == 0
    assert domains_due(NOW + DAY).exists()


def test_the_tasks_do_it(zones: ZoneServer, domain: SenderDomain) -> None:
    SenderDomain.objects.update(recheck_at=timezone.now(), to_mail=True, lost_at=None)
    tasks.recheck_domains()
    domain.refresh_from_db()
    assert domain.recheck_at is not None
    assert domain.recheck_at > timezone.now()
    tasks.mail_domain(domain.pk)
    assert len(mail.outbox) == 1
