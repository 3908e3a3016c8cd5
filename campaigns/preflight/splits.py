"""Checks the variants of an A/Bテスト: each like the mailing itself, and whether the winner can be told by the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import LETTERS, Campaign, SplitRule
from campaigns.preflight.findings import Finding, Level, red, yellow
from campaigns.split_forms import rules_offered
from campaigns.variants import all_forms, split_test_of

# So many recipients in each variant are few for a rate.
_FEW: Final = 100


def check_split(
    campaign: Campaign, check_form: Callable[[Campaign], Iterable[Finding]], *, people: int | None
) -> Iterator[Finding]:
    """Check what is tested of a mailing; `check_form` is what every content is checked by, `people` how many get it.

    What is wrong with the mailing itself in the same words is told once.
    """
    test = split_test_of(campaign)
    if test is None:
        return
    forms = dict(all_forms(campaign))
    url = reverse("campaign_split", args=[campaign.pk])
    if len(forms) < 2:
        yield red(
            "split_alone", _("A/Bテストに、比べる案がありません。案を加えるか、テストをやめてください。"), url=url
        )
        return
    if test.rule not in rules_offered(campaign):
        yield red(
            "split_unmeasured",
            _("A/Bテストの勝者を決める開封またはクリックが、計測されない設定です。「自分で選ぶ」に変えてください。"),
            url=url,
        )
    lacking = [LETTERS[number] for number, form in forms.items() if not form.html.strip()]
    if test.rule == SplitRule.OPENS and lacking:
        sentence = _(
            "%s案にHTML本文がないため、開封を計測できません。A/Bテストの決め方を変えるか、HTML本文を加えてください。"
        )
        yield red("split_no_html", sentence % "・".join(lacking), url=url)
    if people is not None and people * test.share < len(forms) * _FEW * 100:
        number = people * test.share // (100 * len(forms))
        sentence = _("A/Bテストの各案は約%d件です。100件より少ないと、差は偶然で決まりやすくなります。")
        yield yellow("split_few", sentence % number, url=url)
    known = {(finding.code, finding.place, finding.sentence) for finding in check_form(campaign)}
    for number, form in forms.items():
        if number:
            yield from name_findings(LETTERS[number], check_form(form), known)


def name_findings(letter: str, findings: Iterable[Finding], known: set[tuple[str, str, str]]) -> Iterator[Finding]:
    """Yield what is wrong with a variant and not known of the mailing itself, under the letter of the variant."""
    for finding in findings:
        if finding.level != Level.GREEN and (finding.code, finding.place, finding.sentence) not in known:
            sentence = _("%(letter)s案: %(sentence)s") % {"letter": letter, "sentence": finding.sentence}
            yield replace(finding, code=f"{finding.code}_{letter.lower()}", sentence=sentence)
