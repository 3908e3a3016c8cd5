"""A DKIM key takes the place of another: seen first, then switched by a person, then destroyed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from accounts.models import AuditEntry, Role, User
from senders import tasks
from senders.dkim_keys import (
    KeyState,
    active_key,
    choose_signers,
    generate_key,
    key_state,
    public_record,
)
from senders.dkim_rotation import abandon, begin, domains_to_remind, is_seen, retire_due, retires_at, switch
from senders.dns import DnsResolver
from senders.errors import SenderError
from senders.key_mails import mail_reminder
from senders.lights import light_of
from senders.models import CheckKind, CheckResult, DkimKey, DnsCheck, KeyAlgorithm, Sender, SenderDomain
from senders.records import dkim_name, expected_records
from senders.registry import SenderDetails, archive_sender, create_sender
from senders.secrets import encrypt
from senders.verification import verify_domain
from tests.factories import make_user, make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
DETAILS = SenderDetails("みほん商店", "", "みほん商店株式会社", "東京都", "03-0000-0000")


@pytest.fixture(autouse=True)
def include(settings: Settings) -> None:
    settings.SPF_INCLUDE = "_spf.hypermail.example"


@pytest.fixture
def domain() -> SenderDomain:
    sender: Sender = create_sender(make_workspace(), "news@shop.example", DETAILS)
    DkimKey.objects.update(activated_at=NOW - DAY)
    return sender.domain


@pytest.fixture
def admin(domain: SenderDomain) -> User:
    return make_user(domain.workspace, role=Role.ADMIN)


def publish(zones: ZoneServer, key: DkimKey, *, beside: DkimKey | None = None) -> None:
    for one in (key, beside or key):
        zones.publish(dkim_name(one.selector, "shop.example"), public_record(one))


def rsa_key(domain: SenderDomain) -> DkimKey:
    key = active_key(domain)
    assert key is not None
    return key


def see(key: DkimKey, *, at: datetime) -> None:
    DkimKey.objects.filter(pk=key.pk).update(seen_at=at)


def states(domain: SenderDomain) -> list[KeyState]:
    return [key_state(key) for key in domain.dkim_keys.order_by("pk")]


def test_a_key_is_switched_over_two_selectors(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain, admin: User
) -> None:
    """B1 B2 A6"""
    zones.load("example.zone")
    old = rsa_key(domain)
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    assert old.selector != new.selector
    publish(zones, old)
    assert verify_domain(domain, resolver, now=NOW, actor=admin)
    assert DnsCheck.objects.get(kind=CheckKind.NEXT_KEY).result == CheckResult.MISSING
    assert [record.kind for record in expected_records(domain)][1:3] == [CheckKind.DKIM, CheckKind.NEXT_KEY]
    with pytest.raises(SenderError, match="まだ DNS で確認できていません"):
        switch(new, actor=admin, now=NOW)
    publish(zones, old, beside=new)
    assert verify_domain(domain, resolver, now=NOW + MINUTE, actor=admin)
    # It is seen and waits on: a person switches.
    assert states(domain) == [KeyState.SIGNING, KeyState.WAITING]
    assert [signer.selector for signer in choose_signers(domain.dkim_keys.all())] == [old.selector]
    switch(new, actor=admin, now=NOW + 2 * MINUTE)
    assert states(domain) == [KeyState.SUPERSEDED, KeyState.SIGNING]
    assert [signer.selector for signer in choose_signers(domain.dkim_keys.all())] == [new.selector]
    assert [signer.selector for signer in choose_signers(domain.dkim_keys.all(), at=NOW)] == [old.selector]
    checks = dict(DnsCheck.objects.values_list("kind", "found"))
    assert (checks[CheckKind.DKIM], CheckKind.NEXT_KEY in checks) == (public_record(new), False)
    domain.refresh_from_db()
    assert domain.recheck_at == NOW + 2 * MINUTE
    entry = AuditEntry.objects.get(action="sender_domain.switch_key")
    assert (entry.target, entry.detail) == (str(new), {"before": old.selector})
    # The domain stays as it is without the record of the old key.
    zones.publish(dkim_name(old.selector, "shop.example"))
    assert verify_domain(domain, resolver, now=NOW + 3 * MINUTE, actor=admin)


def test_a_replaced_key_signs_no_more_once_its_record_is_missing_twice(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain, admin: User
) -> None:
    """B1: the customer wrote the new record over the old one, and mailings that began before it still run."""
    zones.load("example.zone")
    old = rsa_key(domain)
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    publish(zones, old, beside=new)
    verify_domain(domain, resolver, now=NOW, actor=admin)
    switch(new, actor=admin, now=NOW)

    def look(minutes: int) -> tuple[str | None, str]:
        verify_domain(domain, resolver, now=NOW + minutes * MINUTE)
        (signer,) = choose_signers(domain.dkim_keys.all(), began_with=[old.pk], now=NOW + minutes * MINUTE)
        check = DnsCheck.objects.filter(kind=CheckKind.OLD_KEY).first()
        return check.result if check else None, signer.selector

    assert look(1) == (CheckResult.OK, old.selector)
    assert light_of(SenderDomain.objects.get()).tone == "ok"
    name = dkim_name(old.selector, "shop.example")
    zones.publish(name)
    assert look(2) == (CheckResult.MISSING, old.selector)
    domain.refresh_from_db()
    assert domain.recheck_at == NOW + 62 * MINUTE
    light = light_of(domain)
    assert (light.tone, "切り替える前の DKIM の鍵" in light.sentence) == ("warn", True)
    assert [record.name for record in expected_records(domain) if record.kind == CheckKind.OLD_KEY] == [name]
    # An outage is no second look, nor is a person's a minute later.
    zones.failing.add(name)
    assert look(70) == (CheckResult.UNKNOWN, old.selector)
    zones.failing.clear()
    assert look(71) == (None, new.selector)
    # It signs no more: who took it out on purpose, since it leaked, is warned no longer, nor asked to set it again.
    domain = SenderDomain.objects.get()
    assert light_of(domain).tone == "ok"
    assert CheckKind.OLD_KEY not in {record.kind for record in expected_records(domain)}
    # The record comes back: nothing is to be done any more, and no mail changes once more.
    publish(zones, old)
    assert look(140) == (None, new.selector)


def test_nobody_looks_at_a_replaced_key_that_may_go(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain, admin: User
) -> None:
    zones.load("example.zone")
    old, new = rsa_key(domain), begin(domain, KeyAlgorithm.RSA, actor=admin)
    publish(zones, old, beside=new)
    verify_domain(domain, resolver, now=NOW, actor=admin)
    switch(new, actor=admin, now=NOW)
    verify_domain(domain, resolver, now=NOW + MINUTE)
    assert DnsCheck.objects.get(kind=CheckKind.OLD_KEY).result == CheckResult.OK
    DkimKey.objects.filter(pk=old.pk).update(retired_at=NOW)
    verify_domain(domain, resolver, now=NOW + 200 * MINUTE)
    assert not DnsCheck.objects.filter(kind=CheckKind.OLD_KEY).exists()


def test_a_replaced_key_whose_record_comes_back_at_once_signs_on(
    zones: ZoneServer, resolver: DnsResolver, domain: SenderDomain, admin: User
) -> None:
    zones.load("example.zone")
    old, new = rsa_key(domain), begin(domain, KeyAlgorithm.RSA, actor=admin)
    publish(zones, old, beside=new)
    verify_domain(domain, resolver, now=NOW, actor=admin)
    switch(new, actor=admin, now=NOW)
    name = dkim_name(old.selector, "shop.example")
    for minutes, is_there in ((1, False), (40, True), (80, False)):
        zones.publish(name, *([public_record(old)] if is_there else []))
        verify_domain(domain, resolver, now=NOW + minutes * MINUTE, actor=admin)
    assert [key.pk for key in choose_signers(domain.dkim_keys.all(), began_with=[old.pk], now=NOW)] == [old.pk]


def test_a_look_that_is_old_or_found_nothing_is_not_enough(domain: SenderDomain, admin: User) -> None:
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    assert not is_seen(new, now=NOW)
    see(new, at=NOW)
    new.refresh_from_db()
    assert is_seen(new, now=NOW + 10 * MINUTE)
    assert not is_seen(new, now=NOW + 11 * MINUTE)
    SenderDomain.objects.update(checked_at=NOW + MINUTE)
    with pytest.raises(SenderError, match="まだ DNS で確認できていません"):
        switch(new, actor=admin, now=NOW + 2 * MINUTE)
    assert states(domain) == [KeyState.SIGNING, KeyState.WAITING]


def test_one_switch_for_two_presses(domain: SenderDomain, admin: User) -> None:
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    see(new, at=NOW)
    switch(new, actor=admin, now=NOW)
    with pytest.raises(SenderError, match="切り替え待ちではありません"):
        switch(new, actor=admin, now=NOW + MINUTE)
    assert DkimKey.objects.get(pk=new.pk).activated_at == NOW


def test_a_key_that_cannot_be_decrypted_never_signs(domain: SenderDomain, admin: User) -> None:
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    see(new, at=NOW)
    DkimKey.objects.filter(pk=new.pk).update(private_key=b"nonsense")
    with pytest.raises(SenderError, match="復号できません"):
        switch(new, actor=admin, now=NOW)
    assert states(domain) == [KeyState.SIGNING, KeyState.WAITING]


def test_what_decrypts_to_no_key_never_signs(domain: SenderDomain, admin: User) -> None:
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    see(new, at=NOW)
    DkimKey.objects.filter(pk=new.pk).update(private_key=encrypt(b"nonsense"))
    with pytest.raises(SenderError, match="読み取れません"):
        switch(new, actor=admin, now=NOW)


def test_a_domain_that_was_removed_meanwhile_is_told(domain: SenderDomain, admin: User) -> None:
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    Sender.objects.all().delete()
    SenderDomain.objects.get().delete()
    with pytest.raises(SenderError, match="削除されました"):
        begin(domain, KeyAlgorithm.RSA, actor=admin)
    with pytest.raises(SenderError, match="削除されました"):
        switch(new, actor=admin, now=NOW)
    with pytest.raises(SenderError, match="削除されました"):
        abandon(new, actor=admin)


def test_one_rotation_at_a_time(domain: SenderDomain, admin: User) -> None:
    generate_key(domain, KeyAlgorithm.ED25519)
    new = begin(domain, KeyAlgorithm.ED25519, actor=admin)
    for algorithm in KeyAlgorithm:
        with pytest.raises(SenderError, match="切り替え待ちの鍵がすでにあります"):
            begin(domain, algorithm, actor=admin)
    assert abandon(new, actor=admin)
    assert not abandon(new, actor=admin)
    assert begin(domain, KeyAlgorithm.RSA, actor=admin)
    entries = AuditEntry.objects.filter(target=str(new)).order_by("pk").values_list("action", flat=True)
    assert list(entries) == ["sender_domain.begin_key", "sender_domain.abandon_key"]


def test_a_key_that_signs_or_did_is_not_abandoned(domain: SenderDomain, admin: User) -> None:
    old = rsa_key(domain)
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    see(new, at=NOW)
    switch(new, actor=admin, now=NOW)
    assert not any(abandon(key, actor=admin) for key in (old, new))
    # The only RSA key of the domain.
    old.delete()
    DkimKey.objects.update(activated_at=None)
    assert not abandon(new, actor=admin)


def test_a_replaced_key_stops_to_sign_and_is_destroyed_a_week_later(
    domain: SenderDomain, admin: User, settings: Settings
) -> None:
    old = rsa_key(domain)
    new = begin(domain, KeyAlgorithm.RSA, actor=admin)
    see(new, at=NOW)
    switch(new, actor=admin, now=NOW)
    end = NOW + settings.KEY_OVERLAP_DAYS * DAY
    for now, key in ((end - MINUTE, old), (end, new)):
        assert [signer.selector for signer in choose_signers(domain.dkim_keys.all(), at=NOW - MINUTE, now=now)] == [
            key.selector
        ]
    # Mails that it signed last are still under way: its record has to stay.
    old.refresh_from_db()
    assert retires_at(old) == end + 7 * DAY
    assert retire_due(now=end + 7 * DAY - MINUTE) == 0
    assert [retire_due(now=end + 7 * DAY) for _twice in range(2)] == [1, 0]
    old.refresh_from_db()
    assert (bytes(old.private_key), old.retired_at) == (b"", end + 7 * DAY)
    assert [signer.selector for signer in choose_signers(domain.dkim_keys.all(), at=NOW - MINUTE)] == [new.selector]
    assert AuditEntry.objects.get(action="sender_domain.retire_key").actor is None
    # Its selector is not given away again.
    assert DkimKey.objects.filter(domain=domain).count() == 2


def test_managers_are_reminded_once_a_year(domain: SenderDomain, admin: User, settings: Settings) -> None:
    make_user(domain.workspace, role=Role.EDITOR)
    generate_key(domain, KeyAlgorithm.ED25519)
    DkimKey.objects.update(activated_at=NOW)
    year = settings.KEY_REMIND_DAYS * DAY
    assert domains_to_remind(now=NOW + year - MINUTE) == []
    assert domains_to_remind(now=NOW + year) == [domain.pk]
    assert [mail_reminder(domain.pk, now=NOW + year) for _twice in range(2)] == [1, 0]
    (message,) = mail.outbox
    assert message.to == [admin.email]
    assert "切り替えをお勧めします" in message.subject
    for key in DkimKey.objects.all():
        assert key.selector in message.body
    assert f"/senders/domains/{domain.pk}/keys/" in message.body
    assert domains_to_remind(now=NOW + 2 * year - MINUTE) == []
    assert domains_to_remind(now=NOW + 2 * year) == [domain.pk]


def test_nobody_is_reminded_of_a_domain_out_of_use(domain: SenderDomain, admin: User, settings: Settings) -> None:
    archive_sender(domain.senders.get(), now=NOW, actor=admin)
    assert domains_to_remind(now=NOW + settings.KEY_REMIND_DAYS * DAY) == []


def test_the_tick_retires_and_the_task_reminds(domain: SenderDomain, admin: User) -> None:
    DkimKey.objects.update(activated_at=timezone.now() - 400 * DAY)
    tasks.remind_of_keys(domain.pk)
    assert len(mail.outbox) == 1
    DkimKey.objects.update(superseded_at=timezone.now() - 400 * DAY)
    tasks.slow_tick()
    assert states(domain) == [KeyState.RETIRED]
