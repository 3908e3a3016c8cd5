"""Decides how fast a provider takes our mail: slower when it asks for that, a pause when it goes on asking, then back.

Nothing here reads a clock, a row or a socket. All figures of this module are our own caution: no provider says by how
much it wants less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from mta.outcomes import Outcome, Result
from mta.providers import OTHER
from mta.replies import classify
from mta.verdicts import Phase, Reason

# What other turns still meet of the same trouble is not counted again.
SETTLE: Final = timedelta(seconds=30)
# Without a complaint, a level is given back after this long.
IMPROVE: Final = timedelta(minutes=3)
HIGHEST: Final = 6
# From this level on, a further complaint suspends: the first time this long, doubling up to the longest.
SUSPEND_FROM: Final = 3
FIRST_SUSPENSION: Final = timedelta(minutes=5)
LONGEST_SUSPENSION: Final = timedelta(hours=1)
# Nothing accepted and so many asked for less: suspended at once.
REFUSED_ALL: Final = 5

# A clear request counts from this share of a turn on. 'other' is many servers, and one of them does not speak for all.
ASKED_SHARE: Final = 0.01
ASKED_SHARE_OTHER: Final = 0.2
ASKED_LEAST_OTHER: Final = 5
# What may be a single mailbox's trouble counts only where most of a turn meets it.
DELAYED_SHARE: Final = 0.5
DELAYED_LEAST: Final = 5

# Rules about one recipient's own mailbox, and about the recipients of one mail, of which ours have one.
OF_ONE_RECIPIENT: Final = frozenset({"gmail-recipient-rate", "status-recipients"})
VAGUE: Final = frozenset({Reason.TEMPORARY, Reason.POLICY, Reason.UNKNOWN})

# The reply is shown to everybody who sends to the provider by this route, the address is one customer's.
_ADDRESS = re.compile(r"<?[^\s<>()\[\]:;,@]{1,320}@[^\s<>()\[\]:;,@]{1,255}>?")


class Sign(Enum):
    """What one reply says of our speed."""

    NOTHING = auto()
    # May be a mailbox's trouble, or the server's own.
    DELAYED = auto()
    # Asks for less, in words or by a code of the provider's own.
    ASKED = auto()
    # The connection was held off before any recipient was named; only a receiver's own server means us by that.
    HELD_OFF = auto()


def read_sign(outcome: Outcome) -> Sign:
    """Return what an outcome says of our speed."""
    is_temporary = outcome.code is not None and 400 <= outcome.code < 500
    if outcome.result is Result.ROUTE_FAULT:
        # au: a server that blocks or is congested answers with a TCP reset, https://www.au.com/mobile/service/attention/specification/
        return Sign.HELD_OFF if is_temporary or outcome.phase is Phase.CONNECT else Sign.NOTHING
    if outcome.result not in (Result.DEFERRED, Result.REFUSED):
        return Sign.NOTHING
    verdict = classify(outcome.code, outcome.status, outcome.text, outcome.phase, outcome.host)
    if verdict.rule in OF_ONE_RECIPIENT or is_greylisting(outcome.text):
        return Sign.NOTHING
    if verdict.reason is Reason.RATE_LIMITED or (is_temporary and verdict.reason is Reason.REPUTATION):
        return Sign.ASKED
    if verdict.reason is Reason.REPUTATION or (outcome.code in (421, 450, 451) and verdict.reason in VAGUE):
        return Sign.DELAYED
    return Sign.NOTHING


def is_greylisting(text: str) -> bool:
    """Say whether a reply calls itself greylisting (RFC 6647): every new recipient meets that once."""
    lowered = text.lower()
    return any(word in lowered for word in ("greylist", "graylist", "grey list", "gray list"))


@dataclass(slots=True)
class Replies:
    """What was said in one turn, told outcome by outcome."""

    began: datetime
    tried: int = 0
    accepted: int = 0
    # The first outcome of each sign, and how many there were.
    first: dict[Sign, Outcome] = field(default_factory=dict)
    number: dict[Sign, int] = field(default_factory=dict)

    def see(self, outcome: Outcome) -> None:
        """Take in an outcome."""
        if outcome.result in (Result.WITHDRAWN, Result.UNTOUCHED):
            return
        self.tried += 1
        if outcome.result is Result.ACCEPTED:
            self.accepted += 1
            return
        sign = read_sign(outcome)
        if sign is not Sign.NOTHING:
            self.first.setdefault(sign, outcome)
            self.number[sign] = self.number.get(sign, 0) + 1

    def per_minute(self, *, now: datetime) -> int:
        """Return how many mails a minute were tried; at least 60, so that a short turn says nothing absurd."""
        seconds = max((now - self.began).total_seconds(), 1.0)
        return max(60, round(self.tried / seconds * 60))


def find_complaint(replies: Replies, provider: str, *, is_direct: bool) -> Outcome | None:
    """Return a reply that asks for less, where enough of a turn say so; else None.

    Over a relay, a connection that was held off is the relay's own matter.
    """
    signs = (Sign.ASKED, Sign.HELD_OFF) if is_direct else (Sign.ASKED,)
    asked = sum(replies.number.get(sign, 0) for sign in signs)
    share, least = (ASKED_SHARE_OTHER, ASKED_LEAST_OTHER) if provider == OTHER else (ASKED_SHARE, 1)
    if asked >= max(least, share * replies.tried):
        return next(replies.first[sign] for sign in signs if sign in replies.first)
    delayed = asked + replies.number.get(Sign.DELAYED, 0)
    if Sign.DELAYED in replies.first and delayed >= max(DELAYED_LEAST, DELAYED_SHARE * replies.tried):
        return replies.first[Sign.DELAYED]
    return None


@dataclass(frozen=True, slots=True)
class Speed:
    """How a provider takes our mail over a route: each level halves `base`, in mails a minute."""

    level: int = 0
    base: int = 0
    suspensions: int = 0
    suspended_until: datetime | None = None
    code: str = ""
    because: str = ""
    slowed_at: datetime | None = None
    improves_at: datetime | None = None

    def is_suspended(self, *, now: datetime) -> bool:
        """Say whether nothing is sent now."""
        return self.suspended_until is not None and self.suspended_until > now


FULL: Final = Speed()


def slow_down(speed: Speed, complaint: Outcome, replies: Replies, *, base: int | None, now: datetime) -> Speed:
    """Return the speed after a complaint; `base` is the rate that is configured, None = what was measured."""
    if speed.is_suspended(now=now) or (speed.slowed_at is not None and now < speed.slowed_at + SETTLE):
        return speed
    slowed = replace(
        speed,
        level=min(speed.level + 1, HIGHEST),
        base=base or speed.base or replies.per_minute(now=now),
        suspended_until=None,
        code=complaint.status or str(complaint.code or ""),
        because=_ADDRESS.sub("<…>", complaint.text[:1000])[:500],
        slowed_at=now,
        improves_at=now + IMPROVE,
    )
    asked = replies.number.get(Sign.ASKED, 0) + replies.number.get(Sign.HELD_OFF, 0)
    if speed.level < SUSPEND_FROM and (replies.accepted or asked < REFUSED_ALL):
        return slowed
    until = now + min(FIRST_SUSPENSION * 2 ** min(speed.suspensions, 10), LONGEST_SUSPENSION)
    return replace(
        slowed,
        level=max(slowed.level, SUSPEND_FROM),
        suspensions=speed.suspensions + 1,
        suspended_until=until,
        improves_at=until + IMPROVE,
    )


def recover(speed: Speed, *, now: datetime) -> Speed:
    """Return the speed after the time without a complaint: a level for every few minutes, all forgotten at the end."""
    level, improves_at = speed.level, speed.improves_at
    while level > 0 and improves_at is not None and improves_at <= now:
        level, improves_at = level - 1, improves_at + IMPROVE
    if level == speed.level:
        return speed
    return replace(speed, level=level, improves_at=improves_at) if level else FULL


def rate_of(speed: Speed, per_minute: int | None) -> float | None:
    """Return the mails a minute that may go; `per_minute` is the rate that is configured, None = no limit."""
    base = per_minute or speed.base
    if speed.level == 0 or not base:
        return per_minute
    return max(1.0, base / (1 << speed.level))
