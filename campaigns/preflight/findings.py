"""What a check says: red stops the start, yellow asks for a tick, green tells that a thing is in order."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave a finding is."""

    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    `code` names the check, `place` what it found fault with (an address, a tag; empty where there is one thing only).
    `sentence` says what is wrong and what to do; `details` are the single places in words; `url` is the page on which it
    can be mended, or empty.
    """

    code: str
    level: Level
    sentence: str
    place: str = ""
    details: tuple[str, ...] = ()
    url: str = ""

    @property
    def key(self) -> str:
        """What a tick names: the same as long as it is the same thing, whatever the figures in the sentence."""
        return f"{self.code}-{hashlib.sha256(self.place.encode()).hexdigest()[:12]}" if self.place else self.code


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found, the gravest first."""

    findings: tuple[Finding, ...]

    @property
    def reds(self) -> list[Finding]:
        """What stops the start."""
        return self._of(Level.RED)

    @property
    def yellows(self) -> list[Finding]:
        """What asks for a tick."""
        return self._of(Level.YELLOW)

    @property
    def greens(self) -> list[Finding]:
        """What is in order."""
        return self._of(Level.GREEN)

    def _of(self, level: Level) -> list[Finding]:
        return [finding for finding in self.findings if finding.level == level]

    def unticked(self, ticks: Collection[str]) -> list[Finding]:
        """Return the yellow ones that nobody ticked."""
        return [finding for finding in self.yellows if finding.key not in ticks]


def red(code: str, sentence: str, place: str = "", *, details: Iterable[str] = (), url: str = "") -> Finding:
    """Return a finding that stops the start."""
    return Finding(code, Level.RED, sentence, place, tuple(details), url)


def yellow(code: str, sentence: str, place: str = "", *, details: Iterable[str] = (), url: str = "") -> Finding:
    """Return a finding that asks for a tick."""
    return Finding(code, Level.YELLOW, sentence, place, tuple(details), url)


def green(code: str, sentence: str, *, details: Iterable[str] = (), url: str = "") -> Finding:
    """Return a finding that all is well."""
    return Finding(code, Level.GREEN, sentence, "", tuple(details), url)
