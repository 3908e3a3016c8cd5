"""Forms of the pages of notices."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.time_zones import COMPUTABLE_DAYS
from bounces.models import Door, NoticeState
from bounces.notice_lists import REPORTS, NoticeFilter


class NoticeFilterForm(forms.Form):
    """Which notices are listed. What is not understood is left out."""

    state = forms.ChoiceField(choices=[("", ""), *NoticeState.choices, (REPORTS, "")], required=False)
    q = forms.CharField(label=_("宛先のメールアドレス(全体)"), max_length=320, required=False)
    door = forms.ChoiceField(label=_("入り口"), choices=[("", _("すべて")), *Door.choices], required=False)
    since = forms.DateField(
        label=_("受信日(から)"),
        required=False,
        validators=COMPUTABLE_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    until = forms.DateField(
        label=_("受信日(まで)"),
        required=False,
        validators=COMPUTABLE_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def chosen(self) -> NoticeFilter:
        """Return the filter; call it on a bound form."""
        self.is_valid()
        found = self.cleaned_data
        return NoticeFilter(
            state=found.get("state", ""),
            door=found.get("door", ""),
            since=found.get("since"),
            until=found.get("until"),
            address=found.get("q", "").replace("\0", "").strip(),
        )


class AssignForm(forms.Form):
    """The delivery that a person chose for a notice."""

    delivery = forms.IntegerField(min_value=1)
