"""What a reply or a notice means: reads the table of reply_rules from the top."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mta.reply_rules import RULES
from mta.rules.rule import Rule
from mta.verdicts import Kind, Phase, Reason, Verdict

# What is longer than this says nothing new, and only costs time.
_LONGEST_TEXT: Final = 1000

# Which kind a reason is, as the error report groups them (B11).
KINDS: Final[dict[Reason, Kind]] = {
    Reason.USER_UNKNOWN: Kind.HARD,
    Reason.HOST_UNKNOWN: Kind.HARD,
    Reason.MAILBOX_FULL: Kind.SOFT,
    Reason.SUSPENDED: Kind.SOFT,
    Reason.REFUSED: Kind.REFUSED,
    Reason.TEMPORARY: Kind.SOFT,
    Reason.RATE_LIMITED: Kind.SOFT,
    Reason.REPUTATION: Kind.BLOCK,
    Reason.AUTH: Kind.BLOCK,
    Reason.SPAM_CONTENT: Kind.BLOCK,
    Reason.TOO_LARGE: Kind.BLOCK,
    Reason.POLICY: Kind.BLOCK,
    Reason.UNKNOWN: Kind.UNKNOWN,
    Reason.COMPLAINT: Kind.COMPLAINT,
    Reason.AUTO_REPLY: Kind.NOT_BOUNCE,
    Reason.DELAYED: Kind.NOT_BOUNCE,
    Reason.DELIVERED: Kind.NOT_BOUNCE,
}

_STATUS = re.compile(
    r"\s*(?:smtp;\s*)?(?:[245][0-9]{2}(?:[ -]+|$))?(?:<[^<>]{0,320}>:?\s*)?#?([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])",
    re.IGNORECASE,
)
# qmail puts it last: "(#5.1.1)".
_STATUS_AT_END = re.compile(r"#([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")
_UNSPECIFIC = re.compile(r"[45]\.0\.0")
_ADDRESS = re.compile(r"<?[^\s<>()\[\]:;,@]{1,320}@[^\s<>()\[\]:;,@]{1,255}>?")
# Where a reply has several lines, its codes stand before each of them, in the middle of sentences.
_CODES = re.compile(
    r"(?:^|(?<=[\s;:\[(<]))(?:[245]\d\d[ -]+)?#?[245]\.\d{1,3}\.\d{1,3}(?=[\s;:,)\]]|$)|(?:^|(?<=[\s;:\[(<]))[45]\d\d(?:[ -]+|$)"
)
# Only hostile texts and the ends of some URLs are so long without a blank.
_LONG_WORD = re.compile(r"([!-~]{100})[!-~]{1,2000}")
_QUOTES = str.maketrans("‘’“”", "''\"\"")
# Postfix tells the step in the readable part of its notices.
_TOLD_PHASES: Final = (
    (re.compile(r"in reply to (?:the )?end of data"), Phase.DOT),
    (re.compile(r"in reply to (?:the )?rcpt to"), Phase.RCPT),
    (re.compile(r"in reply to (?:the )?mail from"), Phase.MAIL),
    (re.compile(r"in reply to (?:the )?data"), Phase.DATA),
)


@dataclass(frozen=True, slots=True)
class _Question:
    """A reply as the rules want it: lower case, without addresses and codes."""

    code: int | None
    status: str
    text: str
    phase: Phase
    host: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A rule, made ready for comparing."""

    rule: Rule
    pattern: re.Pattern[str] | None
    status: re.Pattern[str] | None
    hosts: tuple[str, ...]


def classify(code: int | None, status: str, text: str, phase: Phase, host: str = "") -> Verdict:
    """Return what a reply means; never raises, whatever the server wrote.

    `status` is the enhanced status code or empty; `host` is the server that said it, where known. A
    notice is given with the phase NOTICE. A permanent meaning with a temporary code becomes SOFT.
    """
    text = text[:_LONGEST_TEXT]
    if not status or _UNSPECIFIC.fullmatch(status):
        status = enhanced_status(text) or status
    words = _words_of(text)
    if phase is Phase.NOTICE:
        phase = next((told for pattern, told in _TOLD_PHASES if pattern.search(words)), phase)
    return _decide(_Question(code, status, words, phase, "." + host.lower().strip(".[]")))


def _words_of(text: str) -> str:
    short = _LONG_WORD.sub(r"\1", text.lower().translate(_QUOTES))
    return " ".join(_CODES.sub(" ", _ADDRESS.sub("<>", short)).split())


def enhanced_status(text: str) -> str:
    """Return the enhanced status code of a reply's text (RFC 2034, RFC 3463), or an empty string."""
    match = _STATUS.match(text[:_LONGEST_TEXT]) or _STATUS_AT_END.search(text[:_LONGEST_TEXT])
    return match[1] if match else ""


# A mailing to dead addresses brings the same few texts a thousand times, once the address is taken out.
@lru_cache(maxsize=2048)
def _decide(question: _Question) -> Verdict:
    rule = next(row.rule for row in _ROWS if _fits(row, question))
    kind = KINDS[rule.reason]
    if kind is Kind.HARD and _is_temporary(question.code, question.status):
        kind = Kind.SOFT
    return Verdict(kind, rule.reason, rule.name)


def _fits(row: _Row, question: _Question) -> bool:
    rule = row.rule
    return (
        (not rule.codes or question.code in rule.codes)
        and (not rule.phases or question.phase in rule.phases)
        and (not rule.hosts or question.host.endswith(row.hosts))
        and (row.status is None or row.status.fullmatch(question.status) is not None)
        and _says(row, question.text)
    )


def _says(row: _Row, text: str) -> bool:
    if any(phrase in text for phrase in row.rule.says):
        return True
    return row.pattern.search(text) is not None if row.pattern else not row.rule.says


def _is_temporary(code: int | None, status: str) -> bool:
    return 400 <= code < 500 if code is not None else status.startswith("4")


def _prepare(rule: Rule) -> _Row:
    pattern = "|".join(f"(?:{pattern})" for pattern in rule.patterns)
    # No word of a sentence is longer. Without a bound, one long word costs time by the square of its length.
    for unbounded, bounded in ((r"\S+", r"\S{1,60}"), (r"\w+", r"\w{1,30}"), (r"\w*", r"\w{0,30}")):
        pattern = pattern.replace(unbounded, bounded)
    return _Row(
        rule,
        # Japanese letters are none for \b: in "SPF認証" a word ends before 認.
        re.compile(pattern, re.ASCII) if pattern else None,
        re.compile(rule.status) if rule.status else None,
        tuple("." + host for host in rule.hosts),
    )


_ROWS: Final = tuple(_prepare(rule) for rule in RULES)
