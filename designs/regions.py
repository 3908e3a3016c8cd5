"""Regions: the parts of a mail that only some recipients get, marked so that they can be cut out of the finished parts.

In HTML `<!--?3-->…<!--/3-->`, in text `{{?3}}` and `{{/3}}` on lines of their own. The number is that of the condition,
from 1 on; blocks with the same condition have the same number. Regions do not stand in one another.

Parts are cut before their merge tags are filled: no value of a recipient can begin or end a region.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from django.utils.translation import gettext as _

from designs.blocks import Block, Design
from designs.exceptions import DesignRefused

OPENING: Final = "<!--?%d-->"
CLOSING: Final = "<!--/%d-->"
TEXT_OPENING: Final = "{{?%d}}"
TEXT_CLOSING: Final = "{{/%d}}"
# The numbers that there can be: each is a bit of `Delivery.shown`, which has 31 on every database.
MAX_NUMBER: Final = 31
# Looks like one, but is that of no region.
NO_NUMBER: Final = 99
# Every region is there.
ALL_SHOWN: Final = (1 << MAX_NUMBER) - 1
# A merge tag, whose fallback may look like a mark, or a mark: its sign and its number.
HTML_MARK: Final = re.compile(r"\{\{[^{}\r\n]*\}\}|<!--([?/])([1-9][0-9]?)-->")
# A mark with the whole of its line.
TEXT_MARK: Final = re.compile(r"^\{\{([?/])([1-9][0-9]?)\}\}[ \t]*(?:\r\n|\n|\r|\Z)", re.MULTILINE)


# The conditions of a mail by their numbers, from 1 on; None where a number is free.
Conditions = tuple[dict[str, Any] | None, ...]


def conditions_of(design: Design, known: Conditions = (), text: str = "", *, keeps: bool = False) -> Conditions:
    """Return the conditions of a design, each once, by their numbers; blocks that are empty yet count as well.

    `known` are those that it had before: what is still asked keeps its number. `text` is a text part that a person
    wrote: the numbers of its marks stay what they are, also where no block asks for their condition any more. With `keeps`
    so do all others, since another form of the mail asks for them. Raises DesignRefused where there are too many.
    """
    asked = [dict(block.show) for block in design.blocks if block.show is not None]
    written = {mark.number for mark in find_marks(text, TEXT_MARK)}
    numbered = [
        condition if keeps or condition in asked or number in written else None
        for number, condition in enumerate(known, 1)
    ]
    for condition in asked:
        if condition in numbered:
            continue
        place = next(at for at in count(1) if at not in written and (at > len(numbered) or numbered[at - 1] is None))
        numbered += [None] * (place - len(numbered))
        numbered[place - 1] = condition
    while numbered and numbered[-1] is None:
        numbered.pop()
    if len(numbered) > MAX_NUMBER:
        raise DesignRefused(
            _("表示する条件の番号が足りません。テキスト本文から、使わなくなった {{?1}} のような行を消してください。")
        )
    return tuple(numbered)


def number_of(block: Block, conditions: Conditions) -> int:
    """Return the number of the region that a block is, 0 for a block that everybody gets."""
    return 0 if block.show is None else conditions.index(dict(block.show)) + 1


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


def find_regions(part: str, pattern: re.Pattern[str]) -> Iterator[tuple[Mark, Mark]]:
    """Yield the beginning and the end of each region.

    A region is an opening mark and the closing mark of the same number that is the next mark after it. Any other mark
    is none.
    """
    opening: Mark | None = None
    for mark in find_marks(part, pattern):
        if opening is not None and not mark.is_opening and mark.number == opening.number:
            yield opening, mark
        opening = mark if mark.is_opening else None


def stray_marks(part: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the marks of a part that belong to no region, as they are written."""
    paired = {mark.start for pair in find_regions(part, pattern) for mark in pair}
    return [part[mark.start : mark.end].strip() for mark in find_marks(part, pattern) if mark.start not in paired]


def numbers_in(part: str, pattern: re.Pattern[str]) -> set[int]:
    """Return the numbers of the regions of a part."""
    return {opening.number for opening, _closing in find_regions(part, pattern)}


def cut(part: str, pattern: re.Pattern[str], shown: int) -> str:
    """Return a part without the regions whose bit (number - 1) is not set in `shown`, and without the marks of all."""
    pieces, done = [], 0
    for opening, closing in find_regions(part, pattern):
        pieces.append(part[done : opening.start])
        if shown >> (opening.number - 1) & 1:
            pieces.append(part[opening.end : closing.start])
        done = closing.end
    return "".join((*pieces, part[done:]))


def cut_html(part: str, shown: int) -> str:
    """Return an HTML part as `cut` has it."""
    return cut(part, HTML_MARK, shown)


def cut_text(part: str, shown: int) -> str:
    """Return a text part as `cut` has it; the line of a mark goes with it."""
    return cut(part, TEXT_MARK, shown)


def without_marks(text: str) -> str:
    """Return a text part without the lines of marks, whether they belong together or not."""
    return TEXT_MARK.sub("", text)


def disarm(page: str) -> str:
    """Return HTML in which what looks like a mark is an ordinary comment: for HTML that was typed or comes from elsewhere."""
    return HTML_MARK.sub(lambda match: match[0].replace("<!--", "<!-- ") if match[1] else match[0], page)


def renumber(text: str, known: Conditions, conditions: Conditions) -> str:
    """Return a text part whose marks were numbered by `known` with the numbers of `conditions`.

    A mark whose condition is in neither gets a number that no region has.
    """

    def write(match: re.Match[str]) -> str:
        at = int(match[2])
        condition = known[at - 1] if at <= len(known) else None
        number = conditions.index(condition) + 1 if condition is not None and condition in conditions else NO_NUMBER
        return match[0].replace(match[2], str(number), 1)

    return TEXT_MARK.sub(write, text)


def label(part: str, pattern: re.Pattern[str], frames: Mapping[int, tuple[str, str]]) -> str:
    """Return a part with something to see around each region, by its number, in place of its marks; never sent."""
    pieces, done = [], 0
    for opening, closing in find_regions(part, pattern):
        before, after = frames.get(opening.number, ("", ""))
        pieces += [part[done : opening.start], before, part[opening.end : closing.start], after]
        done = closing.end
    return "".join((*pieces, part[done:]))
