"""Forms for uploads and their columns. They clean input and write nothing."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from lists.csv_columns import ADDRESS, NAME, attribute_names_for
from lists.csv_encoding import ENCODINGS
from lists.csv_import import Choice, describe_size_limit
from lists.csv_reading import SEPARATORS, Format, Preview
from lists.models import ImportMode

# A tab would not survive in every form control, so separators have names there.
SEPARATOR_NAMES = {"comma": ",", "tab": "\t", "semicolon": ";", "bar": "|"}
NAMES_OF_SEPARATORS = {separator: name for name, separator in SEPARATOR_NAMES.items()}


class UploadForm(forms.Form):
    """One CSV file."""

    file = forms.FileField(
        label=gettext_lazy("CSVファイル"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/tab-separated-values,text/plain"}),
        error_messages={
            "required": gettext_lazy("CSVファイルを選んでください。"),
            "missing": gettext_lazy("CSVファイルを選んでください。"),
            "invalid": gettext_lazy("ファイルを受け取れませんでした。もう一度選んでください。"),
            "empty": gettext_lazy("ファイルが空です。"),
        },
    )
    mode = forms.ChoiceField(choices=ImportMode.choices, widget=forms.HiddenInput, required=False)

    def clean_file(self) -> UploadedFile[Any]:
        """Refuse a file above the limit."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
            raise forms.ValidationError(describe_size_limit())
        return file

    def clean_mode(self) -> ImportMode:
        """Return the mode that the columns' page will suggest."""
        return ImportMode(self.cleaned_data["mode"] or ImportMode.MERGE)


class FormatForm(forms.Form):
    """How the file is read, where the guess is wrong (F2). Sent by GET: it only shows."""

    encoding = forms.ChoiceField(label=gettext_lazy("文字コード"), choices=list(ENCODINGS.items()))
    separator = forms.ChoiceField(
        label=gettext_lazy("区切り文字"),
        choices=[(name, SEPARATORS[separator]) for name, separator in SEPARATOR_NAMES.items()],
    )
    has_header = forms.BooleanField(label=gettext_lazy("1行目は見出し"), required=False)

    @staticmethod
    def initial_for(layout: Format) -> dict[str, Any]:
        """Return the form's values for a format."""
        return {
            "encoding": layout.encoding,
            "separator": NAMES_OF_SEPARATORS[layout.separator],
            "has_header": layout.has_header,
        }

    def layout(self) -> Format:
        """Return the chosen format of a valid form."""
        cleaned = self.cleaned_data
        return Format(cleaned["encoding"], SEPARATOR_NAMES[cleaned["separator"]], cleaned["has_header"])


class ColumnsForm(forms.Form):
    """What each column is, how the file is imported, and that its recipients agreed (A4)."""

    mode = forms.ChoiceField(
        label=gettext_lazy("取り込み方法"),
        choices=[
            (ImportMode.MERGE, gettext_lazy("追加・更新 ― 新しい宛先を加え、すでにある宛先は内容を更新します")),
            (ImportMode.ADD, gettext_lazy("追加のみ ― 新しい宛先だけを加え、すでにある宛先は変えません")),
            (
                ImportMode.REPLACE,
                gettext_lazy("差し替え ― リストをこのファイルと同じ内容にし、ファイルにない宛先をリストから外します"),
            ),
        ],
        widget=forms.RadioSelect,
    )
    consent = forms.BooleanField(
        label=gettext_lazy("このファイルの宛先から配信の同意を得ています"),
        error_messages={
            "required": gettext_lazy(
                "配信の同意を得た宛先だけを取り込めます。同意を確かめて、チェックを入れてください。"
            )
        },
    )

    def __init__(self, *args: Any, preview: Preview, columns: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attributes = attribute_names_for(preview.headers)
        # What the list's last import called the column is kept.
        for number, target in columns.items():
            if target not in (ADDRESS, NAME) and int(number) < len(self.attributes):
                self.attributes[int(number)] = target
        for index, (header, attribute) in enumerate(zip(preview.headers, self.attributes, strict=True)):
            self.fields[f"column_{index}"] = forms.ChoiceField(
                label=header,
                required=False,
                initial=self._initial_target(columns.get(str(index), "")),
                choices=[
                    ("", _("取り込まない")),
                    (ADDRESS, _("メールアドレス")),
                    (NAME, _("お名前")),
                    ("attribute", _("差し込み項目「%s」") % attribute),
                ],
            )

    @staticmethod
    def _initial_target(target: str) -> str:
        return target if target in ("", ADDRESS, NAME) else "attribute"

    def clean(self) -> dict[str, Any]:
        """Require exactly one address column and no attribute twice."""
        cleaned = super().clean() or self.cleaned_data
        targets = list(self.columns().values())
        if targets.count(ADDRESS) == 0:
            self.add_error(
                None,
                _("メールアドレスの列がありません。どの列がメールアドレスかを「メールアドレス」と選んでください。"),
            )
        elif targets.count(ADDRESS) > 1:
            self.add_error(None, _("メールアドレスの列が2つ以上選ばれています。1つだけ選んでください。"))
        if targets.count(NAME) > 2:
            self.add_error(None, _("お名前の列は2つ(姓と名)まで選べます。"))
        names = [target for target in targets if target not in (ADDRESS, NAME)]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            self.add_error(None, _("差し込み項目「%s」が2つ以上の列にあります。1つだけ選んでください。") % twice)
        return cleaned

    def columns(self) -> dict[str, str]:
        """Return column number (as text) → target, without the columns that are left out."""
        chosen = {str(number): self.cleaned_data.get(f"column_{number}", "") for number in range(len(self.attributes))}
        return {
            number: self.attributes[int(number)] if target == "attribute" else target
            for number, target in chosen.items()
            if target
        }

    def choice(self, layout: Format) -> Choice:
        """Return what was chosen in a valid form."""
        return Choice(layout, self.columns(), ImportMode(self.cleaned_data["mode"]))
