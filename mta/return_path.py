"""The signed Return-Path: says of a returned mail which delivery it belongs to, and cannot be forged."""

from mta import tokens

_PURPOSE = "return-path"
_PREFIX = "b-"


def encode(delivery_id: int, *, secret: str, domain: str) -> str:
    """Return `b-<id>-<mac>@<domain>`; the local part keeps to the 64 octets of RFC 5321 section 4.5.3.1.1."""
    return f"{_PREFIX}{tokens.make(_PURPOSE, delivery_id, secret=secret)}@{domain}"


def decode(address: str, *, secret: str) -> int | None:
    """Return the delivery id of an address made by `encode`, whatever its domain; None for any other.

    Letter case and angle brackets are ignored, since relays change both.
    """
    local = address.strip().removeprefix("<").removesuffix(">").rpartition("@")[0].lower()
    if not local.startswith(_PREFIX):
        return None
    return tokens.read(_PURPOSE, local.removeprefix(_PREFIX), secret=secret)
