"""Recognises mistyped domains of free-mail providers and carriers, and says which one was meant."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from senders.freemail import is_freemail

LISTED = Path(__file__).parent / "data" / "freemail_typos.txt"

# The domains whose slips of a finger are made, the most used first: what lies beside two of them means the first.
# Short names (au.com, me.com, live.jp) are left out: one letter away from them live other people.
MEANT = (
    "gmail.com",
    "yahoo.co.jp",
    "docomo.ne.jp",
    "ezweb.ne.jp",
    "icloud.com",
    "softbank.ne.jp",
    "i.softbank.jp",
    "hotmail.com",
    "outlook.jp",
    "outlook.com",
    "hotmail.co.jp",
    "ymobile.ne.jp",
    "yahoo.com",
    "biglobe.ne.jp",
    "excite.co.jp",
    "rakumail.jp",
    "uqmobile.jp",
)
# The rows of a keyboard, each shifted by half a key against the one above: keys that touch are taken for each other.
ROWS = ("1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm")
# Domains one slip away that are somebody's own.
REAL = frozenset({"mail.com", "email.com", "ymail.com", "cloud.com", "softbank.co.jp"})


def find_meant(domain: str) -> str:
    """Return the domain that was meant; "" where `domain` (lower case, ASCII) is no known slip."""
    return read_slips().get(domain, "")


@cache
def read_slips() -> dict[str, str]:
    """Return every known slip with the domain that was meant; no domain of a provider is among the slips."""
    slips: dict[str, str] = {}
    for meant in MEANT:
        for slip in make_slips(meant):
            slips.setdefault(slip, meant)
    slips |= dict(read_listed())
    return {slip: meant for slip, meant in slips.items() if slip not in REAL and not is_freemail(slip)}


def read_listed() -> Iterator[tuple[str, str]]:
    """Yield the pairs of the file."""
    for line in LISTED.read_text(encoding="utf-8").splitlines():
        if words := line.partition("#")[0].split():
            slip, meant = words
            yield slip, meant


def make_slips(domain: str) -> Iterator[str]:
    """Yield what one slip of a finger makes of a domain: a letter left out, doubled, swapped or from the next key.

    The first letter stays: another one there is more often another name (mail.com, ymail.com, cloud.com).
    """
    for at in range(1, len(domain)):
        before, letter, after = domain[:at], domain[at], domain[at + 1 :]
        yield before + after
        yield before + letter + letter + after
        for neighbour in neighbours(letter):
            yield before + neighbour + after
    for at in range(len(domain) - 1):
        if domain[at] != domain[at + 1]:
            yield domain[:at] + domain[at + 1] + domain[at] + domain[at + 2 :]


@cache
def neighbours(letter: str) -> str:
    """Return the letters whose keys touch that of `letter`; none for what is no letter or digit."""
    found = ""
    for number, row in enumerate(ROWS):
        at = row.find(letter)
        if at < 0:
            continue
        found += row[max(0, at - 1) : at] + row[at + 1 : at + 2]
        if number:
            found += ROWS[number - 1][at : at + 2]
        if number + 1 < len(ROWS):
            found += ROWS[number + 1][max(0, at - 1) : at + 1]
    return "".join(key for key in found if key.isalnum())
