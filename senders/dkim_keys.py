"""DKIM keys of sender domains: made here, encrypted at rest, published as a TXT record."""

import base64
import secrets
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mta.dkim import SigningKey, load_key
from senders.domain_names import NAME_LIMIT
from senders.models import CheckKind, DkimKey, KeyAlgorithm, KeyOrigin, SenderDomain
from senders.secrets import decrypt, encrypt

# RFC 8301 section 3.2 asks signers for 2048 bits; a larger record does not fit one UDP answer.
KEY_BITS = 2048
ED25519_BITS = 256
# One character-string of a TXT record holds at most 255 octets (RFC 1035 section 3.3.14).
STRING_LIMIT = 255
# Letters and digits that nobody mistakes for each other when typing them into a DNS panel.
SUFFIX_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
SUFFIX_LENGTH = 4
# Replaced keys of a domain that are looked at: each costs a question.
OLD_KEYS_LIMIT = 4
# The check that looks for the key of an algorithm.
KINDS = {KeyAlgorithm.RSA: CheckKind.DKIM, KeyAlgorithm.ED25519: CheckKind.ED25519}

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


class KeyState(models.TextChoices):
    """Where a key stands in its life; told by its times."""

    SIGNING = "signing", _("署名中")
    WAITING = "waiting", _("切り替え待ち")
    # Signs no more; mails that it signed are still under way, and those of mailings that began with it are signed by it.
    SUPERSEDED = "superseded", _("切り替え済み")
    RETIRED = "retired", _("使用終了")


def generate_key(
    domain: SenderDomain, algorithm: KeyAlgorithm = KeyAlgorithm.RSA, *, is_waiting: bool = False
) -> DkimKey:
    """Store and return a new key of the domain; raises SenderError where no encryption key is set.

    The first of its algorithm signs at once, a further one waits for its turn; one made `is_waiting` does in any case.
    """
    signs_at_once = not is_waiting and active_key(domain, algorithm) is None
    return store_key(
        domain,
        make_private_key(algorithm),
        selector=make_selector(timezone.localdate()),
        activated_at=timezone.now() if signs_at_once else None,
    )


def store_key(
    domain: SenderDomain,
    private_key: PrivateKey,
    *,
    selector: str,
    activated_at: datetime | None,
    origin: KeyOrigin = KeyOrigin.GENERATED,
) -> DkimKey:
    """Store and return a key, its private part encrypted; raises SenderError where no encryption key is set."""
    is_rsa = isinstance(private_key, RSAPrivateKey)
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return DkimKey.objects.create(
        domain=domain,
        selector=selector,
        algorithm=KeyAlgorithm.RSA if is_rsa else KeyAlgorithm.ED25519,
        private_key=encrypt(pem),
        public_key=encode_public(private_key),
        bits=private_key.key_size if isinstance(private_key, RSAPrivateKey) else ED25519_BITS,
        origin=origin,
        activated_at=activated_at,
    )


def make_private_key(algorithm: KeyAlgorithm) -> PrivateKey:
    """Return a new private key."""
    if algorithm == KeyAlgorithm.ED25519:
        return Ed25519PrivateKey.generate()
    return generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def encode_public(private_key: PrivateKey) -> str:
    """Return what p= holds, in base64: SubjectPublicKeyInfo (RFC 6376 §3.6.1), or 32 octets (RFC 8463 §4.2)."""
    public = private_key.public_key()
    if isinstance(public, Ed25519PublicKey):
        octets = public.public_bytes_raw()
    else:
        octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(octets).decode("ascii")


def make_selector(day: date) -> str:
    """Return a selector that names the month ("hm202611k7qd").

    The random end keeps two workspaces that use one domain from writing over each other's record, and
    tells neither that the other is there.
    """
    suffix = "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(SUFFIX_LENGTH))
    return f"hm{day:%Y%m}{suffix}"


def keys_in_dns(domain: SenderDomain) -> dict[CheckKind, DkimKey]:
    """Return the keys that have to be found in the DNS, each by the check that looks for it, RSA first.

    Of each algorithm that is the key that signs, and before there is one the key that waits for its record; NEXT_KEY
    waits to take the place of one that signs. Reads the prefetched `dkim_keys` where there are any.
    """
    keys = domain.dkim_keys.all()
    found = {KINDS[KeyAlgorithm(key.algorithm)]: key for key in keys if is_signing(key)}
    waiting = {KINDS[KeyAlgorithm(key.algorithm)]: key for key in keys if is_waiting(key)}
    for kind, key in waiting.items():
        found[CheckKind.NEXT_KEY if kind in found else kind] = key
    return {kind: found[kind] for kind in (*KINDS.values(), CheckKind.NEXT_KEY) if kind in found}


def is_signing(key: DkimKey) -> bool:
    """Say whether mails are signed with a key."""
    return key_state(key) is KeyState.SIGNING


def is_waiting(key: DkimKey) -> bool:
    """Say whether a key waits for its record or its turn."""
    return key_state(key) is KeyState.WAITING


def key_state(key: DkimKey) -> KeyState:
    """Return where a key stands in its life."""
    if key.retired_at is not None:
        return KeyState.RETIRED
    if key.superseded_at is not None:
        return KeyState.SUPERSEDED
    return KeyState.WAITING if key.activated_at is None else KeyState.SIGNING


def old_keys(domain: SenderDomain) -> list[DkimKey]:
    """Return the newest keys that were replaced and whose records have to stay: mails signed by them are under way.

    A key whose record is surely gone signs no more: nothing is left to be mended, or it was taken out on purpose.
    Reads the prefetched `dkim_keys` where there are any.
    """
    keys = [key for key in domain.dkim_keys.all() if key_state(key) is KeyState.SUPERSEDED and key.gone_at is None]
    return sorted(keys, key=lambda key: key.pk, reverse=True)[:OLD_KEYS_LIMIT]


def active_key(domain: SenderDomain, algorithm: KeyAlgorithm = KeyAlgorithm.RSA) -> DkimKey | None:
    """Return the key of an algorithm whose record belongs in the DNS, or None."""
    return keys_in_dns(domain).get(KINDS[algorithm])


def choose_signers(
    keys: Iterable[DkimKey],
    *,
    began_with: Collection[int] | None = None,
    at: datetime | None = None,
    now: datetime | None = None,
) -> list[DkimKey]:
    """Return the keys of a domain that sign; `now` = the present time by default. RSA comes first: some verifiers look at the
    first signature alone, and not all know Ed25519.

    `began_with` = those with these ids, `at` = those that signed then, and the present ones where the domain had none then. For
    one that can sign no more (`is_over`) the present key of its algorithm signs.
    """
    keys, now = list(keys), now or timezone.now()
    present = {key.algorithm: key for key in keys if is_signing(key)}
    if began_with is not None:
        then = {key.algorithm: key for key in keys if key.pk in began_with}
    else:
        then = {key.algorithm: key for key in keys if at is not None and signed_at(key, at)} or present
    chosen = {name: present.get(name) if is_over(key, now=now) else key for name, key in then.items()}
    return [key for name in KeyAlgorithm if (key := chosen.get(name)) is not None]


def signed_at(key: DkimKey, at: datetime) -> bool:
    """Say whether mails were signed with a key at a time."""
    if key.activated_at is None or at < key.activated_at:
        return False
    return key.superseded_at is None or at < key.superseded_at


def signs_until(key: DkimKey) -> datetime | None:
    """Return when a key that was replaced stops to sign what began with it; None for others."""
    return key.superseded_at and key.superseded_at + timedelta(days=settings.KEY_OVERLAP_DAYS)


def is_over(key: DkimKey, *, now: datetime) -> bool:
    """Say whether a key signs nothing any more: its time is over, it was destroyed, or receivers find it no more."""
    until = signs_until(key)
    return key.retired_at is not None or key.gone_at is not None or (until is not None and until <= now)


def load_keys(domain: SenderDomain, keys: Iterable[DkimKey]) -> tuple[SigningKey, ...]:
    """Return keys of a domain ready for signing; raises SenderError where one cannot be decrypted."""
    return tuple(load_key(domain.name, key.selector, decrypt(key.private_key)) for key in keys)


def offered_target(key: DkimKey) -> str:
    """Return what the CNAME that is asked for leads to; "" where a TXT record is asked for.

    That of an imported key is in the DNS already, and stays as it is.
    """
    return cname_target(key) if key.domain.key_as_cname and key.origin != KeyOrigin.IMPORTED else ""


def cname_target(key: DkimKey) -> str:
    """Return the name of a key's record in the installation's zone, which a CNAME of the customer's may lead to.

    "" where there is no zone, and where the name would be longer than the DNS allows (RFC 1035 section 2.3.4).
    """
    domain = key.domain
    # Nobody comes by the number and the moment of another's row: a CNAME that was left behind leads to nothing, whoever
    # registers the domain next, under whatever selector.
    row = f"{domain.pk}-{domain.created_at:%y%m%d%H%M%S%f}"
    name = f"{key.selector}.{domain.name}.{row}.{settings.DKIM_CNAME_ZONE}"
    return name if settings.DKIM_CNAME_ZONE and len(name) <= NAME_LIMIT else ""


def public_record(key: DkimKey) -> str:
    """Return the value of the TXT record to publish (RFC 6376 section 3.6.1, RFC 8463 section 4.2)."""
    return f"v=DKIM1; k={key.algorithm}; p={key.public_key}"


def split_strings(value: str) -> list[str]:
    """Cut a TXT value into the character-strings of at most 255 octets that some DNS panels ask for."""
    return [value[start : start + STRING_LIMIT] for start in range(0, len(value), STRING_LIMIT)]
