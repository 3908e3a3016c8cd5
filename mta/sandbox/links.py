"""Makes the links of a shown mail open in a tab of their own."""

import re

from django.utils.html import Urlizer
from django.utils.safestring import SafeString, mark_safe

BASE = '<base target="_blank">'
DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)


class UrlLinks(Urlizer):
    """Django's urlize for http and https alone, with links that open in a new tab."""

    # Japanese follows a URL without a space, so a URL ends at the first character that is not ASCII.
    word_split_re = re.compile(r"""([^\x21-\x7e]+|[<>"']+)""")
    # A bare "www.shop.example" or an address is no link in a mail program either; this matches nothing.
    simple_url_2_re = re.compile(r"(?!)")
    url_template = '<a href="{href}" target="_blank" rel="noopener nofollow">{url}</a>'

    @staticmethod
    def is_email_simple(value: str) -> bool:
        """Leave addresses as they are."""
        return False


def link_urls(text: str) -> SafeString:
    """Return plain text as HTML: escaped, with its http and https URLs as links."""
    # Safe: autoescape escapes whatever the sender wrote, in the words and in the links.
    return mark_safe(UrlLinks()(text, autoescape=True))  # noqa: S308


def open_in_new_tab(html: str) -> str:
    """Return the HTML of a mail with a `<base>` that opens each link in a new tab.

    It goes behind the doctype, without which a browser would lay out the mail by other rules.
    """
    doctype = DOCTYPE.match(html)
    start = doctype.end() if doctype else 0
    return html[:start] + BASE + html[start:]
