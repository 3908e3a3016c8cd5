"""DKIM keys: what we publish verifies what we sign, by dkimpy and real DNS."""

import base64
from datetime import UTC, date, datetime

import dkim
import pytest
from cryptography.fernet import Fernet
from django.utils import timezone
from pytest_django import Settings

from mta.dkim import sign
from senders.checks import check_dkim
from senders.dkim_keys import (
    active_key,
    generate_key,
    make_selector,
    public_record,
    retire_key,
    signing_keys,
    split_strings,
)
from senders.dns import DnsResolver, Found
from senders.errors import SenderError
from senders.models import CheckResult, DkimKey, KeyAlgorithm, SenderDomain
from senders.records import dkim_name
from tests.factories import make_workspace
from tests.mta.dkim_oracle import public_record as published_by
from tests.mta.dkim_oracle import verifies
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
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
    signed = sign(MESSAGE, *signing_keys(domain), now=NOW)

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
    signers = signing_keys(domain)
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


def test_the_older_key_signs_until_it_is_retired() -> None:
    domain = make_domain()
    assert signing_keys(domain) == ()
    first, second = generate_key(domain), generate_key(domain)
    assert active_key(domain) == first
    assert retire_key(first, now=timezone.now())
    assert not retire_key(first, now=timezone.now())
    assert [signer.selector for signer in signing_keys(domain)] == [second.selector]


def test_the_algorithms_are_rotated_apart() -> None:
    domain = make_domain()
    rsa, first, second = (generate_key(domain, name) for name in (KeyAlgorithm.RSA, *[KeyAlgorithm.ED25519] * 2))
    assert [key.selector for key in signing_keys(domain)] == [rsa.selector, first.selector]
    retire_key(first, now=timezone.now())
    assert [key.selector for key in signing_keys(domain)] == [rsa.selector, second.selector]
    retire_key(rsa, now=timezone.now())
    assert [key.selector for key in signing_keys(domain)] == [second.selector]


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
        signing_keys(domain)
