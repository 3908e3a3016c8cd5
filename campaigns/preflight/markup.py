"""Checks links and pictures of a mailing as they are written; nothing is asked of the net here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from campaigns.preflight.content import Content
from campaigns.preflight.findings import Finding, green, red, yellow
from campaigns.preflight.html_facts import HtmlFacts, Link
from campaigns.tag_words import TAG
from senders.domain_names import guess_zone
from tracking.rewriting import rewrite_text

SHOWN: Final = 5
LONGEST: Final = 80
# Where a link may lead apart from pages.
OTHER_SCHEMES: Final = ("mailto:", "tel:", "sms:")
PLACEHOLDERS: Final = frozenset({"", "#", "http://", "https://", "about:blank"})
# Words of a link that are an address themselves.
ADDRESS_SHOWN: Final = re.compile(r"(?:https?://|www\.)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#:]\S*)?\Z", re.IGNORECASE)


def check_links(content: Content) -> Iterator[Finding]:
    """Check where the links of both parts lead."""
    links = content.facts.links if content.facts else []
    in_text = urls_in(content.body.text)
    everywhere = [*(link.href for link in links), *in_text]
    anchors = content.facts.anchors if content.facts else set()
    if empty := [link for link in links if link.href.lower() in PLACEHOLDERS]:
        yield red(
            "link_empty",
            _("リンク先のないリンクが%d個あります。リンク先を入れるか、リンクを外してください。") % len(empty),
            details=shorten(name_of(link) for link in empty),
        )
    if bad := [link.href for link in links if is_bad(link.href, anchors)]:
        yield red(
            "link_bad",
            _("「https://」で始まっていないリンク先があります。メールからは開けません。"),
            details=shorten(bad),
        )
    if insecure := [url for url in everywhere if url.lower().startswith("http://") and url.lower() not in PLACEHOLDERS]:
        yield yellow(
            "link_http",
            _(
                "「http://」のリンクがあります。「安全ではありません」と表示されることがあるため、https:// に替えてください。"
            ),
            details=shorten(insecure),
        )
    if disguised := [link for link in links if is_disguised(link)]:
        yield yellow(
            "link_disguised",
            _(
                "表示されているURLと、実際のリンク先のドメインが違うリンクがあります。なりすましと見なされるため、"
                "文字を「詳しくはこちら」などの言葉にしてください。"
            ),
            details=[f"{shorten_one(link.text)} → {shorten_one(link.href)}" for link in disguised[:SHOWN]],
        )
    if everywhere and not (empty or bad or insecure or disguised):
        yield green("links", _("リンクの書き方に問題は見つかりませんでした(%d個)。") % len(set(everywhere)))


def check_pictures(content: Content) -> Iterator[Finding]:
    """Check that pictures can be loaded, and that a mail without them still says what it says."""
    facts = content.facts or HtmlFacts()
    if bad := [picture.src for picture in facts.pictures if not is_loadable(picture.src)]:
        yield red(
            "image_bad",
            _("「https://」で始まっていない画像があります。受信者の画面には表示されません。"),
            details=shorten(bad),
        )
    if insecure := [picture.src for picture in facts.pictures if picture.src.lower().startswith("http://")]:
        yield yellow(
            "image_http",
            _("「http://」の画像があります。表示されないことがあるため、https:// に替えてください。"),
            details=shorten(insecure),
        )
    if inline := [picture for picture in facts.pictures if picture.src.lower().startswith("data:")]:
        yield yellow(
            "image_inline",
            _("本文に埋め込まれた画像(data:)が%d個あります。Gmail などでは表示されません。") % len(inline),
        )
    silent = [picture.src for picture in facts.pictures if picture.alt is None]
    silent += [link.href for link in facts.links if link.has_picture and not link.text]
    if silent:
        yield yellow(
            "image_no_alt",
            _("代わりの文字(alt)のない画像があります。画像を表示しない人や読み上げを使う人には、何も伝わりません。"),
            details=shorten(silent),
        )
    elif facts.pictures:
        yield green("images", _("すべての画像に代わりの文字(alt)の指定があります(%d枚)。") % len(facts.pictures))


def check_elements(content: Content) -> Iterator[Finding]:
    """Tell of elements that mail programs take out."""
    if content.facts and content.facts.unfit:
        yield yellow(
            "html_unfit",
            _("メールソフトが取り除く要素があります: %s。なくても読めるように書いてください。")
            % "、".join(f"<{name}>" for name in sorted(content.facts.unfit)),
        )


def urls_in(text: str) -> list[str]:
    """Return the addresses of pages in a text part."""
    found: list[str] = []
    rewrite_text(text, found.append)
    return found


def is_bad(href: str, anchors: Iterable[str]) -> bool:
    """Say whether a link leads nowhere from a mail: it is no page, no mail address, and no place in the mail itself."""
    url = href.lower()
    if url in PLACEHOLDERS or url.startswith(OTHER_SCHEMES) or begins_with_tag(href):
        return False
    if url.startswith("#"):
        return href[1:] not in anchors
    return not url.startswith(("http://", "https://")) or host_of(href) is None


def is_loadable(src: str) -> bool:
    """Say whether a mail program finds a picture: by the net, within the mail, or where a merge tag says."""
    return src.lower().startswith(("http://", "https://", "data:", "cid:")) or begins_with_tag(src)


def begins_with_tag(url: str) -> bool:
    """Say whether an address is given by a merge tag, so that nobody knows it yet."""
    return TAG.match(url) is not None


def is_disguised(link: Link) -> bool:
    """Say whether the words of a link are the address of another registered domain than it leads to."""
    shown, host = ADDRESS_SHOWN.match(link.text), host_of(link.href)
    return bool(shown and host and guess_zone(shown[1].lower()) != guess_zone(host))


def host_of(url: str) -> str | None:
    """Return the host of an address, None where it has none."""
    try:
        return urlsplit(TAG.sub("x", url)).hostname or None
    except ValueError:
        return None


def name_of(link: Link) -> str:
    """Return what a link without an address is called in the page."""
    return link.text or _("(文字のないリンク)")


def shorten(texts: Iterable[str]) -> list[str]:
    """Return the first few of some texts, each once and short enough for a line."""
    return list(map(shorten_one, few(dict.fromkeys(texts))))


def few(lines: Iterable[str]) -> list[str]:
    """Return the first few of some lines, and how many more there are."""
    found = list(lines)
    more = [_("ほか%d件") % (len(found) - SHOWN)] if len(found) > SHOWN else []
    return [*found[:SHOWN], *more]


def shorten_one(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
