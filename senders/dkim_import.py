"""Takes a DKIM key that a customer brings along from another system."""

import re
import unicodedata

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts import audit
from accounts.models import User
from senders.dkim_keys import KEY_BITS, PrivateKey, active_key, encode_public, store_key
from senders.dkim_rotation import lock_domain, require_none_waiting
from senders.domain_names import NAME_LIMIT
from senders.errors import SenderError
from senders.models import DkimKey, KeyAlgorithm, KeyOrigin, SenderDomain
from senders.records import dkim_name

# Octets. The PEM of the largest key that is taken has 3,300.
PEM_LIMIT = 16 * 1024
# Verifiers need not take longer ones (RFC 8301 section 3.2).
LARGEST_BITS = 4096
SELECTOR_LIMIT = 63
# RFC 6376 section 3.1: labels as in RFC 5321, in lower case.
SELECTOR = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)


class SelectorRefused(SenderError):
    """The selector cannot be used; the sentence belongs to that field of the form."""


class PemRefused(SenderError):
    """What was given is no key that can be used; the sentence belongs to that field of the form and quotes nothing."""


def clean_selector(text: str, domain: SenderDomain) -> str:
    """Return a selector as it is stored; raises SelectorRefused with a sentence that says what to type instead."""
    selector = unicodedata.normalize("NFKC", text).strip().lower()
    if "_domainkey" in selector:
        raise SelectorRefused(_("「._domainkey」より前の部分だけを入力してください(例: mail2026)。"), domain)
    if not SELECTOR.fullmatch(selector):
        raise SelectorRefused(
            _("セレクターに使えるのは、半角の英数字と「-」(先頭と末尾を除く)、区切りの「.」です(例: mail2026)。"),
            domain,
        )
    if len(selector) > SELECTOR_LIMIT or len(dkim_name(selector, domain.name)) > NAME_LIMIT:
        raise SelectorRefused(
            _("セレクターが長すぎます(63文字まで、ドメイン名と合わせて253文字まで)。短いものにしてください。"), domain
        )
    return selector


@sensitive_variables("pem", "octets")
def read_private_key(pem: str) -> PrivateKey:
    """Return the key of a PEM text (PKCS #1 or PKCS #8, no password); raises PemRefused.

    RSA keys have 2048 to 4096 bits (RFC 8301 section 3.2).
    """
    octets = pem.strip().encode()
    if len(octets) > PEM_LIMIT:
        raise PemRefused(_("秘密鍵が大きすぎます(16KBまで)。PEM 形式の鍵を1つだけ貼り付けてください。"))
    if "PUBLIC KEY-----" in pem or "CERTIFICATE-----" in pem:
        raise PemRefused(_("公開鍵または証明書です。「PRIVATE KEY」と書かれた秘密鍵を貼り付けてください。"))
    # Its length first: whether the numbers of an RSA key belong together takes minutes to find out for huge ones.
    require_length(load_pem(octets, is_quick=True))
    return load_pem(octets)


@sensitive_variables("octets")
def load_pem(octets: bytes, *, is_quick: bool = False) -> PrivateKey:
    """Return the key of a PEM; `is_quick` = the numbers of an RSA key are not tested. Raises PemRefused."""
    try:
        key = load_pem_private_key(octets, password=None, unsafe_skip_rsa_key_validation=is_quick)
    except TypeError as error:
        raise PemRefused(
            _("パスワードで保護された鍵は読み込めません。パスワードを外した鍵を貼り付けてください。")
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PemRefused(
            _(
                "秘密鍵として読み取れません。「-----BEGIN」の行から「-----END」の行まで、"
                "PEM 形式(PKCS #1 か PKCS #8)の鍵をそのまま貼り付けてください。"
            )
        ) from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise PemRefused(_("DKIM に使えるのは RSA か Ed25519 の鍵です。"))
    return key


def require_length(key: PrivateKey) -> None:
    """Raise PemRefused where an RSA key is too short to be safe or too long to be verified."""
    if isinstance(key, Ed25519PrivateKey):
        return
    if key.key_size < KEY_BITS:
        raise PemRefused(
            _(
                "RSA %(bits)dビットの鍵は短く、受信側で無効とされることがあるため、読み込めません。"
                "2048ビット以上の鍵を使うか、新しい鍵を作ってください。"
            )
            % {"bits": key.key_size}
        )
    if key.key_size > LARGEST_BITS:
        raise PemRefused(_("RSA の鍵は4096ビットまでです。受信側が、それより長い鍵に対応していないことがあります。"))


@sensitive_variables("pem")
def import_key(domain: SenderDomain, selector: str, pem: str, *, actor: User) -> DkimKey:
    """Store a key of another system for a domain, and return it.

    It waits for its record as a new one does; an RSA key of a domain that has none signs at once. Raises SelectorRefused,
    PemRefused, and SenderError where another key waits or no encryption key is set.
    """
    selector = clean_selector(selector, domain)
    private_key = read_private_key(pem)
    algorithm = KeyAlgorithm.RSA if isinstance(private_key, RSAPrivateKey) else KeyAlgorithm.ED25519
    with transaction.atomic():
        locked = lock_domain(domain.pk)
        require_free(locked, selector, encode_public(private_key))
        require_none_waiting(locked, algorithm)
        signs_at_once = algorithm == KeyAlgorithm.RSA and active_key(locked) is None
        key = store_key(
            locked,
            private_key,
            selector=selector,
            activated_at=timezone.now() if signs_at_once else None,
            origin=KeyOrigin.IMPORTED,
        )
        audit.record(locked.workspace, actor, "sender_domain.import_key", str(key))
    return key


def require_free(domain: SenderDomain, selector: str, public_key: str) -> None:
    """Raise SelectorRefused or PemRefused where the domain has the name or the key, or another workspace the key.

    A selector of another workspace's is free: anybody may type a name, and the DNS of the domain says whose key it is.
    """
    if domain.dkim_keys.filter(selector=selector).exists():
        raise SelectorRefused(_("このセレクターの鍵は、このドメインにすでにあります。"), domain)
    if domain.dkim_keys.filter(public_key=public_key).exists():
        raise PemRefused(_("この鍵は、このドメインにすでにあります。"), domain)
    if DkimKey.objects.exclude(domain__workspace=domain.workspace_id).filter(public_key=public_key).exists():
        raise PemRefused(
            _(
                "この鍵は読み込めません。新しい鍵を作ってお使いください。"
                "お心当たりがない場合は、システム管理者にお問い合わせください。"
            ),
            domain,
        )
