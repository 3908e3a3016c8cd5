"""The key records of a domain as published, and the proof by a signed mail that dkimpy verifies against the DNS."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from senders.dkim_check import check_dkim_key, describe_record
from senders.dkim_keys import choose_signers, generate_key, keys_in_dns, load_keys, public_record
from senders.dkim_proof import make_signed_mail, prove
from senders.dns import DnsResolver
from senders.models import CheckResult, DkimKey, KeyAlgorithm, SenderDomain
from senders.outcomes import CheckOutcome, CheckSubject, KeyFacts, Tone
from tests.factories import make_workspace
from tests.senders.dns_server import ZoneServer

pytestmark = pytest.mark.django_db

PKCS1 = generate_private_key(65537, 2048).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
SHORT = generate_private_key(65537, 1024).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # noqa: S505  # It is to be found too short.


def make_domain(name: str) -> SenderDomain:
    return SenderDomain.objects.create(workspace=make_workspace(), name=name)


@pytest.fixture
def key() -> DkimKey:
    return generate_key(make_domain("shop.example"))


def facts_of(key: DkimKey) -> KeyFacts:
    return KeyFacts(key.selector, key.algorithm, key.public_key)


def name_of(key: DkimKey) -> str:
    return f"{key.selector}._domainkey.shop.example"


def check(key: DkimKey, resolver: DnsResolver) -> CheckOutcome:
    return check_dkim_key(CheckSubject("shop.example"), resolver, key=facts_of(key))


def test_our_key_is_found(zones: ZoneServer, resolver: DnsResolver, key: DkimKey) -> None:
    """B1"""
    zones.publish(name_of(key), public_record(key))
    outcome = check(key, resolver)
    assert outcome.result == CheckResult.OK
    assert outcome.expected == public_record(key)
    assert [line.text for line in outcome.lines] == [name_of(key), "RSA 2048ビット"]
    assert outcome.ttl == 60


def test_a_cname_leads_to_our_key(zones: ZoneServer, resolver: DnsResolver, key: DkimKey) -> None:
    zones.publish("k1.dkim.hypermail.example", public_record(key))
    zones.add_zone(f"{name_of(key)}. 300 IN CNAME k1.dkim.hypermail.example.")
    outcome = check(key, resolver)
    assert outcome.result == CheckResult.OK
    assert "k1.dkim.hypermail.example" in [line.text for line in outcome.lines]


@pytest.mark.parametrize(
    "texts", [["v=spf1 -all"], ["google-site-verification=abc-p=="], ["v=spf1 mx ~all", "google-site-verification=abc"]]
)
def test_a_wildcard_of_another_purpose_is_no_key(
    zones: ZoneServer, resolver: DnsResolver, key: DkimKey, texts: list[str]
) -> None:
    zones.publish("*.shop.example", *texts)
    outcome = check(key, resolver)
    assert outcome.result == CheckResult.MISSING
    assert "消さずに" in outcome.advice


@pytest.mark.parametrize("text", ['"v=DKIM1; k=rsa; p=AAAA"', "p=AAAA", "v=DKIM1 k=rsa", "k=rsa;p"])
def test_what_is_meant_to_be_a_key_is_wrong(zones: ZoneServer, resolver: DnsResolver, key: DkimKey, text: str) -> None:
    zones.publish(name_of(key), text)
    assert check(key, resolver).result == CheckResult.WRONG


@pytest.mark.parametrize(
    ("tags", "tone", "word"),
    [
        (f"v=DKIM1; p={base64.b64encode(PKCS1).decode()}", Tone.ERROR, "PKCS #1"),
        (f"v=DKIM1; p={base64.b64encode(SHORT).decode()}", Tone.WARNING, "1024"),
        ("v=DKIM1; p=MIIBIjANBgkq", Tone.ERROR, "読み取れません"),
        ("v=DKIM1; p=***", Tone.ERROR, "読み取れません"),
        ("v=DKIM1; k=ed25519; p=AAAA", Tone.NOTE, "Ed25519"),
    ],
)
def test_what_a_published_key_is(tags: str, tone: Tone, word: str) -> None:
    (line,) = describe_record(tags)
    assert line.tone == tone
    assert word in line.text


def test_flags_are_explained() -> None:
    labels = [line.label for line in describe_record("v=DKIM1; t=y:s; k=ed25519; p=AAAA")]
    assert labels[1:] == ["t=y", "t=s"]
    assert describe_record("v=DKIM1; p=") == describe_record("nonsense") == []


def prove_domain(key: DkimKey, resolver: DnsResolver) -> CheckOutcome:
    domain = key.domain
    subject = CheckSubject(domain.name, keys=tuple(map(facts_of, keys_in_dns(domain).values())))
    message = make_signed_mail(
        domain.name, load_keys(domain, choose_signers(domain.dkim_keys.all())), now=timezone.now()
    )
    return prove(subject, resolver, message=message)


def test_a_signed_mail_is_verified_against_the_dns(zones: ZoneServer, resolver: DnsResolver, key: DkimKey) -> None:
    """B1 B2"""
    other = generate_key(key.domain, KeyAlgorithm.ED25519)
    zones.publish(name_of(key), public_record(key))
    zones.publish(name_of(other), public_record(other))
    outcome = prove_domain(key, resolver)
    assert outcome.result == CheckResult.OK
    assert [line.tone for line in outcome.lines] == [Tone.OK, Tone.OK]


def test_another_key_proves_nothing(zones: ZoneServer, resolver: DnsResolver, key: DkimKey) -> None:
    """B1"""
    stranger = generate_key(make_domain("other.example"))
    zones.publish(name_of(key), public_record(stranger))
    assert prove_domain(key, resolver).result == CheckResult.WRONG


def test_the_ed25519_record_at_the_name_of_the_rsa_key_proves_nothing(
    zones: ZoneServer, resolver: DnsResolver, key: DkimKey
) -> None:
    zones.publish(name_of(key), public_record(generate_key(key.domain, KeyAlgorithm.ED25519)))
    assert prove_domain(key, resolver).result == CheckResult.WRONG


def test_a_key_with_one_wrong_letter_proves_nothing(zones: ZoneServer, resolver: DnsResolver, key: DkimKey) -> None:
    """The NULL of the algorithm with a length of 1."""
    octets = base64.b64decode(key.public_key)
    at = octets.index(b"\x05\x00")
    wrong = base64.b64encode(octets[:at] + b"\x05\x01" + octets[at + 2 :]).decode()
    zones.publish(name_of(key), f"v=DKIM1; k=rsa; p={wrong}")
    assert prove_domain(key, resolver).result == CheckResult.WRONG


def der(tag: int, *contents: bytes) -> bytes:
    """Return a value of ASN.1 with a length of three octets."""
    content = b"".join(contents)
    return bytes([tag, 0x83]) + len(content).to_bytes(3) + content


def test_nothing_is_computed_with_a_key_that_is_not_ours(
    zones: ZoneServer, resolver: DnsResolver, key: DkimKey
) -> None:
    """A modulus and an exponent that fill an answer of the DNS would take an hour."""
    number = der(0x02, b"\x7f" + b"\xff" * 20_000)
    rsa = der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    huge = base64.b64encode(der(0x30, rsa, der(0x03, b"\x00", der(0x30, number, number)))).decode()
    zones.publish(name_of(key), f"v=DKIM1; k=rsa; p={huge}")
    assert prove_domain(key, resolver).result == CheckResult.WRONG


@pytest.mark.parametrize("record", [None, "v=DKIM1; p=", "v=DKIM1; p=***", "v=spf1 -all", "あ"])
def test_no_key_proves_nothing(zones: ZoneServer, resolver: DnsResolver, key: DkimKey, record: str | None) -> None:
    if record:
        zones.publish(name_of(key), record)
    assert prove_domain(key, resolver).result == CheckResult.WRONG


def test_an_outage_is_no_verdict(zones: ZoneServer, resolver: DnsResolver, key: DkimKey) -> None:
    zones.failing.add(name_of(key))
    assert prove_domain(key, resolver).result == CheckResult.UNKNOWN
    assert check(key, resolver).result == CheckResult.UNKNOWN


def test_a_domain_without_keys_proves_nothing(resolver: DnsResolver) -> None:
    assert prove(CheckSubject("shop.example"), resolver, message=b"").result == CheckResult.WRONG
