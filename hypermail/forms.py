"""Forms of the workspace's settings."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Workspace
from accounts.time_zones import find_name, is_known_to_database

MAX_LIMIT = 100
MAX_PERIOD = 3650
MAX_MINIMUM = 10_000


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


def period_field() -> forms.IntegerField:
    """Return the field for 数える期間."""
    return forms.IntegerField(
        label=_("数える期間(日)"),
        min_value=1,
        max_value=MAX_PERIOD,
        help_text=_("「期間内のエラーを数える」のとき、この日数のあいだのエラーだけを数えます。"),
        error_messages={
            "required": _("1以上の日数を入力してください。"),
            "min_value": _("1以上の日数を入力してください。"),
            "max_value": _("%(limit_value)s日までの日数を入力してください。"),
            "invalid": _("日数を半角の整数で入力してください。"),
        },
    )


def hold_field(label: Any, help_text: Any, *, most: int) -> forms.IntegerField:
    """Return a field for one of the two figures at which stops are held for review (B16)."""
    return forms.IntegerField(
        label=label,
        min_value=1,
        max_value=most,
        help_text=help_text,
        error_messages={
            "required": _("1以上の数を入力してください。"),
            "min_value": _("1以上の数を入力してください。"),
            "max_value": _("%(limit_value)sまでの数を入力してください。"),
            "invalid": _("半角の整数で入力してください。"),
        },
    )


class RuleForm(forms.ModelForm[Workspace]):
    """At how many errors an address is stopped, and which of them count (A7)."""

    error_limit = limit_field()
    error_period_days = period_field()

    class Meta:
        model = Workspace
        fields: tuple[str, ...] = ("error_limit", "error_counting", "error_period_days")
        widgets = {"error_counting": forms.RadioSelect}
        help_texts = {
            "error_counting": _(
                "「続けて起きたエラー」は、その後の配信に7日間エラーがなければ0に戻ります。「期間内のエラー」は、その後の配信にエラーがなくても0に戻らず、期間を過ぎたエラーから順に数えなくなります。"
            ),
        }


class WorkspaceForm(RuleForm):
    """The name of a workspace, its clock, when errors stop an address, and when stops are held for review (A7, B16)."""

    time_zone = forms.CharField(
        label=_("タイムゾーン"),
        max_length=64,
        widget=forms.TextInput(attrs={"list": "time-zones", "spellcheck": "false", "autocapitalize": "off"}),
        help_text=_("画面に表示する日時と、入力する日時は、この地域の時刻です。都市名の一部を入力すると候補が出ます。"),
        error_messages={"required": _("タイムゾーンを選んでください(例: Asia/Tokyo)。")},
    )
    hold_percent = hold_field(
        _("宛先不明を保留にする割合(%)"),
        _(
            "1回の配信で、あるプロバイダの宛先不明がこの割合と下の件数の両方に達すると、配信停止にする前に確認をお願いします。"
        ),
        most=100,
    )
    hold_minimum = hold_field(
        _("宛先不明を保留にする件数"), _("宛先不明がこの件数より少ないときは、保留にしません。"), most=MAX_MINIMUM
    )

    class Meta(RuleForm.Meta):
        fields = (
            "name",
            "time_zone",
            *RuleForm.Meta.fields,
            "stop_unknown_at_once",
            "count_unknown_reason",
            "hold_percent",
            "hold_minimum",
        )
        help_texts = {
            **RuleForm.Meta.help_texts,
            "name": _("画面に表示される名前です。受信者には見えません。"),
            "stop_unknown_at_once": _("存在しないアドレスへの送信を続けると、送信元の評価が下がります。"),
            "count_unknown_reason": _("理由を読み取れないエラーメールも、1回として数えます。"),
        }

    def clean_time_zone(self) -> str:
        """Return IANA's spelling of a zone that the database knows too."""
        name = find_name(self.cleaned_data["time_zone"])
        if not name:
            raise ValidationError(
                gettext("その名前のタイムゾーンはありません。候補から選んでください(例: Asia/Tokyo)。")
            )
        if not is_known_to_database(name):
            raise ValidationError(
                gettext(
                    "データベースがこのタイムゾーンを知らないため、使えません。同じ時刻の別の地域を選んでください。"
                )
            )
        return name
