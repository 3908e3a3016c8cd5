"""The keys of the cases: made anew in each run, so that no private key lies in the repository; files name them in braces."""

import base64
import re
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mta.dkim import SigningKey
from senders.dkim_keys import encode_public
from senders.outcomes import KeyFacts

# {rsa} is the p= of a key, {rsa:0:200} a piece of it; {pkcs1} that of the key "rsa" in the form that is none in the DNS.
NAMED = re.compile(r"\{(?P<name>rsa|ed25519|short|other|pkcs1)(:(?P<start>\d+):(?P<end>\d*))?\}")
BITS = {"rsa": 2048, "other": 2048, "short": 1024}


@cache
def private_key(name: str) -> RSAPrivateKey | Ed25519PrivateKey:
    """Return the key of a name."""
    return Ed25519PrivateKey.generate() if name == "ed25519" else generate_private_key(65537, BITS[name])


def published(name: str) -> str:
    """Return what a name in braces stands for."""
    if name == "pkcs1":
        return base64.b64encode(private_key("rsa").public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
    return encode_public(private_key(name))


def fill_keys(text: str) -> str:
    """Return the text of a case with its keys."""
    return NAMED.sub(lambda match: published(match["name"])[int(match["start"] or 0) :][: cut(match)], text)


def cut(match: re.Match[str]) -> int | None:
    """Return how long a piece is, None for the rest."""
    return int(match["end"]) - int(match["start"]) if match["end"] else None


def read_key(text: str) -> KeyFacts:
    """Return the facts of a key: "selector rsa|ed25519 [waiting] [cname=target]"."""
    selector, name, *words = text.split()
    target = next((word.removeprefix("cname=") for word in words if word.startswith("cname=")), "")
    return KeyFacts(selector, name, published(name), is_signing="waiting" not in words, cname_target=target)


def signers(domain: str, keys: tuple[KeyFacts, ...], *, privates: str = "") -> tuple[SigningKey, ...]:
    """Return what signs for keys; `privates` = the key whose private part does it instead of each one's own."""
    return tuple(
        SigningKey(domain, key.selector, private_key(privates or key.algorithm)) for key in keys if key.is_signing
    )
