"""Asks the DNS which domains take no mail: so many at most, so many at once, for so long; an outage is no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from mta.mx import CouldNotAsk, MxResolver, NoServer, Servers

# Our own caution: a small installation's DNS is that of a home router. The domains of most rows are asked first.
MOST_DOMAINS: Final = 10_000
LOOKUPS_AT_ONCE: Final = 30
LONGEST: Final = 60.0
# These take mail as long as this product is of use. A DNS that knows none of them, as in a network without an outside,
# would call every domain missing: its answers are none.
SURELY_THERE: Final = ("gmail.com", "yahoo.co.jp", "docomo.ne.jp")
# A DNS that gave no answer at all to the first so many questions gives none to the rest either.
SILENT_AFTER: Final = 60


@dataclass(slots=True)
class Answers:
    """What the DNS said. `missing` take no mail; `unknown` could not be asked, or were not for want of time."""

    asked: int = 0
    is_blind: bool = False
    missing: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    answered: int = 0

    def note(self, domain: str, found: object) -> None:
        """Take one answer."""
        self.asked += 1
        if isinstance(found, CouldNotAsk):
            return
        self.answered += 1
        self.unknown.discard(domain)
        if isinstance(found, NoServer):
            self.missing.add(domain)

    def is_silent(self) -> bool:
        """Say whether the DNS is out of reach, or knows nothing of the world."""
        return self.is_blind or (self.asked >= SILENT_AFTER and not self.answered)


def look_up(
    counts: Mapping[str, int],
    resolver: MxResolver,
    *,
    tell: Callable[[int, int], None] = lambda asked, total: None,
    limit: int = MOST_DOMAINS,
    seconds: float = LONGEST,
) -> Answers:
    """Ask for the domains of a file (domain → number of rows); `tell` hears how many of how many were asked.

    What `tell` raises ends the asking and is raised.
    """
    domains = sorted(counts, key=lambda domain: -counts[domain])
    answers = Answers(unknown=set(domains))
    asyncio.run(ask_all(domains[:limit], resolver, answers, tell=tell, seconds=seconds))
    return answers


async def ask_all(
    domains: list[str],
    resolver: MxResolver,
    answers: Answers,
    *,
    tell: Callable[[int, int], None],
    seconds: float,
) -> None:
    """Ask for the domains, some at a time, until all are answered, the time is over or the DNS is silent."""
    if not await sees_the_world(resolver):
        answers.is_blind = True
        return
    waiting = iter(domains)

    async def ask_one_after_the_other() -> None:
        for domain in waiting:
            answers.note(domain, await resolver.find_servers(domain))
            tell(answers.asked, len(domains))
            if answers.is_silent():
                return

    tasks = [asyncio.ensure_future(ask_one_after_the_other()) for _turn in range(min(LOOKUPS_AT_ONCE, len(domains)))]
    with suppress(TimeoutError):
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def sees_the_world(resolver: MxResolver) -> bool:
    """Say whether the DNS knows one of the domains that are surely there."""
    for domain in SURELY_THERE:
        if isinstance(await resolver.find_servers(domain), Servers):
            return True
    return False
