"""Forms for senders. They clean input and write nothing."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import one_line
from accounts.models import Workspace
from senders.domain_names import ADDRESS_LIMIT, clean_sender_address, guess_zone
from senders.domain_registry import clean_new_domain
from senders.errors import AddressRefused
from senders.models import SenderDomain
from senders.registry import SenderDetails, clean_new_address
from senders.return_domain import clean_return_name


class SenderDetailsForm(forms.Form):
    """What may be changed of a sender."""

    name = forms.CharField(
        label=_("差出人名"),
        max_length=100,
        validators=[one_line],
        error_messages={"required": _("差出人名を入力してください。")},
        help_text=_("受信者のメールソフトに表示される名前です(例: みほん商店)。"),
    )
    reply_to = forms.CharField(
        label=_("返信先アドレス"),
        max_length=ADDRESS_LIMIT,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("返信を別のアドレスで受け取りたいときに入力します。空欄なら送信元アドレスに届きます。"),
    )
    legal_name = forms.CharField(
        label=_("送信者の氏名または名称"),
        max_length=100,
        validators=[one_line],
        error_messages={"required": _("送信者の氏名または名称を入力してください。")},
        help_text=_("配信に責任を持つ方の正式な名前です(例: みほん商店株式会社)。"),
    )
    postal_address = forms.CharField(
        label=_("住所"),
        max_length=200,
        validators=[one_line],
        error_messages={"required": _("住所を入力してください。")},
        help_text=_("例: 東京都千代田区千代田1-1 みほんビル2階"),
    )
    contact = forms.CharField(
        label=_("苦情・問い合わせの受付先"),
        max_length=200,
        validators=[one_line],
        error_messages={"required": _("苦情・問い合わせの受付先を入力してください。")},
        help_text=_("電話番号、メールアドレス、URL のどれかです(例: https://example.co.jp/contact)。"),
    )

    def clean_reply_to(self) -> str:
        """Return the address in the form in which it is sent."""
        text = str(self.cleaned_data["reply_to"])
        if not text:
            return ""
        try:
            return str(clean_sender_address(text))
        except AddressRefused as error:
            raise forms.ValidationError(error.sentence) from error

    def details(self) -> SenderDetails:
        """Return the cleaned details."""
        data = self.cleaned_data
        return SenderDetails(
            name=data["name"],
            reply_to=data["reply_to"],
            legal_name=data["legal_name"],
            postal_address=data["postal_address"],
            contact=data["contact"],
        )


class SenderForm(SenderDetailsForm):
    """A new sender: the details and the From address, which stays as it is from then on."""

    field_order = ["name", "address"]

    address = forms.CharField(
        label=_("送信元アドレス"),
        max_length=ADDRESS_LIMIT,
        error_messages={"required": _("送信元アドレスを入力してください。")},
        widget=forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "お客様の独自ドメインのアドレスです(例: news@example.co.jp)。"
            "gmail.com や docomo.ne.jp などのアドレスは使えません。登録後は変更できません。"
        ),
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean_address(self) -> str:
        """Return the address in the form in which it is sent."""
        try:
            return str(clean_new_address(self.workspace, self.cleaned_data["address"]))
        except AddressRefused as error:
            raise forms.ValidationError(error.sentence) from error


class DomainForm(forms.Form):
    """A domain by itself."""

    # Far above what a domain may have: that is refused with a sentence of its own.
    TYPED_LIMIT = 1000

    name = forms.CharField(
        label=_("ドメイン"),
        max_length=TYPED_LIMIT,
        error_messages={
            "required": _("ドメイン名を入力してください(例: example.co.jp)。"),
            "max_length": _("ドメイン名が長すぎます(253文字まで)。つづりを確認してください。"),
        },
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "お客様の独自ドメインです(例: example.co.jp)。「http://」や「@」は付けません。"
            "日本語のドメインも、そのまま入力できます。"
        ),
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace

    def clean_name(self) -> str:
        """Return the domain in the form in which it is stored."""
        try:
            return clean_new_domain(self.workspace, self.cleaned_data["name"])
        except AddressRefused as error:
            raise forms.ValidationError(error.sentence) from error


class ReturnForm(forms.Form):
    """The return domain of a domain's own."""

    name = forms.CharField(
        label=_("戻り先ドメイン"),
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, domain: SenderDomain, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.domain = domain
        self.fields["name"].help_text = _(
            "%(zone)s のサブドメインで、ほかで使っていない名前にします(例: bounce.%(zone)s)。"
            "空欄にすると、当サービスのドメインに戻します。"
        ) % {"zone": guess_zone(domain.name)}

    def clean_name(self) -> str:
        """Return the name in the form in which it is stored, empty for none."""
        text = str(self.cleaned_data["name"])
        try:
            return clean_return_name(self.domain, text) if text else ""
        except AddressRefused as error:
            raise forms.ValidationError(error.sentence) from error
