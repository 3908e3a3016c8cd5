"""Takes the addresses of erased people out of what an index leads to: the audit log, staged rows, exclusions, consents."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection
from django.db.models import Count, F
from django.db.models.functions import Greatest

from accounts.audit import entries_about
from accounts.models import AuditEntry, Workspace
from lists.models import Consent, CsvImport, Exclusion, ExclusionKind, ImportState, StagedRow, Subscriber

# What stands where an address stood.
ERASED: Final = "(消去済み)"
# The detail of an entry in the audit log that names the address before it was changed.
FORMER: Final = "was_address"
# A name of a file may be an address with one of these behind it; none of them is a top-level domain.
FILE_ENDING: Final = r"\.(?:csv|tsv|txt|xlsx|xls)(?![A-Za-z0-9._-])"
# Entries of the audit log that are changed at once.
PIECE = 500
# Imports that have no staged rows any more.
OVER = (ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED)


class Words:
    """Some addresses, and how to take them out of texts."""

    def __init__(self, spellings: Collection[str]) -> None:
        # Between what cannot belong to an address (a Japanese letter cannot); one pass for all of them. The shorter
        # of two addresses may be the beginning of the longer one: yahoo.co and yahoo.co.jp.
        whole = "|".join(re.escape(word) for word in sorted(spellings, key=len, reverse=True))
        end = rf"(?={FILE_ENDING})|(?![A-Za-z0-9_-]|\.[A-Za-z0-9])"
        self.pattern = re.compile(rf"(?<![A-Za-z0-9.+_-])(?:{whole})(?:{end})", re.IGNORECASE)

    def scrub(self, value: Any) -> Any:
        """Return a text, or JSON, without the addresses."""
        if isinstance(value, str):
            return self.pattern.sub(ERASED, value) if "@" in value else value
        if isinstance(value, list):
            return [self.scrub(one) for one in value]
        if isinstance(value, dict):
            return {self.scrub(key): self.scrub(one) for key, one in value.items()}
        return value


@dataclass(frozen=True, slots=True)
class Gone:
    """Locked subscribers of one workspace who are being erased, with the addresses that they have and had."""

    workspace: Workspace
    people: Sequence[Subscriber]
    # Lower-case address → number of the subscriber.
    ids: Mapping[str, int]

    @property
    def keys(self) -> list[str]:
        """Return the addresses as they are compared."""
        return sorted(self.ids)

    def parts(self, size: int) -> Iterator[Gone]:
        """Yield the same people, so many at once."""
        for start in range(0, len(self.people), size):
            people = self.people[start : start + size]
            numbers = {person.pk for person in people}
            yield Gone(self.workspace, people, {key: pk for key, pk in self.ids.items() if pk in numbers})


def find_gone(workspace: Workspace, people: Sequence[Subscriber]) -> Gone:
    """Return subscribers with their addresses, also those that they had before and nobody else has now."""
    ids = {spelling.lower(): person.pk for person in people for spelling in (person.address_key, person.address)}
    new: Collection[str] = list(ids)
    # The entries follow a changed address; those that did not stand under the former one.
    while new:
        former = find_former(workspace, {key: ids[key] for key in new})
        others = Subscriber.objects.filter(workspace=workspace, address_key__in=former)
        taken = set(others.values_list("address_key", flat=True))
        new = [key for key in former if key not in ids and key not in taken]
        ids |= {key: former[key] for key in new}
    return Gone(workspace, people, ids)


def find_former(workspace: Workspace, ids: Mapping[str, int]) -> dict[str, int]:
    """Return the addresses, lower-case, that were changed to these."""
    edited = entries_about(workspace.pk, ids).filter(action="subscriber.edited", detail__has_key=FORMER)
    targets = {key[:200]: pk for key, pk in ids.items()}
    return {
        str(detail[FORMER]).lower(): targets[target.lower()]
        for target, detail in edited.values_list("target", "detail").iterator(chunk_size=PIECE)
    }


def scrub_traces(gone: Gone) -> None:
    """Take the addresses of up to some hundred people out of the tables of this app and the audit log."""
    words = Words(gone.keys)
    scrub_log(gone, words)
    drop_staged(gone)
    # Nobody sends to who is erased, and an entry would keep the address.
    Exclusion.objects.filter(workspace=gone.workspace, kind=ExclusionKind.ADDRESS, value__in=gone.keys).delete()
    consents = Consent.objects.filter(subscriber__in=gone.people, evidence__contains="@")
    for pk, evidence in consents.values_list("pk", "evidence"):
        Consent.objects.filter(pk=pk).update(evidence=words.scrub(evidence))


def scrub_log(gone: Gone, words: Words) -> None:
    """Name people in the audit log by their number.

    The only time that an entry is changed beside the one when an address is (`lists.editing`).
    """
    targets = {key[:200]: pk for key, pk in gone.ids.items()}
    about = entries_about(gone.workspace.pk, gone.ids)
    # An entry that was changed is not found again.
    while entries := list(about[:PIECE]):
        for entry in entries:
            entry.target = f"#{targets[entry.target.lower()]}"
            entry.detail.pop(FORMER, None)
            entry.detail = words.scrub(entry.detail)
        write_entries(entries)


def write_entries(entries: Sequence[AuditEntry]) -> None:
    """Store targets and details, a short statement each in one batch (see `recounting.write_counts`)."""
    detail = AuditEntry._meta.get_field("detail")
    rows = [(entry.target, detail.get_db_prep_save(entry.detail, connection), entry.pk) for entry in entries]
    table = connection.ops.quote_name(AuditEntry._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET target = %s, detail = %s WHERE id = %s", rows)  # noqa: S608


def drop_staged(gone: Gone) -> None:
    """Take people out of the files that wait to be merged, or the merge would bring them back."""
    waiting = CsvImport.objects.filter(workspace=gone.workspace).exclude(state__in=OVER).values_list("pk", flat=True)
    staged = StagedRow.objects.filter(csv_import__in=list(waiting), address_key__in=gone.keys)
    numbers = dict(staged.order_by().values_list("csv_import").annotate(Count("pk")))
    staged.delete()
    for pk, number in numbers.items():
        # While a file is being read its rows are not counted yet; where the number is wrong it is read again.
        CsvImport.objects.filter(pk=pk).update(rows_staged=Greatest(F("rows_staged") - number, 0))
