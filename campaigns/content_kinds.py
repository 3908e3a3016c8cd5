"""What is asked of others about a draft, by kind: whether this installation asks, about what, and how."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from campaigns.draft_mails import draft_mail
from campaigns.link_checking import check_targets, make_asker, targets_of
from campaigns.models import CheckState, ContentCheckKind
from campaigns.preflight.content import Content
from campaigns.spam_checking import SECONDS, ask_spamd

# A mailing and its variants.
Contents = Sequence[Content]
Result = tuple[CheckState, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`digest` tells what is asked about, "" where there is nothing; `check` asks, which takes seconds."""

    is_on: Callable[[], bool]
    digest: Callable[[Contents], str]
    check: Callable[[Contents], Result]


def links_digest(contents: Contents) -> str:
    """Return the digest of the addresses of a draft."""
    targets = targets_of(contents)
    return digest_of([targets.links, targets.pictures]) if targets.links or targets.pictures else ""


def check_links(contents: Contents) -> Result:
    """Ask for the addresses of a draft; it failed where nothing is known of any."""
    result = check_targets(targets_of(contents), make_asker())
    return (CheckState.DONE if result["told"] else CheckState.FAILED), result


def words_digest(contents: Contents) -> str:
    """Return the digest of what a SpamAssassin judges."""
    return digest_of([[one.campaign.subject, one.body.text, one.body.html, one.campaign.sender_id] for one in contents])


def check_spam(contents: Contents) -> Result:
    """Have a draft and its variants judged, and return the worst; it failed where one of them cannot be asked about."""
    end = time.monotonic() + SECONDS
    results = [
        ask_spamd(settings.SPAMD_ADDRESS, draft_mail(one.campaign), seconds=end - time.monotonic()) for one in contents
    ]
    if not all(results):
        return CheckState.FAILED, {}
    return CheckState.DONE, max(results, key=lambda result: result["score"])


def digest_of(thing: object) -> str:
    """Return SHA-256 of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(thing).encode()).hexdigest()


KINDS: Final = {
    ContentCheckKind.LINKS: Kind(lambda: settings.LINK_CHECKS, links_digest, check_links),
    ContentCheckKind.SPAM: Kind(lambda: bool(settings.SPAMD_ADDRESS), words_digest, check_spam),
}


def digests_of(contents: Contents) -> dict[ContentCheckKind, str]:
    """Return what is to be asked about a draft, by kind."""
    return {kind: digest for kind, way in KINDS.items() if way.is_on() and (digest := way.digest(contents))}
