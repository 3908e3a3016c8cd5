"""Forms for 配信禁止時間 and 遅延許容."""

from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from campaigns.quiet_hours import Rules
from campaigns.quiet_words import WEEKDAYS

HOUR = timedelta(hours=1)
# A week: whoever waits longer had better look at the text again.
LONGEST_TOLERANCE = 168


def clock_field(label: Any) -> forms.TimeField:
    """Return the field for one end of the closed hours."""
    return forms.TimeField(
        label=label,
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": _("時刻は「21:00」の形で入力してください。")},
    )


class RulesForm(forms.Form):
    """Hours, weekdays and holidays at which nothing is sent."""

    begins = clock_field(_("始まり"))
    ends = clock_field(_("終わり"))
    weekdays = forms.TypedMultipleChoiceField(
        label=_("禁止する曜日"),
        required=False,
        coerce=int,
        choices=list(enumerate(WEEKDAYS)),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("選んだ曜日は、0時から24時まで配信しません。"),
    )
    holidays = forms.BooleanField(
        label=_("日本の祝日にも配信しない"), required=False, help_text=_("振替休日と国民の休日を含みます。")
    )

    def __init__(self, *args: Any, rules: Rules, must_forbid: bool = False, **kwargs: Any) -> None:
        initial = {
            "begins": rules.begins,
            "ends": rules.ends,
            "weekdays": sorted(rules.weekdays),
            "holidays": rules.holidays,
        }
        super().__init__(*args, **kwargs | {"initial": initial})
        self.must_forbid = must_forbid

    def clean(self) -> dict[str, Any]:
        """Refuse half an interval, rules that leave no time, and none at all where there must be one."""
        if self.errors:
            return self.cleaned_data
        begins, ends = self.cleaned_data["begins"], self.cleaned_data["ends"]
        if (begins is None) != (ends is None):
            missing = "ends" if ends is None else "begins"
            self.add_error(missing, _("時間帯は、始まりと終わりの両方を入力してください。"))
        elif begins is not None and begins == ends:
            self.add_error(
                "ends", _("始まりと終わりに違う時刻を入力してください。同じ時刻では、配信できる時間が残りません。")
            )
        elif self.rules().is_endless():
            self.add_error(
                "weekdays",
                _("すべての曜日を禁止すると、いつまでも配信できません。配信する曜日を1つ以上残してください。"),
            )
        elif self.must_forbid and self.rules().is_empty():
            raise ValidationError(
                _("このメールで禁止する時間帯、曜日、祝日のどれかを指定するか、「いつでも配信する」を選んでください。"),
                code="empty",
            )
        return self.cleaned_data

    def rules(self) -> Rules:
        """Return what a valid form says."""
        data = self.cleaned_data
        return Rules(data["begins"], data["ends"], frozenset(data["weekdays"]), data["holidays"])


class HoursField(forms.IntegerField):
    """A time span in whole hours, stored as such."""

    def prepare_value(self, value: Any) -> Any:
        """Show a stored span in hours, and what was typed as it was."""
        return value // HOUR if isinstance(value, timedelta) else value

    def clean(self, value: Any) -> timedelta | None:
        """Return the span; None for an empty field that may be empty."""
        hours = super().clean(value)
        return None if hours is None else hours * HOUR


def tolerance_field() -> HoursField:
    """Return the field for 遅延許容. Empty leaves it as it is."""
    return HoursField(
        label=_("遅延許容(時間)"),
        required=False,
        min_value=1,
        max_value=LONGEST_TOLERANCE,
        help_text=_(
            "システムの停止などで予約の時刻からこの時間を過ぎたときは、自動では始めず、配信するかどうかを確認します。"
        ),
        error_messages={
            "min_value": _("1時間以上を入力してください。"),
            "max_value": _("%(limit_value)s時間(7日)までの時間を入力してください。"),
            "invalid": _("時間を半角の整数で入力してください。"),
        },
    )
