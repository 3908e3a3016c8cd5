"""Cleans the HTML that people write into blocks, so that it is well-formed, harmless and not nested without end."""

from __future__ import annotations

import html
import re
from typing import Any, Final

import nh3
from django.utils.translation import gettext as _

from designs.exceptions import DesignRefused
from designs.fields import clean_text, is_link, is_web_address, require_fitting
from designs.markup import nesting
from designs.panics import panics_refused
from designs.tags import mend

# What the editor of the text block writes, and nothing else.
RICH: Final = frozenset(["p", "br", "strong", "em", "u", "s", "a", "ul", "ol", "li", "h3", "blockquote"])
# What an HTML block may hold: what mail programs show.
WIDE: Final = RICH | {
    *(
        "h1",
        "h2",
        "h4",
        "h5",
        "h6",
        "b",
        "i",
        "sub",
        "sup",
        "small",
        "code",
        "pre",
        "hr",
        "img",
        "span",
        "div",
        "center",
    ),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "dl", "dt", "dd", "del", "ins", "font"),
}
_SIZES: Final = {"width", "height", "align", "valign", "bgcolor"}
WIDE_ATTRIBUTES: Final = {
    "*": {"style", "title", "align"},
    "a": {"href", "name"},
    "img": {"src", "alt", "border", *_SIZES},
    "table": {"border", "cellpadding", "cellspacing", "role", *_SIZES},
    "td": {"colspan", "rowspan", *_SIZES},
    "th": {"colspan", "rowspan", *_SIZES},
    "tr": _SIZES,
    "font": {"color", "size", "face"},
    "ol": {"start"},
}
# Nothing that is laid over something else, moved out of sight or loaded from elsewhere.
STYLES: Final = {
    *("background-color", "border-collapse", "border-spacing", "border-radius", "color", "display", "font-family"),
    *("font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height", "list-style-type"),
    *("max-width", "min-width", "text-align", "text-decoration", "vertical-align", "white-space", "width"),
    *(
        f"{kind}{side}"
        for kind in ("margin", "padding", "border")
        for side in ("", "-top", "-right", "-bottom", "-left")
    ),
    *("border-width", "border-style", "border-color"),
}
MAX_HTML: Final = 20_000
# So deep that no mail needs it, and so flat that what reads it in recursion has room (mrml dies beyond some 500).
DEEPEST: Final = 40
# What is in these elements is no text.
NO_TEXT: Final = {"script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math", "textarea"}


def clean_rich(value: Any) -> str:
    """Return the HTML of a text block with nothing left but the elements of RICH. Raises DesignRefused."""
    return clean_html(value, tags=RICH, attributes={"a": {"href"}})


def clean_block_html(value: Any) -> str:
    """Return the HTML of an HTML block: closed, without scripts, forms, frames and comments. Raises DesignRefused."""
    return clean_html(value, tags=WIDE, attributes=WIDE_ATTRIBUTES)


def clean_html(value: Any, *, tags: frozenset[str], attributes: dict[str, set[str]], longest: int = MAX_HTML) -> str:
    """Return HTML that holds these elements and attributes alone; links lead where mails may lead. Raises DesignRefused."""
    if not isinstance(value, str):
        raise DesignRefused(_("文字を入力してください。"))
    # Before it is parsed, with room for what is left out; then what stays, which is read again by and by.
    require_fitting(value, 2 * longest)
    with panics_refused(_("HTMLを読み取れません。書式を外して、貼り付け直してください。")):
        found = nh3.clean(
            clean_text(value),
            tags=set(tags),
            clean_content_tags=NO_TEXT,
            attributes=attributes,
            attribute_filter=keep_attribute,
            filter_style_properties=STYLES,
            link_rel=None,
        )
    found = mend(found).strip()
    require_fitting(found, longest)
    # As the text part has it: without elements, and with references read.
    require_fitting(html.unescape(re.sub(r"<[^>]*>", "", found)), longest)
    if nesting(found) > DEEPEST:
        raise DesignRefused(_("要素の入れ子が深すぎます。書式を外して、貼り付け直してください。"))
    return found


def keep_attribute(_element: str, name: str, value: str) -> str | None:
    """Return the value that an attribute keeps; None takes it away, as an address of no use."""
    value = value.strip()
    if name == "href":
        return value if is_link(value) else None
    if name == "src":
        return value if is_web_address(value) else None
    return value
