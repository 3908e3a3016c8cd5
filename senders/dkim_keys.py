"""DKIM keys of sender domains: made here, encrypted at rest, published as a TXT record."""

import base64
import secrets
from datetime import date, datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone

from mta.dkim import SigningKey, load_key
from senders.models import DkimKey, SenderDomain
from senders.secrets import decrypt, encrypt

# RFC 8301 section 3.2 asks signers for 2048 bits; a larger record does not fit one UDP answer.
KEY_BITS = 2048
# One character-string of a TXT record holds at most 255 octets (RFC 1035 section 3.3.14).
STRING_LIMIT = 255
# Letters and digits that nobody mistakes for each other when typing them into a DNS panel.
SUFFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
SUFFIX_LENGTH = 4


def generate_key(domain: SenderDomain) -> DkimKey:
    """Store and return a new RSA-2048 key of the domain; raises SenderError where no encryption key is set."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private_key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return DkimKey.objects.create(
        domain=domain,
        selector=make_selector(timezone.localdate()),
        private_key=encrypt(pem),
        public_key=base64.b64encode(public).decode("ascii"),
    )


def make_selector(day: date) -> str:
    """Return a selector that names the month ("hm202611k7qd").

    The random end keeps two workspaces that use one domain from writing over each other's record, and
    tells neither that the other is there.
    """
    suffix = "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))
    return f"hm{day:%Y%m}{suffix}"


def active_key(domain: SenderDomain) -> DkimKey | None:
    """Return the key that signs: the oldest one that is not retired, or None.

    The oldest, so that in a rotation the published key goes on signing until it is retired, while the next
    one waits for its record. Reads the prefetched `dkim_keys` where there are any.
    """
    keys = [key for key in domain.dkim_keys.all() if key.retired_at is None]
    return min(keys, key=lambda key: key.pk, default=None)


def signing_key(domain: SenderDomain) -> SigningKey | None:
    """Return the active key ready to sign, or None where the domain has none.

    Raises SenderError where the stored key cannot be decrypted.
    """
    key = active_key(domain)
    return load_key(domain.name, key.selector, decrypt(key.private_key)) if key else None


def public_record(key: DkimKey) -> str:
    """Return the value of the TXT record to publish (RFC 6376 section 3.6.1)."""
    return f"v=DKIM1; k=rsa; p={key.public_key}"


def split_strings(value: str) -> list[str]:
    """Cut a TXT value into the character-strings of at most 255 octets that some DNS panels ask for."""
    return [value[start : start + STRING_LIMIT] for start in range(0, len(value), STRING_LIMIT)]


def retire_key(key: DkimKey, *, now: datetime) -> bool:
    """Take a key out of use; its record may leave the DNS once the last mail it signed has arrived.

    Returns False where it was retired before.
    """
    return bool(DkimKey.objects.filter(pk=key.pk, retired_at=None).update(retired_at=now))
