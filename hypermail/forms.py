"""Forms of the workspace's settings."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace

MAX_LIMIT = 100


def limit_field() -> forms.IntegerField:
    """Return the field for エラー停止までの回数."""
    return forms.IntegerField(
        label=_("エラー停止までの回数"),
        min_value=1,
        max_value=MAX_LIMIT,
        help_text=_(
            "配信エラーがこの回数に達したアドレスを、自動で配信停止にします。リストごとの回数は、各リストの編集で決められます。"
        ),
        error_messages={
            "required": _("1以上の回数を入力してください。"),
            "min_value": _("1以上の回数を入力してください。"),
            "max_value": _("%(limit_value)s回までの回数を入力してください。"),
            "invalid": _("回数を半角の整数で入力してください。"),
        },
    )


class LimitForm(forms.Form):
    """A limit that is being thought about."""

    error_limit = limit_field()


class WorkspaceForm(forms.ModelForm[Workspace]):
    """The name of a workspace and when errors stop an address (A7)."""

    error_limit = limit_field()

    class Meta:
        model = Workspace
        fields = ("name", "error_limit", "stop_unknown_at_once", "count_unknown_reason")
        help_texts = {
            "name": _("画面に表示される名前です。受信者には見えません。"),
            "stop_unknown_at_once": _("存在しないアドレスへの送信を続けると、送信元の評価が下がります。"),
            "count_unknown_reason": _("理由を読み取れないエラーメールも、1回として数えます。"),
        }
