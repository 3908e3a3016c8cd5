"""Merge tags on their way into HTML: they stay whole, and what only looks like one can be taken for none.

What is written here is on few lines, so that `{{` in one place and `}}` in another would be a tag of all between.
"""

from __future__ import annotations

import html
import re
from typing import Final

# A merge tag, as mailings write it.
TAG: Final = re.compile(r"\{\{[^{}\r\n]*\}\}")
# One with elements in it, as an editor writes a tag of which a part is bold.
_BROKEN_UP: Final = re.compile(r"\{(?:<[^<>]*>)*\{(?:[^{}\r\n<>]|<[^<>]*>)*\}(?:<[^<>]*>)*\}")
_ELEMENT: Final = re.compile(r"<[^<>]*>")
_REFERENCE: Final = re.compile(r"&(amp|lt|gt);")
_READ: Final = {"amp": "&", "lt": "<", "gt": ">"}


def escape(text: str) -> str:
    """Return a plain text as HTML, for text and for quoted attributes."""
    return guard(html.escape(text))


def guard(written: str) -> str:
    """Return HTML with references in the place of all braces that belong to no tag."""
    found, end = "", 0
    for tag in TAG.finditer(written):
        found += _without_braces(written[end : tag.start()]) + tag[0]
        end = tag.end()
    return found + _without_braces(written[end:])


def _without_braces(written: str) -> str:
    return written.replace("{", "&#123;").replace("}", "&#125;")


def mend(markup: str) -> str:
    """Return well-formed HTML with the elements that stand in a merge tag behind it: it stays well-formed."""
    return _BROKEN_UP.sub(lambda tag: _ELEMENT.sub("", tag[0]) + "".join(_ELEMENT.findall(tag[0])), markup)


def bare(page: str) -> str:
    """Write names and fallbacks of merge tags as they were given: their values are escaped when they are filled in."""
    return TAG.sub(lambda tag: _REFERENCE.sub(lambda found: _READ[found[1]], tag[0]), page)
