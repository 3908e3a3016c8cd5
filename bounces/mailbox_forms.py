"""The form of a mailbox. It cleans input and writes nothing."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

import idna
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.domain_labels import to_a_labels
from accounts.form_fields import PLAIN_TEXT, one_line, password_field, username_field
from bounces.mailbox_errors import MailboxError
from bounces.mailbox_wire import is_local_host, require_port
from bounces.mailboxes import MailboxDetails
from bounces.models import AfterReading, Mailbox, Protocol, Security

# RFC 1123 section 2.1: letters, digits and hyphens between the dots.
HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*\.?")
# RFC 8314 section 7.3 and the older ports beside them.
PORTS = {
    (Protocol.IMAP, Security.TLS): 993,
    (Protocol.IMAP, Security.STARTTLS): 143,
    (Protocol.IMAP, Security.NONE): 143,
    (Protocol.POP3, Security.TLS): 995,
    (Protocol.POP3, Security.STARTTLS): 110,
    (Protocol.POP3, Security.NONE): 110,
}


class MailboxForm(forms.Form):
    """A new mailbox, or changes of one; its password is asked for, never shown."""

    protocol = forms.ChoiceField(label=_("方式"), choices=Protocol.choices, widget=forms.RadioSelect)
    host = forms.CharField(
        label=_("サーバー"),
        max_length=253,
        widget=forms.TextInput(attrs=PLAIN_TEXT | {"inputmode": "url"}),
        help_text=_("メールサービスの案内にある受信サーバーの名前です(例: imap.example.jp)。"),
    )
    security = forms.ChoiceField(
        label=_("接続の保護"),
        choices=Security.choices,
        widget=forms.RadioSelect,
        help_text=_("通常はTLSです。「暗号化なし」は、このサーバー自身や社内のサーバーにだけ使えます。"),
    )
    port = forms.IntegerField(
        label=_("ポート"),
        min_value=1,
        max_value=65535,
        required=False,
        help_text=_("空欄なら、IMAPは993(TLS以外は143)、POP3は995(TLS以外は110)を使います。"),
    )
    username = username_field(_("メールアドレスと同じことが多いです。"), max_length=320)
    password = password_field()
    folder = forms.CharField(
        label=_("フォルダー"),
        max_length=200,
        required=False,
        validators=[one_line],
        widget=forms.TextInput(attrs=PLAIN_TEXT),
        help_text=_("IMAPで読み取るフォルダーです。空欄なら受信トレイ(INBOX)です。POP3では使いません。"),
    )
    after_reading = forms.ChoiceField(
        label=_("読み取った後"),
        choices=AfterReading.choices,
        widget=forms.RadioSelect,
        help_text=_(
            "移す先は「Hypermail-Processed」フォルダーです。読み取った内容はHypermailに保存してから片付けます。"
        ),
    )

    def __init__(self, data: Any = None, *, mailbox: Mailbox | None = None) -> None:
        self.mailbox = mailbox
        initial: dict[str, Any] = {"protocol": Protocol.IMAP, "security": Security.TLS}
        initial["after_reading"] = AfterReading.DELETE
        if mailbox is not None:
            initial = {name: getattr(mailbox, name) for name in self.base_fields if name != "password"}
        super().__init__(data, initial=initial)
        if mailbox is None:
            self.fields["password"].required = True
        else:
            self.fields["password"].help_text = _(
                "変えないときは空欄のままにします。保存したパスワードは表示しません。"
            )

    def clean_host(self) -> str:
        """Return the host in lower case, a Japanese domain name in its ASCII form."""
        text = str(self.cleaned_data["host"]).strip().strip("[]")
        try:
            return str(ip_address(text))
        except ValueError:
            pass
        try:
            host = to_a_labels(text).lower()
        except idna.IDNAError:
            host = ""
        if not HOST_NAME.fullmatch(host):
            raise forms.ValidationError(_("サーバーの名前だけを入力してください(例: imap.example.jp)。"))
        return host.rstrip(".")

    def clean(self) -> dict[str, Any]:
        """Fill in what depends on the protocol, and refuse what would give a password away."""
        cleaned = super().clean() or {}
        protocol, security = cleaned.get("protocol"), cleaned.get("security")
        if not protocol or not security:
            return cleaned
        if protocol == Protocol.POP3:
            cleaned |= {"folder": "INBOX", "after_reading": AfterReading.DELETE}
        cleaned["folder"] = cleaned.get("folder") or "INBOX"
        if "port" in cleaned:
            cleaned["port"] = cleaned["port"] or PORTS[Protocol(protocol), Security(security)]
            self.check_port(cleaned["port"])
        if host := cleaned.get("host"):
            self.check_host(host, security)
        return cleaned

    def check_port(self, port: int) -> None:
        """Refuse ports that are not those of mail, unless the installation allows them."""
        try:
            require_port(port)
        except MailboxError as error:
            self.add_error("port", error.sentence)

    def check_host(self, host: str, security: str) -> None:
        """Refuse to send a password in the clear, or a stored one to another server than it was entered for."""
        if security == Security.NONE and not is_local_host(host):
            self.add_error(
                "security", _("社外のサーバーには暗号化なしで接続できません。TLSかSTARTTLSを選んでください。")
            )
        if self.mailbox is None or self.data.get("password"):
            return
        is_weaker = security == Security.NONE != self.mailbox.security
        if host != self.mailbox.host or is_weaker:
            self.add_error("password", _("サーバーや接続の保護を変えるときは、パスワードを入力し直してください。"))

    def details(self) -> MailboxDetails:
        """Return the cleaned details, the password apart."""
        data = self.cleaned_data
        return MailboxDetails(
            protocol=data["protocol"],
            host=data["host"],
            port=data["port"],
            security=data["security"],
            username=data["username"],
            folder=data["folder"],
            after_reading=data["after_reading"],
        )
