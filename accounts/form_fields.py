"""What the forms of all apps share: the rule for a line of text, several files, the fields of a login at another server."""

from typing import Any, Final, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from accounts.numbers import read_number

Row = TypeVar("Row", bound=Model)

# For names, addresses and hosts, which no browser should complete or correct.
PLAIN_TEXT: Final = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}

# A line break could add a header to a mail; the marks of writing direction could disguise a name.
one_line = RegexValidator(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]",
    _("改行や制御文字は使えません。1行で入力してください。"),
    code="header_injection",
    inverse_match=True,
)


class FilesInput(forms.FileInput):
    """A control in which several files can be chosen."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or more files."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        """Check each of the files."""
        files = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(file, initial) for file in files or [None]]


class RowsField(forms.ModelMultipleChoiceField[Row]):
    """Several rows by their ids; what is no id of any row, a number of thirty digits say, is no choice."""

    def clean(self, value: Any) -> Any:
        """Read what was chosen."""
        chosen = value if isinstance(value, list | tuple) else []
        if any(isinstance(one, str) and read_number(one) is None for one in chosen):
            raise ValidationError(self.error_messages["invalid_choice"], code="invalid_choice", params={"value": ""})
        return super().clean(value)


def username_field(help_text: Any, *, max_length: int, required: bool = True) -> forms.CharField:
    """Return a field for the user that we are at another server."""
    return forms.CharField(
        label=_("ユーザー名"),
        max_length=max_length,
        required=required,
        validators=[one_line],
        widget=forms.TextInput(attrs=PLAIN_TEXT),
        help_text=help_text,
    )


def password_field(help_text: Any = "") -> forms.CharField:
    """Return a field for a password that is stored and never shown; left empty, the stored one may stay."""
    return forms.CharField(
        label=_("パスワード"),
        max_length=500,
        strip=False,
        required=False,
        validators=[one_line],
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=help_text,
    )
