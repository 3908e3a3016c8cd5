"""The form for what a workspace measures."""

from django import forms
from django.utils.translation import gettext_lazy as _

from tracking.models import TrackingRules


class RulesForm(forms.ModelForm[TrackingRules]):
    """What a workspace measures."""

    class Meta:
        model = TrackingRules
        fields = ("opens", "clicks", "texts")
        help_texts = {
            "opens": _("HTMLメールの末尾に、目に見えない小さな画像を入れます。画像が読み込まれると開封と数えます。"),
            "clicks": _(
                "HTMLメールのリンクを、このシステムを通るURLに置き換えます。押した人は、元のページへすぐに移ります。"
            ),
            "texts": _(
                "テキスト本文ではURLがそのまま見えるため、見た目が変わります。クリックの計測が有効なときだけ働きます。"
            ),
        }
