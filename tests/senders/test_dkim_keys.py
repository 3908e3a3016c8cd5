"""DKIM keys: what we publish verifies what we sign, by dkimpy and real DNS."""

import base64
from datetime import UTC, date, datetime, timedelta

import dkim
import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from mta.dkim import sign
from senders.checks import check_dkim
from senders.dkim_keys import (
    choose_signers,
    generate_key,
    keys_in_dns,
    load_keys,
    make_selector,
    public_record,
    split_strings,
)
from senders.dns import DnsResolver, Found
from senders.errors import SenderError
from senders.models import CheckKind, CheckResult, DkimKey, KeyAlgorithm, SenderDomain
from senders.records import dkim_name
from tests.factories import make_workspace
from tests.mta.dkim_oracle import public_record as published_by
from tests.mta.dkim_oracle import verifies
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MESSAGE = (
    b"From: =?utf-8?b?44G/44G744KT?= <news@shop.example>\r\nTo: reader@example.jp\r\nSubject: hello\r\n"
    b"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n\r\nhello\r\n"
)


def make_domain() -> SenderDomain:
    return SenderDomain.objects.create(workspace=make_workspace(), name="shop.example")


def test_the_published_record_verifies_a_signed_message(zones: ZoneServer, resolver: DnsResolver) -> None:
    """B2"""
    domain = make_domain()
    key = generate_key(domain)
    zones.publish(dkim_name(key.selector, domain.name), public_record(key))
    signed = sign(MESSAGE, *load_keys(domain, choose_signers(domain.dkim_keys.all())), now=NOW)

    def ask(name: bytes, timeout: int = 5) -> bytes:
        answer = resolver.find_txt(name.decode().removesuffix("."))
        assert isinstance(answer, Found)
        return answer.values[0].encode()

    assert b"d=shop.example" in signed
    assert dkim.verify(signed, dnsfunc=ask)
    assert not dkim.verify(signed.replace(b"hello\r\n", b"changed\r\n"), dnsfunc=ask)


def test_both_signatures_are_verified_by_their_records(zones: ZoneServer, resolver: DnsResolver) -> None:
    """RFC 8463: an RSA key and an Ed25519 key, each with a selector and record of its own."""
    domain = make_domain()
    ed25519, rsa = generate_key(domain, KeyAlgorithm.ED25519), generate_key(domain)
    signers = load_keys(domain, choose_signers(domain.dkim_keys.all()))
    assert [signer.selector for signer in signers] == [rsa.selector, ed25519.selector]
    assert verifies(sign(MESSAGE, *signers, now=NOW), *signers)
    for key, signer in zip((rsa, ed25519), signers, strict=True):
        assert public_record(key).encode() == published_by(signer)
    record = public_record(ed25519)
    assert len(base64.b64decode(record.partition("p=")[2])) == 32
    assert check_dkim([record], public_key=ed25519.public_key, algorithm="ed25519").result == CheckResult.OK
    as_rsa = record.replace("k=ed25519", "k=rsa")
    wrong = check_dkim([as_rsa], public_key=ed25519.public_key, algorithm="ed25519")
    assert (wrong.result, "k=ed25519" in wrong.advice) == (CheckResult.WRONG, True)


def test_the_record_passes_our_own_check_and_dns_strings_are_short_enough() -> None:
    record = public_record(generate_key(make_domain()))
    key = DkimKey.objects.get()
    assert check_dkim([record], public_key=key.public_key).result == CheckResult.OK
    strings = split_strings(record)
    assert len(strings) == 2
    assert all(len(text) <= 255 for text in strings)
    assert "".join(strings) == record


def test_the_private_part_is_not_readable_at_rest() -> None:
    key = generate_key(make_domain())
    key.refresh_from_db()
    assert b"PRIVATE" not in bytes(key.private_key)
    assert b"-----" not in bytes(key.private_key)


def test_selectors_name_the_month_and_differ() -> None:
    selectors = {make_selector(date(2026, 11, 30)) for _ in range(50)}
    assert all(selector.startswith("hm202611") and selector.isalnum() for selector in selectors)
    assert len(selectors) > 45


def supersede(key: DkimKey, next_key: DkimKey, *, now: datetime) -> None:
    DkimKey.objects.filter(pk=key.pk).update(superseded_at=now)
    DkimKey.objects.filter(pk=next_key.pk).update(activated_at=now)


def selectors(domain: SenderDomain, *, at: datetime | None = None) -> list[str]:
    return [signer.selector for signer in choose_signers(domain.dkim_keys.all(), at=at)]


def test_the_older_key_signs_until_another_takes_its_place() -> None:
    domain = make_domain()
    assert selectors(domain) == []
    first, second = generate_key(domain), generate_key(domain)
    assert keys_in_dns(domain) == {CheckKind.DKIM: first, CheckKind.NEXT_KEY: second}
    assert selectors(domain) == [first.selector]
    supersede(first, second, now=NOW)
    assert keys_in_dns(domain) == {CheckKind.DKIM: second}
    assert selectors(domain) == [second.selector]


def test_the_algorithms_are_rotated_apart() -> None:
    domain = make_domain()
    first, rsa, second = (
        generate_key(domain, name) for name in (KeyAlgorithm.ED25519, KeyAlgorithm.RSA, KeyAlgorithm.ED25519)
    )
    assert selectors(domain) == [rsa.selector, first.selector]
    assert list(keys_in_dns(domain)) == [CheckKind.DKIM, CheckKind.ED25519, CheckKind.NEXT_KEY]
    supersede(first, second, now=NOW)
    assert selectors(domain) == [rsa.selector, second.selector]


def test_what_began_with_a_key_goes_on_with_it() -> None:
    """B2"""
    domain = make_domain()
    first, second = generate_key(domain), generate_key(domain)
    DkimKey.objects.filter(pk=first.pk).update(activated_at=NOW - DAY)
    supersede(first, second, now=NOW)
    began = NOW - timedelta(seconds=1)
    assert [selectors(domain, at=at) for at in (began, NOW)] == [[first.selector], [second.selector]]
    # Then the domain had none.
    assert selectors(domain, at=NOW - 2 * DAY) == [second.selector]
    # Mails are signed, if with another key, rather than not.
    DkimKey.objects.filter(pk=first.pk).update(retired_at=NOW + DAY, private_key=b"")
    assert selectors(domain, at=began) == [second.selector]


def test_a_second_signature_begins_with_the_next_mailing() -> None:
    domain = make_domain()
    rsa, ed25519 = generate_key(domain), generate_key(domain, KeyAlgorithm.ED25519)
    DkimKey.objects.filter(pk=rsa.pk).update(activated_at=NOW - DAY)
    DkimKey.objects.filter(pk=ed25519.pk).update(activated_at=NOW)
    assert selectors(domain, at=NOW - timedelta(hours=1)) == [rsa.selector]
    assert selectors(domain, at=NOW) == [rsa.selector, ed25519.selector]


def test_without_an_encryption_key_no_key_is_stored(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = []
    with pytest.raises(SenderError, match="ENCRYPTION_KEYS"):
        generate_key(make_domain())
    assert not DkimKey.objects.exists()


def test_a_lost_encryption_key_is_told(settings: Settings) -> None:
    domain = make_domain()
    generate_key(domain)
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SenderError, match="復号できません"):
        load_keys(domain, choose_signers(domain.dkim_keys.all()))
