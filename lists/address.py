"""The one place that says what a mail address is: cleaning, comparing, refusing."""

import re
import unicodedata
from dataclasses import dataclass

import idna
from django.utils.translation import gettext as _

from accounts.domain_labels import JOINERS, is_letter_joined, to_a_labels
from lists.exceptions import InvalidAddress

__all__ = ["Address", "InvalidAddress", "clean_address", "part_as_key"]

# RFC 5321 section 4.5.3.1: local part 64 octets, domain 255; with the brackets of a path 256 in all.
MAX_LOCAL = 64
MAX_DOMAIN = 253
MAX_ADDRESS = 254
# Longer texts are refused unread: nothing that comes out of folding or IDNA could be short enough.
MAX_TEXT = 1000

# RFC 5322 section 3.2.3: what an atom is made of.
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# Nearly every address of a file is plain and needs no folding; this is the fast way for a million of them.
LOCAL_PART = rf"{ATOM}+(?:\.{ATOM}+)*"
DOMAIN_PART = rf"(?:{LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])"
PLAIN = re.compile(f"({LOCAL_PART})@({DOMAIN_PART})")
PLAIN_LOCAL, PLAIN_DOMAIN = re.compile(LOCAL_PART), re.compile(DOMAIN_PART)
STRANGE_IN_LOCAL = re.compile(r"[^.A-Za-z0-9!#$%&'*+/=?^_`{|}~-]")
NAMED = re.compile(r"[^<>@]*<([^<>]*)>")
QUOTED = re.compile(r'"([^"]*)"(@[^"]*)')

# Soft hyphen, zero-width characters, direction marks and byte order mark: they come along by copying from
# web pages and spreadsheets and cannot be seen.
INVISIBLE = dict.fromkeys(
    [0x00AD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x206A), 0xFEFF]
)
# Full stops that IDNA reads as a dot (RFC 3490 section 3.1); NFKC leaves the first as it is.
DOTS = str.maketrans("。．｡", "...")

# Carriers that once gave out addresses with dots side by side or at the end (F1).
CARRIERS = frozenset(
    {
        "docomo.ne.jp", "ezweb.ne.jp", "au.com", "softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp", "jp-c.ne.jp",
        "jp-d.ne.jp", "jp-h.ne.jp", "jp-k.ne.jp", "jp-n.ne.jp", "jp-q.ne.jp", "jp-r.ne.jp", "jp-s.ne.jp",
        "jp-t.ne.jp", "disney.ne.jp", "disneymobile.ne.jp", "willcom.com", "pdx.ne.jp", "emnet.ne.jp",
        "emobile.ne.jp", "emobile-s.ne.jp", "ymobile.ne.jp", "ymobile1.ne.jp", "y-mobile.ne.jp", "yahoo.ne.jp",
        "uqmobile.jp", "biz.au.com", "biz.ezweb.ne.jp", "sky.tu-ka.ne.jp", "cara.tu-ka.ne.jp", "sky.tkk.ne.jp",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """`address` is sent to (domain in lower-case ASCII), `key` is compared, `domain` is the part after the @."""

    address: str
    key: str
    domain: str


def clean_address(text: str) -> Address:
    """Return the address that `text` means; raises InvalidAddress with a sentence in Japanese.

    Full-width characters are folded (NFKC), invisible characters and surrounding space removed, an
    international domain becomes A-labels (UTS #46), and of "名前 <address>" the address is taken. Dots
    side by side or at an end of the local part pass for carriers that gave out such addresses (F1).
    """
    match = PLAIN.fullmatch(text) if len(text) <= MAX_ADDRESS else None
    if match and len(match[1]) <= MAX_LOCAL:
        return Address(text, text.lower(), match[2])
    local, domain = _split(_fold(text))
    domain = _clean_domain(domain)
    _check_local(local, domain)
    address = f"{local}@{domain}"
    if len(address) > MAX_ADDRESS:
        raise InvalidAddress(_("メールアドレスが長すぎます(254文字まで)。"), text)
    return Address(address, address.lower(), domain)


def part_as_key(text: str) -> str:
    """Return a part of an address as keys are written, to be looked for in them.

    A label of a domain in Japanese is found where it is whole: half of it gives another A-label.
    """
    local, at, domain = unicodedata.normalize("NFKC", text).translate(INVISIBLE).rpartition("@")
    try:
        domain = to_a_labels(domain)
    except idna.IDNAError:
        domain = domain.translate(DOTS)
    return f"{local}{at}{domain}".lower()


def _fold(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise InvalidAddress(_("メールアドレスが長すぎます(254文字まで)。"), text[:MAX_TEXT])
    folded = unicodedata.normalize("NFKC", text)
    _require_no_meant_joiner(folded)
    folded = folded.translate(INVISIBLE).strip()
    # One character may fold into eighteen.
    if len(folded) > MAX_TEXT:
        raise InvalidAddress(_("メールアドレスが長すぎます(254文字まで)。"), text)
    # Checked before anything is taken out: a line break would begin a new header or SMTP command.
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in folded):
        raise InvalidAddress(_("メールアドレスの途中に改行や制御文字が入っています。"), text)
    if match := NAMED.fullmatch(folded):
        folded = match[1].strip()
    if match := QUOTED.fullmatch(folded):
        folded = match[1] + match[2]
    return folded


def _require_no_meant_joiner(folded: str) -> None:
    """Refuse the domain that is another one without its joiner, as which it was stored before: nobody knows which is meant."""
    after = folded.rfind("@") + 1
    if after and any(is_letter_joined(folded, found.start()) for found in JOINERS.finditer(folded, after)):
        raise InvalidAddress(
            _(
                "ドメインに、文字のつながり方を決める見えない文字があります。「xn--」で始まる形で書くか、その文字を取り除いてください。"
            ),
            folded,
        )


def _split(folded: str) -> tuple[str, str]:
    if not folded:
        raise InvalidAddress(_("メールアドレスが空です。"))
    between = folded[folded.find("@") : folded.rfind("@")]
    if any(sign in between for sign in ",;、 "):
        raise InvalidAddress(_("メールアドレスが2つ以上入っています。1つずつに分けてください。"), folded)
    local, at, domain = folded.partition("@")
    if not at:
        raise InvalidAddress(_("「@」がありません。"), folded)
    if "@" in domain:
        raise InvalidAddress(_("「@」が2つ以上あります。"), folded)
    if not local:
        raise InvalidAddress(_("「@」の前が空です。"), folded)
    if not domain:
        raise InvalidAddress(_("「@」の後ろ(ドメイン)が空です。"), folded)
    return local, domain


def _clean_domain(text: str) -> str:
    domain = text.translate(DOTS)
    if domain.startswith("["):
        raise InvalidAddress(_("IPアドレス宛てには配信できません。ドメイン名で書いてください。"), text)
    if "." not in domain.strip("."):
        raise InvalidAddress(_("ドメインに「.」がありません(例: example.co.jp)。"), text)
    if domain.startswith(".") or domain.endswith(".") or ".." in domain:
        raise InvalidAddress(_("ドメインの「.」の位置が正しくありません。"), text)
    domain = _to_ascii(domain).lower()
    if len(domain) > MAX_DOMAIN:
        raise InvalidAddress(_("ドメインが長すぎます(253文字まで)。"), text)
    if not PLAIN_DOMAIN.fullmatch(domain):
        raise InvalidAddress(_describe_domain(domain), text)
    return domain


def _to_ascii(domain: str) -> str:
    try:
        return to_a_labels(domain)
    except idna.IDNAError as error:
        if error.code == "label_too_long":
            raise InvalidAddress(_("ドメインに長すぎる部分があります(「.」の間は63文字まで)。"), domain) from error
        raise InvalidAddress(_("日本語ドメインとして読めない文字があります。"), domain) from error


def _describe_domain(domain: str) -> str:
    if strange := re.search(r"[^a-z0-9.-]", domain):
        return _("ドメインに使えない文字「%s」があります。") % _show(strange[0])
    labels = domain.split(".")
    if any(len(label) > 63 for label in labels):
        return _("ドメインに長すぎる部分があります(「.」の間は63文字まで)。")
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        return _("ドメインの「-」の位置が正しくありません。")
    return _("ドメインの終わり(.jp や .com など)が正しくありません。")


def _check_local(local: str, domain: str) -> None:
    if len(local) > MAX_LOCAL:
        raise InvalidAddress(_("「@」の前が長すぎます(64文字まで)。"), local)
    if strange := STRANGE_IN_LOCAL.search(local):
        raise InvalidAddress(_("「@」の前に使えない文字「%s」があります。") % _show(strange[0]), local)
    loose = local.startswith(".") or local.endswith(".") or ".." in local
    if loose and not _is_carrier(domain):
        raise InvalidAddress(_("「@」の前の「.」の位置が正しくありません(連続、先頭、末尾)。"), local)


def _is_carrier(domain: str) -> bool:
    # a.b@t.vodafone.ne.jp: the carriers' regional names lie below the name itself.
    return domain in CARRIERS or domain.partition(".")[2] in CARRIERS


def _show(character: str) -> str:
    if character == " ":
        return _("空白")
    return character if character.isprintable() else f"U+{ord(character):04X}"
