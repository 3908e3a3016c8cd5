"""DKIM signatures, checked by dkimpy and OpenDKIM."""

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

from mta.dkim import DkimError, Signer, SigningKey, canonical_body, canonical_field, load_key, sign
from mta.mime import Mail, MimeError, build
from tests.mta import opendkim
from tests.mta.dkim_oracle import public_record, verifies

NOW = datetime(2025, 10, 1, 0, 0, 0, 999_999, tzinfo=UTC)
RSA_KEY = SigningKey("shop.example", "s1", generate_private_key(65537, 2048))
ED25519_KEY = SigningKey("shop.example", "s2", Ed25519PrivateKey.generate())
KEYS = pytest.mark.parametrize("key", [RSA_KEY, ED25519_KEY], ids=["rsa", "ed25519"])
RECORDS = {f"{key.selector}._domainkey.{key.domain}": public_record(key).decode() for key in (RSA_KEY, ED25519_KEY)}
asks_opendkim = pytest.mark.skipif(bool(opendkim.why_not()), reason=opendkim.why_not() or "-")
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


@given(subject=words, name=words, text=words, html=words)
def test_any_mail_is_signed_so_that_it_verifies(subject: str, name: str, text: str, html: str) -> None:
    try:
        message = build(replace(MAIL, subject=subject, to_name=name, text=text, html=html))
    except MimeError:
        return
    assert verifies(sign(message, RSA_KEY, ED25519_KEY, now=NOW), RSA_KEY, ED25519_KEY)


def test_two_signatures_do_not_cover_each_other() -> None:
    """RFC 8463 section 3: who knows one of the algorithms needs nothing of the other signature."""
    both = sign(MESSAGE, RSA_KEY, ED25519_KEY, now=NOW)
    alone = [sign(MESSAGE, key, now=NOW).removesuffix(MESSAGE) for key in (RSA_KEY, ED25519_KEY)]
    assert both == alone[0] + alone[1] + MESSAGE
    assert "dkim-signature" not in signed_names(both)
    assert verifies(alone[1] + alone[0] + MESSAGE, ED25519_KEY, RSA_KEY)


@pytest.mark.parametrize("keys", [(), (RSA_KEY,), (ED25519_KEY,), (RSA_KEY, ED25519_KEY)])
def test_the_prepared_signer_gives_what_the_plain_way_gives(keys: tuple[SigningKey, ...]) -> None:
    head, _end, body = MESSAGE.partition(b"\r\n\r\n")
    fields = [canonical_field(raw) for raw in re.split(rb"\r\n(?![ \t])", head)]
    by_name = {field.partition(b":")[0]: field for field in fields}
    signature = Signer(keys, by_name).sign(by_name, canonical_body(body), now=NOW)
    assert signature + MESSAGE == sign(MESSAGE, *keys, now=NOW)


@asks_opendkim
def test_opendkim_accepts_each_signature() -> None:
    """Each alone as well: of two, OpenDKIM is content with one."""
    texts = ["", "x", "本文。\n" * 200, "a  b \t c \n\n\n", ".\n..\n", "=20 =\n" * 50, "é" * 1000, "\u2028\n"]
    mails = [
        build(replace(MAIL, subject=" ".join(text[:80].split()), text=text, html=text and f"<p>{text}</p>"))
        for text in texts
    ]
    signed = [
        sign(mail, *keys, now=NOW) for mail in mails for keys in ((RSA_KEY,), (ED25519_KEY,), (RSA_KEY, ED25519_KEY))
    ]
    assert opendkim.find_faults(signed, RECORDS) == [""] * len(signed)


@asks_opendkim
@KEYS
def test_opendkim_rejects_a_changed_mail(key: SigningKey) -> None:
    """Oversigned: a second field of a name is as good as a change (RFC 6376 section 8.15)."""
    names = (
        b"From",
        b"To",
        b"Subject",
        b"Date",
        b"Message-ID",
        b"Reply-To",
        b"Cc",
        b"Content-Type",
        b"List-Unsubscribe",
    )
    head = sign(MESSAGE, key, now=NOW).removesuffix(MESSAGE)
    changed = [head + name + b": evil@evil.example\r\n" + MESSAGE for name in names]
    changed += [head + MESSAGE.replace(b"PHA+44GT44KT", b"PHA+44GT44KU"), head + MESSAGE + b"more\r\n"]
    assert opendkim.find_faults([head + MESSAGE], RECORDS) == [""]
    assert all(opendkim.find_faults(changed, RECORDS))
    assert not any(verifies(message, key) for message in changed)


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


def test_a_signer_wants_a_from_header() -> None:
    with pytest.raises(DkimError):
        Signer([ED25519_KEY], [b"to", b"subject"])


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
