"""Puts links of ours in the place of a mail's own, and leaves every other byte as it is. Nothing here knows a database."""

import html
import re
from collections.abc import Callable
from html.entities import html5
from typing import Final
from urllib.parse import urlsplit

from django.utils.http import MAX_URL_REDIRECT_LENGTH

# A merge tag, as mailings write it.
TAG: Final = r"\{\{[^{}\r\n]*\}\}"
# What has a link in HTML, also within the comments that only Outlook reads (`<v:roundrect href>` is its button). Each
# letter is looked at once, however broken the markup is.
ELEMENT: Final = re.compile(r"""<(?:a|area|v:[a-z]+)(?=[\s/])((?:[^>"']|"[^"]*"|'[^']*')*+)""", re.IGNORECASE)
ATTRIBUTE: Final = re.compile(r"""([^\s=/"'>]++)(?:\s*+=\s*+("[^"]*"|'[^']*'|[^\s"'>][^\s>]*+))?""")
# A character by its number or name. A number of more digits than these is none that a mail has.
REFERENCE: Final = re.compile(r"&(?:(#(?:[0-9]{1,20}|[xX][0-9a-fA-F]{1,20});?)|([A-Za-z][A-Za-z0-9]*)(;?)(=?))")
# What browsers take away around an address; no other space, which would make it a page of ours.
AROUND: Final = "".join(map(chr, range(0x21)))
BODY_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)
# An address in running text: Japanese marks and letters end it, as mail programs have it.
IN_TEXT: Final = re.compile(rf"(?<![A-Za-z0-9])https?://(?:{TAG}|[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%])+")
AFTER_URL: Final = ".,;:!?'"
# The host is written out, and its end as well: no value of a recipient can lead to another one.
HOST: Final = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#]|\Z)", re.IGNORECASE
)
UNFIT: Final = re.compile(r"[\x00-\x20\x7f\\]")
LONGEST: Final = 4000

Replace = Callable[[str], str | None]


def is_trackable(url: str) -> bool:
    """Say whether a link may be replaced by one of ours: http or https, to a host that is written out in ASCII.

    It may hold merge tags behind the host, save the one that refuses further mail: such a link stays as it is.
    """
    bare = re.sub(TAG, "", url)
    if len(url) > LONGEST or "{" in bare or "}" in bare or not HOST.match(url) or not is_safe_target(bare):
        return False
    return not re.search(r"\{\{\s*unsubscribe_url\s*[|}]", url)


def is_safe_target(url: str) -> bool:
    """Say whether a browser may be led there: once more, when a link is followed and its tags are filled."""
    if len(url) > MAX_URL_REDIRECT_LENGTH or UNFIT.search(url) or not HOST.match(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def quote_unfit(url: str) -> str:
    """Write what no address may hold, such as a space in the value of a tag, as a browser would."""
    return UNFIT.sub(lambda match: f"%{ord(match[0]):02X}", url)


def rewrite_html(text: str, replace: Replace) -> str:
    """Replace the links of an HTML part by what `replace` gives for their address; None leaves one as it is."""

    def rewrite_element(match: re.Match[str]) -> str:
        for found in ATTRIBUTE.finditer(text, *match.span(1)):
            if found[1].lower() == "href":
                # A second href counts for nothing.
                quote, value = read_value(found[2] or "")
                url = replace(unescape_attribute(value).strip(AROUND)) if found[2] else None
                if url is None:
                    break
                # The quotes stay: what looks like a link may stand in the attribute of something else.
                own = f"{quote}{html.escape(url)}{quote}"
                return text[match.start() : found.start(2)] + own + text[found.end(2) : match.end()]
        return match[0]

    return ELEMENT.sub(rewrite_element, text)


def read_value(written: str) -> tuple[str, str]:
    """Return the quote around the value of an attribute, "" for none, and what is within."""
    return (written[0], written[1:-1]) if written[:1] in ('"', "'") else ("", written)


def unescape_attribute(value: str) -> str:
    """Return the value of an attribute as browsers read it.

    There, unlike in text, a name without a semicolon counts for nothing before a letter, a digit or "=": `?a=1&section=2`
    is no §ion (https://html.spec.whatwg.org/multipage/parsing.html#named-character-reference-state).
    """

    def read_reference(match: re.Match[str]) -> str:
        number, name, end, equals = match.groups()
        if number:
            return html.unescape(match[0])
        return match[0] if equals else html5.get(name + end, match[0])

    return REFERENCE.sub(read_reference, value)


def rewrite_text(text: str, replace: Replace) -> str:
    """Replace the addresses in a text part likewise; what ends a sentence or closes a bracket is no part of one.

    One that a Japanese letter follows stays as it is: some mail programs end it there, others take the letters along.
    """

    def rewrite_url(match: re.Match[str]) -> str:
        if len(match[0]) > LONGEST or text[match.end() : match.end() + 1].isalnum():
            return match[0]
        url = match[0].rstrip(AFTER_URL)
        while url.endswith((")", "]")) and url.count("(") + url.count("[") < url.count(")") + url.count("]"):
            url = url[:-1].rstrip(AFTER_URL)
        own = replace(url)
        return match[0] if own is None else own + match[0][len(url) :]

    return IN_TEXT.sub(rewrite_url, text)


def add_picture(text: str, url: str) -> str:
    """Put the picture that counts opens at the end of an HTML part."""
    picture = f'<img src="{html.escape(url)}" width="1" height="1" alt="" style="border:0">'
    ends = list(BODY_END.finditer(text))
    at = ends[-1].start() if ends else len(text)
    return text[:at] + picture + text[at:]
