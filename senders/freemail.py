"""Knows the domains of free-mail providers and carriers, which nobody may send a newsletter from (A3)."""

from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"


def is_freemail(domain: str) -> bool:
    """Say whether `domain` (lower case, ASCII) is one of a provider's address domains or lies below one."""
    listed = read_domains("freemail_domains.txt")
    labels = domain.split(".")
    return any(".".join(labels[start:]) in listed for start in range(len(labels)))


@cache
def read_domains(filename: str) -> frozenset[str]:
    """Return the domains of a file in senders/data: one a line, `#` begins a comment."""
    lines = (DATA / filename).read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if (name := line.partition("#")[0].strip()))
