"""Which provider serves a domain of unknown name: by its MX, in the background or while a mailing is prepared."""

import asyncio
import random
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from dns.resolver import NoResolverConfiguration

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
# A starting mailing waits for so many seconds in all, in looks of at most so many, and for an answer of the DNS for so
# many: those that are slower are looked up later.
LONGEST_WAIT: Final = 30.0
LONGEST_LOOK: Final = 3.0
LONGEST_ANSWER: Final = 1.5
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
# One that is noted stays as it is.
NOTE: Final = (
    f"INSERT INTO {MailDomain._meta.db_table} (domain, provider, due_at) VALUES (%s, '', %s) ON CONFLICT DO NOTHING"  # noqa: S608
)


def find_providers(domains: Collection[str]) -> dict[str, str]:
    """Return the provider of each of the domains that were looked up; "" where it is none that is known."""
    found: dict[str, str] = {}
    known = MailDomain.objects.exclude(provider="", looked_up_at=None)
    for batch in in_batches(domains):
        found |= dict(known.filter(domain__in=batch).values_list("domain", "provider"))
    return found


def note_domains(domains: Collection[str], *, now: datetime) -> None:
    """Note domains to be looked up; those that are noted already stay as they are."""
    if not settings.MX_LOOKUPS:
        return
    unknown = (domain for domain in domains if is_plausible(domain) and provider_of(domain) == OTHER)
    due_at = connection.ops.adapt_datetimefield_value(now)
    for batch in in_batches(unknown):
        # A starting campaign waits for this: a row for each model, as bulk_create makes them, takes four times as long.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(NOTE, [(domain, due_at) for domain in batch])


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
    rows = take_due(MailDomain.objects.all(), now=now, limit=limit)
    answers = asyncio.run(ask([row.domain for row in rows], resolver or default_resolver(), seconds=seconds))
    store_answers(rows, answers, now=now, chance=chance)
    return sum(provider is not None for provider in answers.values())


def take_due(rows: QuerySet[MailDomain], *, now: datetime, limit: int) -> list[MailDomain]:
    """Return the due ones of some domains, the longest waiting first, and keep them from other tasks for the lease."""
    with transaction.atomic():
        due = rows.filter(due_at__lte=now).order_by("due_at").select_for_update(skip_locked=True)
        found = list(due[:limit])
        MailDomain.objects.filter(pk__in=[row.pk for row in found]).update(due_at=now + LEASE)
    return found


def store_answers(
    rows: Iterable[MailDomain], answers: Mapping[str, str | None], *, now: datetime, chance: Callable[[], float]
) -> None:
    """Write down what the DNS said of domains, and when to ask again."""
    asked = [row for row in rows if row.domain in answers]
    for row in asked:
        provider = answers[row.domain]
        wait = AGAIN_AFTER_FAILURE if provider is None else AGAIN
        row.due_at = now + wait * (1 + SPREAD * (2 * chance() - 1))
        if provider is not None:
            row.provider, row.looked_up_at = provider, now
    MailDomain.objects.bulk_update(asked, ["provider", "looked_up_at", "due_at"], batch_size=BATCH)


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


def impatient_resolver() -> MxResolver:
    """Return a resolver that waits for no answer for long. Raises NoResolverConfiguration."""
    servers = settings.DNS_SERVERS
    return MxResolver(servers, server_timeout=LONGEST_ANSWER, question_timeout=LONGEST_ANSWER)


class Enquiry:
    """Looks up domains while somebody waits for it, for so many seconds at most in all, however often it is asked.

    Where the DNS is dead it is not waited for again. What was not answered is left to the background.
    """

    def __init__(
        self,
        *,
        make_resolver: Callable[[], MxResolver] = impatient_resolver,
        seconds: float = LONGEST_WAIT,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._make_resolver = make_resolver
        self._left = seconds
        self._clock = clock

    def ask_about(self, domains: Collection[str], *, now: datetime, on_look: Callable[[], object]) -> bool:
        """Note domains and look them up; return whether a provider was found. `on_look` is called before each look."""
        if not settings.MX_LOOKUPS or not domains:
            return False
        note_domains(domains, now=now)
        if self._left <= 0:
            return False
        batches = (MailDomain.objects.filter(domain__in=batch) for batch in in_batches(domains))
        rows = [row for batch in batches for row in take_due(batch, now=now, limit=BATCH)]
        has_found = False
        while rows and self._left > 0:
            on_look()
            began = self._clock()
            answers = self._look([row.domain for row in rows])
            store_answers(rows, answers, now=now, chance=random.random)
            self._left -= self._clock() - began
            has_found = has_found or any(answers.values())
            rows = [row for row in rows if row.domain not in answers]
        return has_found

    def _look(self, domains: Sequence[str]) -> dict[str, str | None]:
        answers: dict[str, str | None] = {}
        is_alive = False
        # A machine that names no DNS has none.
        with suppress(NoResolverConfiguration):
            answers, is_alive = asyncio.run(self._ask(domains, self._make_resolver()))
        if not is_alive:
            self._left = 0.0
        return answers

    async def _ask(self, domains: Sequence[str], resolver: MxResolver) -> tuple[dict[str, str | None], bool]:
        answers = await ask(domains, resolver, seconds=min(self._left, LONGEST_LOOK))
        return answers, any(answer is not None for answer in answers.values()) or await resolver.is_alive()
