"""Forms of テンプレート."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from designs.exceptions import DesignRefused
from designs.models import Template
from designs.own_html import MAX_FILE, read_html_file, read_mjml_file

ENDINGS: Final = {".html": read_html_file, ".htm": read_html_file, ".mjml": read_mjml_file}


class NameForm(forms.ModelForm[Template]):
    """The name of a template."""

    name = forms.CharField(
        label=_("テンプレート名"),
        max_length=100,
        validators=[one_line],
        error_messages={"required": _("テンプレート名を入力してください。")},
    )

    class Meta:
        model = Template
        fields = ("name",)

    def clean_name(self) -> str:
        """Refuse a name that the workspace has."""
        name: str = self.cleaned_data["name"]
        same = Template.objects.filter(workspace=self.instance.workspace, name=name)
        if same.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("この名前のテンプレートはすでにあります。"), code="taken")
        return name


class ImportForm(NameForm):
    """A file of HTML or MJML as a template; `html` is what was read."""

    file = forms.FileField(
        label=_("HTMLまたはMJMLのファイル"),
        widget=forms.FileInput(attrs={"accept": ",".join(ENDINGS)}),
        help_text=_("拡張子は .html、.htm、.mjml、大きさは%d kBまでです。") % (MAX_FILE // 1000),
        error_messages={
            "required": _("ファイルを選んでください。"),
            "missing": _("ファイルを選んでください。"),
            "invalid": _("ファイルを受け取れませんでした。もう一度選んでください。"),
            "empty": _("ファイルの中身がありません。"),
        },
    )
    html = ""

    def clean_file(self) -> UploadedFile[Any]:
        """Read the file."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        name = (file.name or "").lower()
        read = next((read for ending, read in ENDINGS.items() if name.endswith(ending)), None)
        if read is None:
            raise forms.ValidationError(_("拡張子が .html、.htm、.mjml のファイルを選んでください。"))
        try:
            self.html = read(file.read(MAX_FILE + 1))
        except DesignRefused as error:
            raise forms.ValidationError(error.sentence) from error
        return file
