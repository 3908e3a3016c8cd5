"""Looks through the texts that no index leads to for erased addresses: refused rows, imports, jobs, segments.

What was erased is known by its digest alone, so one pass serves all who were erased since the last one, however many.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import Workspace
from lists.address import MAX_LOCAL, clean_address
from lists.erasing import find_erased
from lists.exceptions import InvalidAddress
from lists.models import BulkJob, ColumnMemory, CsvImport, ExclusionImport, RejectedRow, Segment, TraceSweep
from lists.traces import ERASED, FILE_ENDING, Words

# While people are being erased in bulk the texts are looked through so often.
EVERY = timedelta(minutes=10)
# After so long a sweep that did not come to its end is begun anew.
LEASE = timedelta(minutes=30)
# Rows that are looked at together.
PIECE = 500

# Whatever may be an address in a text; its domain may be written in Japanese or with signs that are no letters (emoji, marks
# of vowels), or Japanese may follow it. Nothing longer is a domain.
LIKE_AN_ADDRESS: Final = re.compile(
    r"""(?<![A-Za-z0-9.!#$%&'*+/=?^_`{|}~-])([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]++)"?@"""
    # What follows may hold the next address.
    r"""(?=([^\s\x00-,/:-@\[-^`{-\x7f]{1,253}))"""
)
# What ends a domain wherever it stands in it: brackets and full stops of a sentence.
PUNCTUATION: Final = frozenset({"Ps", "Pe", "Pi", "Pf", "Po", "Cc"})
# Such a sign may stand in a name.
MIDDLE_DOTS: Final = ".・·"
# A domain with a top level in ASCII, with what follows it.
ENDS_IN_ASCII: Final = re.compile(r"(.*?\.[A-Za-z][A-Za-z0-9-]*)[^A-Za-z0-9.-]")
# Signs that an address may begin with, or that only stand before one.
SIGN: Final = re.compile(r"[^A-Za-z0-9.+_-]")
NOT_IN_DOMAIN: Final = re.compile(r"[^A-Za-z0-9.-]")


def has_due_sweeps(now: datetime) -> bool:
    """Say whether texts are to be looked through; cheap enough for each tick."""
    return _due(now).exists()


def sweep_due(now: datetime) -> int:
    """Look through the texts of the workspaces in which somebody was erased; return how many workspaces."""
    return sum(_sweep(sweep, now) for sweep in list(_due(now).select_related("workspace")))


def _due(now: datetime) -> QuerySet[TraceSweep]:
    due = TraceSweep.objects.filter(due_at__lte=now)
    return due.filter(Q(swept_at=None) | Q(swept_at__lte=now - EVERY))


def _sweep(sweep: TraceSweep, now: datetime) -> bool:
    """Look through one workspace, unless somebody else is at it."""
    row = TraceSweep.objects.filter(pk=sweep.pk)
    # A process that dies over it leaves it due.
    lease = now + LEASE
    if not row.filter(due_at=sweep.due_at).update(due_at=lease):
        return False
    sweep_texts(sweep.workspace)
    row.update(swept_at=now)
    # Who was erased while this went on has marked it anew.
    row.filter(due_at=lease).update(due_at=None)
    return True


def sweep_texts(workspace: Workspace) -> None:
    """Take all erased addresses out of the texts of a workspace, with locks on single rows only."""
    imports = CsvImport.objects.filter(workspace=workspace)
    for import_id in list(imports.values_list("pk", flat=True)):
        sweep_rejected(workspace, import_id)
    sweep_rows(workspace, imports, ("filename", "headers", "forecast", "message"))
    sweep_rows(workspace, BulkJob.objects.filter(workspace=workspace), ("search", "argument", "why"))
    files = ExclusionImport.objects.filter(workspace=workspace)
    sweep_rows(workspace, files, ("filename", "refused"))
    sweep_rows(workspace, Segment.objects.filter(workspace=workspace), ("conditions",))
    sweep_headers(workspace)


def sweep_rejected(workspace: Workspace, import_id: int, *, piece: int = PIECE) -> None:
    """Blank the cells of an import's refused rows that hold an erased address: others' data may stand beside it."""
    rejected = RejectedRow.objects.filter(csv_import=import_id).order_by("line", "pk")
    line, pk = 0, 0
    while rows := list(
        rejected.filter(line__gte=line).exclude(line=line, pk__lte=pk).values_list("pk", "line", "value")[:piece]
    ):
        found = {number: spellings_in([unicodedata.normalize("NFKC", value)]) for number, _line, value in rows}
        erased = find_erased(workspace, {key for spellings in found.values() for key in spellings.values()})
        hit = [number for number, spellings in found.items() if not erased.isdisjoint(spellings.values())]
        if hit:
            RejectedRow.objects.filter(pk__in=hit).update(value=ERASED)
        pk, line, _value = rows[-1]


def sweep_rows(workspace: Workspace, rows: QuerySet[Any], fields: Sequence[str]) -> None:
    """Take erased addresses out of texts and JSON of a small table."""
    for row in rows.only("pk", *fields).order_by("pk").iterator(chunk_size=100):
        if not _erased_in(workspace, row, fields):
            continue
        with transaction.atomic():
            # Somebody may have changed it meanwhile.
            locked = rows.select_for_update(no_key=True).filter(pk=row.pk).first()
            if locked is not None:
                _scrub_row(workspace, locked, fields)


def _scrub_row(workspace: Workspace, row: Any, fields: Sequence[str]) -> None:
    erased = _erased_in(workspace, row, fields)
    if not erased:
        return
    words = Words(erased)
    for name in fields:
        setattr(row, name, words.scrub(getattr(row, name)))
    row.save(update_fields=fields)


def _erased_in(workspace: Workspace, row: Any, fields: Sequence[str]) -> set[str]:
    """Return the erased addresses in a row, as they stand there."""
    spellings = spellings_in(text for name in fields for text in texts_of(getattr(row, name)))
    erased = find_erased(workspace, set(spellings.values())) if spellings else set()
    return {spelling for spelling, key in spellings.items() if key in erased}


def sweep_headers(workspace: Workspace) -> None:
    """Forget headers with an erased address: a file had no header, and its first person was taken for one."""
    memories = ColumnMemory.objects.filter(workspace=workspace, header__contains="@")
    for memory in memories.iterator(chunk_size=PIECE):
        if find_erased(workspace, set(spellings_in([memory.header]).values())):
            memory.delete()


def texts_of(value: Any) -> Iterator[str]:
    """Yield the texts within JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from texts_of(one)
    elif isinstance(value, dict):
        yield from value
        for one in value.values():
            yield from texts_of(one)


def spellings_in(texts: Iterable[str]) -> dict[str, str]:
    """Return what may be addresses in texts, as they stand there, with the key of each."""
    found: dict[str, str] = {}
    for text in texts:
        for match in LIKE_AN_ADDRESS.finditer(text) if "@" in text else ():
            for spelling in _readings(match[1], match[2]):
                key = _key_of(spelling)
                if key:
                    found[spelling] = key
    return found


def _readings(local: str, domain: str) -> Iterator[str]:
    """Yield what a match may mean: all of it, or without what stands around an address."""
    plain = NOT_IN_DOMAIN.split(domain)[0]
    unmarked = "".join(takewhile(lambda sign: not _is_punctuation(sign), domain))
    ascii_end = ENDS_IN_ASCII.match(domain)
    whole = (domain, unmarked, ascii_end[1] if ascii_end else plain, plain)
    domains = {one.rstrip(".-") for one in (*whole, re.split(FILE_ENDING, plain, flags=re.IGNORECASE)[0])}
    # Nothing longer is an address.
    local = local[-MAX_LOCAL:]
    for start in (0, *(sign.end() for sign in SIGN.finditer(local))):
        yield from (f"{local[start:]}@{domain}" for domain in domains)


def _is_punctuation(sign: str) -> bool:
    return sign not in MIDDLE_DOTS and unicodedata.category(sign) in PUNCTUATION


def _key_of(spelling: str) -> str:
    try:
        return clean_address(spelling).key
    except InvalidAddress:
        return ""
