"""Forms of the pages about failures."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from accounts.numbers import read_number
from accounts.time_zones import COMPUTABLE_DAYS
from bounces.removal import REMOVABLE, Choice, Removal
from bounces.reports import Filter
from bounces.resending import RESENDABLE, Selection
from bounces.stopped import StoppedSearch
from lists.models import MailingList, StopReason

MAX_IDS = 1000


class RemovalForm(forms.Form):
    """Which failed addresses are taken out, and how. The parts of a filter come beside it in the same data."""

    reasons = forms.MultipleChoiceField(
        label=_("理由でまとめて選ぶ"),
        choices=[(reason.value, reason.label) for reason in REMOVABLE],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    shown = forms.BooleanField(label=_("いま絞り込んで表示している宛先をすべて選ぶ"), required=False)
    ids = forms.TypedMultipleChoiceField(coerce=int, required=False, widget=forms.MultipleHiddenInput)
    removal = forms.ChoiceField(
        label=_("どうしますか"), choices=Removal.choices, initial=Removal.STOP, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Whether the rows are failures of this campaign is asked by the query that uses them.
        given = self.data.getlist("ids") if hasattr(self.data, "getlist") else []
        self.fields["ids"].choices = [(value, value) for value in given[:MAX_IDS] if read_number(value) is not None]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for at least one address."""
        cleaned = super().clean() or {}
        if not cleaned.get("reasons") and not cleaned.get("ids") and not cleaned.get("shown"):
            raise forms.ValidationError(
                _("外すアドレスを選んでください。理由や絞り込みでまとめて選ぶことも、1件ずつ選ぶこともできます。")
            )
        return cleaned

    def filter(self) -> Filter:
        """Return what the page was filtered by."""
        return Filter.from_query(self.data)

    def choice(self) -> Choice:
        """Return what was chosen."""
        shown = self.filter() if self.cleaned_data["shown"] else None
        return Choice(self.cleaned_data["reasons"], self.cleaned_data["ids"], shown)

    def chosen_removal(self) -> Removal:
        """Return what is to be done."""
        return Removal(self.cleaned_data["removal"])


class ResendForm(forms.Form):
    """Which failures are sent again: some reasons, or those in doubt. Never both: only these may arrive twice."""

    reasons = forms.MultipleChoiceField(
        label=_("再送する理由"),
        choices=[(reason.value, reason.label) for reason in RESENDABLE],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    doubts = forms.BooleanField(label=_("結果不明の宛先"), required=False)

    def clean(self) -> dict[str, Any]:
        """Ask for one of both."""
        cleaned = super().clean() or {}
        if not self.errors and bool(cleaned.get("reasons")) == bool(cleaned.get("doubts")):
            raise forms.ValidationError(_("再送する理由を1つ以上選んでください。"))
        return cleaned

    def selection(self) -> Selection:
        """Return what was chosen."""
        return Selection(tuple(self.cleaned_data["reasons"]), self.cleaned_data["doubts"])


class StoppedFilterForm(forms.Form):
    """Search among stopped addresses. What is no filter is left out."""

    q = forms.CharField(label=_("メールアドレスまたはお名前"), max_length=320, required=False)
    reason = forms.ChoiceField(
        label=_("停止理由"), choices=[("", _("すべての理由")), *StopReason.choices], required=False
    )
    since = forms.DateField(
        label=_("停止日(から)"),
        required=False,
        validators=COMPUTABLE_DAYS,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=_("停止日(まで)"),
        required=False,
        validators=COMPUTABLE_DAYS,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    mailing_list = forms.ModelChoiceField(
        label=_("リスト"), queryset=MailingList.objects.none(), empty_label=_("すべてのリスト"), required=False
    )

    def __init__(self, *args: Any, workspace: Workspace, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lists = MailingList.objects.filter(workspace=workspace).order_by("name")
        self.fields["mailing_list"].queryset = lists  # type: ignore[attr-defined]

    def search(self) -> StoppedSearch:
        """Return what is searched for."""
        self.is_valid()
        given = self.cleaned_data
        mailing_list = given.get("mailing_list")
        return StoppedSearch(
            q=given.get("q", "").strip(),
            reason=given.get("reason", ""),
            since=given.get("since"),
            until=given.get("until"),
            list_id=mailing_list.pk if mailing_list else None,
        )
