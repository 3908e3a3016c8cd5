"""DKIM keys of sender domains: made here, encrypted at rest, published as a TXT record."""

import base64
import secrets
from datetime import date, datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from django.utils import timezone

from mta.dkim import SigningKey, load_key
from senders.models import DkimKey, KeyAlgorithm, SenderDomain
from senders.secrets import decrypt, encrypt

# RFC 8301 section 3.2 asks signers for 2048 bits; a larger record does not fit one UDP answer.
KEY_BITS = 2048
# One character-string of a TXT record holds at most 255 octets (RFC 1035 section 3.3.14).
STRING_LIMIT = 255
# Letters and digits that nobody mistakes for each other when typing them into a DNS panel.
SUFFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
SUFFIX_LENGTH = 4


def generate_key(domain: SenderDomain, algorithm: KeyAlgorithm = KeyAlgorithm.RSA) -> DkimKey:
    """Store and return a new key of the domain; raises SenderError where no encryption key is set."""
    private_key = make_private_key(algorithm)
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return DkimKey.objects.create(
        domain=domain,
        selector=make_selector(timezone.localdate()),
        algorithm=algorithm,
        private_key=encrypt(pem),
        public_key=base64.b64encode(public_octets(private_key)).decode("ascii"),
    )


def make_private_key(algorithm: KeyAlgorithm) -> RSAPrivateKey | Ed25519PrivateKey:
    """Return a new private key."""
    if algorithm == KeyAlgorithm.ED25519:
        return Ed25519PrivateKey.generate()
    return generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def public_octets(private_key: RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    """Return what p= holds: SubjectPublicKeyInfo (RFC 6376 section 3.6.1), or 32 octets (RFC 8463 section 4.2)."""
    public = private_key.public_key()
    if isinstance(public, Ed25519PublicKey):
        return public.public_bytes_raw()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def make_selector(day: date) -> str:
    """Return a selector that names the month ("hm202611k7qd").

    The random end keeps two workspaces that use one domain from writing over each other's record, and
    tells neither that the other is there.
    """
    suffix = "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))
    return f"hm{day:%Y%m}{suffix}"


def active_keys(domain: SenderDomain) -> tuple[DkimKey, ...]:
    """Return the keys that sign: of each algorithm the oldest one that is not retired, RSA first.

    The oldest, so that in a rotation the published key goes on signing until it is retired, while the next
    one waits for its record. Reads the prefetched `dkim_keys` where there are any.
    """
    oldest: dict[str, DkimKey] = {}
    for key in sorted(domain.dkim_keys.all(), key=lambda key: key.pk):
        if key.retired_at is None:
            oldest.setdefault(key.algorithm, key)
    return tuple(oldest[algorithm] for algorithm in KeyAlgorithm if algorithm in oldest)


def active_key(domain: SenderDomain, algorithm: KeyAlgorithm = KeyAlgorithm.RSA) -> DkimKey | None:
    """Return the key of an algorithm that signs, or None."""
    return next((key for key in active_keys(domain) if key.algorithm == algorithm), None)


def signing_keys(domain: SenderDomain) -> tuple[SigningKey, ...]:
    """Return the active keys ready to sign; none where the domain has none.

    RSA comes first: some verifiers look at the first signature alone, and not all know Ed25519. Raises SenderError
    where a stored key cannot be decrypted.
    """
    return tuple(load_key(domain.name, key.selector, decrypt(key.private_key)) for key in active_keys(domain))


def public_record(key: DkimKey) -> str:
    """Return the value of the TXT record to publish (RFC 6376 section 3.6.1, RFC 8463 section 4.2)."""
    return f"v=DKIM1; k={key.algorithm}; p={key.public_key}"


def split_strings(value: str) -> list[str]:
    """Cut a TXT value into the character-strings of at most 255 octets that some DNS panels ask for."""
    return [value[start : start + STRING_LIMIT] for start in range(0, len(value), STRING_LIMIT)]


def retire_key(key: DkimKey, *, now: datetime) -> bool:
    """Take a key out of use; its record may leave the DNS once the last mail it signed has arrived.

    Returns False where it was retired before.
    """
    return bool(DkimKey.objects.filter(pk=key.pk, retired_at=None).update(retired_at=now))
