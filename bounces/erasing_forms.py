"""The form that asks before somebody is erased."""

from django import forms
from django.utils.translation import gettext_lazy as _


class EraseForm(forms.Form):
    """That the person knows what they do."""

    confirmed = forms.BooleanField(
        label=_("元に戻せないことを確かめました"),
        error_messages={"required": _("消去すると元に戻せません。内容を確かめて、チェックを入れてください。")},
    )
