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


def _mac(purpose: str, row: int, secret: str) -> str:
    # Three of these are made for each mail; a copy of a begun hash takes a quarter of hmac.digest.
    inner, outer = _begun(purpose, secret)
    inner, outer = inner.copy(), outer.copy()
    inner.update(b"%d" % row)
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
    return f"{row}-{_mac(purpose, row, secret)}"


def read(purpose: str, token: str, *, secret: str) -> int | None:
    """Return the row that `token` was made for, or None where it was not made for this purpose."""
    match = _TOKEN.fullmatch(token)
    if match is None or not secret:
        return None
    row = int(match[1])
    # The encoded forms are compared, so the spare bits of base32 make no second valid token.
    return row if hmac.compare_digest(_mac(purpose, row, secret), match[2]) else None
