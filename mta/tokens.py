"""Tokens for links and addresses: HMACs bound to a purpose and a row."""

import hashlib
import hmac
import re

# 128 bits; more than anybody can guess over SMTP or HTTP.
_MAC_BYTES = 16
# Two letters of base32 (RFC 4648 section 6, lower case) for each ten bits.
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(120, -1, -10)
_TOKEN = re.compile(r"([1-9][0-9]{0,18})-([a-z2-7]{26})")


def _mac(purpose: str, row: int, secret: str) -> str:
    # The zero byte keeps ("a", 1) and ("a1", …) apart; a purpose never holds one.
    message = f"hypermail\0{purpose}\0{row}".encode()
    digest = hmac.digest(secret.encode(), message, hashlib.sha256)[:_MAC_BYTES]
    # 128 bits and two of padding; base64.b32encode takes twice as long.
    number = int.from_bytes(digest) << 2
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


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
