"""The bar above an HTML mailing in an archive. The page is the mail's, so the bar knows no style sheet of ours."""

from __future__ import annotations

import re
from typing import Final

from django.utils.html import format_html

from archive.models import Archive
from archive.public_content import index_url
from archive.words import words_in
from campaigns.rendering import Content

BODY: Final = re.compile(r"""<body(?=[\s>])(?:[^>"']|"[^"]*"|'[^']*')*+>""", re.IGNORECASE)
TITLE: Final = re.compile(r"<title\b[^>]*>\s*[^\s<]", re.IGNORECASE)
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
    if not TITLE.search(content.html):
        bar = format_html("<title>{} | {}</title>", content.subject, archive.title) + bar
    body = BODY.search(content.html)
    at = body.end() if body else 0
    return content.html[:at] + bar + content.html[at:]
