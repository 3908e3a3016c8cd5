"""Forms for subscribers. They clean input and write nothing."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.form_fields import one_line
from lists.models import RECIPIENTS_WILL, Subscriber


class ResumeForm(forms.Form):
    """Why a stopped subscriber is sent to again; against the recipient's own will only with a word for it."""

    why = forms.CharField(
        label=gettext_lazy("再開の理由"),
        max_length=200,
        validators=[one_line],
        help_text=gettext_lazy("例: 本人からメールで再開の依頼があった。操作の記録に残ります。"),
        error_messages={"required": gettext_lazy("再開の理由を入力してください。")},
    )
    asked = forms.BooleanField(
        label=gettext_lazy("本人から再開の依頼があったことを確かめました"),
        error_messages={
            "required": gettext_lazy("本人の意思による配信停止です。本人の依頼を確かめて、チェックを入れてください。")
        },
    )

    def __init__(self, *args: Any, subscriber: Subscriber, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if subscriber.stop_reason not in RECIPIENTS_WILL:
            del self.fields["asked"]
