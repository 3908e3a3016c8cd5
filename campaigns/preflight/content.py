"""Checks the words of a mailing: subject, merge tags, what the law wants in both parts, size."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from campaigns.bodies import unmarked_text, write_body
from campaigns.legal import REQUIRED, missing_in_html, missing_in_text
from campaigns.merge_tags import broken_tags, explain_unknown
from campaigns.models import Campaign
from campaigns.preflight.findings import Finding, green, red, yellow
from campaigns.preflight.html_facts import HtmlFacts, read_html
from campaigns.tag_words import FIXED_TAGS, TAG
from campaigns.variants import all_forms
from tracking.links import Body

# Columns of a subject (a full-width letter has two): about what a mail program on a computer shows of it.
LONG_SUBJECT: Final = 80
# Gmail hides what is behind about so many bytes of HTML; it publishes no figure. Measured by others:
# https://www.spamresource.com/2022/01/what-is-gmail-clipping-and-what-to-do.html
CLIPPED: Final = 102 * 1024
# From here on a mail burdens phones and mailboxes (C29).
LARGE: Final = 1_000_000
# The text part is looked at where the HTML part has at least so many letters, and should have this part of them.
MUCH_TEXT: Final = 300
LEAST_PART: Final = 4
# Letters that only the codes of Windows have beside those of ISO-2022-JP, but that every mail program shows.
HARMLESS: Final = frozenset("～∥－￠￡￢")


@dataclass(frozen=True, slots=True)
class Content:
    """What is checked: the mailing as it is written, `body` with what is added to it, `facts` of the HTML of `body`."""

    campaign: Campaign
    body: Body
    facts: HtmlFacts | None


def read_content(campaign: Campaign) -> Content:
    """Return what is checked of a mailing, which need not be stored."""
    body = write_body(campaign)
    return Content(campaign, body, read_html(body.html) if body.html else None)


def read_contents(campaign: Campaign) -> list[Content]:
    """Return what is checked of a stored mailing and of each variant of it."""
    return [read_content(form) for _number, form in all_forms(campaign)]


def check_subject(content: Content) -> Iterator[Finding]:
    """Check the subject: there, short enough, and of letters that every phone has."""
    shown = TAG.sub(lambda match: (match[2] or "").strip(), content.campaign.subject).strip()
    if not content.campaign.subject.strip():
        yield red("subject_empty", _("件名がありません。編集画面で入力してください。"))
        return
    if width(shown) > LONG_SUBJECT:
        yield yellow(
            "subject_long",
            _("件名が全角%(most)d文字より長いため、多くの画面で後ろが切れます。大事な言葉を前に置いてください。")
            % {"most": LONG_SUBJECT // 2},
        )
    if odd := odd_letters(content.campaign.subject):
        yield yellow(
            "subject_odd_letters",
            _("件名に、文字化けすることのある機種依存文字や半角カナがあります:「%s」。ほかの文字に置き換えてください。")
            % "」「".join(odd),
        )


def check_preheader(content: Content) -> Iterator[Finding]:
    """Check that lists of mails show something written for them; a mail of text alone begins with its words."""
    if content.facts and not content.campaign.preheader.strip():
        yield yellow(
            "preheader_missing",
            _("プリヘッダーがありません。受信箱では、件名の次に本文の初めの文字がそのまま表示されます。"),
        )


def width(text: str) -> int:
    """Return the columns that a text takes; a full-width letter takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WFA" else 1 for letter in text)


def odd_letters(text: str) -> list[str]:
    """Return the letters of a text that Windows knows and the code of Japanese mail (ISO-2022-JP, RFC 1468) does not."""
    found = dict.fromkeys(letter for letter in text if not letter.isascii() and letter not in HARMLESS)
    return [letter for letter in found if not _has(letter, "iso2022_jp") and _has(letter, "cp932")]


def _has(letter: str, code: str) -> bool:
    try:
        letter.encode(code)
    except UnicodeEncodeError:
        return False
    return True


def check_tags(content: Content) -> Iterator[Finding]:
    """Check that each merge tag is written well and that there is such a value."""
    campaign = content.campaign
    text = unmarked_text(campaign)
    broken = broken_tags(f"{campaign.subject}\n{text}") + broken_tags(campaign.html, is_html=True)
    if broken:
        yield red(
            "tag_broken",
            _("差し込みの書き方が正しくない箇所があります。半角の {{ と }} で囲んでください(例: {{name|お客様}})。"),
            details=dict.fromkeys(broken),
        )
    if unknown := explain_unknown(campaign.workspace, campaign.subject, text, campaign.html):
        yield red("tag_unknown", unknown)


def check_text(content: Content) -> Iterator[Finding]:
    """Check that there is a text part, and that it says what the HTML part says."""
    if not content.campaign.text.strip():
        yield red("text_missing", _("テキスト本文がありません。編集画面で入力してください。"))
    elif content.facts and len(content.facts.text) >= MUCH_TEXT:
        written = "".join(content.body.text.split())
        if len(written) * LEAST_PART < len(content.facts.text):
            yield yellow(
                "text_differs",
                _(
                    "テキスト本文がHTML本文よりずっと短く、HTMLを表示しない画面では内容が伝わりません。"
                    "内容の違いは迷惑メールの判定にも使われます。"
                ),
            )


def check_legal(content: Content) -> Iterator[Finding]:
    """Check that both parts show what 特定電子メール法 wants (F4); what they lack is added by itself."""
    lacking = {_("テキスト本文"): missing_in_text(content.campaign.text)}
    if content.facts:
        lacking[_("HTML本文")] = missing_in_html(content.campaign.html)
    names = dict(FIXED_TAGS)
    if content.facts and (hidden := hidden_items(content.facts)):
        yield red(
            "legal_hidden",
            _(
                "HTML本文で、%s が受信者に見えない場所(コメントや非表示の部分など)にあります。見える場所に移してください。"
            )
            % "、".join(str(names[tag]) for tag in hidden),
        )
        return
    for label, missing in lacking.items():
        if missing:
            sentence = _("%(part)sの末尾に %(items)s を自動で付けます(特定電子メール法で必要な項目)。")
            yield green(
                "legal_added", sentence % {"part": label, "items": "、".join(str(names[tag]) for tag in missing)}
            )
        else:
            yield green(
                "legal_by_hand", _("%sに、送信者の名称・住所・お問い合わせ先・配信停止のURLがあります。") % label
            )


def hidden_items(facts: HtmlFacts) -> list[str]:
    """Return the required tags that an HTML part names where nobody sees them."""
    seen = {match[1] for match in TAG.finditer(facts.text)}
    # A link shows its address by being followed.
    seen |= {match[1] for link in facts.links for match in TAG.finditer(link.href)} & {"unsubscribe_url"}
    return [tag for tag in REQUIRED if tag not in seen]


def check_size(content: Content, *, size: int) -> Iterator[Finding]:
    """Check the size of a whole mail, in bytes."""
    html = len(content.body.html.encode())
    if html > CLIPPED:
        yield yellow(
            "size_clipped",
            _(
                "HTML本文が %(size)d kB あります。Gmail は102 kBを超える部分を隠すため、末尾の配信停止の案内が見えなくなります。"
                "文章や飾りを減らしてください。"
            )
            % {"size": html // 1024},
        )
    if size > LARGE:
        yield yellow(
            "size_large",
            _(
                "メール全体が %(size).1f MB あります。1 MB を超えると、届くまでに時間がかかり、断る受信サーバーもあります。"
            )
            % {"size": size / 1_000_000},
        )
    elif html <= CLIPPED:
        yield green("size", _("メール全体の大きさは %d kB です。") % max(1, size // 1000))
