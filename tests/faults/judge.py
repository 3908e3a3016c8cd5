"""Compares what the mail server accepted with the rows of a campaign. Knows no database and no process."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.journal import Accepted

# Ends of a row for which nothing was accepted.
UNSENT_ENDS = ("failed", "expired", "excluded", "cancelled")
# What a rate may be exceeded by in a minute, as a part of it: 5 of 60 seconds' worth may have been granted before.
GRANTED_BEFORE = 5 / 60
# Words about one kind of finding are shown for so many rows.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One delivery as the database has it at the end. `fenced_at` is in seconds of the machine's clock."""

    id: int
    address: str
    state: str
    resends: int = 0
    attempts: int = 0
    fenced_at: float | None = None
    # Of the bytes that it renders to.
    digest: str = ""
    # The Return-Path that it is sent with.
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Closure:
    """From `begin` until `end` no row of `ids` may be fenced: they were stopped, or their campaign was held."""

    why: str
    ids: Collection[int]
    begin: float
    end: float = float("inf")


@dataclass
class Terms:
    """What a scenario allows."""

    recipients: int
    doubts: int = 0
    # Addresses that the server told 5xx for themselves or their mail.
    refused: Collection[str] = ()
    # Whether that is the last word: nobody was killed before he could write it down.
    refusals_are_final: bool = False
    # Whether rows may end unsent without the server's word: their recipient or campaign was stopped.
    may_be_stopped: bool = False
    # The rate that is configured, in mails a minute; None = no limit.
    per_minute: int | None = None
    closures: Sequence[Closure] = ()


@dataclass
class Verdict:
    """What was found; all is well where there are no findings."""

    recipients: int
    accepted: int
    doubled: int
    lost: int
    failed: int
    doubts: int
    resent: int
    findings: list[str] = field(default_factory=list)


def judge(rows: Sequence[Row], accepted: Sequence[Accepted], terms: Terms) -> Verdict:
    """Say whether each recipient has one row, each row one end, and each end is what the server's log says."""
    by_address = {row.address: row for row in rows}
    copies = Counter(mail.rcpt for mail in accepted)
    doubled = [row for row in rows if copies[row.address] > 1 + row.resends]
    lost = find_lost(rows, copies, terms)
    doubts = sum(row.state == "doubt" for row in rows)
    findings = [
        *tell("rows are missing or doubled", [f"{len(rows)} of {terms.recipients}"][: len(rows) != terms.recipients]),
        *tell("address has two rows", [] if len(by_address) == len(rows) else ["see the rows"]),
        *tell("accepted although no row has this address", [rcpt for rcpt in copies if rcpt not in by_address]),
        *tell("accepted more often than its policy allows", [show(row, copies) for row in doubled]),
        *tell("sent again more than once", [show(row, copies) for row in rows if row.resends > 1]),
        *tell("lost", [show(row, copies) for row in lost]),
        *tell("accepted, and the row says otherwise", [show(row, copies) for row in find_denied(rows, copies)]),
        *tell("ended without the server's word", [show(row, copies) for row in find_unfounded(rows, terms)]),
        *tell("accepted though refused for good", [show(row, copies) for row in find_stubborn(rows, copies, terms)]),
        *tell("more rows in doubt than allowed", [f"{doubts} > {terms.doubts}"][: doubts > terms.doubts]),
        *tell("accepted bytes are not the row's", find_mutilated(by_address, accepted)),
        *find_trespassers(rows, copies, terms.closures),
        *tell("more in a minute than the rate allows", find_crowd(accepted, terms.per_minute)),
    ]
    return Verdict(
        recipients=terms.recipients,
        accepted=len(accepted),
        doubled=len(doubled),
        lost=len(lost) + max(terms.recipients - len(rows), 0),
        failed=sum(row.state == "failed" for row in rows),
        doubts=doubts,
        resent=sum(row.resends for row in rows),
        findings=findings,
    )


def tell(what: str, examples: Sequence[str]) -> list[str]:
    """Return one finding with its number and the first examples; nothing where there are none."""
    return [f"{what}: {len(examples)} ({'; '.join(examples[:SHOWN])})"] if examples else []


def show(row: Row, copies: Mapping[str, int]) -> str:
    """Return a row in words."""
    return (
        f"{row.id} {row.state}, accepted {copies.get(row.address, 0)}x, resends {row.resends}, attempts {row.attempts}"
    )


def find_lost(rows: Sequence[Row], copies: Mapping[str, int], terms: Terms) -> list[Row]:
    """Return the rows that say `sent` though nothing was accepted, and those that have no end."""
    ends = ("sent", "doubt", *UNSENT_ENDS)
    return [row for row in rows if (row.state == "sent" and not copies.get(row.address)) or row.state not in ends]


def find_denied(rows: Sequence[Row], copies: Mapping[str, int]) -> list[Row]:
    """Return the rows of accepted mails that claim that nothing was accepted; a second copy may well have failed."""
    return [row for row in rows if copies.get(row.address) and row.state in UNSENT_ENDS and not row.resends]


def find_unfounded(rows: Sequence[Row], terms: Terms) -> list[Row]:
    """Return the rows that were given up although the server never said so."""
    unsent = [row for row in rows if row.state in UNSENT_ENDS]
    return [
        row
        for row in unsent
        if not (row.state == "failed" and row.address in terms.refused)
        and not (row.state in ("excluded", "cancelled") and terms.may_be_stopped)
    ]


def find_stubborn(rows: Sequence[Row], copies: Mapping[str, int], terms: Terms) -> list[Row]:
    """Return the rows that were sent although the server had refused them for good (C34)."""
    refused = terms.refused if terms.refusals_are_final else ()
    return [row for row in rows if row.address in refused and copies.get(row.address)]


def find_mutilated(rows: Mapping[str, Row], accepted: Sequence[Accepted]) -> list[str]:
    """Return the accepted mails whose bytes or Return-Path are not those that their row renders to: half bodies too."""
    return [
        mail.rcpt
        for mail in accepted
        if mail.rcpt in rows and (mail.digest, mail.sender) != (rows[mail.rcpt].digest, rows[mail.rcpt].sender)
    ]


def find_trespassers(rows: Sequence[Row], copies: Mapping[str, int], closures: Sequence[Closure]) -> list[str]:
    """Return what was fenced, and accepted, while it was closed."""
    findings = []
    by_id = {row.id: row for row in rows}
    for closure in closures:
        sent = [by_id[pk] for pk in closure.ids if pk in by_id and copies.get(by_id[pk].address)]
        late = [row for row in sent if row.fenced_at is not None and closure.begin < row.fenced_at < closure.end]
        findings += tell(f"sent although {closure.why}", [show(row, copies) for row in late])
    return findings


def find_crowd(accepted: Sequence[Accepted], per_minute: int | None) -> list[str]:
    """Return the fullest minute of those that begin with a mail, where more were accepted in it than the rate allows."""
    if per_minute is None:
        return []
    moments = sorted(mail.at for mail in accepted)
    fullest = max((bisect_left(moments, at + 60) - index for index, at in enumerate(moments)), default=0)
    most = round(per_minute * (1 + GRANTED_BEFORE))
    return [f"{fullest} > {most}"] if fullest > most else []
