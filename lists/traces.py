"""Takes the addresses of erased people out of what else is kept about lists: the audit log, imports, jobs, segments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db.models import Count, F, QuerySet
from django.db.models.functions import Greatest, Lower

from accounts.models import AuditEntry, Workspace
from lists.models import (
    BulkJob,
    ColumnMemory,
    Consent,
    CsvImport,
    Exclusion,
    ExclusionKind,
    RejectedRow,
    Segment,
    StagedRow,
    Subscriber,
)

# What stands where an address stood.
ERASED: Final = "(消去済み)"
# The detail of an entry in the audit log that names the address before it was changed.
FORMER: Final = "was_address"
# For so many people at once also parts of a text are looked at, for more only whole texts.
FEW: Final = 20


class Words:
    """The addresses of some people, by spelling, and how to take them out of texts."""

    def __init__(self, spellings: Mapping[str, int]) -> None:
        self.ids = {spelling.lower(): pk for spelling, pk in spellings.items() if spelling}
        self.all = sorted(self.ids)
        # Between what cannot belong to an address (a Japanese letter cannot); one pass for all of them.
        whole = "|".join(re.escape(word) for word in sorted(self.all, key=len, reverse=True))
        self.pattern = re.compile(rf"(?<![A-Za-z0-9.+_-])(?:{whole})(?![A-Za-z0-9_-])", re.IGNORECASE)

    @classmethod
    def of(cls, people: Sequence[Subscriber]) -> Words:
        """Return the addresses that people have, as they were typed and as they are compared."""
        return cls({spelling: person.pk for person in people for spelling in (person.address, person.address_key)})

    def scrub(self, value: Any) -> Any:
        """Return a text, or JSON, without the addresses."""
        if isinstance(value, str):
            return self.pattern.sub(ERASED, value)
        if isinstance(value, list):
            return [self.scrub(one) for one in value]
        if isinstance(value, dict):
            return {self.scrub(key): self.scrub(one) for key, one in value.items()}
        return value


def scrub_traces(workspace: Workspace, people: Sequence[Subscriber]) -> None:
    """Take the addresses of up to some hundred people out of the tables of this app and the audit log."""
    words = scrub_log(workspace, Words.of(people))
    drop_staged(workspace, words)
    scrub_rejected(workspace, words)
    # Nobody sends to who is erased, and an entry would keep the address.
    Exclusion.objects.filter(workspace=workspace, kind=ExclusionKind.ADDRESS, value__in=words.all).delete()
    scrub_rows(CsvImport.objects.filter(workspace=workspace), ("filename", "headers", "forecast", "message"), words)
    scrub_rows(BulkJob.objects.filter(workspace=workspace), ("search", "argument", "why"), words)
    scrub_rows(Segment.objects.filter(workspace=workspace), ("conditions",), words)
    scrub_rows(Consent.objects.filter(subscriber__in=people), ("evidence",), words)
    # A file without a header, whose first person was taken for one.
    ColumnMemory.objects.alias(small=Lower("header")).filter(workspace=workspace, small__in=words.all).delete()


def scrub_log(workspace: Workspace, words: Words) -> Words:
    """Name people in the audit log by their number; return the words, with the addresses that they had before.

    The only time that an entry is changed beside the one when an address is (`lists.editing`).
    """
    targets = {word[:200]: pk for word, pk in words.ids.items()}
    about = AuditEntry.objects.alias(small=Lower("target")).filter(workspace=workspace, small__in=list(targets))
    entries = list(about)
    former = {str(entry.detail.pop(FORMER, "")): targets[entry.target.lower()] for entry in entries}
    words = Words({**former, **words.ids})
    for entry in entries:
        entry.target = f"#{targets[entry.target.lower()]}"
        entry.detail = words.scrub(entry.detail)
    AuditEntry.objects.bulk_update(entries, ["target", "detail"], batch_size=200)
    return words


def drop_staged(workspace: Workspace, words: Words) -> None:
    """Take people out of the files that wait to be merged, or the merge would bring them back."""
    staged = StagedRow.objects.filter(csv_import__workspace=workspace, address_key__in=words.all)
    numbers = dict(staged.order_by().values_list("csv_import").annotate(Count("pk")))
    staged.delete()
    for pk, number in numbers.items():
        # While a file is being read its rows are not counted yet; where the number is wrong it is read again.
        CsvImport.objects.filter(pk=pk).update(rows_staged=Greatest(F("rows_staged") - number, 0))


def scrub_rejected(workspace: Workspace, words: Words) -> None:
    """Blank the cells of refused rows that hold an address."""
    rejected = RejectedRow.objects.filter(csv_import__workspace=workspace)
    if len(words.all) > FEW * 2:
        rejected.alias(small=Lower("value")).filter(small__in=words.all).update(value=ERASED)
        return
    for word in words.all:
        rejected.filter(value__icontains=word).update(value=ERASED)


def scrub_rows(rows: QuerySet[Any], fields: Sequence[str], words: Words) -> None:
    """Take the addresses out of texts and JSON of a small table."""
    for row in rows.only("pk", *fields).iterator(chunk_size=500):
        changed = []
        for name in fields:
            value = getattr(row, name)
            if (scrubbed := words.scrub(value)) != value:
                setattr(row, name, scrubbed)
                changed.append(name)
        if changed:
            row.save(update_fields=changed)
