"""Verifies DKIM signatures with dkimpy, a program that shares no code with ours."""

import base64
from types import SimpleNamespace

import dkim
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mta.dkim import SigningKey


class _BadSignatureError(Exception):
    """The signature does not fit."""


class _VerifyKey:
    """What dkimpy wants of PyNaCl, with the Ed25519 of `cryptography`."""

    def __init__(self, key: bytes, encoder: object) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

    def verify(self, data: bytes, signature: bytes) -> None:
        try:
            self._key.verify(signature, data)
        except InvalidSignature as error:
            raise _BadSignatureError from error


# PyNaCl is optional for dkimpy, and too much for one test.
if not hasattr(dkim, "nacl"):
    dkim.nacl = SimpleNamespace(
        signing=SimpleNamespace(VerifyKey=_VerifyKey),
        encoding=SimpleNamespace(Base64Encoder=None),
        exceptions=SimpleNamespace(BadSignatureError=_BadSignatureError, ValueError=ValueError),
    )


def public_record(key: SigningKey) -> bytes:
    """Return the TXT record that a domain publishes for a key (RFC 6376 section 3.6.1, RFC 8463 section 4)."""
    public = key.private_key.public_key()
    if isinstance(key.private_key, Ed25519PrivateKey):
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(raw)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def verifies(message: bytes, *keys: SigningKey) -> bool:
    """Say whether a message has one signature of each key, in this order, and dkimpy accepts all of them."""
    records = {f"{key.selector}._domainkey.{key.domain}.".encode(): public_record(key) for key in keys}

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        asked.append(name)
        return records.get(name)

    asked: list[bytes] = []
    try:
        count = message.partition(b"\r\n\r\n")[0].lower().count(b"dkim-signature:")
        accepted = [dkim.DKIM(message, minkey=1024).verify(idx=index, dnsfunc=look_up) for index in range(count)]
    except dkim.DKIMException:
        return False
    return all(accepted) and asked == list(records)
