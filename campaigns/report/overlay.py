"""Shows a mail with a number beside each link that is counted, and how many people followed it."""

import html
import re
from collections.abc import Mapping
from typing import Final

from campaigns.authors import shared_values
from campaigns.links import sample_links
from campaigns.merge_tags import fill_html
from campaigns.models import Campaign
from campaigns.preview_regions import label_html
from tracking.figures import LinkFigure
from tracking.links import base_of_mailing, frozen_body, link_url, picture_url
from tracking.rewriting import ELEMENT, add_picture, rewrite_html

# Where links of the mail lead in the overlay: nowhere. The number says which one it is.
_PLACE: Final = "#hypermail-link-"
_ANCHOR: Final = re.compile(r"<a[\s/]", re.IGNORECASE)
_NUMBER: Final = re.compile(re.escape(_PLACE) + r"([0-9]+)")
# Whatever the mail's own styles say.
_BADGE: Final = (
    '<span style="display:inline-block!important;visibility:visible!important;opacity:1!important;'
    "position:static!important;float:none!important;width:auto!important;height:auto!important;margin:0 4px!important;"
    "padding:0 6px!important;border-radius:9px;outline:2px solid #ffffff;background:#1d4ed8!important;"
    "color:#ffffff!important;font:700 12px/18px sans-serif!important;letter-spacing:0!important;"
    "text-decoration:none!important;text-indent:0!important;text-transform:none!important;white-space:nowrap!important;"
    'vertical-align:middle">%s</span>'
)


def overlay_html(campaign: Campaign, links: tuple[LinkFigure, ...]) -> str:
    """Return the HTML part of a measured mailing, with the fallbacks of its tags, with a badge in each counted link.

    Every block is there, those with a condition under its words. For a sandboxed frame alone. Nothing in it leads anywhere, and the picture that counts opens is not loaded. "" where
    the mailing has no HTML part.
    """
    base = base_of_mailing(campaign.pk)
    page = frozen_body(campaign.pk).html.replace(add_picture("", picture_url(base, campaign.pk)), "")
    numbers = {link_url(base, campaign.pk, link.number): link.number for link in links}
    page = rewrite_html(page, lambda url: f"{_PLACE}{numbers[url]}" if url in numbers else "#")
    page = label_html(campaign, page)
    values = shared_values(campaign) | sample_links()
    people = {link.number: f"{link.number}: {link.people:,}人" for link in links}
    return add_badges(fill_html(page, values), people)


def add_badges(page: str, badges: Mapping[int, str]) -> str:
    """Put the text of a badge at the beginning of each link that has the number of one."""

    def add(match: re.Match[str]) -> str:
        number = _NUMBER.search(match[0])
        text = badges.get(int(number[1])) if number and _ANCHOR.match(match[0]) else None
        return match[0] if text is None else match[0] + _BADGE % html.escape(text)

    # The element and the mark that ends it; `<area>` has no inside.
    return re.sub(rf"(?i:{ELEMENT.pattern})>", add, page)
