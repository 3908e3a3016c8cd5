"""HTML and MJML from elsewhere: files are read within limits, style sheets become style attributes, display is harmless."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from typing import Final

import css_inline
import nh3
from django.utils.translation import gettext as _
from mjml import mjml2html

from designs.css_cost import MAX_COST, css_cost
from designs.exceptions import DesignRefused
from designs.fields import clean_text
from designs.markup import Comment, End, MarkupError, Start, Text, read_pieces
from designs.mjml_elements import write_start
from designs.panics import panics_refused
from designs.rich_text import NO_TEXT, STYLES, WIDE, WIDE_ATTRIBUTES, keep_attribute
from designs.tags import bare
from lists.csv_encoding import detect_encoding, scan_file
from lists.exceptions import UnreadableFile

MAX_FILE: Final = 500_000
# Of starts of elements, which is as deep as they can be in one another: css-inline ends the process beyond some 15,000.
MAX_ELEMENTS: Final = 5_000
# mrml does beyond some 500.
MAX_DEPTH: Final = 60
_CHARSET: Final = re.compile(r"""(<meta\b[^<>]{0,200}?\bcharset\s*=\s*["']?)[A-Za-z0-9_-]+""", re.IGNORECASE)
# What a file says of its own code, in HTML or in the prologue of MJML.
_DECLARED: Final = re.compile(
    rb"""(?:<meta\b[^<>]{0,200}?\bcharset|\A\s*<\?xml\b[^<>]{0,200}?\bencoding)\s*=\s*["']?([A-Za-z0-9_-]+)""",
    re.IGNORECASE,
)
# The codecs by the names that browsers know (https://encoding.spec.whatwg.org/#names-and-labels).
CODECS: Final = {
    **dict.fromkeys([b"utf-8", b"utf8"], "utf-8-sig"),
    **dict.fromkeys([b"shift_jis", b"shift-jis", b"sjis", b"x-sjis", b"ms_kanji", b"windows-31j", b"cp932"], "cp932"),
    **dict.fromkeys([b"euc-jp", b"x-euc-jp"], "euc_jp"),
}
# What is in these elements is no text, and ">" has a meaning there.
SHEETS: Final = frozenset(["mj-style", "style"])
_MARK_IN_SHEET: Final = re.compile(r"(?<=[^\x00-\x7f])([ \n]?)>")
_PROLOGUE: Final = re.compile(r"\A\s*(?:<\?xml[^<>]*\?>\s*)?(?:<!doctype[^<>]*>\s*)?", re.IGNORECASE)


def inline_css(page: str) -> str:
    """Return HTML with the rules of its style sheets in style attributes, as Gmail and Outlook need them.

    Media queries and the sheets themselves stay; nothing is loaded. HTML without sheets stays as it is, byte for byte.
    Raises DesignRefused.
    """
    require_simple(page)
    if not re.search(r"<style[\s>]", page, re.IGNORECASE):
        return page
    if css_cost(page) > MAX_COST:
        raise DesignRefused(
            _("スタイルシートの規則が、要素の数に対して多すぎるか複雑すぎます。使っていない規則を減らしてください。")
        )
    inliner = css_inline.CSSInliner(
        # The default asks the net for whatever address a sheet has.
        load_remote_stylesheets=False,
        keep_style_tags=True,
        keep_link_tags=True,
        keep_at_rules=True,
    )
    refusal = _("スタイルシートを読み取れません。<style>の中を確かめてください。")
    try:
        with panics_refused(refusal):
            return bare(str(inliner.inline(clean_text(page))))
    except css_inline.InlineError as error:
        raise DesignRefused(refusal) from error


def show_safely(page: str) -> str:
    """Return HTML that may stand in a page of ours: without scripts, forms, frames, sheets and comments.

    It is for display alone, never sent. Raises DesignRefused.
    """
    page = inline_css(clean_text(page))
    with panics_refused(_("HTMLを読み取れません。最後に変えたところを元に戻してください。")):
        return nh3.clean(
            page,
            tags=set(WIDE),
            clean_content_tags=NO_TEXT,
            attributes=WIDE_ATTRIBUTES,
            attribute_filter=keep_attribute,
            filter_style_properties=STYLES,
            link_rel="noopener noreferrer",
        )


def require_simple(page: str) -> None:
    """Raise DesignRefused for HTML that is too large or has too many elements to be read safely."""
    if len(page.encode(errors="replace")) > MAX_FILE:
        raise DesignRefused(_("HTMLが大きすぎます。%d kBまでにしてください。") % (MAX_FILE // 1000))
    if sum(1 for _start in re.finditer("<[A-Za-z]", page)) > MAX_ELEMENTS:
        raise DesignRefused(_("HTMLの要素が多すぎます。%d個までにしてください。") % MAX_ELEMENTS)


def read_html_file(data: bytes) -> str:
    """Return the HTML of an uploaded file in whatever code of Japanese it is written. Raises DesignRefused."""
    page = decode(data)
    require_simple(page)
    if not re.search("<[A-Za-z!]", page):
        raise DesignRefused(_("HTMLのファイルではありません。"))
    # The mail is sent as UTF-8, whatever the file was.
    return _CHARSET.sub(r"\1utf-8", page)


def decode(data: bytes) -> str:
    """Return the text of a file without a mark at its beginning. Raises DesignRefused."""
    if len(data) > MAX_FILE:
        raise DesignRefused(_("ファイルが大きすぎます。%d kBまでにしてください。") % (MAX_FILE // 1000))
    if not data.strip():
        raise DesignRefused(_("ファイルの中身がありません。"))
    for codec in codecs_of(data):
        with suppress(UnicodeDecodeError):
            return clean_text(data.decode(codec))
    try:
        # The mark of a file of UTF-16 is read with it.
        return clean_text(data.decode(detect_encoding(scan_file(io.BytesIO(data)))))
    except (UnreadableFile, UnicodeDecodeError) as error:
        raise DesignRefused(_("文字コードが分かりません。UTF-8で保存し直してください。")) from error


def codecs_of(data: bytes) -> list[str]:
    """Return the codecs in which a file is read if it can be: UTF-8 by its mark, what it says of itself, UTF-8.

    What is plausible is asked of other files alone, among them those with escapes of ISO-2022-JP and with the zeros of UTF-16.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        return ["utf-8-sig"]
    if b"\0" in data or b"\x1b" in data:
        return []
    declared = _DECLARED.search(data)
    return [CODECS.get(declared[1].lower(), "utf-8") if declared else "utf-8", "utf-8"]


def read_mjml_file(data: bytes) -> str:
    """Return the HTML of an uploaded file of MJML. Raises DesignRefused.

    What mrml reads is written anew here, so that it sees neither more depth nor other elements than were counted.
    """
    source = _PROLOGUE.sub("", decode(data), count=1)
    require_simple(source)
    refusal = _("MJMLをHTMLに変換できません。対応している要素だけを使ってください。")
    try:
        with panics_refused(refusal):
            return bare(str(mjml2html(rewrite_mjml(source), fonts={})))
    except MarkupError as error:
        raise DesignRefused(_("MJMLの書き方が正しくありません:「%s」の辺りを確かめてください。") % error) from error
    except ValueError as error:
        raise DesignRefused(refusal) from error


def rewrite_mjml(source: str) -> str:
    """Return MJML with every element closed and every value quoted. Raises MarkupError, DesignRefused."""
    written: list[str] = []
    names: list[str] = []
    for piece in read_pieces(source):
        if isinstance(piece, Start):
            require_allowed(piece, names)
            if not piece.is_void:
                names.append(piece.name)
            written.append(write_start(piece, None))
        elif isinstance(piece, End):
            if not names or names.pop() != piece.name:
                raise MarkupError(f"</{piece.name}>")
            written.append(f"</{piece.name}>")
        elif isinstance(piece, Text):
            if not names and piece.written.strip():
                raise MarkupError(piece.written.strip()[:40])
            written.append(write_text(piece.written, names[-1]) if names else "")
        elif isinstance(piece, Comment) and names:
            written.append(f"<!--{piece.written}-->")
    if names:
        raise MarkupError(f"<{names[-1]}>")
    return "".join(written)


def write_text(text: str, name: str) -> str:
    """Return the text of an element as mrml reads it: it cuts two bytes before a ">", and panics within a character."""
    if name in SHEETS:
        # There a reference would be none, but spaces before the mark mean nothing.
        return _MARK_IN_SHEET.sub(r"\1  >", text)
    return text.replace(">", "&gt;")


def require_allowed(piece: Start, names: list[str]) -> None:
    """Raise DesignRefused for an element that may not stand there; `names` are those that it stands in."""
    if not names and piece.name != "mjml":
        raise DesignRefused(_("MJMLのファイルではありません。<mjml>で始まるファイルを選んでください。"))
    if len(names) >= MAX_DEPTH:
        raise DesignRefused(_("要素の入れ子が深すぎます。%d段までにしてください。") % MAX_DEPTH)
    if piece.name == "mj-include":
        raise DesignRefused(_("<mj-include>は使えません。読み込む内容をファイルの中に書いてください。"))
    if piece.name == "mj-social-element" and not piece.attributes.get("src"):
        # Else its icon is loaded from the makers of MJML.
        raise DesignRefused(_("<mj-social-element>に画像のURL(src)を書いてください。"))
