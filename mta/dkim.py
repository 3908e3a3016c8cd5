"""DKIM signatures (RFC 6376, RFC 8463), relaxed/relaxed, without `l=`."""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.utils.translation import gettext as _

from mta.addresses import AddressError, ascii_domain
from mta.errors import MtaError

# Signed as often as present and once more, so that nobody can add another one (RFC 6376 section 8.15).
# RFC 8058 section 4 wants both List-Unsubscribe headers signed.
_OVERSIGNED: Final = (
    b"from", b"subject", b"to", b"cc", b"reply-to", b"date", b"message-id", b"mime-version", b"content-type",
    b"content-transfer-encoding", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
_SIGNED: Final = (b"list-id", b"feedback-id", b"precedence", b"in-reply-to", b"references")

_SMALLEST_RSA_KEY: Final = 1024
_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_FIELD_NAME = re.compile(rb"[!-9;-~]+")
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_SPACES = re.compile(rb"[ \t]+")
_RSA_PADDING, _RSA_HASH = PKCS1v15(), SHA256()


class DkimError(MtaError):
    """A key or a message that cannot be signed."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half of the key that `<selector>._domainkey.<domain>` publishes."""

    domain: str
    selector: str
    private_key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)


def load_key(domain: str, selector: str, pem: bytes) -> SigningKey:
    """Read an unencrypted PEM key, RSA or Ed25519; raises DkimError."""
    try:
        private_key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DkimError(_("DKIMの秘密鍵を読み取れません。PEM形式の鍵を登録し直してください。"), domain) from error
    if not isinstance(private_key, RSAPrivateKey | Ed25519PrivateKey):
        raise DkimError(_("DKIMの鍵はRSAかEd25519にしてください。"), domain)
    if isinstance(private_key, RSAPrivateKey) and private_key.key_size < _SMALLEST_RSA_KEY:
        raise DkimError(_("DKIMの鍵が短すぎます。2048ビットのRSA鍵を使ってください。"), domain)
    if not _SELECTOR.fullmatch(selector):
        raise DkimError(_("DKIMのセレクターに使えない文字があります。"), domain)
    try:
        return SigningKey(ascii_domain(domain), selector, private_key)
    except AddressError as error:
        raise DkimError(error.sentence, repr(domain)) from error


def sign(message: bytes, *keys: SigningKey, now: datetime) -> bytes:
    """Return `message` with a DKIM-Signature of each key in front. The message must have CRLF line ends.

    No signature covers another one (RFC 8463 section 3: old verifiers take the RSA one, new ones either). `now`
    becomes `t=` in whole seconds. Raises DkimError for a message without a From header.
    """
    head, separator, body = message.partition(b"\r\n\r\n")
    fields = _split_fields(head)
    signed_names, signed = _choose_fields(fields)
    if not separator or b"from" not in signed_names[: len(signed)]:
        raise DkimError(_("Fromヘッダーのないメールには署名できません。"), "header")
    body_hash = base64.b64encode(hashlib.sha256(canonical_body(body)).digest())
    signatures = b""
    for key in keys:
        start = b"".join(_signature_parts(key, signed_names, t=int(now.timestamp()), body_hash=body_hash))
        data = b"\r\n".join([*signed, canonical_field(start)])
        signatures += start + _fold_signature(_sign_bytes(data, key)) + b"\r\n"
    return signatures + message


def _signature_parts(
    key: SigningKey, names: list[bytes], *, t: int, body_hash: bytes
) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Return the header field up to its signature: what is fixed, the time, what is fixed, the hash, the end."""
    algorithm = b"rsa-sha256" if isinstance(key.private_key, RSAPrivateKey) else b"ed25519-sha256"
    first = b"DKIM-Signature: v=1; a=%b; c=relaxed/relaxed; d=%b;\r\n s=%b; t=" % (
        algorithm,
        key.domain.encode("ascii"),
        key.selector.encode("ascii"),
    )
    return first, b"%d" % t, b";\r\n h=%b;\r\n bh=" % _fold_names(names), body_hash, b";\r\n b="


class Signer:
    """Signs mails whose header fields have the same names, each once; gives what `sign` gives, with less work."""

    def __init__(self, keys: Sequence[SigningKey], names: Iterable[bytes]) -> None:
        """`names` are the lower-case names of the header fields; those that are never signed may be among them."""
        present = set(names)
        self.order = [name for name in (*_OVERSIGNED, *_SIGNED) if name in present]
        if b"from" not in present:
            raise DkimError(_("Fromヘッダーのないメールには署名できません。"), "header")
        self._blanks = [_BlankSignature.make(key, [*self.order, *_OVERSIGNED]) for key in keys]

    def sign(self, fields: Mapping[bytes, bytes], body: bytes, *, now: datetime) -> bytes:
        """Return the DKIM-Signature fields with their CRLF. `fields` are canonical, `body` is in canonical form."""
        t = b"%d" % int(now.timestamp())
        body_hash = base64.b64encode(hashlib.sha256(body).digest())
        signed = b"\r\n".join([fields[name] for name in self.order])
        return b"".join([blank.fill(signed, t, body_hash) for blank in self._blanks])


@dataclass(frozen=True, slots=True)
class _BlankSignature:
    """What is the same in each signature of a key: the parts around the time, the body hash and the signature."""

    key: SigningKey
    raw: tuple[bytes, bytes, bytes]
    canonical: tuple[bytes, bytes, bytes]

    @classmethod
    def make(cls, key: SigningKey, names: list[bytes]) -> "_BlankSignature":
        first, _t, middle, _hash, last = _signature_parts(key, names, t=0, body_hash=b"")
        start, _colon, value = first.partition(b":")
        # Unfolding is all that the relaxed form asks of these parts; they hold no double spaces. The first of them
        # comes behind the signed fields.
        canonical_first = b"\r\n" + start.lower() + b":" + value.lstrip(b" ").replace(b"\r\n", b"")
        return cls(
            key,
            (first, middle, last),
            (canonical_first, middle.replace(b"\r\n", b""), last.replace(b"\r\n", b"")),
        )

    def fill(self, signed: bytes, t: bytes, body_hash: bytes) -> bytes:
        """Return the field with its CRLF over the canonical fields `signed`."""
        first, middle, last = self.canonical
        signature = _sign_bytes(b"".join((signed, first, t, middle, body_hash, last)), self.key)
        first, middle, last = self.raw
        return b"".join((first, t, middle, body_hash, last, _fold_signature(signature), b"\r\n"))


def canonical_body(body: bytes) -> bytes:
    """Return a body with CRLF line ends in the relaxed canonical form (RFC 6376 section 3.4.4)."""
    # Each round halves the runs of spaces; a regular expression takes five times as long for indented HTML.
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n")
    if body.endswith(b" "):
        body = body[:-1]
    # Without a copy for each of a million empty lines.
    end = len(body)
    while body.endswith(b"\r\n\r\n", 0, end):
        end -= 2
    body = body[:end]
    if body == b"\r\n":
        return b""
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def canonical_field(raw: bytes) -> bytes:
    """Return one header field in the relaxed canonical form, without its last CRLF (section 3.4.2)."""
    name, _colon, value = raw.partition(b":")
    value = value.replace(b"\r\n", b"")
    if b"  " in value or b"\t" in value:
        value = _SPACES.sub(b" ", value)
    return name.rstrip(b" \t").lower() + b":" + value.strip(b" ")


def _split_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """Return (lower-case name, raw field) of each header field in its order."""
    fields = []
    for raw in _FIELD_END.split(head):
        name = raw.partition(b":")[0].rstrip(b" \t").lower()
        if not _FIELD_NAME.fullmatch(name):
            raise DkimError(_("ヘッダーの形が正しくないため署名できません。"), "header")
        fields.append((name, raw))
    return fields


def _choose_fields(fields: list[tuple[bytes, bytes]]) -> tuple[list[bytes], list[bytes]]:
    """Return the names for `h=`, those without a field last, and the canonical fields they sign."""
    by_name: dict[bytes, list[bytes]] = {}
    for name, raw in fields:
        by_name.setdefault(name, []).append(raw)
    names: list[bytes] = []
    signed: list[bytes] = []
    for name in (*_OVERSIGNED, *_SIGNED):
        # Verifiers take instances of a name from the bottom up (section 5.4.2).
        for raw in reversed(by_name.get(name, ())):
            names.append(name)
            signed.append(canonical_field(raw))
    return [*names, *_OVERSIGNED], signed


def _fold_names(names: list[bytes]) -> bytes:
    lines: list[bytes] = []
    line = b""
    for name in names:
        if line and len(line) + len(name) > 70:
            lines.append(line)
            line = b""
        line += b":" + name
    lines.append(line)
    return b"\r\n ".join(lines)[1:]


def _sign_bytes(data: bytes, key: SigningKey) -> bytes:
    if isinstance(key.private_key, RSAPrivateKey):
        return key.private_key.sign(data, _RSA_PADDING, _RSA_HASH)
    # RFC 8463 section 3: Ed25519 signs the SHA-256 digest.
    return key.private_key.sign(hashlib.sha256(data).digest())


def _fold_signature(signature: bytes) -> bytes:
    text = base64.b64encode(signature)
    return b"\r\n ".join(text[start : start + 72] for start in range(0, len(text), 72))
