"""DKIM signatures, checked by dkimpy."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers, RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from mta.dkim import DkimError, SigningKey, canonical_body, canonical_field, load_key, sign
from mta.mime import Mail, MimeError, build
from tests.mta.dkim_oracle import verifies

NOW = datetime(2025, 10, 1, 0, 0, 0, 999_999, tzinfo=UTC)
RSA_KEY = SigningKey("shop.example", "s1", generate_private_key(65537, 2048))
ED25519_KEY = SigningKey("shop.example", "s2", Ed25519PrivateKey.generate())
KEYS = pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
MAIL = Mail(
    from_name="みほん商店",
    from_address="news@shop.example",
    to_name="山田 太郎",
    to_address="taro@example.jp",
    subject="秋のお知らせ",
    text="こんにちは。\n",
    html="<p>こんにちは。</p>\n",
    message_id="<d.1@shop.example>",
    date=NOW,
    boundary="part-1",
    list_unsubscribe=("https://shop.example/u/1", "mailto:u@shop.example"),
    list_id="1.shop.example",
    feedback_id="1:1:c:h",
)
MESSAGE = build(MAIL)


def to_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_small_key() -> bytes:
    """Return a key of 648 bits, which no library makes any more: from two primes that everybody knows."""
    p, q, e = 2**521 - 1, 2**127 - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), RSAPublicNumbers(e, p * q))
    return to_pem(numbers.private_key(unsafe_skip_rsa_key_validation=True))


def signed_names(message: bytes) -> list[str]:
    """Return the names in the h= tag."""
    head = message.partition(b"\r\nDate:")[0].replace(b"\r\n ", b"").decode("ascii")
    found = re.search(r"\bh=([^;]+);", head)
    assert found is not None
    return found[1].split(":")


@KEYS
def test_signature_is_accepted(key: SigningKey) -> None:
    message = sign(MESSAGE, key, now=NOW)
    assert message.endswith(b"\r\n" + MESSAGE)
    assert verifies(message, key)
    head = message[: -len(MESSAGE)]
    assert b"; l=" not in head
    assert f" t={int(NOW.timestamp())};".encode() in head
    assert max(map(len, head.split(b"\r\n"))) <= 78


@KEYS
def test_important_headers_are_signed_once_more_than_present(key: SigningKey) -> None:
    """RFC 8058 section 4 for List-Unsubscribe; RFC 6376 section 8.15 for the second listing."""
    names = signed_names(sign(MESSAGE, key, now=NOW))
    for name in ("from", "subject", "to", "date", "content-type", "mime-version", "message-id"):
        assert names.count(name) == 2, name
    for name in ("list-unsubscribe", "list-unsubscribe-post"):
        assert names.count(name) == 2, name
    for name in ("reply-to", "cc", "list-id", "feedback-id"):
        assert names.count(name) == 1, name


@KEYS
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: =?UTF-8?B?56", b"Subject: =?UTF-8?B?57"),
        (b"news@shop.example", b"mews@shop.example"),
        (b"From: ", b"From: evil@evil.example\r\nFrom: "),
        (b"Subject: ", b"Subject: second\r\nSubject: "),
        (b"MIME-Version", b"Reply-To: evil@evil.example\r\nMIME-Version"),
        (b"MIME-Version", b"Content-Type: text/html\r\nMIME-Version"),
        (b"https://shop.example/u/1", b"https://shop.example/u/2"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"--part-1--\r\n", b"--part-1--\r\nmore\r\n"),
        (b"PHA+44GT44KT", b"PHA+44GT44KU"),
    ],
)
def test_changed_mail_is_rejected(key: SigningKey, old: bytes, new: bytes) -> None:
    message = sign(MESSAGE, key, now=NOW)
    head = message[: -len(MESSAGE)]
    changed = head + MESSAGE.replace(old, new, 1)
    assert changed != message
    assert not verifies(changed, key)


@KEYS
def test_signature_survives_what_relays_may_do(key: SigningKey) -> None:
    """Relaxed canonicalisation: white space, folding and letter case of names may change."""
    message = sign(MESSAGE, key, now=NOW)
    changed = message.replace(b"\r\nPrecedence: bulk", b"\r\nPRECEDENCE:   bulk  ") + b"\r\n\r\n"
    changed = b"Received: from a by b\r\n" + changed.replace(b",\r\n <mailto", b", <mailto")
    assert verifies(changed, key)


words = st.text(max_size=120)


@KEYS
@given(subject=words, name=words, text=words, html=words)
def test_any_mail_is_signed_so_that_it_verifies(key: SigningKey, subject: str, name: str, text: str, html: str) -> None:
    try:
        message = build(replace(MAIL, subject=subject, to_name=name, text=text, html=html))
    except MimeError:
        return
    assert verifies(sign(message, key, now=NOW), key)


lines = st.lists(st.text(st.sampled_from("ab \t.=é"), max_size=8), max_size=8)


@given(body=lines)
def test_canonical_body_is_that_of_dkimpy(body: list[str]) -> None:
    """Also for bodies that `build` never makes; the relay signs those."""
    data = ("\r\n".join(body) + "\r\n").encode()
    assert canonical_body(data) == Relaxed.canonicalize_body(data)
    # SMTP gives the last line its end, so the signature counts on it.
    assert canonical_body(data[:-2]) == canonical_body(data)


@given(value=st.text(st.sampled_from("ab \t:="), max_size=20), folds=st.integers(0, 3))
def test_canonical_field_is_that_of_dkimpy(value: str, folds: int) -> None:
    raw = f"X-Test:{value}".encode() + b"\r\n\t  more \t words" * folds
    name, _colon, rest = raw.partition(b":")
    [(other_name, other_value)] = Relaxed.canonicalize_headers([(name, rest + b"\r\n")])
    assert canonical_field(raw) + b"\r\n" == other_name + b":" + other_value


@given(
    fields=st.lists(st.sampled_from([b"From: a@b.example", b"To:  x \t y", b"Subject: a\r\n\tb", b"X-Other: \x00"])),
    body=lines,
)
def test_any_message_is_signed_so_that_it_verifies(fields: list[bytes], body: list[str]) -> None:
    message = b"\r\n".join([b"From: a@shop.example", *fields]) + b"\r\n\r\n" + "\r\n".join([*body, ""]).encode()
    assert verifies(sign(message, ED25519_KEY, now=NOW), ED25519_KEY)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"From: a@b.example",
        b"Subject: no from\r\n\r\nx",
        b"\r\n\r\nx",
        b"From a@b.example\r\n\r\nx",
        b"bad name: x\r\nFrom: a\r\n\r\n",
    ],
)
def test_message_without_good_headers_is_not_signed(message: bytes) -> None:
    with pytest.raises(DkimError):
        sign(message, ED25519_KEY, now=NOW)


@KEYS
def test_loads_what_was_stored(key: SigningKey) -> None:
    loaded = load_key("Shop.example", "s1", to_pem(key.private_key))
    assert verifies(sign(MESSAGE, loaded, now=NOW), loaded)
    assert "private" not in repr(loaded)
    assert load_key("日本.jp", "s1", to_pem(key.private_key)).domain == "xn--wgv71a.jp"


@pytest.mark.parametrize(
    ("domain", "selector", "pem"),
    [
        ("shop.example", "s1", b"no key"),
        ("shop.example", "s1", to_pem(generate_ec_key(SECP256R1()))),
        (
            "shop.example",
            "s1",
            ED25519_KEY.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        ),
        ("shop.example", "s1", make_small_key()),
        ("shop.example", "", to_pem(ED25519_KEY.private_key)),
        ("shop.example", "s1; x=y", to_pem(ED25519_KEY.private_key)),
        ("", "s1", to_pem(ED25519_KEY.private_key)),
        ("a b", "s1", to_pem(ED25519_KEY.private_key)),
    ],
)
def test_bad_keys_are_refused(domain: str, selector: str, pem: bytes) -> None:
    with pytest.raises(DkimError) as raised:
        load_key(domain, selector, pem)
    assert raised.value.sentence
