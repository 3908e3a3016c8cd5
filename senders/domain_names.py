"""Reads what people type as a domain or as a sender's address; pure."""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

from django.utils.translation import gettext as _

from senders.errors import AddressRefused
from senders.freemail import read_domains

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
    name = to_ascii(name.removesuffix("."))
    require_host_syntax(name)
    if name in read_domains("public_suffixes.txt"):
        raise AddressRefused(
            _(
                "「%(name)s」は登録の単位で、個別のドメインではありません。「example.%(name)s」のように入力してください。"
            )
            % {"name": name}
        )
    return name


def require_bare_name(name: str) -> None:
    """Raise AddressRefused where `name` is empty, a URL, an address or has spaces in it."""
    if not name:
        raise AddressRefused(_("ドメイン名を入力してください(例: example.co.jp)。"))
    if "://" in name:
        raise AddressRefused(
            _("「http://」や「https://」を付けずに、ドメイン名だけを入力してください(例: example.co.jp)。")
        )
    if re.search(r"[/?#\\]", name):
        raise AddressRefused(_("「/」から後ろを除いて、ドメイン名だけを入力してください(例: example.co.jp)。"))
    if "@" in name:
        raise AddressRefused(_("「@」より後ろのドメイン名だけを入力してください(例: example.co.jp)。"))
    if re.search(r"\s", name) or not name.isprintable():
        raise AddressRefused(_("ドメイン名の中に空白や改行が入っています。取り除いてください。"))


def to_ascii(name: str) -> str:
    """Return an internationalised name in punycode (RFC 3490); raises AddressRefused where it has no such form."""
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise AddressRefused(_("ドメイン名に使えない文字が入っています。つづりを確認してください。")) from error


def require_host_syntax(name: str) -> None:
    """Raise AddressRefused where `name` (ASCII) is no host name of at least two labels (RFC 1123 section 2.1)."""
    if is_ip_address(name):
        raise AddressRefused(_("IPアドレスは使えません。お客様のドメイン名を入力してください(例: example.co.jp)。"))
    if len(name) > NAME_LIMIT:
        raise AddressRefused(_("ドメイン名が長すぎます(253文字まで)。つづりを確認してください。"))
    if "_" in name:
        raise AddressRefused(
            _("ドメイン名に「_」(アンダースコア)は使えません。「-」(ハイフン)の間違いではありませんか。")
        )
    labels = name.split(".")
    if len(labels) < 2:
        raise AddressRefused(_("「.jp」や「.com」などの末尾まで入力してください(例: example.co.jp)。"))
    if "" in labels:
        raise AddressRefused(_("「.」(ドット)が続いているか、先頭にあります。取り除いてください。"))
    if any(len(label) > LABEL_LIMIT for label in labels):
        raise AddressRefused(_("ドットで区切られた1つの部分は63文字までです。つづりを確認してください。"))
    # The last label of a real domain is never all digits (RFC 3696 section 2).
    if labels[-1].isdigit() or not all(LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(
            _("ドメイン名に使えるのは英数字と「-」(ハイフン、先頭と末尾を除く)です。つづりを確認してください。")
        )


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


def organizational_domain(name: str) -> str:
    """Return the domain that was registered with a registry: the public suffix and one label more.

    Knows the suffixes of senders/data/public_suffixes.txt; elsewhere the last label is the suffix.
    """
    labels = name.split(".")
    suffix_length = 2 if ".".join(labels[-2:]) in read_domains("public_suffixes.txt") else 1
    return ".".join(labels[-suffix_length - 1 :])


def display_domain(name: str) -> str:
    """Return the domain for people: "日本語.jp (xn--wgv71a119e.jp)" where it is punycode, else as it is."""
    if "xn--" not in name:
        return name
    try:
        return f"{name.encode('ascii').decode('idna')} ({name})"
    except UnicodeError:
        return name
