"""Tokens for links and addresses: HMACs bound to a purpose and a row."""

import hashlib
import hmac
import re
from functools import lru_cache

# 128 bits; more than anybody can guess over SMTP or HTTP.
_MAC_BYTES = 16
# Two letters of base32 (RFC 4648 section 6, lower case) for each ten bits.
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_TOKEN = re.compile(r"([1-9][0-9]{0,18})-([a-z2-7]{26})")


# HMAC pads its key to the size of the hash's block (RFC 2104 section 2).
_BLOCK = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


@lru_cache(maxsize=64)
def _begun(purpose: str, secret: str) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """Return the two hashes of HMAC-SHA256 with what all messages of a purpose have in common."""
    key = secret.encode()
    key = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    # The zero byte keeps ("a", 1) and ("a1", …) apart; a purpose never holds one.
    inner = hashlib.sha256(key.translate(_INNER) + f"hypermail\0{purpose}\0".encode())
    return inner, hashlib.sha256(key.translate(_OUTER))


def _mac(purpose: str, message: bytes, secret: str) -> str:
    # Three of these are made for each mail; a copy of a begun hash takes a quarter of hmac.digest.
    inner, outer = _begun(purpose, secret)
    inner, outer = inner.copy(), outer.copy()
    inner.update(message)
    outer.update(inner.digest())
    digest = outer.digest()
    # 128 bits and two of padding, in pieces that small numbers hold; base64.b32encode takes four times as long.
    first, second, third = int.from_bytes(digest[:5]), int.from_bytes(digest[5:10]), int.from_bytes(digest[10:15])
    pairs = _PAIRS
    return (
        f"{pairs[first >> 30]}{pairs[first >> 20 & 1023]}{pairs[first >> 10 & 1023]}{pairs[first & 1023]}"
        f"{pairs[second >> 30]}{pairs[second >> 20 & 1023]}{pairs[second >> 10 & 1023]}{pairs[second & 1023]}"
        f"{pairs[third >> 30]}{pairs[third >> 20 & 1023]}{pairs[third >> 10 & 1023]}{pairs[third & 1023]}"
        f"{pairs[digest[15] << 2]}"
    )


def make(purpose: str, row: int, *, secret: str) -> str:
    """Return a token of lower-case letters, digits and one hyphen, at most 46 characters.

    Raises ValueError for a row below 1 and for an empty secret, with which anybody could make tokens.
    """
    if row < 1 or not secret:
        raise ValueError("a token needs a stored row and a secret")
    return f"{row}-{_mac(purpose, b'%d' % row, secret)}"


def read(purpose: str, token: str, *, secret: str) -> int | None:
    """Return the row that `token` was made for, or None where it was not made for this purpose."""
    return _read(purpose, token, secret, prefix=b"")


def make_within(purpose: str, whole: int, row: int, *, secret: str) -> str:
    """Return a token for a row of a whole, such as a delivery of a campaign; its form is that of `make`.

    It tells only together with the number of the whole. A purpose is used for one of the two kinds alone. Raises
    ValueError as `make` does.
    """
    if whole < 1 or row < 1 or not secret:
        raise ValueError("a token needs stored rows and a secret")
    return f"{row}-{_mac(purpose, b'%d/%d' % (whole, row), secret)}"


def read_within(purpose: str, whole: int, token: str, *, secret: str) -> int | None:
    """Return the row that `token` was made for within a whole, or None where it was not made for this purpose there."""
    return _read(purpose, token, secret, prefix=b"%d/" % whole)


def _read(purpose: str, token: str, secret: str, *, prefix: bytes) -> int | None:
    match = _TOKEN.fullmatch(token)
    if match is None or not secret:
        return None
    # The encoded forms are compared, so the spare bits of base32 make no second valid token.
    expected = _mac(purpose, prefix + match[1].encode(), secret)
    return int(match[1]) if hmac.compare_digest(expected, match[2]) else None
