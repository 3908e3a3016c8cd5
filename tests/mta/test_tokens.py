"""Tokens and the signed Return-Path: nobody can make one without the secret."""

import base64
import hashlib
import hmac
import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta import return_path, tokens

KEY = "a secret of the installation"
rows = st.integers(min_value=1, max_value=2**63 - 1)


@given(row=rows, purpose=st.sampled_from(["unsubscribe", "open", "click"]))
def test_reads_what_it_made(row: int, purpose: str) -> None:
    token = tokens.make(purpose, row, secret=KEY)
    assert tokens.read(purpose, token, secret=KEY) == row
    assert len(token) <= 46
    assert set(token) <= set(string.ascii_lowercase + string.digits + "-")


# A key longer than a block of the hash is hashed first (RFC 2104 section 2).
@given(row=rows, secret=st.sampled_from([KEY, "x" * 64, "x" * 65, KEY * 9]))
def test_is_written_in_base32(row: int, secret: str) -> None:
    """RFC 4648: the standard library's slower way gives the same letters."""
    mac = hmac.digest(secret.encode(), f"hypermail\0open\0{row}".encode(), hashlib.sha256)[:16]
    expected = base64.b32encode(mac).decode().rstrip("=").lower()
    assert tokens.make("open", row, secret=secret) == f"{row}-{expected}"


@given(row=rows)
def test_token_is_bound_to_purpose_row_and_secret(row: int) -> None:
    token = tokens.make("unsubscribe", row, secret=KEY)
    assert tokens.read("open", token, secret=KEY) is None
    assert tokens.read("unsubscribe", token, secret=KEY + "2") is None
    assert tokens.read("unsubscribe", token, secret="") is None
    mac = token.partition("-")[2]
    assert tokens.read("unsubscribe", f"{row + 1}-{mac}", secret=KEY) is None


@given(
    row=rows, index=st.integers(min_value=0, max_value=45), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567-")
)
def test_one_changed_letter_is_refused(row: int, index: int, letter: str) -> None:
    """Not even the spare bits of base32 give a second valid token."""
    token = tokens.make("unsubscribe", row, secret=KEY)
    changed = token[:index] + letter + token[index + 1 :]
    if changed != token:
        assert tokens.read("unsubscribe", changed, secret=KEY) is None


@given(token=st.text())
def test_any_text_is_refused(token: str) -> None:
    assert tokens.read("unsubscribe", token, secret=KEY) is None


@pytest.mark.parametrize(
    "token",
    ["", "-", "1-", "0-" + "a" * 26, "٣-" + "a" * 26, "1-" + "A" * 26, " 1-" + "a" * 26, "1-" + "a" * 26 + "\n"],
)
def test_ill_formed_tokens_are_refused(token: str) -> None:
    assert tokens.read("unsubscribe", token, secret=KEY) is None


@pytest.mark.parametrize(("row", "secret"), [(0, KEY), (-1, KEY), (1, "")])
def test_makes_no_token_without_row_or_secret(row: int, secret: str) -> None:
    with pytest.raises(ValueError, match="token"):
        tokens.make("unsubscribe", row, secret=secret)


def test_ten_thousand_forged_tokens_are_refused() -> None:
    chance = random.Random(20250101)  # noqa: S311
    letters = string.ascii_lowercase + "234567"
    for number in range(1, 10_001):
        mac = "".join(chance.choices(letters, k=26))
        assert tokens.read("unsubscribe", f"{number}-{mac}", secret=KEY) is None
        assert return_path.decode(f"b-{number}-{mac}@bounce.example.com", secret=KEY) is None


@given(row=rows)
def test_return_path_survives_what_relays_do_to_it(row: int) -> None:
    address = return_path.encode(row, secret=KEY, domain="bounce.example.com")
    local, _at, domain = address.partition("@")
    assert domain == "bounce.example.com"
    assert len(local) <= 64
    assert local == local.lower()
    for seen in (address, f"<{address}>", address.upper(), f" {address} ", f"{local}@another.example"):
        assert return_path.decode(seen, secret=KEY) == row


def test_other_addresses_are_no_return_path() -> None:
    token = tokens.make("unsubscribe", 5, secret=KEY)
    for address in ("", "a@b.example", f"b-{token}@b.example", f"{token}@b.example", "b-@b.example", "b-5@b.example"):
        assert return_path.decode(address, secret=KEY) is None


@given(whole=st.integers(1, 10**12), row=rows)
def test_a_token_within_a_whole_is_bound_to_it(whole: int, row: int) -> None:
    token = tokens.make_within("track", whole, row, secret=KEY)
    assert tokens.read_within("track", whole, token, secret=KEY) == row
    assert tokens.read_within("track", whole + 1, token, secret=KEY) is None
    assert tokens.read_within("other", whole, token, secret=KEY) is None
    assert tokens.read_within("track", whole, token, secret=KEY + "2") is None
    assert tokens.read("track", token, secret=KEY) is None
    assert tokens.read_within("track", whole, tokens.make("track", row, secret=KEY), secret=KEY) is None


@pytest.mark.parametrize(("whole", "row", "secret"), [(0, 1, KEY), (1, 0, KEY), (1, 1, "")])
def test_makes_no_token_within_nothing(whole: int, row: int, secret: str) -> None:
    with pytest.raises(ValueError, match="token"):
        tokens.make_within("track", whole, row, secret=secret)
