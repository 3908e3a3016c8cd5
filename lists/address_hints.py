"""What is remarkable about an address that can be sent to: old carrier dots, a role, a disposable mailbox."""

from enum import IntFlag
from functools import cache
from pathlib import Path

from lists.address import Address

DATA = Path(__file__).parent / "data"


class Hint(IntFlag):
    """Bits of `StagedRow.flags`. None of them keeps an address from being imported."""

    CARRIER_DOTS = 1
    ROLE = 2
    DISPOSABLE = 4


def hints_of(address: Address) -> Hint:
    """Return what is remarkable about an address."""
    return Hint(flags_of(address.key.partition("@")[0], address.domain))


def flags_of(local: str, domain: str) -> int:
    """Return the hints of an address as a number; both parts in lower case."""
    flags = 0
    # Only carriers' addresses get through clean_address with such dots (F1).
    if ".." in local or local[0] == "." or local[-1] == ".":
        flags = int(Hint.CARRIER_DOTS)
    # "info+news@": what stands behind the plus is the owner's own sorting.
    if local.partition("+")[0] in role_names():
        flags |= Hint.ROLE
    if is_disposable(domain):
        flags |= Hint.DISPOSABLE
    return int(flags)


def is_disposable(domain: str) -> bool:
    """Say whether the domain, or one it lies below, gives out mailboxes for some minutes."""
    known = disposable_domains()
    while domain not in known:
        domain = domain.partition(".")[2]
        if "." not in domain:
            return False
    return True


@cache
def role_names() -> frozenset[str]:
    """Return the local parts that mean an office and not a person (RFC 2142 and common use)."""
    return _read("role_names.txt")


@cache
def disposable_domains() -> frozenset[str]:
    """Return the known domains of disposable mailboxes."""
    return _read("disposable_domains.txt")


def _read(filename: str) -> frozenset[str]:
    lines = (DATA / filename).read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
