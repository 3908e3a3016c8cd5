"""Knows the domains of free-mail providers and carriers, which nobody may send a newsletter from (A3)."""

from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data" / "freemail_domains.txt"


def is_freemail(domain: str) -> bool:
    """Say whether `domain` (lower case, ASCII) is one of a provider's address domains or lies below one."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in freemail_domains() for start in range(len(labels)))


@cache
def freemail_domains() -> frozenset[str]:
    """Return the providers' domains: one a line of the file, `#` begins a comment."""
    lines = DATA.read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if (name := line.partition("#")[0].strip()))
