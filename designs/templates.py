"""Mails to begin others from: the starters that come with Hypermail, and the templates that a workspace keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts.models import Workspace
from designs.blocks import BlockKind, Design, new_block, read_design
from designs.brands import Look, picture_urls
from designs.frames import show_tags
from designs.markdown_writing import render_markdown
from designs.models import BodyKind, Template
from designs.own_html import inline_css
from designs.rendering import render_design
from designs.tags import escape

FOLDER: Final = Path(__file__).parent / "starters"
# In the order of the gallery; each is a file.
KEYS: Final = ("notice", "sale", "product", "event", "weekly", "members", "survey", "urgent")
MAX_TEMPLATES: Final = 500


@dataclass(frozen=True, slots=True)
class Starter:
    """A mail that comes with Hypermail; `about` says what it is for."""

    key: str
    name: str
    about: str
    subject: str
    preheader: str
    blocks: Mapping[str, Any]

    def design_for(self, look: Look) -> Design:
        """Return its blocks with the brand's footer and links to services."""
        design = read_design(self.blocks)
        blocks = []
        for block in design.blocks:
            if block.kind == BlockKind.FOOTER:
                if look.sns:
                    blocks.append(new_block(BlockKind.SNS, sns=look.sns))
                block = replace(block, data=new_block(BlockKind.FOOTER, footer=look.footer).data)
            blocks.append(block)
        return Design(tuple(blocks))


@cache
def starters() -> tuple[Starter, ...]:
    """Return the starters in the order of the gallery."""
    return tuple(Starter(key, **json.loads((FOLDER / f"{key}.json").read_text(encoding="utf-8"))) for key in KEYS)


def find_starter(key: str) -> Starter | None:
    """Return a starter by its key."""
    return next((starter for starter in starters() if starter.key == key), None)


def show_starter(starter: Starter, look: Look) -> str:
    """Return a starter as a page for a frame."""
    rendered = render_design(starter.design_for(look), look, title=starter.subject, preheader=starter.preheader)
    return show_tags(rendered.html)


def show_template(template: Template, workspace: Workspace, look: Look) -> str:
    """Return a template as a page for a frame. Raises DesignRefused."""
    title, preheader = template.subject, template.preheader
    if template.kind == BodyKind.BLOCKS:
        design = read_design(template.blocks or Design().as_json())
        pictures = picture_urls(workspace, used) if (used := design.pictures()) else {}
        return show_tags(render_design(design, look, title=title, preheader=preheader, pictures=pictures).html)
    if template.kind == BodyKind.MARKDOWN:
        return show_tags(render_markdown(template.source, look, title=title, preheader=preheader).html)
    if template.kind == BodyKind.HTML:
        return show_tags(inline_css(template.source))
    return show_words(show_tags(escape(template.text)))


def show_words(text: str) -> str:
    """Return a text of HTML without elements as a page, as it is written."""
    style = "margin:24px;font:15px/1.8 sans-serif;white-space:pre-wrap;overflow-wrap:anywhere"
    return f'<!doctype html><html lang="ja"><meta charset="utf-8"><title></title><body style="{style}">{text}</body></html>'


def free_name(workspace: Workspace, name: str) -> str:
    """Return a name that no template has: the given one, or with a number behind it."""
    taken = set(Template.objects.filter(workspace=workspace).values_list("name", flat=True))
    short = name.strip()[:90] or _("名前のないテンプレート")
    return next(
        one
        for number in range(1, MAX_TEMPLATES + 2)
        if (one := short if number == 1 else f"{short} {number}") not in taken
    )
