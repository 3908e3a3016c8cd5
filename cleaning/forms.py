"""Forms of 事前クリーニング. They clean input and write nothing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from cleaning.flaws import Flaw
from lists.csv_import import describe_size_limit
from lists.csv_reading import Preview
from lists.import_forms import ACCEPTED

CHOOSE = _("調べるファイルを選んでください。")


class CleaningForm(forms.Form):
    """The file to be judged."""

    file = forms.FileField(
        label=_("調べるファイル"),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        error_messages={
            "required": CHOOSE,
            "missing": CHOOSE,
            "invalid": _("ファイルを受け取れませんでした。もう一度選んでください。"),
            "empty": _("ファイルが空です。"),
        },
    )

    def clean_file(self) -> UploadedFile[Any]:
        """Refuse a file above the limit."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
            raise forms.ValidationError(describe_size_limit())
        return file


class StartForm(forms.Form):
    """Which column has the addresses, and whether the DNS is asked."""

    column = forms.TypedChoiceField(
        label=_("メールアドレスの列"),
        coerce=int,
        error_messages={
            "required": _("どの列がメールアドレスかを選んでください。"),
            "invalid_choice": _("この列は今の読み込み方にはありません。選び直してください。"),
        },
    )
    asks_dns = forms.BooleanField(
        label=_("ドメインがあるかどうかをDNSで確かめる"),
        required=False,
        help_text=_("ドメインの種類が多いファイルでは、最長で1分ほどかかります。"),
    )

    def __init__(self, *args: Any, preview: Preview, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = [(str(number), header[:60]) for number, header in enumerate(preview.headers)]
        self.fields["column"].choices = [("", _("選んでください")), *columns]  # type: ignore[attr-defined]
        if not settings.CLEANING_DNS:
            del self.fields["asks_dns"]


class ChoiceForm(forms.Form):
    """Which flaws take a row out. Sent by GET: it only shows. Without it all of them do."""

    chosen = forms.BooleanField(required=False)
    flaw = forms.MultipleChoiceField(choices=Flaw.choices, required=False)

    def flaws(self) -> list[Flaw]:
        """Return the chosen flaws; all where nothing was chosen yet, or something that is none."""
        if not self.is_valid() or not self.cleaned_data["chosen"]:
            return list(Flaw)
        return [Flaw(value) for value in self.cleaned_data["flaw"]]
