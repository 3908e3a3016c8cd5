"""The form of a route, and the domain that a direct route is tried with. They clean input and write nothing."""

import re
import unicodedata
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.form_fields import PLAIN_TEXT, one_line, password_field, username_field
from mta.addresses import AddressError, ascii_domain
from mta.models import MailRoute, RouteKind, RouteSecurity
from mta.route_changes import RouteDetails
from mta.routes import is_address, is_this_machine
from mta.sender_matching import is_entry, split_entries

# RFC 5321 section 4.5.4.2, RFC 6409 section 3.1, RFC 8314 section 3.3.
SMTP_PORT: Final = 25
TLS_PORT: Final = 465
SUBMISSION_PORT: Final = 587
USUAL_PORTS: Final = {
    RouteSecurity.NONE: SMTP_PORT,
    RouteSecurity.OPPORTUNISTIC: SMTP_PORT,
    RouteSecurity.STARTTLS: SUBMISSION_PORT,
    RouteSecurity.TLS: TLS_PORT,
}
# Our own caution: no server takes more connections from one client gladly.
MOST_CONNECTIONS: Final = 500
MOST_MAILS: Final = 10_000_000
LONGEST_SENDERS: Final = 20_000
HOST_AND_PORT = re.compile(r"[^:\s]+:\d+|\[[^\]\s]+\]:\d+")


def number_field(label: Any, help_text: Any, *, most: int, required: bool = False) -> forms.IntegerField:
    """Return a field for a whole number from 1."""
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        min_value=1,
        max_value=most,
        required=required,
        error_messages={
            "invalid": _("半角の整数で入力してください。"),
            "min_value": _("1以上の整数を入力してください。"),
            "max_value": _("%(limit_value)s以下の整数を入力してください。"),
            "required": _("1以上の整数を入力してください。"),
        },
    )


def clean_host(text: str) -> str:
    """Return a host in lower case and ASCII, or an address. Raises ValidationError that says what to type instead."""
    host = unicodedata.normalize("NFKC", text).replace("。", ".").strip().lower()
    if "://" in host:
        raise forms.ValidationError(
            _("「smtp://」などを付けずに、ホスト名だけを入力してください(例: smtp.example.jp)。")
        )
    if "@" in host:
        raise forms.ValidationError(
            _("「@」の前を除いて、ホスト名だけを入力してください。ユーザー名は「ログイン」の欄に入力します。")
        )
    if "/" in host:
        raise forms.ValidationError(_("「/」から後ろを除いて、ホスト名だけを入力してください。"))
    if HOST_AND_PORT.fullmatch(host):
        raise forms.ValidationError(_("ポート番号は「ポート番号」の欄に分けて入力してください。"))
    bare = host.strip("[]").removeprefix("ipv6:")
    if is_address(bare):
        return str(ip_address(bare))
    try:
        name = ascii_domain(host.removesuffix(".")).lower()
    except AddressError as error:
        raise forms.ValidationError(
            _("ホスト名の形が正しくありません。つづりを確認してください(例: smtp.example.jp)。")
        ) from error
    if name.rpartition(".")[2].isdigit():
        # The last label of a real name is never all digits (RFC 3696 section 2).
        raise forms.ValidationError(_("IPアドレスの形が正しくありません。確認してください(例: 192.0.2.1)。"))
    return name


class RouteForm(forms.Form):
    """A new route, or changes of one; its password is asked for, never shown."""

    name = forms.CharField(
        label=_("経路名"),
        max_length=100,
        validators=[one_line],
        error_messages={"required": _("経路名を入力してください。")},
        help_text=_("この画面で見分けるための名前です(例: 社外リレー)。受信者には見えません。"),
    )
    kind = forms.ChoiceField(
        label=_("種類"),
        choices=RouteKind.choices,
        widget=forms.RadioSelect,
        help_text=_(
            "直接配送は、宛先のメールサーバーに25番ポートで直接届けます。固定のIPアドレスと逆引きの設定が必要です。"
        ),
    )
    host = forms.CharField(
        label=_("ホスト名"),
        max_length=253,
        required=False,
        widget=forms.TextInput(attrs=PLAIN_TEXT | {"inputmode": "url"}),
        help_text=_("SMTPリレーの名前です(例: smtp.example.jp)。直接配送では空欄のままにします。"),
    )
    security = forms.ChoiceField(
        label=_("暗号化"),
        choices=RouteSecurity.choices,
        widget=forms.RadioSelect,
        help_text=_("メールサービスの案内に従ってください。直接配送では「相手が対応していれば」が普通です。"),
    )
    port = number_field(
        _("ポート番号"),
        _("空欄なら、STARTTLSは587、最初からTLSは465、それ以外と直接配送は25を使います。"),
        most=65535,
    )
    verify = forms.BooleanField(
        label=_("証明書を確認する"),
        required=False,
        help_text=_(
            "相手が本物か、証明書で確かめます。外すのは、自己署名の証明書を使う社内のサーバーだけにしてください。"
        ),
    )
    username = username_field(_("ログインの要らないリレーと直接配送では空欄にします。"), max_length=254, required=False)
    password = password_field(_("暗号化して保存し、二度と表示しません。"))
    ehlo_name = forms.CharField(
        label=_("EHLOで名乗る名前"),
        max_length=253,
        required=False,
        widget=forms.TextInput(attrs=PLAIN_TEXT | {"inputmode": "url"}),
        help_text=_("送信元IPアドレスの逆引き名と同じにします。空欄なら環境変数 EHLO_NAME の名前を使います。"),
    )
    source_address = forms.GenericIPAddressField(
        label=_("送信元IPアドレス"),
        required=False,
        widget=forms.TextInput(attrs=PLAIN_TEXT),
        error_messages={"invalid": _("IPアドレスを入力してください(例: 192.0.2.1)。")},
        help_text=_("このサーバーにIPアドレスがいくつもあり、どれから送るかを決めたいときだけ入力します。"),
    )
    connections = number_field(
        _("同時接続数"),
        _("1つの送信プロセスが同時に開く接続の数です。相手の制限(Postfixの既定では合計50)を超えないようにします。"),
        most=MOST_CONNECTIONS,
        required=True,
    )
    messages_per_connection = number_field(
        _("1接続あたりの通数"), _("この数を送るたびに接続し直します。空欄なら制限しません。"), most=MOST_MAILS
    )
    per_minute = number_field(
        _("1分間の上限(通)"),
        _("この経路全体で1分間に送る数です。メールサービスの契約に上限があれば入力します。空欄なら制限しません。"),
        most=MOST_MAILS,
    )
    is_paced = forms.BooleanField(
        label=_("プロバイダごとの送信ペースを守る"),
        required=False,
        help_text=_(
            "携帯会社やGmailなどの宛先ごとに速さを調整します。自分で調整するリレーでは要りません。直接配送ではいつも守ります。"
        ),
    )
    senders = forms.CharField(
        label=_("この経路を使う送信元"),
        max_length=LONGEST_SENDERS,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "送信元アドレスのドメイン(サブドメインを含む)か、メールアドレス1つを、カンマか改行で区切って入力します"
            "(例: example.co.jp)。いくつもの経路に当てはまるときは、一覧で上にある経路を使います。"
        ),
    )
    for_verified = forms.BooleanField(
        label=_("検証済みの送信元ドメインに使う"),
        required=False,
        help_text=_("ワークスペースで確認が済んだ送信元ドメインのメールを、この経路で送ります。"),
    )
    is_default = forms.BooleanField(
        label=_("通常の経路にする"),
        required=False,
        help_text=_("ほかの経路に当てはまらないメールを、すべてこの経路で送ります。ほかの経路の指定は外れます。"),
    )

    def __init__(self, data: Any = None, *, row: MailRoute | None = None) -> None:
        self.row = row
        initial: dict[str, Any] = {"kind": RouteKind.RELAY, "security": RouteSecurity.STARTTLS}
        initial |= {"verify": True, "connections": 20}
        if row is not None:
            initial = {name: getattr(row, name) for name in self.base_fields if name != "password"}
        super().__init__(data, initial=initial)
        if row is not None and row.password:
            self.fields["password"].help_text = _(
                "変えないときは空欄のままにします。保存したパスワードは表示しません。ユーザー名を空にすると消します。"
            )

    def clean_name(self) -> str:
        """Refuse the name of another route."""
        name = str(self.cleaned_data["name"])
        taken = MailRoute.objects.filter(name=name).first()
        if taken is not None and taken != self.row:
            raise forms.ValidationError(_("同じ名前の経路がすでにあります。別の名前にしてください。"))
        return name

    def clean_host(self) -> str:
        """Return the host as it is connected to; empty on the direct way."""
        text = str(self.cleaned_data["host"])
        return clean_host(text) if text else ""

    def clean_ehlo_name(self) -> str:
        """Return the name as it stands in EHLO: an address as a literal (RFC 5321 section 4.1.3)."""
        text = str(self.cleaned_data["ehlo_name"])
        name = clean_host(text) if text else ""
        if not is_address(name):
            return name
        return f"[IPv6:{name}]" if ":" in name else f"[{name}]"

    def clean_senders(self) -> str:
        """Return the entries, one a line; refuse what is no domain and no address (E16)."""
        entries = split_entries(str(self.cleaned_data["senders"]))
        wrong = [entry for entry in entries if not is_entry(entry)]
        if wrong:
            raise forms.ValidationError(
                _(
                    "「%(entries)s」はドメインでもメールアドレスでもありません。"
                    "example.co.jp か news@example.co.jp の形で、カンマか改行で区切って入力してください。"
                )
                % {"entries": "」「".join(entry[:60] for entry in wrong[:5])}
            )
        return "\n".join(dict.fromkeys(entries))

    def clean(self) -> dict[str, Any]:
        """Hold the parts against each other; each refusal stands at the part that is to be changed."""
        cleaned = super().clean() or {}
        if cleaned.get("kind") and cleaned.get("security"):
            is_direct, security = cleaned["kind"] == RouteKind.DIRECT, RouteSecurity(cleaned["security"])
            self.check_way(cleaned, security, is_direct=is_direct)
            self.check_port(cleaned, security, is_direct=is_direct)
            self.check_login(cleaned, security)
        return cleaned

    def check_way(self, cleaned: dict[str, Any], security: RouteSecurity, *, is_direct: bool) -> None:
        """A relay has a host; the direct way has neither a host nor a login, and never begins with TLS."""
        if not is_direct and cleaned.get("host") == "":
            self.add_error("host", _("SMTPリレーのホスト名を入力してください(例: smtp.example.jp)。"))
        if is_direct and cleaned.get("host"):
            self.add_error("host", _("直接配送では宛先のメールサーバーに届けるため、ホスト名を空欄にしてください。"))
        if is_direct and security == RouteSecurity.TLS:
            self.add_error(
                "security", _("宛先のメールサーバーは最初からのTLSに対応していません。STARTTLSを選んでください。")
            )
        if is_direct and cleaned.get("username"):
            self.add_error("username", _("直接配送ではログインしません。ユーザー名を空欄にしてください。"))

    def check_port(self, cleaned: dict[str, Any], security: RouteSecurity, *, is_direct: bool) -> None:
        """Fill in the usual port, and refuse one that is known to speak otherwise."""
        if "port" not in cleaned:
            return
        port = cleaned["port"]
        if is_direct:
            cleaned["port"] = SMTP_PORT
            if port not in (None, SMTP_PORT):
                self.add_error(
                    "port", _("宛先のメールサーバーは25番で受け取ります。空欄にするか、25を入力してください。")
                )
        elif port is None:
            cleaned["port"] = USUAL_PORTS[security]
        elif port == TLS_PORT and security != RouteSecurity.TLS:
            self.add_error(
                "port",
                _("465番は最初からTLSで話すポートです。暗号化を「最初から暗号化(TLS)」にするか、587番にしてください。"),
            )
        elif port in (SMTP_PORT, SUBMISSION_PORT) and security == RouteSecurity.TLS:
            self.add_error(
                "port",
                _("25番と587番は最初からのTLSに対応していません。465番にするか、暗号化をSTARTTLSにしてください。"),
            )

    def check_login(self, cleaned: dict[str, Any], security: RouteSecurity) -> None:
        """Ask for both parts of a login or none, and never let a password cross a network in clear."""
        username, password = cleaned.get("username", ""), cleaned.get("password", "")
        if "username" in self.errors or "password" in self.errors:
            return
        if password and not username:
            self.add_error("username", _("パスワードに合うユーザー名を入力してください。"))
        if not username:
            return
        host = cleaned.get("host", "")
        in_clear = security in (RouteSecurity.NONE, RouteSecurity.OPPORTUNISTIC)
        if in_clear and host and not is_this_machine(host):
            self.add_error(
                "security",
                _(
                    "ログインするときは、必ず暗号化してください(STARTTLSかTLS)。暗号化せずにパスワードを送ることはできません。"
                ),
            )
        stored = self.row is not None and bool(self.row.password)
        if not password and not stored:
            self.add_error("password", _("ユーザー名に合うパスワードを入力してください。"))
        elif not password and self.row is not None and host and host != self.row.host:
            self.add_error("password", _("ホスト名を変えるときは、パスワードを入力し直してください。"))

    def details(self) -> RouteDetails:
        """Return the cleaned details, the password apart."""
        data = {name: self.cleaned_data[name] for name in RouteDetails.__dataclass_fields__}
        return RouteDetails(**data | {"source_address": data["source_address"] or None})


class ReceiverForm(forms.Form):
    """The domain whose mail servers a direct route is tried with."""

    domain = forms.CharField(
        label=_("宛先のドメイン"),
        max_length=253,
        widget=forms.TextInput(attrs=PLAIN_TEXT | {"inputmode": "url"}),
        error_messages={"required": _("接続を試す宛先のドメインを入力してください(例: example.jp)。")},
        help_text=_("このドメインのメールサーバーに25番ポートで接続します。メールは送りません。"),
    )

    def clean_domain(self) -> str:
        """Return the domain in ASCII; an address stands for its domain."""
        entries: Sequence[str] = split_entries(str(self.cleaned_data["domain"]))
        if len(entries) != 1 or not is_entry(entries[0]):
            raise forms.ValidationError(_("ドメインを1つだけ入力してください(例: example.jp)。"))
        return ascii_domain(entries[0].rpartition("@")[2])
