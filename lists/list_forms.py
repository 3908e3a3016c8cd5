"""Forms for lists. They clean input and write nothing."""

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext as _

from accounts.form_fields import one_line
from lists.models import MailingList

# The largest number of errors that a list may have as its own limit.
MAX_LIMIT = 99


class MailingListForm(forms.ModelForm[MailingList]):
    """A list's name, description and limit."""

    class Meta:
        model = MailingList
        fields = ("name", "description", "error_limit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        workspace = self.instance.workspace
        for name in ("name", "description"):
            self.fields[name].validators.append(one_line)
        limit = self.fields["error_limit"]
        limit.validators += [MinValueValidator(1), MaxValueValidator(MAX_LIMIT)]
        limit.widget.attrs |= {"min": 1, "max": MAX_LIMIT, "inputmode": "numeric"}
        limit.help_text = _(
            "エラーがこの回数に達した宛先を配信停止にします。空欄のときはワークスペースの設定(%d回)に従います。"
        ) % (workspace.error_limit)

    def clean_name(self) -> str:
        """Refuse a name that another list of the workspace has."""
        name: str = self.cleaned_data["name"]
        others = MailingList.objects.filter(workspace=self.instance.workspace, name=name).exclude(pk=self.instance.pk)
        if others.exists():
            raise forms.ValidationError(_("同じ名前のリストがあります。別の名前にしてください。"))
        return name


class LimitForm(forms.Form):
    """A list's limit that is being thought about; empty is the workspace's."""

    error_limit = forms.IntegerField(min_value=1, max_value=MAX_LIMIT, required=False)
