"""Forms of the 除外リスト. They clean input and write nothing."""

from datetime import date, datetime
from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.form_fields import one_line
from lists.exceptions import InvalidAddress
from lists.exclusion_entries import MAX_REASON, Entry, end_of, read_value
from lists.import_forms import ACCEPTED
from lists.models import ExclusionKind

# Lines of the form; more of them come as a file.
MAX_LINES: Final = 1000
# Lines that are wrong and are named at once.
FAULTS_SHOWN: Final = 5
# A file with MAX_ENTRIES lines has a tenth of that.
MAX_FILE_BYTES: Final = 20 * 1024 * 1024
TOO_LARGE: Final = gettext_lazy("ファイルは20MBまでです。分けてアップロードしてください。")


class WhyForm(forms.Form):
    """Why, and until when."""

    reason = forms.CharField(
        label=gettext_lazy("理由"),
        max_length=MAX_REASON,
        required=False,
        validators=[one_line],
        help_text=gettext_lazy("あとで見た人がわかるように書きます(例: 取引終了、先方からの依頼)。"),
    )
    last_day = forms.DateField(
        label=gettext_lazy("期限"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("この日まで送りません。空欄のときは、削除するまで送りません。"),
        error_messages={"invalid": gettext_lazy("日付を入力してください(例: 2026-12-31)。")},
    )

    def clean_last_day(self) -> date | None:
        """Refuse a day that is over."""
        last_day: date | None = self.cleaned_data["last_day"]
        if last_day is not None and last_day < timezone.localdate():
            raise forms.ValidationError(_("今日以降の日付を入力してください。"))
        return last_day

    def expires_at(self) -> datetime | None:
        """Return when the entries of a valid form are over."""
        return end_of(self.cleaned_data["last_day"])


class EntriesForm(WhyForm):
    """Addresses and domains, one a line."""

    values = forms.CharField(
        label=gettext_lazy("メールアドレスまたはドメイン"),
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "mono"}),
        max_length=MAX_LINES * 330,
        help_text=gettext_lazy(
            "1行に1つ書きます(例: taro@example.co.jp、example.co.jp)。ドメインを書くと、そのドメインとサブドメインのすべての宛先に送りません。"
        ),
        error_messages={"required": gettext_lazy("メールアドレスまたはドメインを入力してください。")},
    )
    field_order = ("values", "reason", "last_day")

    def clean_values(self) -> list[tuple[ExclusionKind, str]]:
        """Return what the lines name; refuse the whole where a line is wrong."""
        lines = [
            (number, line) for number, line in enumerate(self.cleaned_data["values"].splitlines(), 1) if line.strip()
        ]
        if len(lines) > MAX_LINES:
            raise forms.ValidationError(
                _("一度に入力できるのは%d行までです。それより多いときは、ファイルで登録してください。") % MAX_LINES
            )
        named, faults = [], []
        for number, line in lines:
            try:
                named.append(read_value(line))
            except InvalidAddress as error:
                faults.append(
                    _("%(line)d行目「%(text)s」: %(why)s")
                    % {"line": number, "text": line.strip()[:60], "why": error.sentence}
                )
        if faults:
            rest = [_("ほかに%d行あります。") % (len(faults) - FAULTS_SHOWN)] if len(faults) > FAULTS_SHOWN else []
            raise forms.ValidationError(faults[:FAULTS_SHOWN] + rest)
        return named

    def entries(self) -> list[Entry]:
        """Return the entries of a valid form."""
        cleaned = self.cleaned_data
        return [Entry(kind, value, cleaned["reason"], self.expires_at()) for kind, value in cleaned["values"]]


class ExclusionFileForm(WhyForm):
    """A file with addresses and domains; reason and end are for lines without their own."""

    file = forms.FileField(
        label=gettext_lazy("ファイル"),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        error_messages={
            "required": gettext_lazy("CSVまたはExcelのファイルを選んでください。"),
            "missing": gettext_lazy("CSVまたはExcelのファイルを選んでください。"),
            "invalid": gettext_lazy("ファイルを受け取れませんでした。もう一度選んでください。"),
            "empty": gettext_lazy("ファイルが空です。"),
        },
    )
    field_order = ("file", "reason", "last_day")

    def clean_file(self) -> UploadedFile[Any]:
        """Refuse a file above the limit."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_FILE_BYTES:
            raise forms.ValidationError(TOO_LARGE)
        return file
