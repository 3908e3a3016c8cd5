"""What a person wrote (Content), and the two parts of a mail that are written from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from campaigns.models import Campaign, Draft
from designs.blocks import Design, read_design
from designs.brands import look_of, picture_urls
from designs.exceptions import DesignRefused
from designs.html_to_text import html_to_text
from designs.markdown_writing import render_markdown
from designs.models import BodyKind
from designs.own_html import inline_css, show_safely
from designs.regions import Conditions, disarm, renumber
from designs.rendering import Rendered, clean_line, render_design
from designs.tags import escape

# What mail programs do not show, but their lists do.
HIDDEN: Final = "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden"
_BODY: Final = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
# The names of what is compared when two people saved the same draft.
PART_NAMES: Final = {
    "subject": gettext_lazy("件名"),
    "preheader": gettext_lazy("プリヘッダー"),
    "kind": gettext_lazy("本文の種類"),
    "blocks": gettext_lazy("ブロック"),
    "source": gettext_lazy("本文"),
    "text": gettext_lazy("テキスト本文"),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a person writes: `blocks` is the JSON of a Design, `source` HTML or Markdown, `text` the text part by hand.

    `conditions` are those that the blocks had when `text` was written, by the numbers that stand in it.
    """

    subject: str = ""
    preheader: str = ""
    kind: str = BodyKind.TEXT
    blocks: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    text: str = ""
    text_by_hand: bool = True
    conditions: Sequence[dict[str, Any] | None] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what `read_content` reads."""
        return asdict(self)

    def design(self) -> Design:
        """Return the blocks. Raises DesignRefused."""
        return read_design(self.blocks) if self.blocks else Design()

    def differences(self, other: Content) -> list[str]:
        """Return the names of what is written differently in both."""
        differs = [part for part in PART_NAMES if getattr(self, part) != getattr(other, part)]
        if not (self.text_by_hand or other.text_by_hand):
            # It is written from the rest.
            differs = [part for part in differs if part != "text"]
        return [str(PART_NAMES[part]) for part in differs]


def read_content(stored: Mapping[str, Any]) -> Content:
    """Return the content of a version."""
    return Content(**{one.name: stored[one.name] for one in fields(Content) if one.name in stored})


def content_of(campaign: Campaign) -> Content:
    """Return what was written of a mailing; one without a Draft was typed as it is sent."""
    draft = Draft.objects.filter(campaign=campaign).first() if campaign.pk else None
    if draft is None:
        kind = BodyKind.HTML if campaign.html.strip() else BodyKind.TEXT
        return Content(
            campaign.subject, campaign.preheader, kind, source=campaign.html, text=campaign.text, text_by_hand=True
        )
    return Content(
        campaign.subject,
        campaign.preheader,
        draft.kind,
        draft.blocks,
        draft.source,
        draft.text if draft.text_by_hand or draft.kind == BodyKind.TEXT else campaign.text,
        draft.text_by_hand,
        campaign.conditions,
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """What is sent, with its merge tags; `problem` says why nothing could be written, and then nothing can be sent.

    `conditions` say for whom its regions are (designs/regions.py).
    """

    text: str = ""
    html: str = ""
    conditions: Conditions = ()
    problem: str = ""


def write_parts(content: Content, workspace: Workspace, *, shared: Conditions = ()) -> Parts:
    """Return both parts of a mail. What cannot be written is empty: an empty text part is never sent.

    `shared` are the conditions of the other forms of the same mailing: the numbers of its own go on from there, and all
    are returned.
    """
    if content.kind == BodyKind.TEXT:
        return Parts(content.text, conditions=shared)
    try:
        rendered = write_html(content) if content.kind == BodyKind.HTML else write_design(content, workspace, shared)
    except DesignRefused as error:
        return Parts(conditions=shared or tuple(content.conditions), problem=error.sentence)
    conditions = rendered.conditions or shared
    text = content.text if content.text_by_hand else rendered.text
    if shared and content.text_by_hand:
        text = renumber(text, tuple(content.conditions), conditions)
    return Parts(text, rendered.html, conditions)


def write_design(content: Content, workspace: Workspace, shared: Conditions) -> Rendered:
    """Return the parts of blocks or Markdown. Raises DesignRefused."""
    look = look_of(workspace)
    line = {"title": content.subject, "preheader": content.preheader}
    if content.kind == BodyKind.MARKDOWN:
        return render_markdown(content.source, look, **line)
    design = content.design()
    pictures = picture_urls(workspace, used) if (used := design.pictures()) else {}
    # Beside other forms it is numbered anew.
    by_hand = content.text if content.text_by_hand and not shared else ""
    known = shared or tuple(content.conditions)
    return render_design(design, look, pictures=pictures, known=known, by_hand=by_hand, keeps=bool(shared), **line)


def write_html(content: Content) -> Rendered:
    """Return the parts of own HTML. Raises DesignRefused."""
    if not content.source.strip():
        return Rendered("", "")
    page = hide_preheader(inline_css(disarm(content.source)), clean_line(content.preheader))
    text = "" if content.text_by_hand else html_to_text(show_safely(content.source)) + "\n"
    return Rendered(page, text)


def hide_preheader(page: str, preheader: str) -> str:
    """Return HTML that begins with a line which only the lists of mail programs show."""
    if not preheader:
        return page
    hidden = f'<div style="{HIDDEN}">{escape(preheader)}</div>'
    if body := _BODY.search(page):
        return page[: body.end()] + hidden + page[body.end() :]
    # A page without <body> begins with its words; behind a doctype or a head a browser makes one by itself.
    return page + hidden if re.match(r"\s*<(?:!doctype|html|head)\b", page, re.IGNORECASE) else hidden + page


def kind_posted(kind: str, html: str) -> str:
    """Return the kind that a form says; one that says none is text, or HTML where it has any."""
    if kind in BodyKind.values:
        return kind
    return BodyKind.HTML if html.strip() else BodyKind.TEXT
