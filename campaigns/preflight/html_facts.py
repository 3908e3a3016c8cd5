"""Reads an HTML part as a mail program would show it: links, pictures, visible text, and what no mail program runs."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

# Elements without an end (https://html.spec.whatwg.org/multipage/syntax.html#void-elements).
VOID: Final = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
# What is in these is not shown.
UNSEEN: Final = frozenset({"head", "style", "script", "title", "template", "noscript", "object"})
# What mail programs take out or do not run; a style sheet elsewhere is not loaded.
UNFIT: Final = frozenset({"script", "form", "iframe", "object", "embed", "video", "audio", "svg", "link"})
# The shown text is looked at up to so many characters.
MOST_TEXT: Final = 200_000
_HIDING: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Picture:
    """`alt` is None where there is no such attribute; `link` where a click on it leads, or None."""

    src: str
    alt: str | None
    link: str | None


@dataclass(slots=True)
class Link:
    """An address as it is written, with the words and pictures that lead there."""

    href: str
    text: str = ""
    has_picture: bool = False


@dataclass(slots=True)
class HtmlFacts:
    """What was read of an HTML part. `unfit` are the names of elements that do nothing in a mail."""

    links: list[Link] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    unfit: set[str] = field(default_factory=set)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.facts = HtmlFacts()
        # The open elements, each with whether it hides what is in it.
        self.open: list[tuple[str, bool]] = []
        self.names: Counter[str] = Counter()
        self.hidden = 0
        self.link: Link | None = None
        self.pieces: list[str] = []
        self.length = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, str] = {}
        for name, value in attrs:
            # The first of two attributes of one name counts.
            given.setdefault(name, value or "")
        self.facts.anchors.update(filter(None, (given.get("id"), given.get("name"))))
        if tag in UNFIT and (tag != "link" or "stylesheet" in given.get("rel", "").lower()):
            self.facts.unfit.add(tag)
        hides = tag in UNSEEN or "hidden" in given or bool(_HIDING.search(given.get("style", "")))
        if tag not in VOID:
            self.open.append((tag, hides))
            self.names[tag] += 1
            self.hidden += hides
        if self.hidden:
            return
        if tag in ("a", "area") and "href" in given:
            self.link = Link(given["href"].strip())
            self.facts.links.append(self.link)
        elif tag == "img":
            alt = given.get("alt")
            self.facts.pictures.append(
                Picture(given.get("src", "").strip(), alt, self.link.href if self.link else None)
            )
            if self.link:
                self.link.has_picture = True
                self.link.text += alt or ""
        if tag in ("br", "p", "div", "td", "li", "tr"):
            self.add_text(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self.link = None
        # An end of what was never begun ends nothing; any other one also ends what was left open within.
        ended = None if self.names[tag] else tag
        while ended != tag:
            ended, hides = self.open.pop()
            self.names[ended] -= 1
            self.hidden -= hides

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.add_text(data)

    def add_text(self, text: str) -> None:
        if self.link:
            self.link.text += text
        if self.length < MOST_TEXT:
            self.pieces.append(text)
            self.length += len(text)


def read_html(part: str) -> HtmlFacts:
    """Return what a mail program shows of an HTML part, however broken; comments, also those for Outlook, count for nothing."""
    reader = _Reader()
    reader.feed(part)
    reader.close()
    reader.facts.text = " ".join("".join(reader.pieces).split())
    for link in reader.facts.links:
        link.text = " ".join(link.text.split())
    return reader.facts
