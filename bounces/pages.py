"""One notice as its page shows it: as text, and what today's rules read in it."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

from accounts.models import Membership
from bounces.judging import code_of, judge
from bounces.mime_reading import (
    MAX_BYTES,
    Budget,
    UnreadableNotice,
    decode_text,
    normalise,
    read_part,
    top_level_parts,
)
from bounces.models import Bounce, Door, RawNotice, RawNoticeQuerySet
from bounces.notice_lists import visible_sources
from bounces.parsed import ParsedNotice, ParsedRecipient
from bounces.processing import read, unpack
from bounces.rule_words import RuleWords, explain_rule
from mta.verdicts import Verdict

# More of a mail than this helps nobody on a page.
RAW_LIMIT = 200_000
# More parts and recipients than these are not shown.
PARTS = 30
RECIPIENTS = 100
# Control characters but tab and line feed, and those that turn the direction of a text: they hide what is there.
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class RawView:
    """The text of a stored mail; `is_cut` where only its beginning is shown."""

    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class ReadPart:
    """A part of a mail that was looked at: its type, and its size in bytes before decoding."""

    type: str
    size: int


@dataclass(frozen=True, slots=True)
class ReadRecipient:
    """What a notice says of a recipient, the rule that decided, and the row that was written where there is one."""

    recipient: ParsedRecipient
    code: str
    verdict: Verdict
    rule: RuleWords
    bounce: Bounce | None = None

    def is_read_otherwise(self) -> bool:
        """Say whether today's rules decide otherwise than those by which the row was written."""
        return self.bounce is not None and (self.bounce.rule, self.bounce.reason) != (
            self.verdict.rule,
            self.verdict.reason,
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a notice is read by today's rules. Nothing is read where that is not possible."""

    parts: list[ReadPart] = field(default_factory=list)
    recipients: list[ReadRecipient] = field(default_factory=list)
    is_readable: bool = True


def visible_notices(membership: Membership) -> RawNoticeQuerySet:
    """Return the notices that a member may see; those of no workspace are the operator's."""
    first, *more = visible_sources(membership)
    return first | more[0] if more else first


def show_raw(notice: RawNotice) -> RawView:
    """Return a stored mail as plain text, which the page escapes."""
    try:
        content = unpack(notice.content)
    except zlib.error:
        return RawView("", False)
    text = decode_text(content[:RAW_LIMIT], "").replace("\r\n", "\n")
    return RawView(
        INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", text), len(content) > RAW_LIMIT or len(content) >= MAX_BYTES
    )


def explain(notice: RawNotice) -> Explanation:
    """Read a stored notice anew and say what led to what."""
    try:
        parsed = read(notice)
        parts = [] if notice.door == Door.WEBHOOK else list_parts(unpack(notice.content))
    except (UnreadableNotice, zlib.error):
        return Explanation(is_readable=False)
    written = {bounce.recipient: bounce for bounce in notice.bounces.select_related("delivery__campaign")}
    recipients = [explain_recipient(parsed, recipient, written) for recipient in parsed.recipients[:RECIPIENTS]]
    named = {found.recipient.address[:320] for found in recipients}
    # A complaint that hides its recipient is written under the address of its delivery.
    hidden = [ParsedRecipient(address) for address in written if address not in named]
    recipients += [explain_recipient(parsed, recipient, written) for recipient in hidden[:RECIPIENTS]]
    return Explanation(parts, recipients)


def explain_recipient(parsed: ParsedNotice, recipient: ParsedRecipient, written: dict[str, Bounce]) -> ReadRecipient:
    """Say what decided about one recipient."""
    verdict = judge(parsed, recipient)
    bounce = written.get(recipient.address[:320])
    return ReadRecipient(recipient, code_of(recipient), verdict, explain_rule(verdict.rule), bounce)


def list_parts(content: bytes) -> list[ReadPart]:
    """Return the parts of a mail in their order. Raises UnreadableNotice where that takes too long."""
    parts = top_level_parts(read_part(normalise(content)), Budget())
    return [ReadPart(part.type[:100], len(part.body)) for part, _number in zip(parts, range(PARTS), strict=False)]
