"""The form that asks before somebody is erased."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line


class EraseForm(forms.Form):
    """Why somebody is erased, and that the person knows what they do."""

    why = forms.CharField(
        label=_("消去の理由"),
        max_length=200,
        validators=[one_line],
        help_text=_("例: 本人から電話で消去の依頼があった。操作の記録に残るので、名前やアドレスは書かないでください。"),
        error_messages={"required": _("消去の理由を入力してください。")},
    )
    confirmed = forms.BooleanField(
        label=_("元に戻せないことを確かめました"),
        error_messages={"required": _("消去すると元に戻せません。内容を確かめて、チェックを入れてください。")},
    )
