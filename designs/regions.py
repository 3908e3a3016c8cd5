"""Regions: the parts of a mail that only some recipients get, marked so that they can be cut out of the finished parts.

In HTML `<!--?3-->…<!--/3-->`, in text `{{?3}}` and `{{/3}}` on lines of their own. The number is that of the condition,
from 1 on; blocks with the same condition have the same number. Regions do not stand in one another.

Parts are cut before their merge tags are filled: no value of a recipient can begin or end a region.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from designs.blocks import Block, Design

OPENING: Final = "<!--?%d-->"
CLOSING: Final = "<!--/%d-->"
TEXT_OPENING: Final = "{{?%d}}"
TEXT_CLOSING: Final = "{{/%d}}"
# The numbers that there can be: each is a bit of `Delivery.shown`, which has 31 on every database.
MAX_NUMBER: Final = 31
# Every region is there.
ALL_SHOWN: Final = (1 << MAX_NUMBER) - 1
# A merge tag, whose fallback may look like a mark, or a mark: its sign and its number.
HTML_MARK: Final = re.compile(r"\{\{[^{}\r\n]*\}\}|<!--([?/])([1-9][0-9]?)-->")
# A mark with the whole of its line.
TEXT_MARK: Final = re.compile(r"^\{\{([?/])([1-9][0-9]?)\}\}[ \t]*(?:\r\n|\n|\r|\Z)", re.MULTILINE)


def conditions_of(design: Design) -> tuple[dict[str, Any], ...]:
    """Return the conditions of a design, each once, in the order of their numbers."""
    shown = (dict(block.show) for block in design.blocks if block.show is not None)
    return tuple({_key(show): show for show in shown}.values())


def number_of(block: Block, conditions: tuple[dict[str, Any], ...]) -> int:
    """Return the number of the region that a block is, 0 for a block that everybody gets."""
    if block.show is None:
        return 0
    return [_key(condition) for condition in conditions].index(_key(dict(block.show))) + 1


def _key(show: dict[str, Any]) -> str:
    return json.dumps(show, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Mark:
    """The beginning or the end of a region, and where it stands."""

    is_opening: bool
    number: int
    start: int
    end: int


def find_marks(part: str, pattern: re.Pattern[str]) -> Iterator[Mark]:
    """Yield the marks of a part in their order; `pattern` is HTML_MARK or TEXT_MARK."""
    for match in pattern.finditer(part):
        if match[1]:
            yield Mark(match[1] == "?", int(match[2]), *match.span())


def cut(part: str, pattern: re.Pattern[str], shown: int) -> str:
    """Return a part without its marks and without the regions whose bit (number - 1) is not set in `shown`.

    A region is an opening mark and the closing mark of the same number that is the next mark after it. Any other mark
    stays as it is.
    """
    pieces, done = [], 0
    opening: Mark | None = None
    for mark in find_marks(part, pattern):
        if opening is not None and not mark.is_opening and mark.number == opening.number:
            pieces.append(part[done : opening.start])
            if shown >> (mark.number - 1) & 1:
                pieces.append(part[opening.end : mark.start])
            done = mark.end
        opening = mark if mark.is_opening else None
    return "".join((*pieces, part[done:]))


def cut_html(part: str, shown: int) -> str:
    """Return an HTML part as `cut` has it."""
    return cut(part, HTML_MARK, shown)


def cut_text(part: str, shown: int) -> str:
    """Return a text part as `cut` has it; the line of a mark goes with it."""
    return cut(part, TEXT_MARK, shown)
