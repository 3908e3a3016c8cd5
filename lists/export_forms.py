"""The form of an export: which columns, in which format. It cleans input and writes nothing."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from lists.exporting import CP932, CSV, XLSX, ResourceTable, Table

# What each format is good for.
FORMAT_CHOICES = [
    (CSV, _("CSV(UTF-8) — Excelでそのまま開けます。迷ったら、これを選んでください。")),
    (XLSX, _("Excel(XLSX) — 先頭の0や長い番号も、そのまま表示されます。")),
    (CP932, _("CSV(Shift_JIS) — 古いソフト向けです。書き出せなかった文字の一覧と一緒に、ZIPファイルになります。")),
]


class ExportForm(forms.Form):
    """The columns and the format of a table's export."""

    columns = forms.MultipleChoiceField(
        label=_("書き出す列"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": _("書き出す列を1つ以上選んでください。"),
            "invalid_choice": _("列が変わったようです。選び直してください。"),
        },
    )
    format = forms.ChoiceField(
        label=_("ファイルの形式"),
        choices=FORMAT_CHOICES,
        initial=CSV,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("ファイルの形式を選んでください。"),
            "invalid_choice": _("ファイルの形式を選び直してください。"),
        },
    )

    def __init__(self, *args: Any, table: Table | ResourceTable, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        columns = cast(forms.MultipleChoiceField, self.fields["columns"])
        columns.choices = table.choices()
        columns.initial = table.defaults()
