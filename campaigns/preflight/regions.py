"""Checks the blocks with a condition: their marks, whether it can be asked, and for how many people it holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from campaigns.legal import REQUIRED
from campaigns.merge_tags import find_tags
from campaigns.models import Campaign
from campaigns.preflight.content import Content
from campaigns.preflight.findings import Finding, green, red, yellow
from campaigns.showing import compile_condition, condition_words, groups_of
from designs.regions import HTML_MARK, TEXT_MARK, cut_text, numbers_in, stray_marks
from lists.audience import Audience, audience_condition, is_not
from lists.conditions import SegmentRefused
from lists.segment_counts import Slice, count_slice

# Seconds for counting the people of all conditions.
COUNT: Final = 0.06


def check_marks(content: Content) -> Iterator[Finding]:
    """Check the marks of a text part that a person wrote, and that everybody gets something."""
    campaign = content.campaign
    if not campaign.conditions:
        return
    if stray := stray_marks(campaign.text, TEXT_MARK):
        yield red(
            "region_broken",
            _(
                "テキスト本文の条件の範囲が閉じていないか、重なっています。{{?1}} の行と {{/1}} の行を、同じ番号で1組ずつ"
                "書いてください。"
            ),
            details=dict.fromkeys(stray),
        )
    in_html = numbers_in(campaign.html, HTML_MARK)
    if orphans := sorted(numbers_in(campaign.text, TEXT_MARK) - in_html):
        told = condition_words(campaign)
        yield red(
            "region_unknown",
            _(
                "テキスト本文に、どのブロックの条件でもない範囲があります。ブロックの条件を変えたときは、テキスト本文の番号も"
                "直してください。今の番号は %s です。"
            )
            % "、".join(f"{{{{?{number}}}}}: {told.get(number, '')}" for number in sorted(in_html)),
            details=[f"{{{{?{number}}}}}" for number in orphans],
        )
    if missing := sorted(in_html - numbers_in(campaign.text, TEXT_MARK)):
        told = condition_words(campaign)
        yield yellow(
            "region_for_all",
            _(
                "テキスト本文に、次の条件の範囲がありません。HTML本文では一部の人だけに見える内容が、テキスト本文では全員に"
                "見えるか、だれにも見えません。"
            ),
            details=[f"{{{{?{number}}}}}〜{{{{/{number}}}}}: {told.get(number, '')}" for number in missing],
        )
    if not any(is_said(line) for line in cut_text(campaign.text, 0).splitlines()):
        yield yellow(
            "region_nothing_left",
            _("どの条件にも当てはまらない人には、本文のないメールが届きます。全員に見えるブロックを加えてください。"),
        )


def is_said(line: str) -> bool:
    """Say whether a line of text says something beside what the law wants."""
    return any(letter.isalnum() for letter in line) and not set(find_tags(line)) & set(REQUIRED)


def check_conditions(campaign: Campaign, audience: Audience, *, now: datetime) -> Iterator[Finding]:
    """Check that each condition can be asked, and tell where it holds for nobody or for everybody."""
    try:
        groups = list(groups_of(campaign))
    except SegmentRefused as error:
        yield red("condition_refused", error.sentence)
        return
    people = people_counted(campaign, audience, now=now) if groups else None
    told = condition_words(campaign)
    for number, group in groups:
        try:
            fulfilled = compile_condition(campaign, group, now=now)
        except SegmentRefused as error:
            yield red("condition_refused", error.sentence, place=str(number))
            continue
        if people is None:
            continue
        budget = COUNT / (2 * len(groups))
        have = count_slice(campaign.workspace, people & fulfilled, Slice(), budget=budget)
        lack = count_slice(campaign.workspace, people & is_not(fulfilled), Slice(), budget=budget)
        yield from tell(number, told.get(number, ""), have, lack)


def people_counted(campaign: Campaign, audience: Audience, *, now: datetime) -> Q | None:
    """Return the condition of an audience; None where there is none yet, or where it is refused itself."""
    if audience.is_empty:
        return None
    try:
        return audience_condition(campaign.workspace, audience, now=now)
    except SegmentRefused:
        return None


def tell(number: int, words: str, have: Slice, lack: Slice) -> Iterator[Finding]:
    """Tell for how many of an audience a condition holds; nothing where not all were counted."""
    if not (have.is_complete and lack.is_complete):
        return
    if not have.active:
        yield yellow(
            "condition_nobody",
            _("表示する条件「%s」に当てはまる人が、配信先にいません。このブロックはだれにも届きません。") % words,
            place=str(number),
        )
    elif not lack.active:
        yield green("condition_everybody", _("表示する条件「%s」に、配信先の全員が当てはまります。") % words)
    else:
        sentence = _("表示する条件「%(condition)s」に当てはまる人: %(have)s人(当てはまらない人: %(lack)s人)。")
        figures = {"condition": words, "have": f"{have.active:,}", "lack": f"{lack.active:,}"}
        yield green("condition", sentence % figures)
