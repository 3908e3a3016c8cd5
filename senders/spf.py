"""Reads, judges and merges the text of SPF records (RFC 7208); pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

VERSION = "v=spf1"
# What people paste along with a record.
WRAPPING = " \t\"'“”"
MECHANISMS = frozenset({"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"})
NEEDS_VALUE = frozenset({"include", "ip4", "ip6", "exists"})
# RFC 7208 section 4.6.1: a qualifier, a name, then ":" or "/" or nothing.
MECHANISM = re.compile(r"(?P<qualifier>[+?~-]?)(?P<name>[a-z][a-z0-9]*)(?P<value>[:/].*)?", re.IGNORECASE | re.DOTALL)
MODIFIER = re.compile(r"(?P<name>[a-z][a-z0-9_.-]*)=(?P<value>.*)", re.IGNORECASE | re.DOTALL)
# Where nothing is set yet: the domain's own servers, and doubt about all others (D1).
FIRST_TERMS = ("a", "mx")
DEFAULT_ALL = "~all"


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


def allows_include(terms: Sequence[Term], target: str) -> bool:
    """Say whether the include of `target` is there with "+" and is reached, that is, stands before `all`."""
    for term in terms:
        if term.is_all():
            return False
        if term.name == "include" and term.qualifier == "+" and normal_domain(term.value) == target:
            return True
    return False


def merge(records: Sequence[str], include: str) -> str:
    """Return the one record to publish: what `records` say already, and the include (D1, A5).

    Two or more records become one: RFC 7208 section 4.5 makes several a permanent error. Nothing that is
    authorised now is dropped, mistakes included, because a dropped one would stop somebody's mail. `include`
    is the setting SPF_INCLUDE, empty where none is asked for.
    """
    terms = [term for record in records for term in parse_terms(record)]
    kept = [term.text for term in terms if not term.is_all() and not term.is_redirect()]
    kept = list(dict.fromkeys(kept)) if records else list(FIRST_TERMS)
    target = include_target(include)
    if target:
        others = [word for word in kept if not names_include(word, target)]
        kept = [*others, f"include:{target}"]
    return " ".join([VERSION, *kept, find_ending(terms)])


def names_include(word: str, target: str) -> bool:
    """Say whether a word includes `target`, whatever its qualifier."""
    term = parse_term(word)
    return term.name == "include" and normal_domain(term.value) == target


def find_ending(terms: Sequence[Term]) -> str:
    """Return how the merged record ends: the first `all`, else the first redirect, else "~all".

    "+all" allows the whole world to send as this domain and is made "~all".
    """
    for term in terms:
        if term.is_all():
            return DEFAULT_ALL if term.qualifier == "+" else term.text
    for term in terms:
        if term.is_redirect():
            return term.text
    return DEFAULT_ALL
