"""Stops addresses that are known to be bad from a list of them (E7), as another service exports it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from bounces.errors import UploadRefused
from bounces.unregistered import keep_excludable
from lists.address import InvalidAddress, clean_address
from lists.csv_reading import Row, inspect_file, read_rows
from lists.models import AddressError, StopReason, Subscriber, SubscriberStatus
from mta.verdicts import Kind, Reason

CHUNK = 1000
# The page carries the numbers of the addresses from the question to the answer.
MAX_FOUND = 50_000
# Of the addresses that it carries, one after the other: together with the numbers less than Django takes.
MAX_LETTERS = 1_200_000
MAX_ROWS = 1_000_000
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Known:
    """What became of a list: rows by what their address is here.

    `ids` are the subscribers that are still sent to, `unregistered` the addresses of nobody that may be put on the
    除外リスト: none of them where a page cannot carry them all.
    """

    rows: int
    unreadable: int
    unknown: int
    stopped: int
    ids: tuple[int, ...]
    sample: tuple[str, ...]
    unregistered: tuple[str, ...]
    # The addresses of nobody are more than a page can carry.
    is_too_much: bool


@dataclass(slots=True)
class Nobodys:
    """The addresses of nobody that may be put on the 除外リスト, as long as they have so many letters together."""

    room: int
    keys: set[str] = field(default_factory=set)
    is_too_much: bool = False

    def add(self, workspace: Workspace, keys: set[str], *, now: datetime) -> None:
        """Add addresses; where they are too many none is kept."""
        if self.is_too_much:
            return
        new = keep_excludable(workspace, keys - self.keys, now=now)
        self.keys |= new
        self.room -= sum(len(key) + 1 for key in new)
        if self.room < 0:
            self.is_too_much = True
            self.keys = set()


def look_up(workspace: Workspace, file: BinaryIO, *, now: datetime, letters: int = MAX_LETTERS) -> Known:
    """Look a list of addresses up; nothing is changed. Raises UnreadableFile, and UploadRefused where it is too long.

    `letters` is how many of the addresses of nobody a page carries.
    """
    layout = inspect_file(file).format
    rows = read_rows(file, layout.encoding, layout.separator)
    if layout.has_header:
        next(rows, None)
    total = unreadable = unknown = stopped = 0
    found: dict[int, str] = {}
    nobodys = Nobodys(letters)
    for chunk in chunks(rows):
        keys = [find_key(row) for row in chunk]
        known = look_up_keys(workspace, {key for key in keys if key})
        total += len(chunk)
        unreadable += keys.count("")
        unknown += sum(bool(key) and key not in known for key in keys)
        stopped += sum(key in known and known[key][1] == SubscriberStatus.STOPPED for key in keys)
        found |= {pk: key for key, (pk, status) in known.items() if status == SubscriberStatus.ACTIVE}
        require_size(total, len(found))
        nobodys.add(workspace, {key for key in keys if key and key not in known}, now=now)
    return Known(
        rows=total,
        unreadable=unreadable,
        unknown=unknown,
        stopped=stopped,
        ids=tuple(sorted(found)),
        sample=tuple(found.values())[:SHOWN],
        unregistered=tuple(sorted(nobodys.keys)),
        is_too_much=nobodys.is_too_much,
    )


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows a chunk at a time."""
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def find_key(row: Row) -> str:
    """Return the first address of a row as it is compared, "" where there is none."""
    for cell in row.cells:
        if "@" in cell or "＠" in cell:
            try:
                return clean_address(cell).key
            except InvalidAddress:
                continue
    return ""


def look_up_keys(workspace: Workspace, keys: set[str]) -> dict[str, tuple[int, str]]:
    """Return id and status of the subscribers with these addresses."""
    own = Subscriber.objects.for_workspace(workspace).filter(address_key__in=keys)
    return {key: (pk, status) for key, pk, status in own.values_list("address_key", "pk", "status")}


def require_size(rows: int, found: int) -> None:
    """Refuse a list that is too long; raises UploadRefused."""
    if rows > MAX_ROWS or found > MAX_FOUND:
        raise UploadRefused(
            _("一度に調べられるのは%(rows)d行、停止できるのは%(found)d件までです。ファイルを分けてください。")
            % {"rows": MAX_ROWS, "found": MAX_FOUND}
        )


def stop_known(workspace: Workspace, ids: Sequence[int], filename: str, *, actor: User, now: datetime) -> int:
    """Stop those subscribers of the workspace that are still active; return how many."""
    stopped = 0
    for start in range(0, len(ids), CHUNK):
        with transaction.atomic():
            stopped += stop_chunk(workspace, ids[start : start + CHUNK], filename, now=now)
    audit.record(workspace, actor, "known.stop", filename, chosen=len(ids), stopped=stopped)
    return stopped


def stop_chunk(workspace: Workspace, ids: Sequence[int], filename: str, *, now: datetime) -> int:
    """Stop some subscribers and keep why."""
    own = Subscriber.objects.for_workspace(workspace).active().filter(pk__in=ids)
    found = list(own.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    stopped = Subscriber.objects.filter(pk__in=found).mark_stopped(StopReason.MANUAL, now)
    AddressError.objects.bulk_create(
        AddressError(
            subscriber_id=pk,
            key=f"known:{now.timestamp():.0f}",
            at=now,
            counted=False,
            stopped=True,
            kind=Kind.UNKNOWN,
            reason=Reason.UNKNOWN,
            about=(_("既知の不達アドレス: %s") % filename)[:255],
        )
        for pk in found
    )
    return stopped
