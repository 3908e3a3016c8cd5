"""Forms for DKIM keys. They clean input and write nothing."""

from django import forms
from django.utils.translation import gettext_lazy as _

from senders.dkim_import import PEM_LIMIT, SELECTOR_LIMIT
from senders.models import KeyAlgorithm


class SecretTextarea(forms.Textarea):
    """A text area that never shows what was typed: the page of a refused form holds no secret."""

    def format_value(self, value: object) -> None:
        """Return nothing to show."""


class KeyImportForm(forms.Form):
    """A key of another system."""

    selector = forms.CharField(
        label=_("セレクター"),
        # Room for slips such as the whole name, which are told apart (senders/dkim_import.py).
        max_length=5 * SELECTOR_LIMIT,
        error_messages={"required": _("セレクターを入力してください。")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}),
        help_text=_("DNS に登録してある名前の「._domainkey」より前の部分です(例: mail2026)。"),
    )
    pem = forms.CharField(
        label=_("秘密鍵(PEM 形式)"),
        max_length=PEM_LIMIT,
        error_messages={
            "required": _("秘密鍵を貼り付けてください。"),
            "max_length": _("秘密鍵が大きすぎます(16KBまで)。PEM 形式の鍵を1つだけ貼り付けてください。"),
        },
        widget=SecretTextarea(attrs={"rows": 10, "autocomplete": "off", "spellcheck": "false", "class": "mono"}),
        help_text=_(
            "「-----BEGIN」の行から「-----END」の行までを貼り付けます。RSA(2048ビット以上)か Ed25519 の、"
            "パスワードのない鍵です。暗号化して保存し、画面には二度と表示しません。"
        ),
    )


class KeyBeginForm(forms.Form):
    """Which signature gets a new key."""

    algorithm = forms.ChoiceField(choices=KeyAlgorithm.choices)


class KeyStyleForm(forms.Form):
    """Whether the DKIM records are CNAMEs into the installation's zone."""

    key_as_cname = forms.ChoiceField(
        label=_("登録の方法"),
        choices=[("", _("TXT レコード(公開鍵をそのまま登録する)")), ("1", _("CNAME レコード(行き先だけを登録する)"))],
        required=False,
        widget=forms.RadioSelect,
    )
