"""Reads markup piece by piece in one pass over it: how deep it goes, and a written form that every parser reads alike."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Elements without an end (https://html.spec.whatwg.org/multipage/syntax.html#void-elements).
VOID: Final = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
# Each letter is looked at once, however broken the markup is: what follows the name always matches.
_ELEMENT: Final = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9:-]*+)((?:[^>"']|"[^"]*"|'[^']*')*+)""")
_ATTRIBUTE: Final = re.compile(r"""([^\s=/"'<>]++)(?:\s*+=\s*+("[^"]*"|'[^']*'|[^\s"'>][^\s>]*+))?""")


class MarkupError(ValueError):
    """The markup has no end where it should, or an end of what was not begun."""


@dataclass(frozen=True, slots=True)
class Start:
    """The start of an element; `is_void` where it has no end."""

    name: str
    attributes: dict[str, str]
    is_void: bool


@dataclass(frozen=True, slots=True)
class End:
    """The end of an element."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they are written, references and all."""

    written: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What stands between `<!--` and `-->`."""

    written: str


Piece = Start | End | Text | Comment


def read_pieces(markup: str) -> Iterator[Piece]:
    """Yield the pieces of well-written markup.

    Raises MarkupError for a comment or an element without an end, an attribute without quotes, and declarations.
    """
    at = 0
    while at < len(markup):
        opening = markup.find("<", at)
        if opening < 0:
            opening = len(markup)
        if opening > at:
            yield Text(markup[at:opening])
        if opening == len(markup):
            return
        if markup.startswith("<!--", opening):
            end = markup.find("-->", opening + 4)
            if end < 0:
                raise MarkupError(markup[opening : opening + 40])
            yield Comment(markup[opening + 4 : end])
            at = end + 3
            continue
        match = _ELEMENT.match(markup, opening)
        if not match or not markup.startswith(">", match.end()):
            raise MarkupError(markup[opening : opening + 40])
        yield read_element(match)
        at = match.end() + 1


def read_element(match: re.Match[str]) -> Start | End:
    """Return what an element says; its name and those of its attributes in small letters. Raises MarkupError."""
    name = match[2].lower()
    if match[1]:
        return End(name)
    attributes: dict[str, str] = {}
    for key, value in _ATTRIBUTE.findall(match[3]):
        if value and value[0] not in "\"'":
            # Whether a slash at its end belongs to it is read in two ways.
            raise MarkupError(match[0][:40])
        attributes.setdefault(key.lower(), html.unescape(value[1:-1]))
    return Start(name, attributes, match[3].rstrip().endswith("/") or name in VOID)


def nesting(markup: str) -> int:
    """Return how deep the elements of well-formed HTML stand in one another."""
    deepest = depth = 0
    for piece in read_pieces(markup):
        if isinstance(piece, Start) and not piece.is_void:
            depth += 1
            deepest = max(deepest, depth)
        elif isinstance(piece, End):
            depth -= 1
    return deepest
