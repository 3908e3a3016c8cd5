"""What 特定電子メール法 wants in every mail (F4): who sends it, where he is, how to refuse."""

import html

from django.utils.translation import gettext as _

from campaigns.merge_tags import find_tags
from designs.regions import cut_html, cut_text

REQUIRED = ("legal_name", "postal_address", "contact", "unsubscribe_url")


def missing_items(part: str) -> list[str]:
    """Return the required tags that a part of the mail does not name itself."""
    named = find_tags(part)
    return [tag for tag in REQUIRED if tag not in named]


def missing_in_text(text: str) -> list[str]:
    """Return the required tags that somebody's text part lacks: what only some recipients are shown does not count."""
    return missing_items(cut_text(text, 0))


def missing_in_html(part: str) -> list[str]:
    """Return the required tags that somebody's HTML part lacks."""
    return missing_items(cut_html(part, 0))


def add_text_footer(text: str) -> str:
    """Return the text part with a footer that holds whatever required item it lacks."""
    labels = text_labels()
    lines = [labels[tag] for tag in missing_in_text(text)]
    return text if not lines else "\n".join((text.rstrip(), "", "-" * 30, *lines, ""))


def text_labels() -> dict[str, str]:
    """Return the footer line of each item in the text part."""
    return {
        "legal_name": _("送信者: ") + "{{legal_name}}",
        "postal_address": _("住所: ") + "{{postal_address}}",
        "contact": _("お問い合わせ: ") + "{{contact}}",
        "unsubscribe_url": _("配信停止はこちら: ") + "{{unsubscribe_url}}",
    }


def add_html_footer(part: str) -> str:
    """Return the HTML part with a footer, before </body> where there is one, for whatever item it lacks.

    Mail clients know no style sheets of ours, so the footer carries its own.
    """
    lines = [html_line(tag) for tag in missing_in_html(part)]
    if not lines:
        return part
    footer = (
        '<div style="max-width:600px;margin:0 auto;padding:16px 24px;border-top:1px solid #cccccc;'
        'background:#ffffff;font-family:sans-serif;font-size:12px;line-height:1.7;color:#555555">'
        + "<br>".join(lines)
        + "</div>"
    )
    at = part.lower().rfind("</body>")
    return part + footer if at < 0 else part[:at] + footer + part[at:]


def html_line(tag: str) -> str:
    """Return the footer line of an item in the HTML part."""
    if tag == "unsubscribe_url":
        return f'<a href="{{{{unsubscribe_url}}}}">{html.escape(_("配信停止はこちら"))}</a>'
    return html.escape(text_labels()[tag])
