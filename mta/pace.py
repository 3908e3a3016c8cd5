"""Decides how fast a provider takes our mail: slower when it asks for that, a pause when it goes on asking, then back.

Nothing here reads a clock, a row or a socket. All figures of this module are our own caution: no provider says by how
much it wants less.
"""

from __future__ import annotations

import errno
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

# A clear request counts from this share of a turn on. 'other' is many receivers, and few of them do not speak for all.
ASKED_SHARE: Final = 0.01
ASKED_SHARE_OTHER: Final = 0.2
ASKED_LEAST_OTHER: Final = 3
# What may be a single mailbox's trouble counts only where most of a turn meets it.
DELAYED_SHARE: Final = 0.5
DELAYED_LEAST: Final = 5

# Rules about one recipient's own mailbox, and about the recipients of one mail, of which ours have one.
OF_ONE_RECIPIENT: Final = frozenset({"gmail-recipient-rate", "status-recipients"})
VAGUE: Final = frozenset({Reason.TEMPORARY, Reason.POLICY, Reason.UNKNOWN})

# Steps in which a server has not heard of a mail yet.
BEFORE_MAIL: Final = frozenset((Phase.GREETING, Phase.EHLO))
BEFORE_RECIPIENT: Final = BEFORE_MAIL | {Phase.CONNECT, Phase.MAIL}
# What the engine says of a server that refuses, resets or closes a connection (mta/smtp.py).
_SHUT: Final = re.compile(rf"\[Errno (?:{errno.ECONNREFUSED}|{errno.ECONNRESET})\]|^the server closed the connection$")

# The reply is shown to everybody who sends to the provider by this route, the address is one customer's.
_ADDRESS = re.compile(r"<?[^\s<>()\[\]:;,@]{1,320}@[^\s<>()\[\]:;,@]{1,255}>?")


class Sign(Enum):
    """What one reply says of our speed."""

    NOTHING = auto()
    # May be a mailbox's trouble, or the server's own.
    DELAYED = auto()
    # Asks for less, in words or by a code of the provider's own.
    ASKED = auto()
    # A receiver's own server held the connection off before any recipient was named.
    HELD_OFF = auto()


def read_sign(outcome: Outcome) -> Sign:
    """Return what an outcome says of our speed. A fault of the route is ours or the relay's, and says nothing."""
    if outcome.result not in (Result.DEFERRED, Result.REFUSED) or is_remembered(outcome):
        return Sign.NOTHING
    is_temporary = outcome.code is not None and 400 <= outcome.code < 500
    verdict = classify(outcome.code, outcome.status, outcome.text, outcome.phase, outcome.host)
    if verdict.rule in OF_ONE_RECIPIENT or is_greylisting(outcome.text):
        return Sign.NOTHING
    if verdict.reason is Reason.RATE_LIMITED or (is_temporary and verdict.reason is Reason.REPUTATION):
        return Sign.ASKED
    if is_held_off(outcome):
        return Sign.HELD_OFF
    if verdict.reason is Reason.REPUTATION or (outcome.code in (421, 450, 451) and verdict.reason in VAGUE):
        return Sign.DELAYED
    return Sign.NOTHING


def is_remembered(outcome: Outcome) -> bool:
    """Say whether nobody was asked: servers rest after what they said a moment ago (mta/resting.py)."""
    return not outcome.host and outcome.phase in BEFORE_RECIPIENT - {Phase.MAIL}


def is_held_off(outcome: Outcome) -> bool:
    """Say whether a server would not have us before it heard of a recipient.

    au: a server that blocks or is congested answers with a TCP reset,
    https://www.au.com/mobile/service/attention/specification/ docomo: too many sessions at once are held off for a
    while, https://www.docomo.ne.jp/service/imode_mail/notice/mass_send/ A server that never answers is as likely to be
    unreachable.
    """
    if outcome.result is not Result.DEFERRED:
        return False
    if outcome.code is not None:
        return 400 <= outcome.code < 500 and outcome.phase in BEFORE_MAIL
    return outcome.phase in BEFORE_RECIPIENT and _SHUT.search(outcome.text) is not None


# Signs that ask for less, the clearest first.
ASKING: Final = (Sign.ASKED, Sign.HELD_OFF)


def is_greylisting(text: str) -> bool:
    """Say whether a reply calls itself greylisting (RFC 6647): every new recipient meets that once."""
    lowered = text.lower()
    return any(word in lowered for word in ("greylist", "graylist", "grey list", "gray list"))


@dataclass(slots=True)
class Voices:
    """Who said something: the domains of the recipients and the servers that were talked to."""

    domains: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)

    def count(self, *, is_direct: bool) -> int:
        """Return how many receivers these are at least. Over a relay there is only one server, and it says what others said."""
        return min(len(self.domains), len(self.hosts)) if is_direct else len(self.domains)


@dataclass(slots=True)
class Replies:
    """What was said in one turn, told outcome by outcome."""

    began: datetime
    tried: int = 0
    accepted: int = 0
    # The first outcome of each sign, and how many there were.
    first: dict[Sign, Outcome] = field(default_factory=dict)
    number: dict[Sign, int] = field(default_factory=dict)
    # Of mails at their first try: all who were heard, and who gave each sign. A turn of retries holds those that were
    # put off before, so it says nothing of how many receivers want less.
    heard: Voices = field(default_factory=Voices)
    voices: dict[Sign, Voices] = field(default_factory=dict)

    def see(self, outcome: Outcome, *, domain: str, is_retry: bool) -> None:
        """Take in an outcome of a mail to somebody at a domain."""
        if outcome.result in (Result.WITHDRAWN, Result.UNTOUCHED):
            return
        self.tried += 1
        sign = Sign.NOTHING if outcome.result is Result.ACCEPTED else read_sign(outcome)
        self.accepted += outcome.result is Result.ACCEPTED
        self.number[sign] = self.number.get(sign, 0) + 1
        self.first.setdefault(sign, outcome)
        if not is_retry:
            for voices in (self.heard, self.voices.setdefault(sign, Voices())):
                voices.domains.add(domain)
                voices.hosts.add(outcome.host)

    def per_minute(self, *, now: datetime) -> int:
        """Return how many mails a minute were tried; at least 60, so that a short turn says nothing absurd."""
        seconds = max((now - self.began).total_seconds(), 1.0)
        return max(60, round(self.tried / seconds * 60))


@dataclass(frozen=True, slots=True)
class Complaint:
    """The reply that asks for less, and whether nothing at all was taken."""

    outcome: Outcome
    is_total: bool = False


def find_complaint(replies: Replies, provider: str, *, is_direct: bool) -> Complaint | None:
    """Return what asks for less, where enough of a turn say so; else None. For 'other', receivers are counted, not mails."""
    is_other = provider == OTHER

    def count(*signs: Sign) -> int:
        if is_other:
            return sum(replies.voices[sign].count(is_direct=is_direct) for sign in signs if sign in replies.voices)
        return sum(replies.number.get(sign, 0) for sign in signs)

    asked, tried = count(*ASKING), replies.heard.count(is_direct=is_direct) if is_other else replies.tried
    share, least = (ASKED_SHARE_OTHER, ASKED_LEAST_OTHER) if is_other else (ASKED_SHARE, 1)
    if asked >= max(least, share * tried):
        outcome = next(replies.first[sign] for sign in ASKING if sign in replies.first)
        return Complaint(outcome, is_total=not replies.accepted and asked >= REFUSED_ALL)
    delayed = asked + count(Sign.DELAYED)
    if Sign.DELAYED in replies.first and delayed >= max(DELAYED_LEAST, DELAYED_SHARE * tried):
        return Complaint(replies.first[Sign.DELAYED])
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
    # Since the newest step, in turns that were no complaint by themselves: mails that were tried, and put off.
    tried: int = 0
    delayed: int = 0

    def is_suspended(self, *, now: datetime) -> bool:
        """Say whether nothing is sent now."""
        return self.suspended_until is not None and self.suspended_until > now

    def full_at(self) -> datetime | None:
        """Return when the speed is the usual one again, if nobody complains before that."""
        return None if self.improves_at is None else self.improves_at + IMPROVE * (self.level - 1)


FULL: Final = Speed()


def find_persistence(speed: Speed, replies: Replies) -> Complaint | None:
    """Return what goes on in a slow lane, whose turns hold few mails: they are counted together, `replies` the newest."""
    outcome = replies.first.get(Sign.DELAYED)
    is_enough = speed.delayed >= max(DELAYED_LEAST, DELAYED_SHARE * speed.tried)
    return Complaint(outcome) if outcome is not None and is_enough else None


def slow_down(speed: Speed, complaint: Complaint, *, base: int, now: datetime) -> Speed:
    """Return the speed after a complaint; `base` is the rate that its levels halve, in mails a minute."""
    if speed.is_suspended(now=now) or (speed.slowed_at is not None and now < speed.slowed_at + SETTLE):
        return speed
    told = complaint.outcome
    slowed = replace(
        speed,
        level=min(speed.level + 1, HIGHEST),
        base=base,
        suspended_until=None,
        code=told.status or str(told.code or ""),
        because=_ADDRESS.sub("<…>", told.text[:1000])[:500],
        slowed_at=now,
        improves_at=now + IMPROVE,
        tried=0,
        delayed=0,
    )
    if speed.level < SUSPEND_FROM and not complaint.is_total:
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
    return replace(speed, level=level, improves_at=improves_at, tried=0, delayed=0) if level else FULL


def rate_of(speed: Speed, per_minute: int | None) -> float | None:
    """Return the mails a minute that may go; `per_minute` is the rate that is configured, None = no limit."""
    base = per_minute or speed.base
    if speed.level == 0 or not base:
        return per_minute
    return max(1.0, base / (1 << speed.level))
