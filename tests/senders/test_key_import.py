"""A DKIM key of another system is taken: what is a key, what is none, and what nobody is told."""

import base64
import logging
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from accounts.models import AuditEntry, User
from mta.dkim import sign
from senders.dkim_import import PEM_LIMIT, PemRefused, SelectorRefused, clean_selector, import_key, read_private_key
from senders.dkim_keys import KeyState, choose_signers, key_state, load_keys, public_record
from senders.domains import register_domain
from senders.errors import SenderError
from senders.models import DkimKey, KeyOrigin, SenderDomain
from tests.factories import make_user, make_workspace
from tests.mta.dkim_oracle import verifies

pytestmark = pytest.mark.django_db

Private = rsa.RSAPrivateKey | Ed25519PrivateKey | ec.EllipticCurvePrivateKey
RSA = rsa.generate_private_key(65537, 2048)
ED25519 = Ed25519PrivateKey.generate()
MESSAGE = b"From: news@shop.example\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\r\nhello\r\n"


def pem(
    key: Private,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption = NoEncryption(),  # noqa: B008  # It has no state.
) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


@pytest.fixture
def domain() -> SenderDomain:
    return register_domain(make_workspace(), "shop.example")


@pytest.fixture
def admin(domain: SenderDomain) -> User:
    return make_user(domain.workspace)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pem(RSA),
        lambda: pem(RSA, PrivateFormat.TraditionalOpenSSL),
        lambda: "\n  " + pem(RSA).replace("\n", "\r\n") + "\n",
        lambda: pem(ED25519),
    ],
    ids=["pkcs8", "pkcs1", "windows", "ed25519"],
)
def test_a_key_waits_for_its_record_and_signs_then(domain: SenderDomain, admin: User, make: Callable[[], str]) -> None:
    """B2"""
    key = import_key(domain, " Mail2026 ", make(), actor=admin)
    assert (key.selector, key.origin, key_state(key)) == ("mail2026", KeyOrigin.IMPORTED, KeyState.WAITING)
    assert b"PRIVATE" not in bytes(key.private_key)
    DkimKey.objects.exclude(pk=key.pk).delete()
    DkimKey.objects.update(activated_at=key.created_at)
    signers = load_keys(domain, choose_signers(domain.dkim_keys.all()))
    assert verifies(sign(MESSAGE, *signers, now=key.created_at), *signers)
    assert key.public_key in public_record(key)
    assert AuditEntry.objects.get(action="sender_domain.import_key").target == str(key)


def test_the_first_key_of_a_domain_signs_at_once(admin: User) -> None:
    domain = SenderDomain.objects.create(workspace=admin.memberships.get().workspace, name="new.example")
    assert key_state(import_key(domain, "s1", pem(RSA), actor=admin)) is KeyState.SIGNING
    assert key_state(import_key(domain, "s2", pem(ED25519), actor=admin)) is KeyState.WAITING


def make_short() -> str:
    return pem(rsa.generate_private_key(65537, 1024))  # noqa: S505  # It is to be refused.


REFUSED = [
    (lambda: "", "読み取れません"),
    (lambda: "nonsense", "読み取れません"),
    (lambda: pem(RSA)[:500], "読み取れません"),
    (lambda: pem(RSA) + "x" * PEM_LIMIT, "16KB"),
    (lambda: "あ" * (PEM_LIMIT // 3 + 1), "16KB"),
    (lambda: RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "公開鍵"),
    (lambda: pem(RSA, encryption=BestAvailableEncryption(b"x")), "パスワード"),
    (lambda: pem(RSA, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")), "パスワード"),
    (lambda: pem(ec.generate_private_key(ec.SECP256R1())), "RSA か Ed25519"),
    (make_short, "1024ビット"),
]


@pytest.mark.parametrize(("make", "word"), REFUSED)
def test_what_is_no_key_is_refused_with_the_reason(make: Callable[[], str], word: str) -> None:
    text = make()
    with pytest.raises(PemRefused) as refused:
        read_private_key(text)
    assert word in refused.value.sentence
    # Nothing of what was pasted is quoted.
    assert not any(line and line in refused.value.sentence for line in text.splitlines()[1:-1])


def der(tag: int, content: bytes) -> bytes:
    """Return a value of ASN.1, its length in two octets where it is long."""
    size = len(content)
    return bytes([tag]) + (bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2)) + content


def number(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def test_a_huge_key_is_refused_by_its_length_alone() -> None:
    """To find out whether such numbers are primes takes minutes."""
    p, q, d = 2**12000 + 1, 2**11999 + 3, 2**23000 + 1
    parts = (0, p * q, 65537, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    content = base64.encodebytes(der(0x30, b"".join(map(number, parts)))).decode()
    with pytest.raises(PemRefused, match="4096ビットまで"):
        read_private_key(f"-----BEGIN RSA PRIVATE KEY-----\n{content}-----END RSA PRIVATE KEY-----\n")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "英数字"),
        ("a b", "英数字"),
        ("-a", "英数字"),
        ("a..b", "英数字"),
        ("a_b", "英数字"),
        ("日本", "英数字"),
        ("s1._domainkey.shop.example", "._domainkey"),
        ("a" * 64, "長すぎます"),
    ],
)
def test_what_is_no_selector_is_refused(domain: SenderDomain, text: str, word: str) -> None:
    with pytest.raises(SelectorRefused, match=word):
        clean_selector(text, domain)


def test_selectors_are_stored_in_small_letters(domain: SenderDomain) -> None:
    assert [clean_selector(text, domain) for text in (" S1 ", "S1", "a.b-c.9")] == ["s1", "s1", "a.b-c.9"]


def test_a_name_that_is_too_long_for_the_dns_is_refused() -> None:
    name = ".".join(["a" * 50] * 4) + ".example"
    domain = SenderDomain.objects.create(workspace=make_workspace(), name=name)
    assert clean_selector("s" * 20, domain)
    with pytest.raises(SelectorRefused, match="長すぎます"):
        clean_selector("s" * 63, domain)


def test_a_key_of_another_workspace_is_refused_without_a_word_about_it(domain: SenderDomain, admin: User) -> None:
    import_key(domain, "s1", pem(RSA), actor=admin)
    stranger = make_user(make_workspace())
    elsewhere = register_domain(stranger.memberships.get().workspace, "other.example")
    with pytest.raises(PemRefused) as refused:
        import_key(elsewhere, "s1", pem(RSA), actor=stranger)
    assert "shop.example" not in refused.value.sentence
    # The workspace's own other domain may have it too.
    own = register_domain(domain.workspace, "second.example")
    assert import_key(own, "s1", pem(RSA), actor=admin)


def test_nobody_keeps_an_owner_from_his_selector(domain: SenderDomain, admin: User) -> None:
    stranger = make_user(make_workspace())
    squatted = register_domain(stranger.memberships.get().workspace, "shop.example")
    import_key(squatted, "mail2026", pem(ED25519), actor=stranger)
    assert import_key(domain, "mail2026", pem(RSA), actor=admin).selector == "mail2026"


def test_a_domain_that_was_removed_meanwhile_takes_no_key(domain: SenderDomain, admin: User) -> None:
    SenderDomain.objects.get().delete()
    with pytest.raises(SenderError, match="削除されました"):
        import_key(domain, "s1", pem(RSA), actor=admin)


def test_a_key_is_taken_once(domain: SenderDomain, admin: User) -> None:
    import_key(domain, "s1", pem(ED25519), actor=admin)
    with pytest.raises(SelectorRefused, match="すでにあります"):
        import_key(domain, "s1", pem(RSA), actor=admin)
    with pytest.raises(PemRefused, match="すでにあります"):
        import_key(domain, "s2", pem(ED25519), actor=admin)
    with pytest.raises(SenderError, match="切り替え待ち"):
        import_key(domain, "s3", pem(Ed25519PrivateKey.generate()), actor=admin)


def test_nothing_of_a_key_is_logged(domain: SenderDomain, admin: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        import_key(domain, "s1", pem(RSA), actor=admin)
        with pytest.raises(PemRefused):
            read_private_key(pem(RSA)[:300])
    assert pem(RSA).splitlines()[1] not in caplog.text
