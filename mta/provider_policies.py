"""How politely each provider is sent to, as data: every figure with its source, or the word that it is our own caution.

No large provider publishes a rate; where one tells something of connections, sessions or pauses, that is followed.
Looked up in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

OUR_CAUTION: Final = "our own caution"
DOCOMO: Final = "https://www.docomo.ne.jp/service/imode_mail/notice/mass_send/"
AU: Final = "https://www.au.com/mobile/service/attention/specification/"
AU_FAQ: Final = "https://www.au.com/mobile/service/attention/faq/"
SOFTBANK: Final = "https://www.softbank.jp/mobile/support/antispam/wrestle/"
GMAIL: Final = "https://support.google.com/mail/answer/81126"
YAHOO: Final = "https://help.yahoo.com/kb/SLN3433.html"
MICROSOFT: Final = "https://sendersupport.olc.protection.outlook.com/pm/policies.aspx"
APPLE: Final = "https://support.apple.com/en-us/102322"
# The figures that another mail server ships, where the provider itself publishes none.
KUMOMTA: Final = "https://github.com/KumoCorp/kumomta/blob/main/assets/policy-extras/shaping.toml"
RFC_5321: Final = "RFC 5321 section 4.5.4.1"


def minutes(*numbers: int) -> tuple[timedelta, ...]:
    """Return waits of so many minutes."""
    return tuple(timedelta(minutes=number) for number in numbers)


@dataclass(frozen=True, slots=True)
class Policy:
    """The figures of a provider; they count for the whole installation, whoever sends.

    `connections` are those open at once, `per_minute` the mails a minute (None = no limit). `retry` holds the waits
    after the first try, the second, …; the last one repeats. `lifetime` is how long a delivery is tried at most, None =
    as long as its campaign says. `sources` has a word on each figure.
    """

    connections: int
    messages_per_connection: int
    per_minute: int | None
    retry: tuple[timedelta, ...]
    lifetime: timedelta | None
    sources: Mapping[str, str]


# Quick at first for greylisting, whose usual wait is five minutes; then no faster than every 30 minutes.
RETRY: Final = minutes(5, 15, 30, 60)
# A carrier that is congested, or holds us off, is left alone longer.
CARRIER_RETRY: Final = minutes(10, 30, 60, 120)
CAUTIOUS: Final[Mapping[str, str]] = {
    "connections": OUR_CAUTION,
    "messages_per_connection": OUR_CAUTION,
    "per_minute": OUR_CAUTION,
    "retry": f"{OUR_CAUTION}; {RFC_5321}: 30 minutes once the first tries failed",
    "lifetime": f"the campaign's; {RFC_5321} allows 4 to 5 days",
}


def policy(
    connections: int,
    messages_per_connection: int,
    per_minute: int | None,
    *,
    retry: tuple[timedelta, ...] = RETRY,
    sources: Mapping[str, str] | None = None,
) -> Policy:
    """Return a policy; what `sources` says nothing of is our own caution."""
    return Policy(connections, messages_per_connection, per_minute, retry, None, {**CAUTIOUS, **(sources or {})})


# One customer's ISP: its servers serve many subscribers, and nothing is published.
_ISP: Final = policy(3, 20, 600)

POLICIES: Final[dict[str, Policy]] = {
    "docomo": policy(
        4,
        50,
        600,
        retry=CARRIER_RETRY,
        sources={
            "connections": f"{OUR_CAUTION}; many sessions at once are held off: {DOCOMO}",
            "messages_per_connection": f"half of the 100 recipients that one SMTP session may name: {DOCOMO}",
            "per_minute": f"{OUR_CAUTION}; mass mail in small parts, not on the full hour: {DOCOMO}",
        },
    ),
    "au": policy(
        4,
        20,
        600,
        retry=CARRIER_RETRY,
        sources={
            "connections": f"{OUR_CAUTION}; no figure is given ({AU_FAQ}), many sessions at once are forbidden: {AU}",
            "messages_per_connection": f"{OUR_CAUTION}; holding a session for long is forbidden: {AU}",
            "per_minute": f"{OUR_CAUTION}; very much mail in a short time is forbidden: {AU}",
        },
    ),
    "softbank": policy(
        4,
        20,
        600,
        retry=CARRIER_RETRY,
        sources={
            "per_minute": f"{OUR_CAUTION}; mass mail takes its time: {SOFTBANK}",
        },
    ),
    "rakuten": policy(2, 20, 300, retry=CARRIER_RETRY),
    "yahoo_jp": policy(5, 20, 1200),
    "gmail": policy(
        5,
        50,
        3000,
        sources={
            "connections": f"no figure is published; {KUMOMTA}",
            "messages_per_connection": f"no figure is published; {KUMOMTA}",
            "per_minute": f"{OUR_CAUTION}; the volume is to grow slowly: {GMAIL}",
        },
    ),
    "icloud": policy(
        10,
        5,
        1200,
        sources={
            "connections": f"no figure is published ({APPLE}); {KUMOMTA}",
            "messages_per_connection": f"no figure is published ({APPLE}); {KUMOMTA}",
        },
    ),
    "microsoft": policy(
        5,
        50,
        1500,
        sources={
            "connections": f"far below the 500 that are allowed ({MICROSOFT}); {KUMOMTA}",
            "messages_per_connection": f"no figure is published; {KUMOMTA}",
        },
    ),
    "yahoo": policy(
        5,
        20,
        1200,
        sources={
            "connections": f"{OUR_CAUTION}; no figure is published, more are served later: {YAHOO}",
            "messages_per_connection": f"20, then the server closes: {YAHOO}",
        },
    ),
    **dict.fromkeys(
        (
            "biglobe", "ocn", "nifty", "so_net", "plala", "asahi_net", "au_one_net", "jcom", "eonet", "commufa", "odn",
            "dti", "hi_ho", "wakwak", "megaegg", "pikara", "bbiq", "tokai", "iij",
        ),
        _ISP,
    ),
    # Very many servers, so one rate for all of them would say nothing; a domain can be given a cap of its own.
    "other": policy(2, 20, None, sources={"per_minute": "none: these are very many servers; a domain can be given a cap (C23)"}),
}  # fmt: skip
