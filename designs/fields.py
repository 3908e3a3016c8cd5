"""What may stand in a block: each reader takes a value of foreign JSON and returns it clean, or raises DesignRefused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from designs.exceptions import DesignRefused
from designs.tags import TAG

Reader = Callable[[Any], Any]

# Tags that begin so are written by this app and by the measuring alone: a region of a text part, a recipient's token.
RESERVED: Final = re.compile(r"\{\{[\s\u3000]*[?/@]")
MAX_URL: Final = 2000
SCHEMES: Final = re.compile(r"(?:mailto:|tel:)[^/]", re.IGNORECASE)
# No address holds these, and none of them may end an attribute or a line.
UNFIT: Final = re.compile(r"""[\x00-\x20\x7f-\x9f\u2028\u2029\\<>"{}]""")


def clean_text(text: str) -> str:
    """Return a text without what no mail may hold: control characters and halves of surrogates; lines end in LF."""
    text = re.sub("\r\n?|\u2028|\u2029", "\n", text).replace("\t", " ")
    return "".join(char for char in text if char == "\n" or unicodedata.category(char) not in ("Cc", "Cs"))


def read_text(value: Any, *, longest: int, lines: bool) -> str:
    """Return a plain text; where it has one line only, its line ends become spaces."""
    if not isinstance(value, str):
        raise DesignRefused(_("文字を入力してください。"))
    text = clean_text(value)
    text = text.rstrip() if lines else " ".join(text.split("\n")).strip()
    require_fitting(text, longest)
    return text


def require_fitting(text: str, longest: int) -> None:
    """Raise DesignRefused for a text that is too long or holds a tag that people may not write."""
    if len(text) > longest:
        raise DesignRefused(
            _("%(most)d文字までにしてください(今は%(now)d文字)。") % {"most": longest, "now": len(text)}
        )
    if RESERVED.search(text):
        raise DesignRefused(_("「{{?」「{{/」「{{@」で始まる差し込みは使えません。"))


def line(longest: int) -> Reader:
    """Return the reader of one line of at most so many characters."""
    return lambda value: read_text(value, longest=longest, lines=False)


def lines(longest: int) -> Reader:
    """Return the reader of several lines of at most so many characters together."""
    return lambda value: read_text(value, longest=longest, lines=True)


def choice(allowed: Iterable[str]) -> Reader:
    """Return the reader of one of some words."""
    words = tuple(allowed)

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise DesignRefused(_("選択肢から選んでください。"))
        return str(value)

    return read


def whole(least: int, most: int) -> Reader:
    """Return the reader of a whole number between two."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise DesignRefused(_("%(least)dから%(most)dまでの数を入力してください。") % {"least": least, "most": most})
        return value

    return read


def read_flag(value: Any) -> bool:
    """Return yes or no."""
    if not isinstance(value, bool):
        raise DesignRefused(_("選択肢から選んでください。"))
    return value


def read_picture(value: Any) -> int | None:
    """Return the number of a stored picture, or None where there is none."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
        raise DesignRefused(_("画像を選び直してください。"))
    return value


def read_link(value: Any) -> str:
    """Return where a link leads: a page, `mailto:`, `tel:` or a merge tag alone; empty where nothing is given yet."""
    text = read_text(value, longest=MAX_URL, lines=False)
    if text and not is_link(text):
        raise DesignRefused(
            _("リンク先は「https://」で始まるURL、「mailto:」か「tel:」、または差し込みだけを入力してください。")
        )
    return text


def read_source(value: Any) -> str:
    """Return the address of a picture on the web; empty where none is given."""
    text = read_text(value, longest=MAX_URL, lines=False)
    if text and not is_web_address(text):
        raise DesignRefused(_("画像のURLは「https://」で始まるものを入力してください。"))
    return text


def is_link(text: str) -> bool:
    """Say whether a mail may link there."""
    if TAG.fullmatch(text) or is_web_address(text):
        return True
    return bool(SCHEMES.match(text)) and not UNFIT.search(TAG.sub("x", text))


def is_web_address(text: str) -> bool:
    """Say whether a text is an http or https address with a host; merge tags may stand in it."""
    bare = TAG.sub("x", text)
    if UNFIT.search(bare) or RESERVED.search(text):
        return False
    try:
        parts = urlsplit(bare)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
