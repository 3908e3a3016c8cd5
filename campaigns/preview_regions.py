"""Which of the blocks with a condition a preview shows: those of a person, all of them with their conditions, or none."""

from __future__ import annotations

import html
from typing import Final

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from campaigns.bodies import cut_body, write_body
from campaigns.models import Campaign
from campaigns.showing import condition_words
from designs.regions import HTML_MARK, TEXT_MARK, label
from tracking.links import Body

ALL, NONE = "all", "none"
# What `regions` may be, and what it is called; empty shows what the person gets.
CHOICES: Final = (
    ("", _lazy("この人に届く内容")),
    (ALL, _lazy("すべて表示")),
    (NONE, _lazy("どの条件にも合わない人")),
)
# A preview has a page of its own in a frame, without style sheets of ours.
_LABEL: Final = (
    '<div style="max-width:600px;margin:0 auto;padding:4px 12px;box-sizing:border-box;background:#fff3cd;color:#4a3800;'
    'border-left:4px solid #b58100;font:12px/1.6 sans-serif">%s</div>'
)


def regions_chosen(request: HttpRequest) -> str:
    """Return what a page asks for."""
    chosen = request.GET.get("regions", "")
    return chosen if chosen in (ALL, NONE) else ""


def body_chosen(campaign: Campaign, chosen: str) -> Body | None:
    """Return what a preview is filled from; None for what a person gets."""
    if not campaign.conditions or chosen not in (ALL, NONE):
        return None
    body = write_body(campaign)
    return label_regions(campaign, body) if chosen == ALL else cut_body(campaign, body, 0)


def label_regions(campaign: Campaign, body: Body) -> Body:
    """Return a body in which each region says for whom it is."""
    end = _("(条件はここまで)")
    # Braces would be a merge tag.
    frames = {number: (f"({told.replace('{', '{ ')})\n", f"{end}\n") for number, told in label_words(campaign).items()}
    return Body(label(body.text, TEXT_MARK, frames), label_html(campaign, body.html))


def label_html(campaign: Campaign, page: str) -> str:
    """Return an HTML part in which each region says for whom it is."""
    words = label_words(campaign)
    frames = {number: (_LABEL % html.escape(told).replace("{", "&#123;"), "") for number, told in words.items()}
    return label(page, HTML_MARK, frames)


def label_words(campaign: Campaign) -> dict[int, str]:
    """Return what is said of each region."""
    return {number: _("表示する条件: %s") % told for number, told in condition_words(campaign).items()}
