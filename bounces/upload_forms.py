"""Forms of uploads of notices, of their survey, and of lists of addresses that are known to be bad."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import FilesField, FilesInput
from accounts.numbers import read_number
from bounces.survey import Finding
from bounces.survey_known import MAX_FOUND, MAX_LETTERS
from lists.csv_import import describe_size_limit

CHOOSE = _("ファイルを選んでください。")
AGAIN = _("もう一度ファイルを選んでください。")
FILE_ERRORS = {
    "required": CHOOSE,
    "missing": CHOOSE,
    "invalid": _("ファイルを受け取れませんでした。もう一度選んでください。"),
    "empty": _("ファイルが空です。"),
}


class NoticeUploadForm(forms.Form):
    """The files of notices."""

    mails = FilesField(
        label=_("エラーメールのファイル"),
        widget=FilesInput(attrs={"accept": ".eml,.mbox,.txt,message/rfc822,application/mbox", "multiple": True}),
        error_messages=FILE_ERRORS,
    )


class SurveyForm(forms.Form):
    """Which of the findings are stopped."""

    choices = forms.MultipleChoiceField(
        required=False, error_messages={"invalid_choice": _("選べない理由です。もう一度選んでください。")}
    )

    def __init__(self, *args: Any, findings: tuple[Finding, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stoppable = [(one.value, one.reason.label) for one in findings if one.is_stoppable()]
        self.fields["choices"].choices = stoppable  # type: ignore[attr-defined]

    def clean_choices(self) -> list[str]:
        """Ask for at least one."""
        choices: list[str] = self.cleaned_data["choices"]
        if not choices:
            raise forms.ValidationError(_("配信停止にする理由を選んでください。"))
        return choices


class KnownForm(forms.Form):
    """A list of addresses that are known to be bad."""

    file = forms.FileField(
        label=_("アドレスのファイル"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
        error_messages=FILE_ERRORS,
    )

    def clean_file(self) -> UploadedFile[Any]:
        """Refuse a file above the limit."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
            raise forms.ValidationError(describe_size_limit())
        return file


class KnownStopForm(forms.Form):
    """The subscribers and the addresses of nobody that were found, as the page of the question carries them."""

    ids = forms.CharField(widget=forms.HiddenInput, max_length=MAX_FOUND * 21, required=False)
    unregistered = forms.CharField(widget=forms.HiddenInput, max_length=MAX_LETTERS, required=False)
    exclude = forms.BooleanField(required=False)
    filename = forms.CharField(widget=forms.HiddenInput, max_length=255, required=False)

    def clean_ids(self) -> list[int]:
        """Return the numbers; whether they are subscribers of the workspace is asked by the query that uses them."""
        if not self.cleaned_data["ids"]:
            return []
        numbers = [read_number(part) for part in self.cleaned_data["ids"].split(",")]
        found = [number for number in numbers if number is not None]
        if len(numbers) > MAX_FOUND or len(found) < len(numbers):
            raise forms.ValidationError(AGAIN)
        return found

    def clean_unregistered(self) -> list[str]:
        """Return the addresses; whether they are any is asked where they are put on the 除外リスト."""
        return str(self.cleaned_data["unregistered"]).split()

    def clean(self) -> dict[str, Any]:
        """Ask for something to do."""
        given = self.cleaned_data
        if not given.get("ids") and not (given.get("exclude") and given.get("unregistered")):
            raise forms.ValidationError(AGAIN)
        return given
