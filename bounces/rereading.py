"""Lets notices be read again that counted nothing, as after the rules were changed."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from bounces import rule_digest
from bounces.models import NoticeState, RawNotice
from bounces.notice_lists import COUNT_UP_TO

# What was counted is never read again; what is read again counts at most once, as everything does.
REREADABLE = (NoticeState.UNMATCHED, NoticeState.BROKEN, NoticeState.IGNORED)
# Rows of one UPDATE, and of one click.
CHUNK = 500
AT_ONCE = 10_000


def outdated(notices: QuerySet[RawNotice]) -> list[QuerySet[RawNotice]]:
    """Keep what was read under other rules than today's: two sets, since an index serves each of them."""
    rereadable = notices.filter(state__in=REREADABLE)
    return [rereadable.filter(rules__lt=rule_digest.CURRENT), rereadable.filter(rules__gt=rule_digest.CURRENT)]


def count_outdated(sources: Sequence[QuerySet[RawNotice]]) -> int:
    """Return how many notices were read under other rules than today's, at most about COUNT_UP_TO of each set."""
    return sum(part.order_by()[:COUNT_UP_TO].count() for notices in sources for part in outdated(notices))


def read_outdated_again(sources: Sequence[QuerySet[RawNotice]], *, at_most: int = AT_ONCE) -> int:
    """Let notices that were read under other rules be read again, the newest first; return how many."""
    return sum(read_again(part, at_most=at_most) for notices in sources for part in outdated(notices))


def read_again(notices: QuerySet[RawNotice], *, at_most: int) -> int:
    """Set notices back to unread, chunk by chunk, each a transaction of its own; return how many."""
    done = 0
    while done < at_most:
        rereadable = notices.filter(state__in=REREADABLE).order_by("-pk")
        chunk = list(rereadable.values_list("pk", flat=True)[: min(CHUNK, at_most - done)])
        if not chunk:
            break
        done += RawNotice.objects.filter(pk__in=chunk, state__in=REREADABLE).update(
            state=NoticeState.NEW, tries=0, lease_until=None, note=""
        )
    return done
