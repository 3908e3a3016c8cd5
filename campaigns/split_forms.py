"""The forms of A/Bテスト: how it is decided, and the words of each variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from campaigns.merge_tags import blank_controls
from campaigns.models import LETTERS, Campaign, CampaignState, SplitRule, SplitTest, Variant
from tracking.links import rules_of

# The numbers of the variants beside the mailing itself.
NUMBERS: Final = range(1, len(LETTERS))
# Drafts that a body may be taken from, the newest first.
SOURCES: Final = 50
SAME, KEPT = "same", "kept"


class SplitForm(forms.ModelForm[SplitTest]):
    """Whom the test is sent to, and how its winner is chosen."""

    class Meta:
        model = SplitTest
        fields = ("share", "rule", "hours")
        widgets = {"rule": forms.RadioSelect}
        help_texts = {
            "share": _("10から100まで。この割合の人に各案をほぼ同じ数ずつ送り、残りの人には勝者だけを送ります。"),
            "hours": _("配信が始まってからの時間です(1から168)。「自分で選ぶ」では、この時間までに選ぶ目安です。"),
        }

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = rules_offered(campaign)
        self.fields["rule"].choices = [(rule.value, rule.label) for rule in offered]  # type: ignore[attr-defined]
        if self.instance.pk is None:
            self.initial["rule"] = offered[0]


def rules_offered(campaign: Campaign) -> list[SplitRule]:
    """Return how the winner of a mailing can be chosen: by what is measured, and always by hand."""
    rules = rules_of(campaign.workspace)
    offered = [SplitRule.OPENS] if campaign.wants_tracking and rules.opens else []
    if campaign.wants_tracking and rules.clicks:
        offered.append(SplitRule.CLICKS)
    return [*offered, SplitRule.HAND]


def sources_of(campaign: Campaign) -> QuerySet[Campaign]:
    """Return the drafts whose body can be taken; a text by hand that names conditions has the numbers of its own mailing."""
    drafts = Campaign.objects.for_workspace(campaign.workspace).filter(state=CampaignState.DRAFT)
    can_move = Q(conditions=[]) | Q(draft__text_by_hand=False)
    return drafts.filter(can_move).exclude(pk=campaign.pk).order_by("-updated_at")


class VariantForm(forms.Form):
    """One variant beside the mailing itself; without a subject there is none."""

    subject = forms.CharField(label=_("件名"), max_length=200, required=False)
    preheader = forms.CharField(label=_("プリヘッダー"), max_length=200, required=False)
    body = forms.ChoiceField(label=_("本文"), required=False)

    def __init__(self, data: QueryDict | None, *, campaign: Campaign, number: int, variant: Variant | None) -> None:
        self.number, self.letter, self.variant = number, LETTERS[number], variant
        own = {"subject": variant.subject, "preheader": variant.preheader} if variant else {}
        own["body"] = KEPT if variant and variant.body else SAME
        if variant is None:
            own["preheader"] = campaign.preheader
        super().__init__(data, prefix=f"v{number}", initial=own, use_required_attribute=False)
        choices: list[tuple[str, Any]] = [(SAME, _("A案(このメール)と同じ"))]
        if variant and variant.body:
            choices.append((KEPT, _("前に取り込んだ本文のまま")))
        drafts = [(str(pk), subject) for pk, subject in sources_of(campaign).values_list("pk", "subject")[:SOURCES]]
        if drafts:
            choices.append((str(_("別の下書きから取り込む")), drafts))
        self.fields["body"].choices = choices  # type: ignore[attr-defined]

    def clean_subject(self) -> str:
        """Return one line: a tab of a spreadsheet can stand in no header."""
        return blank_controls(self.cleaned_data["subject"]).strip()

    def clean_preheader(self) -> str:
        """Return one line."""
        return blank_controls(self.cleaned_data["preheader"]).strip()

    def clean_body(self) -> str:
        """Take what is not said as the body of the mailing."""
        return self.cleaned_data["body"] or SAME

    def source(self) -> int | None:
        """Return the number of the draft whose body is to be taken, of a valid form."""
        chosen = self.cleaned_data["body"]
        return int(chosen) if chosen not in (SAME, KEPT) else None


def refuse_alike(campaign: Campaign, forms: Sequence[VariantForm]) -> bool:
    """Say at its place of each valid form that it is like another one, which no figures would tell apart; say whether one is."""
    seen = {(campaign.subject, campaign.preheader): LETTERS[0]}
    for row in forms:
        words = (row.cleaned_data["subject"], row.cleaned_data["preheader"])
        if not words[0] or row.cleaned_data["body"] != SAME:
            continue
        if other := seen.get(words):
            row.add_error(
                "subject", _("%s案と件名・プリヘッダー・本文が同じで、比べられません。どれかを変えてください。") % other
            )
        seen.setdefault(words, row.letter)
    return any(row.errors for row in forms)
