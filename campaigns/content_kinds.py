"""What is asked of others about a draft, by kind: whether this installation asks, about what, and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from campaigns.draft_mails import draft_mail
from campaigns.link_checking import check_targets, make_asker, targets_of
from campaigns.models import CheckState, ContentCheckKind
from campaigns.preflight.content import Content
from campaigns.spam_checking import ask_spamd

Result = tuple[CheckState, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`digest` tells what is asked about, "" where there is nothing; `check` asks, which takes seconds."""

    is_on: Callable[[], bool]
    digest: Callable[[Content], str]
    check: Callable[[Content], Result]


def links_digest(content: Content) -> str:
    """Return the digest of the addresses of a draft."""
    targets = targets_of(content)
    return digest_of([targets.links, targets.pictures]) if targets.links or targets.pictures else ""


def check_links(content: Content) -> Result:
    """Ask for the addresses of a draft; it failed where nothing is known of any."""
    result = check_targets(targets_of(content), make_asker())
    return (CheckState.DONE if result["told"] else CheckState.FAILED), result


def words_digest(content: Content) -> str:
    """Return the digest of what a SpamAssassin judges."""
    campaign = content.campaign
    return digest_of([campaign.subject, content.body.text, content.body.html, campaign.sender_id])


def check_spam(content: Content) -> Result:
    """Have a draft judged; it failed where the SpamAssassin cannot be asked."""
    result = ask_spamd(settings.SPAMD_ADDRESS, draft_mail(content.campaign))
    return (CheckState.DONE if result else CheckState.FAILED), result


def digest_of(thing: object) -> str:
    """Return SHA-256 of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(thing).encode()).hexdigest()


KINDS: Final = {
    ContentCheckKind.LINKS: Kind(lambda: settings.LINK_CHECKS, links_digest, check_links),
    ContentCheckKind.SPAM: Kind(lambda: bool(settings.SPAMD_ADDRESS), words_digest, check_spam),
}


def digests_of(content: Content) -> dict[ContentCheckKind, str]:
    """Return what is to be asked about a draft, by kind."""
    return {kind: digest for kind, way in KINDS.items() if way.is_on() and (digest := way.digest(content))}
