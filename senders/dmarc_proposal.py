"""Proposes the DMARC record to publish: what a domain has already, mended, or a first one that only asks for reports (E6)."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from senders.dmarc import POLICY_TAGS, Policy, is_almost_dmarc, parse

# How a record begins, however it is misspelled, and what people paste along with it.
BEGINNING = re.compile(r"v\s*=\s*dmarc\d*[\s;,]*", re.IGNORECASE)
WRAPPING = " \t\"'“”"


def propose_first(domain: str, report_address: str) -> str:
    """Return the record for a domain that has none; `report_address` may be empty."""
    return f"v=DMARC1; p=none; rua=mailto:{report_address or f'dmarc@{domain}'}"


def propose_instead(texts: Sequence[str], report_address: str = "") -> str:
    """Return the one record to publish in place of those at a name, empty where none is meant to be one.

    Of several the mildest is kept: none of them counts today, so no mail gets lost by it. It takes over where the reports of
    another one go; where none has a place for them, they are to go to `report_address`, which may be empty.
    """
    mended = [mend(text) for text in texts if is_almost_dmarc(text)]
    kept = min(mended, key=weigh, default="")
    if len(mended) < 2 or "rua=" in "".join(kept.lower().split()):
        return kept
    places = next(filter(None, map(places_of, mended)), f"mailto:{report_address}" if report_address else "")
    return f"{kept.rstrip('; ')}; rua={places}" if places else kept


def places_of(text: str) -> str:
    """Return where the reports of a record go, as its rua= says."""
    record = parse(text)
    return ",".join(record.rua) if record else ""


def differ(texts: Sequence[str]) -> bool:
    """Say whether records at one name ask for different policies."""
    policies = {record.p for record in map(parse, map(mend, filter(is_almost_dmarc, texts))) if record}
    return len(policies) > 1


def weigh(text: str) -> tuple[int, bool, str]:
    """Return how hard a mended record is, to choose among several whatever their order."""
    record = parse(text)
    return (list(Policy).index(record.p), not record.rua, text) if record else (len(Policy), True, text)


def mend(text: str) -> str:
    """Return a record with the beginning, the policies and the repeated tags put right; as it is where it is in order."""
    record = parse(text)
    if record and record.has_policy and not record.unreadable and not record.repeated:
        return text
    tags: dict[str, str] = {}
    for part in BEGINNING.sub("", text.strip(WRAPPING), count=1).split(";"):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if equals and name.lower() in POLICY_TAGS:
            value = next(iter(get_close_matches(value.lower(), [str(policy) for policy in Policy], n=1)), "")
            if not value:
                continue
        if part.strip():
            tags.setdefault(name.lower(), f"{name}={value}" if equals else name)
    policy = tags.pop("p", "p=none")
    return "; ".join(["v=DMARC1", policy, *tags.values()])
