"""What checks of a domain take and what they say: plain data, so that they run side by side and touch no database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from senders.dns import Resolver
from senders.models import CheckResult


class Tone(StrEnum):
    """How a line of an outcome is shown: one of the tones of the pages."""

    OK = "ok"
    WARNING = "warn"
    ERROR = "bad"
    NOTE = "muted"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what was looked at; `label` and `text` are for people."""

    tone: Tone
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What a check says.

    `found` is the record as published, `expected` what should stand there; `advice` is Japanese, has at most 500
    characters and may be empty where all is well; `lines` explain it step by step; `ttl` is for how many seconds
    resolvers keep what was found (or that there is nothing), None where that is unknown. `keeps_verified` = what is
    wrong is no reason to stop a domain that sends; `refuses_us` = the DMARC policy has receivers keep our mail off, since
    nothing of it passes; `by_selector` = the result of each key that was looked for, only of OLD_KEY.
    """

    result: CheckResult
    found: str = ""
    advice: str = ""
    lines: tuple[Line, ...] = ()
    expected: str = ""
    ttl: int | None = None
    keeps_verified: bool = False
    refuses_us: bool = False
    by_selector: Mapping[str, CheckResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What is public of a DKIM key. `public_key` is base64 as in the p= tag.

    `cname_target` is the name of its record in the installation's own zone, empty where there is none.
    """

    selector: str
    algorithm: str
    public_key: str
    is_signing: bool = True
    cname_target: str = ""


@dataclass(frozen=True, slots=True)
class CheckSubject:
    """A domain as the checks see it, in ASCII.

    `old_keys` were replaced, and their records have to stay; `return_name` is RETURN_DOMAIN, `own_return_name` the return
    domain that the customer chose instead, proved or not, empty for none; `include` what its SPF record has to include, `ips` the addresses that we send from, `report_address` where DMARC
    reports are to go, `host` our name in EHLO.
    """

    domain: str
    keys: tuple[KeyFacts, ...] = ()
    old_keys: tuple[KeyFacts, ...] = ()
    return_name: str = ""
    own_return_name: str = ""
    include: str = ""
    ips: tuple[IPv4Address | IPv6Address, ...] = ()
    report_address: str = ""
    host: str = ""


Check = Callable[[CheckSubject, Resolver], CheckOutcome]
