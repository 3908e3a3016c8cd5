"""Reads SPF records strictly, by the grammar of RFC 7208 section 12; pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from senders.spf_macros import EXPLANATION_LETTERS, MACRO, MacroError, find_letters

DIRECTIVE = re.compile(r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9]*)(?P<value>[:/].*)?", re.IGNORECASE)
MODIFIER = re.compile(r"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>.*)", re.IGNORECASE)
# "/24", "//64" or both behind a domain (dual-cidr-length).
PREFIXES = re.compile(r"(?P<spec>.*?)(?:/(?P<ip4>[0-9]+))?(?://(?P<ip6>[0-9]+))?")
NUMBER = re.compile(r"0|[1-9][0-9]{0,2}")
# The last label of a domain: not all digits, no hyphen at either end (toplabel).
TOPLABEL = re.compile(r"(?=[a-z0-9-]*[a-z-])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
ADDRESS = re.compile(r"[0-9.]+")
BITS4, BITS6 = 32, 128
NAME_LIMIT, LABEL_LIMIT = 253, 63


class SyntaxFault(StrEnum):
    """What is wrong with the way a record is written."""

    WORD = "word"
    VALUE = "value"
    DOMAIN = "domain"
    ADDRESS = "address"
    PREFIX = "prefix"
    MACRO = "macro"
    TWICE = "twice"
    NON_ASCII = "non_ascii"


class SpfSyntaxError(ValueError):
    """A record breaks the grammar; `term` is the first word that does, `fault` how."""

    def __init__(self, term: str, fault: SyntaxFault) -> None:
        super().__init__(f"{fault}: {term}")
        self.term = term
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One mechanism. `name` is in lower case; `spec` is the domain-spec as written, empty where there is none.

    `network` belongs to ip4 and ip6, the prefixes to a and mx.
    """

    text: str
    qualifier: str
    name: str
    spec: str = ""
    network: IPv4Network | IPv6Network | None = None
    prefix4: int = BITS4
    prefix6: int = BITS6

    def asks(self) -> bool:
        """Say whether it counts against the ten look-ups of an evaluation (RFC 7208 section 4.6.4)."""
        return self.name in ASKING


@dataclass(frozen=True, slots=True)
class Record:
    """A record that can be read. `redirect` and `exp` are domain-specs, empty where there is none.

    `mechanisms` are all of them; those behind `all` have no effect (RFC 7208 section 5.1).
    """

    mechanisms: tuple[Mechanism, ...] = ()
    redirect: str = ""
    exp: str = ""

    def effective(self) -> tuple[Mechanism, ...]:
        """Return the mechanisms up to and including `all`."""
        names = [mechanism.name for mechanism in self.mechanisms]
        return self.mechanisms[: names.index("all") + 1] if "all" in names else self.mechanisms

    def follows_redirect(self) -> bool:
        """Say whether the redirect has an effect: not beside `all` (RFC 7208 section 6.1)."""
        return bool(self.redirect) and all(mechanism.name != "all" for mechanism in self.mechanisms)


# One look reads each record of a tree again for each address; those of hostile size take time to read, and memory to keep.
@lru_cache(maxsize=32)
def parse(text: str) -> Record:
    """Return a record from its text, which begins with "v=spf1"; raises SpfSyntaxError.

    All words are read, those without effect too: RFC 7208 section 4.6 makes an error anywhere a permanent one.
    """
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, str] = {}
    for word in text.split(" ")[1:]:
        if not word:
            continue
        # Octets that are no text come as backslashes; in a name a real one would be as useless.
        if not word.isascii() or "\\" in word:
            raise SpfSyntaxError(word, SyntaxFault.NON_ASCII)
        if modifier := MODIFIER.fullmatch(word):
            name = modifier["name"].lower()
            require_modifier(word, name, modifier["value"], modifiers)
            modifiers[name] = modifier["value"]
        else:
            mechanisms.append(parse_mechanism(word))
    return Record(tuple(mechanisms), redirect=modifiers.get("redirect", ""), exp=modifiers.get("exp", ""))


def require_modifier(word: str, name: str, value: str, seen: dict[str, str]) -> None:
    """Raise SpfSyntaxError where a modifier is wrong; those that nobody knows need only be macro-strings."""
    if name not in ("redirect", "exp"):
        require_macros(word, value)
        return
    if name in seen:
        raise SpfSyntaxError(word, SyntaxFault.TWICE)
    require_domain_spec(word, value)


def parse_mechanism(word: str) -> Mechanism:
    """Return a mechanism from its word; raises SpfSyntaxError."""
    directive = DIRECTIVE.fullmatch(word)
    if directive is None or directive["name"].lower() not in READERS:
        raise SpfSyntaxError(word, SyntaxFault.WORD)
    name = directive["name"].lower()
    mechanism = Mechanism(word, directive["qualifier"] or "+", name)
    return READERS[name](mechanism, directive["value"] or "")


def read_nothing(mechanism: Mechanism, value: str) -> Mechanism:
    """Read what stands behind "all": nothing."""
    if value:
        raise SpfSyntaxError(mechanism.text, SyntaxFault.WORD)
    return mechanism


def read_domain(mechanism: Mechanism, value: str) -> Mechanism:
    """Read ":" and a domain-spec."""
    if not value.startswith(":"):
        raise SpfSyntaxError(mechanism.text, SyntaxFault.VALUE)
    require_domain_spec(mechanism.text, value[1:])
    return replace(mechanism, spec=value[1:])


def read_optional_domain(mechanism: Mechanism, value: str) -> Mechanism:
    """Read ":" and a domain-spec, or nothing."""
    return read_domain(mechanism, value) if value else mechanism


def read_domain_and_prefixes(mechanism: Mechanism, value: str) -> Mechanism:
    """Read an optional ":" and domain-spec and an optional dual-cidr-length."""
    parts = PREFIXES.fullmatch(value)
    if parts is None or parts["spec"].startswith("/"):
        raise SpfSyntaxError(mechanism.text, SyntaxFault.PREFIX)
    if parts["spec"]:
        mechanism = read_domain(mechanism, parts["spec"])
    return replace(
        mechanism,
        prefix4=read_prefix(mechanism.text, parts["ip4"], BITS4),
        prefix6=read_prefix(mechanism.text, parts["ip6"], BITS6),
    )


def read_network(kind: type[IPv4Network] | type[IPv6Network], bits: int) -> Callable[[Mechanism, str], Mechanism]:
    """Return the reader of ":", an address and an optional prefix."""

    def read(mechanism: Mechanism, value: str) -> Mechanism:
        if not value.startswith(":"):
            raise SpfSyntaxError(mechanism.text, SyntaxFault.VALUE)
        address, slash, digits = value[1:].partition("/")
        prefix = read_prefix(mechanism.text, digits if slash else None, bits)
        # Python's addresses may have a scope ("%eth0"), those of SPF not.
        if "%" in address:
            raise SpfSyntaxError(mechanism.text, SyntaxFault.ADDRESS)
        try:
            return replace(mechanism, network=kind(f"{address}/{prefix}", strict=False))
        except ValueError:
            raise SpfSyntaxError(mechanism.text, SyntaxFault.ADDRESS) from None

    return read


def read_prefix(term: str, digits: str | None, bits: int) -> int:
    """Return a prefix length, that of one address where it is left out; no leading zeros."""
    if digits is None:
        return bits
    if not NUMBER.fullmatch(digits) or int(digits) > bits:
        raise SpfSyntaxError(term, SyntaxFault.PREFIX)
    return int(digits)


def require_macros(term: str, text: str) -> frozenset[str]:
    """Raise SpfSyntaxError unless `text` is a macro-string; returns its letters."""
    try:
        return find_letters(text)
    except MacroError:
        raise SpfSyntaxError(term, SyntaxFault.MACRO) from None


def require_domain_spec(term: str, spec: str) -> None:
    """Raise SpfSyntaxError unless `spec` is a domain-spec: it ends with a macro, or a dot and a toplabel."""
    if not spec:
        raise SpfSyntaxError(term, SyntaxFault.VALUE)
    if require_macros(term, spec) & EXPLANATION_LETTERS:
        raise SpfSyntaxError(term, SyntaxFault.MACRO)
    if any(macro.end() == len(spec) for macro in MACRO.finditer(spec)):
        return
    _before, dot, label = spec.removesuffix(".").rpartition(".")
    if ADDRESS.fullmatch(spec):
        raise SpfSyntaxError(term, SyntaxFault.ADDRESS)
    if not dot or not TOPLABEL.fullmatch(label):
        raise SpfSyntaxError(term, SyntaxFault.DOMAIN)


def is_domain_name(name: str) -> bool:
    """Say whether a name can be asked for: visible ASCII, no empty label, none over 63 octets, at most 253 in all.

    A backslash could only come of an octet that cannot be shown.
    """
    return (
        len(name) <= NAME_LIMIT
        and name.isascii()
        and name.isprintable()
        and "\\" not in name
        and all(0 < len(label) <= LABEL_LIMIT for label in name.split("."))
    )


# Mechanisms that ask the DNS.
ASKING = frozenset({"include", "a", "mx", "ptr", "exists"})
READERS: dict[str, Callable[[Mechanism, str], Mechanism]] = {
    "all": read_nothing,
    "include": read_domain,
    "exists": read_domain,
    "ptr": read_optional_domain,
    "a": read_domain_and_prefixes,
    "mx": read_domain_and_prefixes,
    "ip4": read_network(IPv4Network, BITS4),
    "ip6": read_network(IPv6Network, BITS6),
}
