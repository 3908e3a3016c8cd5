"""Writes the text part of a design: the same words as the HTML part has, with addresses on lines of their own."""

from __future__ import annotations

from typing import Final

from designs.blocks import Block, BlockKind, Design, SnsService
from designs.html_to_text import html_to_text
from designs.regions import TEXT_CLOSING, TEXT_OPENING, Conditions, number_of

# As wide as mail programs show without breaking it.
RULE: Final = "━" * 20
THIN_RULE: Final = "─" * 20


def write_text(design: Design, conditions: Conditions = ()) -> str:
    """Return the text part; regions with the numbers of `conditions`, as designs.regions says. A line in it ends in LF."""
    parts = []
    for block in design.blocks:
        if words := write_words(block).strip("\n"):
            number = number_of(block, conditions)
            # The line between belongs to the region: what is cut out leaves no hole.
            part = f"{words}\n\n"
            parts.append(f"{TEXT_OPENING % number}\n{part}{TEXT_CLOSING % number}\n" if number else part)
    return "".join(parts).rstrip("\n") + "\n" if parts else ""


def write_words(block: Block) -> str:
    """Return what a block says; "" where there is nothing in it yet."""
    data = block.data
    if block.kind == BlockKind.HEADING:
        return write_heading(data["text"], data["level"])
    if block.kind in (BlockKind.TEXT, BlockKind.HTML):
        return html_to_text(data["html"])
    if block.kind == BlockKind.PICTURE:
        return write_link(f"[{data['alt']}]" if data["alt"] else "", data["href"])
    if block.kind == BlockKind.BUTTON:
        return write_link(f"▼ {data['label']}" if data["label"] else "", data["href"])
    if block.kind == BlockKind.DIVIDER:
        return THIN_RULE if data["line"] else ""
    if block.kind == BlockKind.COLUMNS:
        parts = (write_words(part).strip("\n") for part in (*data["left"], *data["right"]))
        return "\n\n".join(filter(None, parts))
    if block.kind == BlockKind.PRODUCT:
        words = ("■ " + data["name"] if data["name"] else "", data["price"], data["text"])
        return "\n".join(
            filter(None, (*words, write_link(f"▼ {data['label']}" if data["label"] else "", data["href"])))
        )
    if block.kind == BlockKind.SNS:
        return "\n".join(f"{SnsService(link['service']).label}: {link['href']}" for link in data["links"])
    return str(data["text"])


def write_heading(text: str, level: int) -> str:
    """Return a heading as Japanese mails of text have it."""
    if not text:
        return ""
    return f"{RULE}\n{text}\n{RULE}" if level == 1 else f"{'■' if level == 2 else '●'} {text}"


def write_link(words: str, href: str) -> str:
    """Return words and the address they lead to, below each other."""
    return "\n".join(filter(None, (words, href)))
