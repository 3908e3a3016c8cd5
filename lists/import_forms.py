"""Forms of an import: the file, how it is read, what its columns are. They clean input and write nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.form_fields import one_line
from lists.attribute_values import guess_kind
from lists.columns import ADDRESS, NAME, NO_ATTRIBUTES, Column, consent_columns
from lists.csv_columns import attribute_names_for
from lists.csv_encoding import ENCODINGS
from lists.csv_import import Choice, describe_size_limit
from lists.csv_reading import SEPARATORS, Format, Preview
from lists.models import AttributeDefinition, AttributeKind, ImportMode

# A tab would not survive in every form control, so separators have names there.
SEPARATOR_NAMES = {"comma": ",", "tab": "\t", "semicolon": ";", "bar": "|"}
NAMES_OF_SEPARATORS = {separator: name for name, separator in SEPARATOR_NAMES.items()}

ACCEPTED = (
    ".csv,.tsv,.txt,.xlsx,text/csv,text/tab-separated-values,text/plain,"
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)
# What a column is, beside the address and the name: the attribute named after it, or another one that there is.
OWN = "attribute"
KNOWN = "known:"
# With more choices than this in all, columns offer only the attribute that they are or would be.
MAX_CHOICES = 4000
MAX_LABEL = AttributeDefinition._meta.get_field("label").max_length


class UploadForm(forms.Form):
    """One CSV, TSV or Excel file."""

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


class SheetForm(forms.Form):
    """Which sheet of a workbook is read, and whether its first row is a header. Sent by GET: it only shows."""

    # Its choices are those of the workbook.
    sheet = forms.ChoiceField()
    has_header = forms.BooleanField(label=gettext_lazy("1行目は見出し"), required=False)

    def __init__(self, *args: Any, sheets: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sheet"] = forms.ChoiceField(
            label=gettext_lazy("シート"), choices=[(name, name) for name in sheets]
        )

    @staticmethod
    def initial_for(layout: Format) -> dict[str, Any]:
        """Return the form's values for a format."""
        return {"sheet": layout.sheet, "has_header": layout.has_header}

    def layout(self) -> Format:
        """Return the chosen format of a valid form."""
        return Format("utf-8-sig", ",", self.cleaned_data["has_header"], self.cleaned_data["sheet"])


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
    text_version = forms.CharField(
        label=gettext_lazy("同意文の版(任意)"),
        max_length=50,
        required=False,
        validators=[one_line],
        help_text=gettext_lazy("同意を得たときの文面が分かる名前や日付です(例: 2026年4月版)。同意の記録に残ります。"),
    )
    consent = forms.BooleanField(
        label=gettext_lazy("このファイルの宛先から配信の同意を得ています"),
        error_messages={
            "required": gettext_lazy(
                "配信の同意を得た宛先だけを取り込めます。同意を確かめて、チェックを入れてください。"
            )
        },
    )

    def __init__(
        self,
        *args: Any,
        preview: Preview,
        columns: Mapping[str, str],
        known: Sequence[Column],
        kinds: Mapping[str, str],
        labels: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        """`columns`, `kinds`, `labels` are what was guessed or chosen before, `known` the columns of the workspace."""
        super().__init__(*args, **kwargs)
        self.chosen_kinds = kinds
        self.chosen_labels = labels
        self.known = {column.name: column for column in known if column.name not in NO_ATTRIBUTES}
        self.headers = preview.headers
        self.attributes = attribute_names_for(preview.headers)
        for number, target in columns.items():
            # An attribute that was archived, or that another file named.
            if target not in NO_ATTRIBUTES and target not in self.known and int(number) < len(self.attributes):
                self.attributes[int(number)] = target
        offered = {name: column for name, column in self.known.items() if not column.is_archived}
        if len(offered) * len(self.attributes) > MAX_CHOICES:
            offered = {}
        for index, header in enumerate(preview.headers):
            self._add_column(index, header, columns.get(str(index), ""), offered)
            if self.attributes[index] not in self.known:
                self._add_kind(index, header, preview)
                self._add_label(index, header)

    def _add_column(self, index: int, header: str, target: str, offered: dict[str, Column]) -> None:
        attribute = self.attributes[index]
        own = (
            describe_attribute(self.known[attribute])
            if attribute in self.known
            else _("新しい差し込み項目「%s」") % attribute
        )
        others = {**{name: self.known[name] for name in [target] if name in self.known}, **offered}
        self.fields[f"column_{index}"] = forms.ChoiceField(
            label=header,
            required=False,
            initial=self._initial_target(index, target),
            choices=[
                ("", _("取り込まない")),
                (ADDRESS, _("メールアドレス")),
                (NAME, _("お名前")),
                (OWN, own),
                *((column.name, column.label) for column in consent_columns()),
                *((KNOWN + name, describe_attribute(column)) for name, column in others.items() if name != attribute),
            ],
        )

    def _add_kind(self, index: int, header: str, preview: Preview) -> None:
        samples = [row.cells[index] for row in preview.rows if index < len(row.cells)]
        self.fields[f"kind_{index}"] = forms.ChoiceField(
            label=_("「%s」の種類(新しい差し込み項目にするとき)") % header,
            required=False,
            initial=self.chosen_kinds.get(self.attributes[index]) or guess_kind(header, samples),
            choices=AttributeKind.choices,
        )

    def _add_label(self, index: int, header: str) -> None:
        name = self.attributes[index]
        self.fields[f"label_{index}"] = forms.CharField(
            label=_("「%s」の表示名(新しい差し込み項目にするとき)") % header,
            required=False,
            max_length=MAX_LABEL,
            validators=[one_line],
            initial=self.chosen_labels.get(name, ""),
            widget=forms.TextInput(attrs={"placeholder": name}),
        )

    def _initial_target(self, index: int, target: str) -> str:
        if not target or target in NO_ATTRIBUTES:
            return target
        return OWN if target == self.attributes[index] else KNOWN + target

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
        for column in consent_columns():
            if targets.count(column.name) > 1:
                self.add_error(None, _("「%s」の列が2つ以上選ばれています。1つだけ選んでください。") % column.label)
        names = [target for target in targets if target not in NO_ATTRIBUTES]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            label = self.known[twice].label if twice in self.known else twice
            self.add_error(None, _("差し込み項目「%s」が2つ以上の列にあります。1つだけ選んでください。") % label)
        return cleaned

    def columns(self) -> dict[str, str]:
        """Return column number (as text) → target, without the columns that are left out."""
        chosen = {str(number): self.cleaned_data.get(f"column_{number}", "") for number in range(len(self.attributes))}
        return {
            number: self.attributes[int(number)] if target == OWN else target.removeprefix(KNOWN)
            for number, target in chosen.items()
            if target
        }

    def kinds(self) -> dict[str, AttributeKind]:
        """Return the kind of each attribute that is new."""
        return {
            name: AttributeKind(self.cleaned_data.get(f"kind_{number}") or AttributeKind.TEXT)
            for number, name in self._new_attributes()
        }

    def labels(self) -> dict[str, str]:
        """Return the label of each attribute that is new and has one other than its name."""
        given = {name: self.cleaned_data.get(f"label_{number}", "") for number, name in self._new_attributes()}
        return {name: label for name, label in given.items() if label not in ("", name)}

    def _new_attributes(self) -> list[tuple[int, str]]:
        """Return number and name of the columns that become attributes which are not there yet."""
        return [
            (number, name)
            for number, name in enumerate(self.attributes)
            if self.cleaned_data.get(f"column_{number}") == OWN and name not in self.known
        ]

    def choice(self, layout: Format) -> Choice:
        """Return what was chosen in a valid form."""
        cleaned = self.cleaned_data
        return Choice(
            layout, self.columns(), ImportMode(cleaned["mode"]), self.kinds(), self.labels(), cleaned["text_version"]
        )


def describe_attribute(column: Column) -> str:
    """Return what people read of an attribute that a column can be: its values have to be of its kind."""
    text = _("差し込み項目「%s」") % column.label
    if column.kind != AttributeKind.TEXT:
        text += f"({column.kind.label})"
    return text + _("の使用を再開") if column.is_archived else text
