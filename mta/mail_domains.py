"""Which provider serves a domain of unknown name: by its MX, looked up in the background (Google Workspace and others)."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from django.conf import settings

from mta.models import MailDomain

# Names of one query or insert.
BATCH: Final = 1000
# A name of the public DNS in ASCII, of two labels at least (RFC 1035 section 2.3.4), and no address in brackets.
_NAME: Final = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
)


def find_providers(domains: Collection[str]) -> dict[str, str]:
    """Return the provider of each of the domains that were noted; "" where it is none that is known, or not yet."""
    found: dict[str, str] = {}
    for batch in in_batches(domains):
        found |= dict(MailDomain.objects.filter(domain__in=batch).values_list("domain", "provider"))
    return found


def note_domains(domains: Collection[str], *, now: datetime) -> None:
    """Note domains to be looked up; those that are noted already stay as they are."""
    if not settings.MX_LOOKUPS:
        return
    for batch in in_batches(domain for domain in domains if is_plausible(domain)):
        rows = [MailDomain(domain=domain, due_at=now) for domain in batch]
        MailDomain.objects.bulk_create(rows, ignore_conflicts=True)


def is_plausible(domain: str) -> bool:
    """Say whether a domain can be asked for at all; what lists hold need not be one."""
    return _NAME.fullmatch(domain) is not None


def in_batches(domains: Iterable[str]) -> Iterator[list[str]]:
    """Yield the domains in pieces that fit a query, in one order, so that two inserts do not block each other."""
    rest = iter(sorted(domains))
    while batch := list(islice(rest, BATCH)):
        yield batch
