"""What evaluating and auditing SPF says: results, faults, steps and limits (RFC 7208)."""

from dataclasses import dataclass
from enum import StrEnum

from senders.dns import CouldNotAsk
from senders.dns_budget import TOO_MANY
from senders.spf_record import SyntaxFault


class SpfResult(StrEnum):
    """The results of an evaluation (RFC 7208 section 2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105  # The word of the RFC.
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class SpfFault(StrEnum):
    """Why an evaluation could not come to an end."""

    SYNTAX = "syntax"
    MANY_RECORDS = "many_records"
    LENGTH = "length"
    LOOKUPS = "lookups"
    VOIDS = "voids"
    MX_LIMIT = "mx_limit"
    INCLUDE_NONE = "include_none"
    REDIRECT_NONE = "redirect_none"
    LOOP = "loop"
    DNS = "dns"
    # Not asked at all: one look may ask only so many questions.
    BUDGET = "budget"


# These are no faults of the record.
UNANSWERED = frozenset({SpfFault.DNS, SpfFault.BUDGET})


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault, the domain whose record has it, and the word where it showed, empty where it is the record itself.

    `syntax` says more of SYNTAX; `path` are the domains that led there, the checked one first.
    """

    fault: SpfFault
    at: str
    term: str = ""
    syntax: SyntaxFault | None = None
    path: tuple[str, ...] = ()


def not_answered(answer: CouldNotAsk, at: str, term: str = "", *, path: tuple[str, ...]) -> Trouble:
    """Return the trouble of a question without an answer; `at` is the name that was asked for."""
    return Trouble(SpfFault.BUDGET if answer.why == TOO_MANY else SpfFault.DNS, at, term, path=path)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of RFC 7208 section 4.6.4, and what keeps hostile records from costing much.

    `characters` are those of a record (section 3.4 advises 450), `steps` those that are kept.
    """

    lookups: int = 10
    voids: int = 2
    hosts: int = 10
    steps: int = 200
    characters: int = 8192


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Step:
    """One word that was looked at. `matched` is None where that did not come out; `note` is what the DNS said.

    `lookups` and `voids` count up to and including this word.
    """

    depth: int
    domain: str
    term: str
    matched: bool | None
    lookups: int
    voids: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class SpfReport:
    """What an evaluation came to. `record` is the domain's own, `matched` the word that decided, at the outermost level;
    both are empty where there is none."""

    result: SpfResult
    domain: str
    record: str = ""
    matched: str = ""
    trouble: Trouble | None = None
    lookups: int = 0
    voids: int = 0
    steps: tuple[Step, ...] = ()
    explanation: str = ""
