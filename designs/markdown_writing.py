"""Markdown as the body of a mail: CommonMark with tables, without raw HTML."""

from __future__ import annotations

import html
import re
import secrets
from typing import Final

from django.utils.translation import gettext as _
from markdown_it import MarkdownIt

from designs.brands import Look
from designs.exceptions import DesignRefused
from designs.fields import clean_text, require_fitting
from designs.html_to_text import html_to_text
from designs.mjml_elements import attributes, style_rich
from designs.mjml_writing import write_card, write_document, write_top
from designs.rendering import Rendered, clean_line, convert
from designs.rich_text import WIDE, clean_html
from designs.tags import TAG

MAX_MARKDOWN: Final = 50_000
# What Markdown becomes is longer than it is.
MAX_WRITTEN: Final = 300_000
ATTRIBUTES: Final = {"a": {"href", "title"}, "img": {"src", "alt"}, "th": {"style"}, "td": {"style"}, "ol": {"start"}}
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


def render_markdown(source: str, look: Look, *, title: str, preheader: str) -> Rendered:
    """Return both parts of a mail that is written in Markdown; merge tags may stand in it. Raises DesignRefused."""
    title, preheader = clean_line(title), clean_line(preheader)
    written = to_html(source)
    outer = attributes(css_class="hm-ink", color=look.text)
    text = write_card(f"<mj-text{outer}>{style_rich(written, look.paper())}</mj-text>", look) if written else ""
    mjml = write_document(write_top(look) + write_margins(text, look), look, title=title, preheader=preheader)
    return Rendered(convert(mjml), html_to_text(written) + "\n" if written else "")


def write_margins(card: str, look: Look) -> str:
    """Return a section with room above and below it."""
    room = write_card('<mj-spacer height="28px" />', look)
    return f"{room}{card}{room}" if card else ""


def to_html(source: str) -> str:
    """Return clean HTML. Raises DesignRefused."""
    source = clean_text(source)
    if len(source) > MAX_MARKDOWN:
        raise DesignRefused(_("本文が長すぎます。%d文字までにしてください。") % MAX_MARKDOWN)
    require_fitting(source, MAX_MARKDOWN)
    # Markdown would read marks in them, and write an address of them with percent signs.
    mark = f"tag{secrets.token_hex(8)}x"
    tags = [match[0] for match in TAG.finditer(source)]
    numbers = iter(range(len(tags)))
    parsed = _MARKDOWN.render(TAG.sub(lambda _tag: f"{mark}{next(numbers)}z", source))
    found = re.sub(rf"{mark}([0-9]+)z", lambda match: html.escape(tags[int(match[1])]), parsed)
    cleaned = clean_html(found, tags=WIDE, attributes=ATTRIBUTES, longest=MAX_WRITTEN)
    # A mail has one title; what comes after it is a chapter.
    first, end, rest = cleaned.partition("</h1>")
    return first + end + re.sub(r"<(/?)h1>", r"<\1h2>", rest)
