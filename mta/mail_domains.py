"""Which provider serves a domain of unknown name: by its MX, looked up in the background (Google Workspace and others)."""

import asyncio
import random
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.conf import settings
from django.db import transaction

from mta.models import MailDomain
from mta.mx import CouldNotAsk, MxResolver, Servers, default_resolver
from mta.providers import OTHER, provider_of, provider_of_mx

# Names of one query or insert.
BATCH: Final = 1000
# Domains that one task looks up, so many at once, and how long it goes on, in seconds. Our own caution: a small
# installation's DNS is that of a home router.
DOMAINS_A_TASK: Final = 300
LOOKUPS_AT_ONCE: Final = 30
LONGEST_TASK: Final = 8.0
# A domain that a task has taken is nobody else's for this long; one that was not reached in time is due again then.
LEASE: Final = timedelta(minutes=2)
# When a domain is looked up again: its provider changes rarely, a failure of the DNS passes. Spread by a quarter, so
# that the domains of one list do not come due together for ever.
AGAIN: Final = timedelta(days=14)
AGAIN_AFTER_FAILURE: Final = timedelta(hours=1)
SPREAD: Final = 0.25
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
    unknown = (domain for domain in domains if is_plausible(domain) and provider_of(domain) == OTHER)
    for batch in in_batches(unknown):
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


def is_any_due(*, now: datetime) -> bool:
    """Say whether a domain is to be looked up."""
    return settings.MX_LOOKUPS and MailDomain.objects.filter(due_at__lte=now).exists()


def look_up_due(
    *,
    now: datetime,
    resolver: MxResolver | None = None,
    limit: int = DOMAINS_A_TASK,
    seconds: float = LONGEST_TASK,
    chance: Callable[[], float] = random.random,
) -> int:
    """Look up the mail servers of up to `limit` due domains for at most so many seconds; return how many answered.

    What the DNS could not say leaves a domain as it was, to be asked about sooner than one that has its answer.
    """
    if not settings.MX_LOOKUPS:
        return 0
    rows = take_due(now=now, limit=limit)
    answers = asyncio.run(ask([row.domain for row in rows], resolver or default_resolver(), seconds=seconds))
    asked = [row for row in rows if row.domain in answers]
    for row in asked:
        provider = answers[row.domain]
        wait = AGAIN_AFTER_FAILURE if provider is None else AGAIN
        row.due_at = now + wait * (1 + SPREAD * (2 * chance() - 1))
        if provider is not None:
            row.provider, row.looked_up_at = provider, now
    MailDomain.objects.bulk_update(asked, ["provider", "looked_up_at", "due_at"])
    return sum(provider is not None for provider in answers.values())


def take_due(*, now: datetime, limit: int) -> list[MailDomain]:
    """Return due domains, the longest waiting first, and keep them from other tasks for the time of the lease."""
    due = MailDomain.objects.filter(due_at__lte=now).order_by("due_at")
    with transaction.atomic():
        rows = list(due.select_for_update(skip_locked=True)[:limit])
        MailDomain.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=now + LEASE)
    return rows


async def ask(domains: Sequence[str], resolver: MxResolver, *, seconds: float) -> dict[str, str | None]:
    """Return the provider of each domain by its servers: "" = none that is known, None = the DNS did not say.

    A domain that was not reached in time is left out.
    """
    answers: dict[str, str | None] = {}
    turn = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def ask_about(domain: str) -> None:
        async with turn:
            found = await resolver.find_servers(domain)
        if isinstance(found, CouldNotAsk):
            answers[domain] = None
        else:
            provider = provider_of_mx(found.hosts()) if isinstance(found, Servers) else OTHER
            answers[domain] = "" if provider == OTHER else provider

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(ask_about(domain) for domain in domains))
    return answers
