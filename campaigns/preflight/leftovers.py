"""Finds what was to be filled in before a mail is sent: 「○月○日」「◯◯様」「XX」, words of a sample."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _

from campaigns.bodies import unmarked_text
from campaigns.preflight.content import Content
from campaigns.preflight.findings import Finding, yellow
from campaigns.preflight.markup import shorten
from campaigns.tag_words import TAG

# The three circles that are typed for 「まる」: U+25CB, U+25EF, and U+3007, which is also the zero of 二〇二六年.
_CIRCLE: Final = "[○◯〇]"
_NUMERAL: Final = "一二三四五六七八九十百千万"
# Two circles in a row, one before what is counted or addressed or alone in brackets, more behind a colon or before 円,
# with what stands around them on the line. Other rows of three and more, and of other signs, are ornaments of text mails.
LEFTOVER: Final = re.compile(
    rf"""(?<![○◯〇{_NUMERAL}])(?:{_CIRCLE}{{2}}(?![○◯〇{_NUMERAL}])|{_CIRCLE}(?=[月日年時分円名様枚個本点番階問cｃ%％]))
    |(?<=[(（]){_CIRCLE}(?=[)）])|{_CIRCLE}[,，]{_CIRCLE}{{3}}|(?<=[:：]){_CIRCLE}{{3,}}|{_CIRCLE}{{3,}}円
    |(?:商品名|店名|社名|会社名|日付|金額|価格|件名|タイトル|見出し|本文|文章|URL)を(?:入れて|書いて)ください
    |(?<![A-Za-z0-9_/.:=?&%#-])[XＸ]{{2,4}}(?![A-Za-z0-9_/-])
    |lorem\ ipsum|ダミーテキスト|ここに(?:本文|文章|テキスト|見出し|タイトル|件名|文)""",
    re.VERBOSE | re.IGNORECASE,
)
_AROUND: Final = 10
# Where an excerpt is best cut.
_PAUSE: Final = re.compile(r"[\s、。,.!?！？)）」]")
# A title behind a tag whose fallback ends in one: 「お客様 様」.
_TITLE: Final = "(?:様|さま|さん|殿)"
DOUBLED: Final = re.compile(rf"\{{\{{[^{{}}|\n]*\|[^{{}}\n]*{_TITLE}\s*\}}\}}[ \u3000]*{_TITLE}")


def check_leftovers(content: Content) -> Iterator[Finding]:
    """Check subject, preheader and what is seen of both parts for words that were to be replaced."""
    campaign = content.campaign
    written = [campaign.subject, campaign.preheader, unmarked_text(campaign)]
    if content.facts:
        written.append(content.facts.text)
    # What stands in a merge tag is a name or a fallback.
    found = [words for part in written for words in find_leftovers(TAG.sub("\n", part))]
    if found:
        yield yellow(
            "placeholder_left",
            _("「○月○日」「◯◯様」のような、後で書き換えるはずの文字が残っているようです。"),
            details=shorten(found),
        )
    if doubled := [match[0] for part in written for match in DOUBLED.finditer(part)]:
        yield yellow(
            "title_twice",
            _(
                "値がない人には「お客様 様」のように敬称が重なります。代わりの言葉から敬称を除くか、後ろの敬称を消してください。"
            ),
            details=shorten(doubled),
        )


def find_leftovers(text: str) -> Iterator[str]:
    """Yield each place with the words around it; what is nearer than that to the one before is the same place."""
    done = 0
    for match in LEFTOVER.finditer(text):
        if match.start() < done:
            continue
        line = text.rfind("\n", 0, match.start()) + 1
        line_end = text.find("\n", match.end())
        start, end = match.start() - _AROUND, match.end() + _AROUND
        done = min(len(text) if line_end < 0 else line_end, end)
        lead, tail = text[max(line, start) : match.start()], text[match.end() : done]
        if start > line:
            pause = _PAUSE.search(lead)
            lead = lead[pause.end() :] if pause else f"…{lead}"
        yield f"{lead}{match[0]}{tail}{'…' if end == done and tail else ''}".strip()
