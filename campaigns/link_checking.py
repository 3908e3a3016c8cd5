"""Asks for the links and pictures of a draft; what comes out are addresses, words of ours and figures."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from campaigns.preflight.content import Content
from campaigns.preflight.markup import urls_in
from campaigns.public_hosts import is_public, is_public_or_loopback
from campaigns.web_asking import BROKEN, Asked, Asker, Verdict, ask
from senders.dns import DnsResolver
from senders.dns_budget import BudgetResolver

# All of a draft's together, in seconds: a worker has others to serve.
SECONDS: Final = 8.0
MOST_LINKS: Final = 50
MOST_PICTURES: Final = 30
LONGEST: Final = 2000
AT_ONCE: Final = 8
# Seconds of one question to the DNS, and how many there may be: every host of every redirect by two types.
DNS_SERVER_SECONDS: Final = 1.0
DNS_SECONDS: Final = 2.0
DNS_QUESTIONS: Final = 200
# What is said to have a value of its own for each recipient cannot be asked for.
BRACES: Final = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class Targets:
    """What is asked for; each address once."""

    links: tuple[str, ...]
    pictures: tuple[str, ...]


def targets_of(contents: Iterable[Content]) -> Targets:
    """Return the addresses of a draft and its variants that are the same for everybody, save those of our own pages."""
    links: list[str] = []
    pictures: list[str] = []
    for content in contents:
        facts = content.facts
        links += [link.href for link in facts.links] if facts else []
        links += urls_in(content.body.text)
        pictures += [picture.src for picture in facts.pictures] if facts else []
    return Targets(pick(links, MOST_LINKS), pick(pictures, MOST_PICTURES))


def pick(urls: Iterable[str], most: int) -> tuple[str, ...]:
    """Return the first few addresses that may be asked for."""
    return tuple(dict.fromkeys(url for url in urls if is_askable(url)))[:most]


def is_askable(url: str) -> bool:
    """Say whether an address is one of a page, without a merge tag, and of no page of ours."""
    if len(url) > LONGEST or BRACES.search(url) or not url.lower().startswith(("http://", "https://")):
        return False
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return host is not None and host not in own_hosts()


def own_hosts() -> frozenset[str]:
    """Return the hosts of our own pages."""
    return frozenset(filter(None, [urlsplit(settings.BASE_URL).hostname]))


def make_asker() -> Asker:
    """Return how this installation asks: by its resolver, for the open internet, from now on for as long as one check may."""
    resolver = DnsResolver(settings.DNS_SERVERS, server_timeout=DNS_SERVER_SECONDS, question_timeout=DNS_SECONDS)
    return Asker(
        BudgetResolver(resolver, seconds=SECONDS - DNS_SECONDS, questions=DNS_QUESTIONS),
        until=time.monotonic() + SECONDS,
        own=own_hosts(),
        may_ask=is_public_or_loopback if settings.LINK_CHECK_PRIVATE else is_public,
    )


def check_targets(targets: Targets, asker: Asker) -> dict[str, Any]:
    """Return what came of asking for each address: `broken` and `unsure` with the verdict and status, `sizes` of pictures.

    `asked` is the number of addresses, `told` that of those which anything is known of.
    """
    urls = list(dict.fromkeys([*targets.links, *targets.pictures]))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="links") as threads:
        found = dict(zip(urls, threads.map(lambda url: ask(asker, url), urls), strict=True))
    broken = {url: asked for url, asked in found.items() if asked.verdict in BROKEN}
    unsure = {url: asked for url, asked in found.items() if asked.verdict not in BROKEN | {Verdict.THERE}}
    return {
        "asked": len(found),
        "told": len(found) - len(unsure),
        "broken": rows_of(broken),
        "unsure": rows_of(unsure),
        "sizes": {url: size for url in targets.pictures if (size := found[url].size) is not None},
    }


def rows_of(found: dict[str, Asked]) -> list[list[Any]]:
    """Return addresses with verdict and status, as they are stored."""
    return [[url, asked.verdict, asked.status] for url, asked in found.items()]
