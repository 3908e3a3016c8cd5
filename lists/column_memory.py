"""Keeps what the columns of a file were, for the next file of the list and for the workspace's new lists."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lists.columns import LEFT_OUT
from lists.models import ColumnMemory, MailingList

MAX_HEADER = 200
# What is longer is no header that a person reads.
LONGEST = 1000
# So long nothing was imported with a header: then it is forgotten.
KEEP = timedelta(days=3 * 365)


def fold_header(header: str) -> str:
    """Return a header as headers are compared: "E-mail", "お名前（漢字）", "mail_address" lose signs and spaces."""
    # Cut first: folding takes quadratic time where somebody writes nothing but accents.
    folded = unicodedata.normalize("NFKC", header[:LONGEST]).casefold()
    return re.sub(r"[\s\W_]+", "", folded)[:MAX_HEADER]


def recall(mailing_list: MailingList, headers: Sequence[str]) -> dict[str, str]:
    """Return header → target, for the headers whose meaning is known: of the list, else of the workspace.

    A target is as in CsvImport.columns, or "-" for a column that was left out.
    """
    folded = {header: fold_header(header) for header in headers}
    # Of a header that stands there twice nobody knows which one was meant.
    unique = {header: key for header, key in folded.items() if key and list(headers).count(header) == 1}
    rows = ColumnMemory.objects.filter(workspace=mailing_list.workspace, header__in=set(unique.values()))
    known: dict[str, str] = {}
    found = rows.filter(mailing_list=None) | rows.filter(mailing_list=mailing_list)
    for header, target, of_list in found.values_list("header", "target", "mailing_list"):
        if of_list or header not in known:
            known[header] = target
    return {header: known[key] for header, key in unique.items() if key in known}


def remember(mailing_list: MailingList, headers: Sequence[str], columns: Mapping[str, str], now: datetime) -> None:
    """Keep what each header (of a file that had one) meant: `columns` is column number (as text) → target."""
    targets: dict[str, str] = {}
    twice: set[str] = set()
    for number, header in enumerate(headers):
        key = fold_header(header)
        if key in targets:
            twice.add(key)
        targets[key] = columns.get(str(number), LEFT_OUT)
    kept = {key: target for key, target in targets.items() if key and key not in twice}
    for of_list in (mailing_list, None):
        rows = [
            ColumnMemory(
                workspace=mailing_list.workspace, mailing_list=of_list, header=key, target=target[:60], used_at=now
            )
            for key, target in kept.items()
        ]
        _store(rows, of_list)


def _store(rows: list[ColumnMemory], of_list: MailingList | None) -> None:
    if not rows:
        return
    owner = rows[0].workspace
    old = ColumnMemory.objects.filter(workspace=owner, mailing_list=of_list, header__in=[row.header for row in rows])
    old.delete()
    # Another import may have stored the same header just now; one of the two is as good.
    ColumnMemory.objects.bulk_create(rows, ignore_conflicts=True)
    ColumnMemory.objects.filter(workspace=owner, mailing_list=of_list, used_at__lt=rows[0].used_at - KEEP).delete()
