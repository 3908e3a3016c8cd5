"""Writes well-formed HTML as plain text: paragraphs, lists and tables as lines, addresses behind the words of links."""

from __future__ import annotations

import html
import re
from typing import Final

from designs.markup import End, Start, Text, read_pieces

# These begin on a line of their own; after those of the second set an empty line follows.
LINES: Final = frozenset(["div", "tr", "li", "dt", "dd", "caption", "center", "h1", "h2", "h3", "h4", "h5", "h6"])
PARAGRAPHS: Final = frozenset(["p", "ul", "ol", "dl", "table", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"])
MARKS: Final = {"h1": "■ ", "h2": "■ ", "h3": "● ", "h4": "● ", "h5": "● ", "h6": "● "}


class _Writer:
    def __init__(self) -> None:
        self.text = ""
        # The open lists: None for one with dots, else the number of the last item.
        self.lists: list[int | None] = []
        # Whether the mark of an item or a heading was written last, whose words go on behind it.
        self.is_marked = False
        # The open links: where each leads, and where its words begin.
        self.links: list[tuple[str, int]] = []
        self.quotes = 0
        self.is_pre = False

    def break_line(self, empty: int = 0) -> None:
        """Begin a line, behind so many empty ones."""
        if self.is_marked:
            return
        self.text = self.text.rstrip(" ")
        if self.text:
            ends = len(self.text) - len(self.text.rstrip("\n"))
            self.text += "\n" * (1 + empty - ends)

    def add(self, words: str) -> None:
        """Add words; runs of spaces are one, and none begins a line."""
        if not self.is_pre:
            words = re.sub(r"[ \t\r\n\f]+", " ", words)
            if not self.text or self.is_marked or self.text[-1] in "\n ":
                words = words.lstrip(" ")
        if words:
            self.text += self.quotation() + words
            self.is_marked = False

    def add_mark(self, mark: str) -> None:
        """Add what stands before the words of an item or a heading."""
        self.text += self.quotation() + mark
        self.is_marked = True

    def quotation(self) -> str:
        """Return what stands before the words of a line within quotations."""
        return "> " * self.quotes if not self.text or self.text.endswith("\n") else ""

    def start(self, piece: Start) -> None:
        """Begin an element."""
        name = piece.name
        if name == "br":
            self.text = self.text.rstrip(" ") + "\n"
        elif name == "hr":
            self.break_line(1)
            self.text += "─" * 20 + "\n\n"
        elif name == "img":
            self.add(f"[{alt}]" if (alt := piece.attributes.get("alt", "").strip()) else "")
        elif name == "a":
            self.links.append((piece.attributes.get("href", ""), len(self.text)))
        elif name in ("td", "th") and self.text and self.text[-1] != "\n":
            self.add(" ")
        if name in PARAGRAPHS or name in LINES:
            self.break_line(1 if name in PARAGRAPHS and not self.lists else 0)
        self.quotes += name == "blockquote"
        self.is_pre = self.is_pre or name == "pre"
        if name in ("ul", "ol"):
            self.lists.append(0 if name == "ol" else None)
        elif name == "li":
            self.start_item()
        elif name in MARKS:
            self.add_mark(MARKS[name])

    def start_item(self) -> None:
        """Write the mark of an item; its words go on behind it."""
        indent = "  " * (len(self.lists) - 1)
        if self.lists and (last := self.lists[-1]) is not None:
            self.lists[-1] = last + 1
            self.add_mark(f"{indent}{last + 1}. ")
        else:
            self.add_mark(f"{indent}・")

    def end(self, name: str) -> None:
        """End an element."""
        if name == "a" and self.links:
            href, at = self.links.pop()
            words = self.text[at:].strip()
            # An address needs room behind it: some programs take the Japanese that follows for a part of it.
            if href and words != href:
                self.add(f" ( {href} ) " if words else f" {href} ")
        if name in ("ul", "ol") and self.lists:
            self.lists.pop()
        # An item without words keeps its mark.
        self.is_marked = self.is_marked and name != "li" and name not in MARKS
        if name in PARAGRAPHS or name in LINES:
            self.break_line(1 if name in PARAGRAPHS and not self.lists else 0)
        self.quotes -= name == "blockquote"
        self.is_pre = self.is_pre and name != "pre"


def html_to_text(markup: str) -> str:
    """Return the words of well-formed HTML as a text part has them. Raises MarkupError for what is none."""
    writer = _Writer()
    for piece in read_pieces(markup):
        if isinstance(piece, Text):
            writer.add(html.unescape(piece.written))
        elif isinstance(piece, Start):
            writer.start(piece)
        elif isinstance(piece, End):
            writer.end(piece.name)
    text = writer.text.replace("\xa0", " ")
    # A space after an address that ends a line or stands before a mark is seen by nobody.
    return re.sub(r"[ ]+$", "", re.sub(r"\n{3,}", "\n\n", text), flags=re.MULTILINE).strip("\n")
