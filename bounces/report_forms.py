"""Forms of the error report: the period, what it is narrowed to, and the letters."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from accounts.time_zones import COMPUTABLE_DAYS
from bounces.letters import Letter
from bounces.report_scope import DEFAULT_DAYS, MAX_DAYS, PRESETS, Period, Scope
from lists.models import MailingList
from mta.providers import PROVIDER_LABELS
from senders.models import Sender


class ReportForm(forms.Form):
    """Reads a scope from the query of a URL. Use `scope()` whether it is valid or not."""

    days = forms.TypedChoiceField(
        coerce=int,
        choices=[(str(days), str(days)) for days in PRESETS],
        required=False,
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": _("期間は7日・30日・90日から選ぶか、日付で指定してください。")},
    )
    since = forms.DateField(
        label=_("開始日"),
        required=False,
        validators=COMPUTABLE_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("開始日を「2026-11-01」のような日付で入力してください。")},
    )
    until = forms.DateField(
        label=_("終了日"),
        required=False,
        validators=COMPUTABLE_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": _("終了日を「2026-11-30」のような日付で入力してください。")},
    )
    list = forms.ModelChoiceField(
        label=_("リスト"),
        queryset=MailingList.objects.none(),
        required=False,
        empty_label=_("すべてのリスト"),
        error_messages={"invalid_choice": _("選ばれたリストは見つかりません。すべてのリストで表示しています。")},
    )
    provider = forms.ChoiceField(
        label=_("プロバイダ"),
        choices=[("", _("すべてのプロバイダ")), *((key, _(label)) for key, label in PROVIDER_LABELS.items())],
        required=False,
        error_messages={"invalid_choice": _("選ばれたプロバイダはありません。すべてのプロバイダで表示しています。")},
    )

    def __init__(self, data: Any, *, workspace: Workspace, today: date) -> None:
        super().__init__(data)
        self.workspace = workspace
        self.today = today
        self.fields["list"].queryset = MailingList.objects.filter(workspace=workspace).order_by("name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask for days in their order, and not too many of them."""
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if "since" in self.errors or "until" in self.errors or cleaned.get("days"):
            return cleaned
        if bool(since) != bool(until):
            self.add_error("until" if since else "since", _("開始日と終了日の両方を入力してください。"))
        elif since and until and since > until:
            self.add_error("until", _("終了日は開始日と同じ日か、それより後にしてください。"))
        elif since and since > self.today:
            self.add_error("since", _("開始日がまだ来ていません。今日までの日付を入力してください。"))
        elif since and until and (until - since).days >= MAX_DAYS:
            self.add_error("since", _("期間は366日以内にしてください。"))
        return cleaned

    def scope(self) -> Scope:
        """Return what is to be shown; what was not understood falls back to 30 days and to everything."""
        self.is_valid()
        return Scope(
            self.workspace,
            self.period(),
            self.cleaned_data.get("list"),
            self.cleaned_data.get("provider", ""),
        )

    def period(self) -> Period:
        """Return the period that was asked for."""
        if days := self.cleaned_data.get("days"):
            return Period.latest(days, today=self.today)
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until:
            return Period(since, min(until, self.today))
        return Period.latest(DEFAULT_DAYS, today=self.today)


class LetterForm(ReportForm):
    """Which letter is written, to which provider, about which sender."""

    letter = forms.ChoiceField(
        label=_("文面"),
        choices=Letter.choices,
        required=False,
        error_messages={"invalid_choice": _("選ばれた文面はありません。もう一度選んでください。")},
    )
    sender = forms.ModelChoiceField(
        label=_("送信元"),
        queryset=Sender.objects.none(),
        required=False,
        empty_label=None,
        error_messages={"invalid_choice": _("選ばれた送信元は見つかりません。もう一度選んでください。")},
    )

    def __init__(self, data: Any, *, workspace: Workspace, today: date) -> None:
        super().__init__(data, workspace=workspace, today=today)
        provider = self.fields["provider"]
        provider.choices = provider.choices[1:]  # type: ignore[attr-defined]
        # The newest first: most workspaces have one, and write about the one in use.
        self.senders = Sender.objects.filter(workspace=workspace, archived_at__isnull=True).order_by("-pk")
        self.fields["sender"].queryset = self.senders  # type: ignore[attr-defined]

    def scope(self) -> Scope:
        """Return what the letter is about; without a provider, the first of the list."""
        chosen = super().scope()
        return chosen if chosen.provider else replace(chosen, provider=next(iter(PROVIDER_LABELS)))

    def chosen_letter(self) -> Letter:
        """Return the letter; without a choice, the one to the subscriber."""
        return Letter(self.cleaned_data.get("letter") or Letter.TO_SUBSCRIBER)

    def chosen_sender(self) -> Sender | None:
        """Return the sender; without a choice, the newest. None where there is none."""
        chosen: Sender | None = self.cleaned_data.get("sender") or self.senders.first()
        return chosen
