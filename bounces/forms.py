"""Forms of the pages about failures."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from bounces.models import NoticeState
from bounces.removal import REMOVABLE, Choice, Removal
from lists.models import StopReason

MAX_IDS = 1000


class RemovalForm(forms.Form):
    """Which failed addresses are taken out, and how."""

    reasons = forms.MultipleChoiceField(
        label=_("理由でまとめて選ぶ"),
        choices=[(reason.value, reason.label) for reason in REMOVABLE],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    ids = forms.TypedMultipleChoiceField(coerce=int, required=False, widget=forms.MultipleHiddenInput)
    removal = forms.ChoiceField(
        label=_("どうしますか"), choices=Removal.choices, initial=Removal.STOP, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Whether the rows are failures of this campaign is asked by the query that uses them.
        given = self.data.getlist("ids") if hasattr(self.data, "getlist") else []
        self.fields["ids"].choices = [(value, value) for value in given[:MAX_IDS] if value.isdecimal()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for at least one address."""
        cleaned = super().clean() or {}
        if not cleaned.get("reasons") and not cleaned.get("ids"):
            raise forms.ValidationError(
                _("外すアドレスを選んでください。理由でまとめて選ぶことも、1件ずつ選ぶこともできます。")
            )
        return cleaned

    def choice(self) -> Choice:
        """Return what was chosen."""
        return Choice(self.cleaned_data["reasons"], self.cleaned_data["ids"])

    def chosen_removal(self) -> Removal:
        """Return what is to be done."""
        return Removal(self.cleaned_data["removal"])


class StoppedFilterForm(forms.Form):
    """Search among stopped addresses."""

    q = forms.CharField(label=_("メールアドレスで探す"), max_length=320, required=False)
    reason = forms.ChoiceField(
        label=_("停止理由"), choices=[("", _("すべての理由")), *StopReason.choices], required=False
    )


class NoticeFilterForm(forms.Form):
    """Which notices are listed."""

    state = forms.ChoiceField(choices=[("", _("すべて")), *NoticeState.choices], required=False)
