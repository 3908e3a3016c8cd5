"""Forms of テンプレート."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from designs.exceptions import DesignRefused
from designs.models import Snippet, Template
from designs.own_html import MAX_FILE, read_html_file, read_mjml_file
from designs.snippets import LONGEST_TEXT, require_room

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


class SnippetForm(forms.ModelForm[Snippet]):
    """Name and words of a snippet; the instance has the workspace, and blocks or none."""

    name = forms.CharField(
        label=_("部品名"),
        max_length=100,
        validators=[one_line],
        error_messages={"required": _("部品名を入力してください。")},
    )
    text = forms.CharField(
        label=_("文"),
        max_length=LONGEST_TEXT,
        strip=False,
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_(
            "差し込み項目({{name|お客様}} など)も書けます。テキスト・Markdown・本文ブロックのカーソルの位置に入れられます。"
        ),
    )

    class Meta:
        model = Snippet
        fields = ("name", "text")

    def clean_name(self) -> str:
        """Refuse a name that the workspace has."""
        name: str = self.cleaned_data["name"]
        same = Snippet.objects.filter(workspace=self.instance.workspace, name=name)
        if same.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("この名前の部品はすでにあります。"), code="taken")
        return name

    def clean_text(self) -> str:
        """Return the words with ends of lines as they are sent; refuse none where there are no blocks."""
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if not text.strip() and not self.instance.blocks:
            raise forms.ValidationError(_("文を入力してください。"), code="required")
        return text

    def clean(self) -> dict[str, Any]:
        """Refuse one too many."""
        if self.instance.pk is None:
            try:
                require_room(self.instance.workspace)
            except DesignRefused as error:
                raise forms.ValidationError(error.sentence, code="many") from error
        return self.cleaned_data


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
            # It may have been read before, when the name was free yet.
            file.seek(0)
            self.html = read(file.read(MAX_FILE + 1))
        except DesignRefused as error:
            raise forms.ValidationError(error.sentence) from error
        return file
