"""The bar above an HTML mailing in an archive. The page is the mail's, so the bar knows no style sheet of ours."""

from __future__ import annotations

import re
from typing import Final

from django.utils.html import format_html

from archive.models import Archive
from archive.public_content import index_url
from archive.words import words_in
from campaigns.rendering import Content

# A comment; a title or a sheet with what is in it; one of these without an end; a declaration; an element. Letters are
# not looked at again and again, however broken the page is: whatever begins matches.
PIECE: Final = re.compile(
    r"""<!--.*?-->"""
    r"""|<(?P<raw>title|style|script|noscript)(?=[\s/>])(?P<inside>.*?)</(?P=raw)(?=[\s/>])[^>]*+>?"""
    r"""|(?P<endless><!--|<(?:title|style|script|noscript)(?=[\s/>])).*"""
    r"""|<[!?][^>]*>?"""
    r"""|<(?P<name>/?[a-z][^\s/>]*+)(?:[^>=]|=\s*+(?:"[^"]*"|'[^']*')|=)*+>?""",
    re.IGNORECASE | re.DOTALL,
)
# What stands in front of the content, beside comments, titles and sheets.
FRONT: Final = frozenset(["html", "head", "/head", "meta", "link", "base"])
BLANK: Final = " \t\r\n\f\ufeff"
NAMED: Final = re.compile(r"[^>]*>\s*[^\s<]")
BAR: Final = (
    '<nav aria-label="{archive}" style="all:initial;display:block;box-sizing:border-box;width:100%;padding:10px 16px;'
    'background:#1f2a37;font:14px/1.8 sans-serif;text-align:center">{links}</nav>'
)
LINK: Final = (
    '<a href="{url}" style="all:initial;display:inline-block;margin:0 10px;padding:2px 0;font:inherit;color:#ffffff;'
    'text-decoration:underline;text-underline-offset:3px;cursor:pointer">{label}</a>'
)


def add_bar(archive: Archive, content: Content, *, signup_url: str) -> str:
    """Return the HTML of a mailing with links to the archive and to the sign-up form, "" for none; named where it is not."""
    words = words_in(archive.language)
    links = format_html(LINK, url=index_url(archive), label=f"← {archive.title} {words.back}")
    if signup_url:
        links += format_html(LINK, url=signup_url, label=words.subscribe)
    bar = format_html(BAR, archive=words.archive, links=links)
    at, is_named = find_content(content.html)
    if not is_named:
        bar = format_html("<title>{} | {}</title>", content.subject, archive.title) + bar
    return content.html[:at] + bar + content.html[at:]


def find_content(page: str) -> tuple[int, bool]:
    """Return where the content of a page begins, and whether a title stands before it.

    That is behind <body>, or behind the front where there is none: before the doctype a browser would read the page by
    other rules.
    """
    at, is_named = 0, False
    for piece in PIECE.finditer(page):
        if piece["endless"] or page[at : piece.start()].strip(BLANK) or not piece[0].endswith(">"):
            break
        name = (piece["name"] or "").lower()
        if name == "body":
            return piece.end(), is_named
        if name and name not in FRONT:
            break
        if (piece["raw"] or "").lower() == "title":
            is_named = is_named or bool(NAMED.match(piece["inside"]))
        at = piece.end()
    return at, is_named
