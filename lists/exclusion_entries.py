"""Changes the 除外リスト: reads what people write for an entry, adds and removes entries."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from lists.address import DOTS, clean_address
from lists.attribute_values import parse
from lists.exceptions import InvalidAddress
from lists.models import AttributeKind, Exclusion, ExclusionKind

# Entries of one statement.
PIECE: Final = 5000
# Above so many new entries PostgreSQL is told at once what the table holds, as claims and fences look into it.
MANY: Final = 1000
# Nobody has such a domain; each number of labels among the entries is a condition of its own for an audience.
MAX_LABELS: Final = 10
MAX_REASON: Final = 200
# How long an entry that is over stays on the page, where its end can be put off.
KEEP_OVER: Final = timedelta(days=31)
DAY: Final = timedelta(days=1)

_DOMAIN: Final = re.compile(r"(?:\*?@|\*?\.)?([^@]*)")


@dataclass(frozen=True, slots=True)
class Entry:
    """What an entry is to say."""

    kind: ExclusionKind
    value: str
    reason: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """How many entries were added, changed, and were there already just so."""

    new: int
    changed: int
    same: int


def read_value(text: str) -> tuple[ExclusionKind, str]:
    """Return what an entry names: an address, or a domain (`example.com`, `@example.com`, `*.example.com`).

    Raises InvalidAddress with a sentence.
    """
    folded = unicodedata.normalize("NFKC", text).strip()
    match = _DOMAIN.fullmatch(folded)
    if match is None:
        return ExclusionKind.ADDRESS, clean_address(text).key
    if not match[1]:
        raise InvalidAddress(_("メールアドレスまたはドメインが空です。"))
    if "." not in match[1].translate(DOTS):
        raise InvalidAddress(
            _("メールアドレスでもドメインでもありません(例: taro@example.co.jp、example.co.jp)。"), text
        )
    domain = clean_address(f"x@{match[1]}").domain
    if domain.count(".") >= MAX_LABELS:
        raise InvalidAddress(_("ドメインの「.」が多すぎます(%d個まで)。") % (MAX_LABELS - 1), text)
    return ExclusionKind.DOMAIN, domain


def read_last_day(text: str) -> date | None:
    """Return the day that a text means, as imports read dates (2026-12-31, 2026年12月31日, 令和8年…), None for none.

    Raises ListsError with a sentence.
    """
    day = parse(AttributeKind.DATE, text)
    return date.fromisoformat(str(day)) if day else None


def end_of(last_day: date | None) -> datetime | None:
    """Return when an entry is over that holds up to and with a day, in the local time."""
    if last_day is None:
        return None
    # 9999-12-31, which many write for "never", has no next day.
    return timezone.make_aware(datetime.combine(min(last_day, date.max - DAY) + DAY, time.min))


def last_day_of(expires_at: datetime | None) -> date | None:
    """Return the last day on which an entry holds, in the local time."""
    return None if expires_at is None else timezone.localdate(expires_at - timedelta(microseconds=1))


def save_entries(workspace: Workspace | None, entries: Iterable[Entry], *, actor: User | None, now: datetime) -> Saved:
    """Add entries, of the installation without a workspace; those that are there get the new reason and end.

    All or none; no two of them may name the same. Writes nothing to the audit log.
    """
    number = written = 0
    rest = iter(entries)
    with transaction.atomic():
        before = of_scope(workspace).count()
        while piece := list(islice(rest, PIECE)):
            number += len(piece)
            written += upsert(workspace, piece, actor=actor, now=now)
        new = of_scope(workspace).count() - before
    if new > MANY and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE lists_exclusion")
    return Saved(new=new, changed=written - new, same=number - written)


def of_scope(workspace: Workspace | None) -> QuerySet[Exclusion]:
    """Return the entries of a workspace itself, or of the installation."""
    return Exclusion.objects.filter(workspace=workspace)


# The entries of one JSON list.
ROWS: Final = {
    "postgresql": """SELECT value->>0, value->>1, value->>2, (value->>3)::timestamptz
        FROM jsonb_array_elements(%s::jsonb) AS value""",
    "sqlite": """SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]') FROM json_each(%s)""",
}
UPSERT: Final = """
    INSERT INTO lists_exclusion (workspace_id, kind, value, reason, expires_at, created_by_id, created_at)
    WITH entry(kind, value, reason, expires_at) AS ({rows})
    SELECT {workspace}, kind, value, reason, expires_at, %s, %s FROM entry WHERE TRUE ORDER BY kind, value
    ON CONFLICT ({key}) WHERE workspace_id {scope}
    DO UPDATE SET reason = excluded.reason, expires_at = excluded.expires_at
    WHERE lists_exclusion.reason <> excluded.reason
        OR COALESCE(lists_exclusion.expires_at, {never}) <> COALESCE(excluded.expires_at, {never})
"""
NEVER: Final = {"postgresql": "'infinity'::timestamptz", "sqlite": "''"}


def upsert(workspace: Workspace | None, entries: Sequence[Entry], *, actor: User | None, now: datetime) -> int:
    """Write entries in one statement; return how many were added or changed."""
    sql = UPSERT.format(
        rows=ROWS[connection.vendor],
        never=NEVER[connection.vendor],
        workspace="CAST(%s AS bigint)" if workspace else "NULL",
        key="workspace_id, kind, value" if workspace else "kind, value",
        scope="IS NOT NULL" if workspace else "IS NULL",
    )
    rows = [[entry.kind.value, entry.value, entry.reason, as_text(entry.expires_at)] for entry in entries]
    scope = [workspace.pk] if workspace else []
    with connection.cursor() as cursor:
        author = actor.pk if actor else None
        cursor.execute(sql, [json.dumps(rows), *scope, author, connection.ops.adapt_datetimefield_value(now)])
        return int(cursor.rowcount)


def as_text(moment: datetime | None) -> str | None:
    """Return a time as the database reads it from JSON."""
    if moment is None:
        return None
    if connection.vendor == "postgresql":
        return moment.isoformat()
    return str(connection.ops.adapt_datetimefield_value(moment))


def add_entries(workspace: Workspace | None, entries: Sequence[Entry], *, actor: User, now: datetime) -> Saved:
    """Save what a person wrote into the form, and say so in the audit log."""
    # Twice the same: the later one counts.
    single = {(entry.kind, entry.value): entry for entry in entries}
    first = entries[0]
    with transaction.atomic():
        saved = save_entries(workspace, single.values(), actor=actor, now=now)
        audit.record(
            workspace, actor, "exclusion.create", first.value, rows=len(single), expires=describe_end(first.expires_at)
        )
    return saved


def describe_end(expires_at: datetime | None) -> str:
    """Return the last day of an entry for the audit log; "" where it has none."""
    last_day = last_day_of(expires_at)
    return last_day.isoformat() if last_day else ""


def remove_entry(entry: Exclusion, *, actor: User) -> bool:
    """Delete an entry; False where it is gone already."""
    with transaction.atomic():
        number, _by_model = Exclusion.objects.filter(pk=entry.pk).delete()
        if number:
            audit.record(entry.workspace, actor, "exclusion.delete", entry.value, rows=number)
    return bool(number)


def remove_found(
    workspace: Workspace | None, found: QuerySet[Exclusion], *, actor: User, shown: Mapping[str, str], expected: int
) -> bool:
    """Delete the entries of a search, and say so in the audit log; `shown` is the search in its words.

    False, and nothing is deleted, where they are not as many as `expected`: the person agreed to others.
    """
    with transaction.atomic():
        number, _by_model = found.delete()
        if number != expected:
            transaction.set_rollback(True)
            return False
        words = " ".join(word for word in shown.values() if word)
        audit.record(workspace, actor, "exclusion.delete", words, rows=number)
    return True


def forget_old(*, now: datetime) -> int:
    """Delete entries that have been over for a month; return how many."""
    number, _by_model = Exclusion.objects.filter(expires_at__lte=now - KEEP_OVER).delete()
    return number
