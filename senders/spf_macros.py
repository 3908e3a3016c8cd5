"""Reads and expands the macros of SPF records (RFC 7208 section 7); pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

MACRO = re.compile(
    r"%(?:\{(?P<letter>[slodiphvcrt])(?P<digits>[0-9]*)(?P<reverse>r?)(?P<delimiters>[-.+,/_=]*)\}|(?P<sign>[%_-]))",
    re.IGNORECASE | re.ASCII,
)
# What may stand outside of macros: visible ASCII but "%" (macro-literal in RFC 7208 section 12).
LITERALS = re.compile(r"[\x21-\x24\x26-\x7e]*")
# An explanation is a sentence: spaces too (RFC 7208 section 6.2).
EXPLANATION_LITERALS = re.compile(r"[\x20-\x24\x26-\x7e]*")
SIGNS = {"%": "%", "_": " ", "-": "%20"}
# Only in explanations (RFC 7208 section 7.2).
EXPLANATION_LETTERS = frozenset("crt")
URL_SAFE = "-._~"


class MacroError(ValueError):
    """A text is not a macro-string of RFC 7208."""


@dataclass(frozen=True, slots=True)
class MacroFacts:
    """What macros stand for.

    `domain` is the one whose record is evaluated; `find_name` returns the validated name of the address or "unknown" and
    costs questions, so it is called only for a "p"; `timestamp` is in seconds since 1970.
    """

    ip: IPv4Address | IPv6Address
    local_part: str
    sender_domain: str
    domain: str
    helo: str
    find_name: Callable[[], str]
    receiver: str = "unknown"
    timestamp: int = 0


def find_letters(text: str, *, is_explanation: bool = False) -> frozenset[str]:
    """Return the macro letters of a text, in lower case; raises MacroError where it is no macro-string."""
    literals = EXPLANATION_LITERALS if is_explanation else LITERALS
    if not literals.fullmatch(MACRO.sub("", text)):
        raise MacroError(text)
    macros = [macro for macro in MACRO.finditer(text) if macro["letter"]]
    # A number of parts must not be zero (RFC 7208 section 7.3).
    if any(macro["digits"] and not macro["digits"].strip("0") for macro in macros):
        raise MacroError(text)
    return frozenset(macro["letter"].lower() for macro in macros)


def expand(text: str, facts: MacroFacts, *, is_explanation: bool = False) -> str:
    """Return a macro-string with its macros replaced; raises MacroError where it is none."""
    letters = find_letters(text, is_explanation=is_explanation)
    if letters & EXPLANATION_LETTERS and not is_explanation:
        raise MacroError(text)
    return MACRO.sub(lambda macro: expand_one(macro, facts), text)


def expand_one(macro: re.Match[str], facts: MacroFacts) -> str:
    """Return what one macro stands for."""
    if macro["sign"]:
        return SIGNS[macro["sign"]]
    value = VALUES[macro["letter"].lower()](facts)
    if macro["digits"] or macro["reverse"] or macro["delimiters"]:
        parts = re.split(f"[{re.escape(macro['delimiters'] or '.')}]", value)
        if macro["reverse"]:
            parts.reverse()
        if macro["digits"]:
            # No name has as many parts as nine digits can say.
            parts = parts[-int(macro["digits"].lstrip("0")[:9]) :]
        value = ".".join(parts)
    return quote(value, safe=URL_SAFE) if macro["letter"].isupper() else value


def dotted(ip: IPv4Address | IPv6Address) -> str:
    """Return an address as "i" has it: an IPv6 address is its 32 hexadecimal digits with dots between."""
    return str(ip) if ip.version == 4 else ".".join(ip.exploded.replace(":", ""))


VALUES: dict[str, Callable[[MacroFacts], str]] = {
    "s": lambda facts: f"{facts.local_part}@{facts.sender_domain}",
    "l": lambda facts: facts.local_part,
    "o": lambda facts: facts.sender_domain,
    "d": lambda facts: facts.domain,
    "i": lambda facts: dotted(facts.ip),
    "p": lambda facts: facts.find_name(),
    "v": lambda facts: "in-addr" if facts.ip.version == 4 else "ip6",
    "h": lambda facts: facts.helo,
    "c": lambda facts: str(facts.ip),
    "r": lambda facts: facts.receiver,
    "t": lambda facts: str(facts.timestamp),
}
