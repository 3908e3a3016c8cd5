"""Forms of pictures."""

from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import FilesField, FilesInput, one_line
from designs.models import Picture
from designs.picture_encoding import FORMATS

# At once; each is decoded while the browser waits.
MAX_FILES: Final = 10
ACCEPT: Final = ",".join(f"image/{name.lower()}" for name in FORMATS)


class PicturesForm(forms.Form):
    """The files of new pictures."""

    pictures = FilesField(
        label=_("画像のファイル"),
        widget=FilesInput(attrs={"accept": ACCEPT, "multiple": True}),
        error_messages={
            "required": _("画像を選んでください。"),
            "missing": _("画像を選んでください。"),
            "invalid": _("画像を受け取れませんでした。もう一度選んでください。"),
            "empty": _("ファイルの中身がありません。"),
        },
    )

    def clean_pictures(self) -> list[UploadedFile[Any]]:
        """Refuse more than are decoded while somebody waits."""
        files: list[UploadedFile[Any]] = self.cleaned_data["pictures"]
        if len(files) > MAX_FILES:
            raise forms.ValidationError(_("一度に選べる画像は%d個までです。") % MAX_FILES)
        return files


class PictureForm(forms.ModelForm[Picture]):
    """What a picture shows, in words."""

    alt = forms.CharField(
        label=_("代替テキスト"),
        max_length=200,
        required=False,
        validators=[one_line],
        help_text=_("画像が表示されないときや、音声で聞く人に伝わる言葉です。飾りだけの画像なら空欄にします。"),
    )

    class Meta:
        model = Picture
        fields = ("alt",)
