"""Gathers what the page of a domain's DKIM keys shows, and its records as text."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from senders.check_store import BAD
from senders.dkim_keys import (
    KeyState,
    cname_target,
    is_waiting,
    key_state,
    keys_in_dns,
    offered_target,
    public_record,
    split_strings,
)
from senders.dkim_rotation import retires_at
from senders.models import CheckKind, DkimKey, KeyAlgorithm, SenderDomain
from senders.records import ExpectedRecord, dkim_name, expect_dkim, newest_check

TONES = {KeyState.SIGNING: "ok", KeyState.WAITING: "warn", KeyState.SUPERSEDED: "info", KeyState.RETIRED: "muted"}
# Keys out of use that the page shows, the newest.
RETIRED_SHOWN = 20
# Seconds for which resolvers keep a record of ours.
TTL = 3600


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key, where it stands, and what is to be done about it.

    `kind` is the check that looks for it, None of one that nobody has to set any more, `record` what is to be set where that
    was not found yet, `advice` what to do about what was found.
    """

    key: DkimKey
    state: KeyState
    tone: str
    is_old: bool
    is_next: bool
    can_be_abandoned: bool
    stays_until: datetime | None
    kind: CheckKind | None
    record: ExpectedRecord | None
    advice: str


@dataclass(frozen=True, slots=True)
class KeyPage:
    """The keys of a domain: those in use, those out of it, and the algorithms that a new key can be made for."""

    rows: list[KeyRow]
    retired: list[DkimKey]
    renewable: list[KeyAlgorithm]
    has_next: bool
    offers_cname: bool


def describe_keys(domain: SenderDomain, *, now: datetime) -> KeyPage:
    """Return what the page shows of a domain's keys. Reads the prefetched `dkim_keys` and `checks`."""
    keys = keys_in_dns(domain)
    kinds = {key.pk: kind for kind, key in keys.items()}
    newest_first = sorted(domain.dkim_keys.all(), key=lambda key: key.pk, reverse=True)
    order = list(KeyState)
    live = sorted((key for key in newest_first if not key.retired_at), key=lambda key: order.index(key_state(key)))
    signing = {key.algorithm for key in live if key_state(key) is KeyState.SIGNING}
    waiting = {key.algorithm for key in live if is_waiting(key)}
    has_next = CheckKind.NEXT_KEY in keys
    return KeyPage(
        rows=[describe_key(domain, key, kinds.get(key.pk), now=now) for key in live],
        retired=[key for key in newest_first if key.retired_at][:RETIRED_SHOWN],
        renewable=[] if has_next else [name for name in KeyAlgorithm if name in signing - waiting],
        has_next=has_next,
        offers_cname=offers_cname(domain),
    )


def describe_key(domain: SenderDomain, key: DkimKey, kind: CheckKind | None, *, now: datetime) -> KeyRow:
    """Return a key as the page shows it; `kind` = the check that looks for it."""
    state = key_state(key)
    check = newest_check(domain, kind) if kind else None
    waits = kind is not None and state is KeyState.WAITING
    is_lacking = waits or key.seen_at is None or (check is not None and check.result in BAD)
    old = key.activated_at is not None and key.activated_at <= now - timedelta(days=settings.KEY_REMIND_DAYS)
    return KeyRow(
        key=key,
        state=state,
        tone=TONES[state],
        is_old=old and state is KeyState.SIGNING,
        is_next=kind == CheckKind.NEXT_KEY,
        can_be_abandoned=waits and kind != CheckKind.DKIM,
        stays_until=retires_at(key),
        kind=kind,
        record=expect_dkim(domain, kind, key) if kind and is_lacking else None,
        advice=check.advice if check else "",
    )


def offers_cname(domain: SenderDomain) -> bool:
    """Say whether the DKIM records of a domain can be CNAMEs: there is a zone for it, and its names are not too long."""
    return bool(settings.DKIM_CNAME_ZONE) and all(
        cname_target(key) for key in domain.dkim_keys.all() if key.retired_at is None
    )


def has_old_key(domain: SenderDomain, *, now: datetime) -> bool:
    """Say whether a key of a domain should be replaced for its age."""
    return any(describe_key(domain, key, None, now=now).is_old for key in domain.dkim_keys.all())


def export_records(keys: Iterable[DkimKey]) -> str:
    """Return the records of keys to set in the customer's zone, as lines of a zone file (RFC 1035 section 5.1)."""
    lines = []
    for key in keys:
        name, target = dkim_name(key.selector, key.domain.name), offered_target(key)
        lines.append(f"{name}. {TTL} IN CNAME {target}.\n" if target else zone_line(name, key))
    return "".join(lines)


def zone_line(name: str, key: DkimKey) -> str:
    """Return the TXT record of a key under a name as a line of a zone file, in strings of at most 255 octets."""
    strings = " ".join(f'"{text}"' for text in split_strings(public_record(key)))
    return f"{name}. {TTL} IN TXT ( {strings} )\n"
