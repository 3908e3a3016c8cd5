"""Reads the text of SPF records as people write them, mistakes included (RFC 7208); pure."""

import re
from dataclasses import dataclass

VERSION = "v=spf1"
# What people paste along with a record.
WRAPPING = " \t\"'“”"
MECHANISMS = frozenset({"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"})
NEEDS_VALUE = frozenset({"include", "ip4", "ip6", "exists"})
# RFC 7208 section 4.6.1: a qualifier, a name, then ":" or "/" or nothing.
MECHANISM = re.compile(r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9]*)(?P<value>[:/].*)?", re.IGNORECASE | re.DOTALL)
MODIFIER = re.compile(r"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a record. `name` is lower case and empty where the word is neither mechanism nor modifier."""

    text: str
    name: str
    qualifier: str = ""
    value: str = ""
    is_modifier: bool = False

    def is_all(self) -> bool:
        """Say whether this is the `all` mechanism, after which nothing is looked at (RFC 7208 section 5.1)."""
        return self.name == "all" and not self.is_modifier

    def is_redirect(self) -> bool:
        """Say whether this is the `redirect` modifier (RFC 7208 section 6.1)."""
        return self.name == "redirect" and self.is_modifier


def is_spf(text: str) -> bool:
    """Say whether a TXT record is an SPF record (RFC 7208 section 4.5)."""
    return text.lower() == VERSION or text.lower().startswith(VERSION + " ")


def parse_terms(record: str) -> list[Term]:
    """Return the terms after the version, in order. They are separated by spaces only (RFC 7208 section 12)."""
    return [parse_term(word) for word in record.split(" ")[1:] if word]


def parse_term(word: str) -> Term:
    """Return one term; what RFC 7208 does not know, or knows only with a value, has no name."""
    if modifier := MODIFIER.fullmatch(word):
        return Term(word, modifier["name"].lower(), value=modifier["value"], is_modifier=True)
    mechanism = MECHANISM.fullmatch(word)
    if mechanism is None:
        return Term(word, "")
    name, value = mechanism["name"].lower(), mechanism["value"] or ""
    if name not in MECHANISMS or (name in NEEDS_VALUE and not value[1:]) or (name == "all" and value):
        return Term(word, "")
    return Term(word, name, mechanism["qualifier"] or "+", value.removeprefix(":"))


def include_target(include: str) -> str:
    """Return the domain of the setting SPF_INCLUDE, which may be written with "include:" or without."""
    return normal_domain(include.strip().removeprefix("include:"))


def normal_domain(name: str) -> str:
    """Return a domain-spec as it is compared: lower case, no closing dot."""
    return name.lower().removesuffix(".")
