"""Reads what people type as a domain or as a sender's address; pure."""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import cache

import idna
from django.utils.translation import gettext as _
from publicsuffixlist import PublicSuffixList

from accounts.domain_labels import to_a_labels
from senders.errors import AddressRefused

# RFC 1035 section 2.3.4, without the closing dot.
NAME_LIMIT = 253
LABEL_LIMIT = 63
# RFC 5321 section 4.5.3.1.
LOCAL_LIMIT = 64
ADDRESS_LIMIT = 254
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)
# RFC 5322 section 3.2.3, dot-atom: a From address that every receiver accepts.
DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
# IDEOGRAPHIC FULL STOP separates labels too (RFC 3490 section 3.1); NFKC covers the other two dots.
IDEOGRAPHIC_FULL_STOP = "。"
# What a label in punycode begins with (RFC 5890 section 2.3.2.1).
ACE_PREFIX = "xn--"
# KATAKANA-HIRAGANA PROLONGED SOUND MARK that prolongs no kana: the key of the hyphen gives it while kana are typed.
LONE_SOUND_MARK = re.compile("(?<![ぁ-ゖァ-ヺー])ー")


@dataclass(frozen=True, slots=True)
class SenderAddress:
    """A From or Reply-To address in its parts; the domain is lower case and ASCII."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def clean_domain(text: str) -> str:
    """Return the domain as it is stored: lower case, ASCII (punycode), no closing dot.

    Full-width letters and dots and spaces around the name are mended; whatever else is not a domain that
    can be registered raises AddressRefused with a sentence that says what to type instead.
    """
    name = unicodedata.normalize("NFKC", text).replace(IDEOGRAPHIC_FULL_STOP, ".").strip().lower()
    require_bare_name(name)
    name = ".".join(to_ascii(label) for label in name.removesuffix(".").split("."))
    require_host_syntax(name)
    if suffixes(only_icann=True).is_public(to_unicode(name), accept_unknown=False):
        raise AddressRefused(
            _(
                "「%(name)s」は登録の単位で、個別のドメインではありません。「example.%(name)s」のように入力してください。"
            )
            % {"name": to_unicode(name)}
        )
    return name


def require_bare_name(name: str) -> None:
    """Raise AddressRefused where `name` is empty, several, an IP address, a URL, a mail address or has spaces in it."""
    if not name:
        raise AddressRefused(_("ドメイン名を入力してください(例: example.co.jp)。"))
    if is_ip_address(name):
        raise AddressRefused(_("IPアドレスは使えません。お客様のドメイン名を入力してください(例: example.co.jp)。"))
    if "://" in name:
        raise AddressRefused(
            _("「http://」や「https://」を付けずに、ドメイン名だけを入力してください(例: example.co.jp)。")
        )
    if re.search(r"[,;、]", name):
        raise AddressRefused(_("ドメイン名は1つずつ入力してください(例: example.co.jp)。"))
    if "@" in name:
        raise AddressRefused(_("「@」より後ろのドメイン名だけを入力してください(例: example.co.jp)。"))
    if re.search(r"\s", name) or not name.isprintable():
        raise AddressRefused(_("ドメイン名の中に空白や改行が入っています。取り除いてください。"))
    if extra := re.search(r"[/?#:\\]", name):
        raise AddressRefused(
            _("「%(mark)s」から後ろを除いて、ドメイン名だけを入力してください(例: example.co.jp)。")
            % {"mark": extra.group()}
        )


def to_ascii(label: str) -> str:
    """Return a label in the form in which the DNS has it, punycode where it is not ASCII (RFC 5891, IDNA 2008).

    Raises AddressRefused for what no registry takes.
    """
    if label.isascii() and not label.startswith(ACE_PREFIX):
        return label
    if LONE_SOUND_MARK.search(label):
        raise AddressRefused(_("「ー」(長音)が入っています。半角の「-」(ハイフン)の間違いではありませんか。"))
    try:
        return idna.alabel(to_a_labels(label)).decode("ascii")
    except idna.IDNAError as error:
        raise AddressRefused(explain_label(label, error)) from error


def explain_label(label: str, error: idna.IDNAError) -> str:
    """Return why a label is none, for people."""
    if error.code == "label_too_long":
        return _("「%(label)s」は長すぎます。短い名前にしてください。") % {"label": label}
    if label.startswith(ACE_PREFIX):
        return _(
            "「%(label)s」は正しい形ではありません。日本語などのドメインは、元の文字のまま入力してください(例: 日本語.jp)。"
        ) % {"label": label}
    if error.codepoint is not None:
        return _("「%(char)s」はドメイン名に使えません。つづりを確認してください。") % {"char": chr(error.codepoint)}
    return _("ドメイン名に使えない文字の並びがあります。つづりを確認してください。")


def require_host_syntax(name: str) -> None:
    """Raise AddressRefused where `name` (ASCII) is no host name of at least two labels (RFC 1123 section 2.1)."""
    if len(name) > NAME_LIMIT:
        raise AddressRefused(_("ドメイン名が長すぎます(253文字まで)。つづりを確認してください。"))
    if "_" in name:
        raise AddressRefused(
            _("ドメイン名に「_」(アンダースコア)は使えません。「-」(ハイフン)の間違いではありませんか。")
        )
    labels = name.split(".")
    if len(labels) < 2:
        raise AddressRefused(
            _(
                "「%(name)s」だけでは足りません。「example.co.jp」のように、全体を「.jp」や「.com」などの末尾まで入力してください。"
            )
            % {"name": to_unicode(name)}
        )
    if "" in labels:
        raise AddressRefused(_("「.」(ドット)が続いているか、先頭にあります。取り除いてください。"))
    if any(len(label) > LABEL_LIMIT for label in labels):
        raise AddressRefused(_("ドットで区切られた1つの部分は63文字までです。つづりを確認してください。"))
    # The last label of a real domain is never all digits (RFC 3696 section 2).
    if labels[-1].isdigit() or not all(LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(
            _("ドメイン名に使えるのは英数字と「-」(ハイフン、先頭と末尾を除く)です。つづりを確認してください。")
        )


@cache
def suffixes(*, only_icann: bool) -> PublicSuffixList:
    """Return the names under which others register theirs, in their letters, as publicsuffix.org lists them.

    `only_icann` = the registries' alone. Otherwise the names of providers too, below which customers have zones of their own
    ("jpn.com"); the provider itself may well send from such a name.
    """
    # The list is inside the package. To have its names in punycode as well takes a second of a slow machine.
    return PublicSuffixList(only_icann=only_icann, accept_encoded_idn=False)


def is_ip_address(name: str) -> bool:
    """Say whether `name` is an IPv4 or IPv6 address, in brackets or not."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def clean_sender_address(text: str) -> SenderAddress:
    """Return a From or Reply-To address; raises AddressRefused with a sentence that says how to mend it.

    Only the dot-atom form is taken (RFC 5322 section 3.2.3): the legacy forms of carriers (F1) are for
    recipients, and no domain of a customer needs them.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    local, at, domain = text.rpartition("@")
    if not at or not local:
        raise AddressRefused(_("「名前@ドメイン」の形で入力してください(例: news@example.co.jp)。"))
    if not DOT_ATOM.fullmatch(local):
        raise AddressRefused(
            _("「@」より前に使えるのは半角の英数字と「.」「-」「_」「+」などの記号です(例: news@example.co.jp)。")
        )
    address = SenderAddress(local, clean_domain(domain))
    if len(local) > LOCAL_LIMIT or len(str(address)) > ADDRESS_LIMIT:
        raise AddressRefused(_("メールアドレスが長すぎます(「@」より前は64文字、全体で254文字まで)。"))
    return address


def guess_zone(name: str) -> str:
    """Return the domain that was registered with a registry, whose zone a DNS panel most likely shows: the public suffix and one
    label more. A name that is a public suffix itself is its own zone."""
    zone = suffixes(only_icann=False).privatesuffix(to_unicode(name)) or name
    return ".".join(name.split(".")[-zone.count(".") - 1 :])


def to_unicode(name: str) -> str:
    """Return a domain (ASCII) in its letters; as it is where punycode in it is no name of IDNA 2008 (RFC 5891)."""
    if ACE_PREFIX not in name:
        return name
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name


def display_domain(name: str) -> str:
    """Return the domain for people: "日本語.jp (xn--wgv71a119e.jp)" where it is punycode, else as it is."""
    letters = to_unicode(name)
    return name if letters == name else f"{letters} ({name})"
