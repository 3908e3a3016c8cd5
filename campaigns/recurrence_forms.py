"""The form of a 繰り返し."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from campaigns.models import Rhythm
from campaigns.quiet_words import WEEKDAYS
from campaigns.recurrence_dates import LAST_DAY, Plan

MONTH_DAYS = [("", _("選んでください")), *((day, _("%d日") % day) for day in range(1, 29)), (LAST_DAY, _("月末"))]


class PlanForm(forms.Form):
    """When a mailing is repeated."""

    rhythm = forms.ChoiceField(
        label=_("繰り返し方"), choices=Rhythm.choices, widget=forms.RadioSelect, initial=Rhythm.WEEKLY
    )
    weekdays = forms.TypedMultipleChoiceField(
        label=_("曜日"),
        required=False,
        coerce=int,
        choices=list(enumerate(WEEKDAYS)),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("「毎週」のときに選びます。"),
    )
    month_day = forms.TypedChoiceField(
        label=_("日"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=MONTH_DAYS,
        help_text=_("「毎月」のときに選びます。29日から31日は、ない月があるため選べません。"),
    )
    at = forms.TimeField(
        label=_("時刻"),
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={
            "required": _("時刻を入力してください。"),
            "invalid": _("時刻は「10:00」の形で入力してください。"),
        },
    )
    ends_on = forms.DateField(
        label=_("終了日"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("この日まで繰り返します。空欄のときは、終了するまで続きます。"),
        error_messages={"invalid": _("日付は「2026-12-01」の形で入力してください。")},
    )

    def __init__(self, *args: Any, plan: Plan | None = None, **kwargs: Any) -> None:
        initial = (
            {}
            if plan is None
            else {
                "rhythm": plan.rhythm,
                "weekdays": sorted(plan.weekdays),
                "month_day": plan.month_day,
                "at": plan.at,
                "ends_on": plan.ends_on,
            }
        )
        super().__init__(*args, **kwargs | {"initial": initial})

    def clean(self) -> dict[str, Any]:
        """Refuse a rhythm without its days."""
        rhythm = self.cleaned_data.get("rhythm")
        if rhythm == Rhythm.WEEKLY and "weekdays" not in self.errors and not self.cleaned_data.get("weekdays"):
            self.add_error("weekdays", _("曜日を1つ以上選んでください。"))
        if rhythm == Rhythm.MONTHLY and "month_day" not in self.errors and not self.cleaned_data.get("month_day"):
            self.add_error("month_day", _("日を選んでください。"))
        return self.cleaned_data

    def plan(self) -> Plan:
        """Return what a valid form says."""
        data = self.cleaned_data
        is_weekly = data["rhythm"] == Rhythm.WEEKLY
        return Plan(
            rhythm=Rhythm(data["rhythm"]),
            at=data["at"],
            weekdays=frozenset(data["weekdays"]) if is_weekly else frozenset(),
            month_day=None if is_weekly else data["month_day"],
            ends_on=data["ends_on"],
        )
