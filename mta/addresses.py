"""Addresses as SMTP and headers want them: quoted local parts, domains in ASCII."""

import re
from functools import lru_cache

import idna
from django.utils.translation import gettext as _

from accounts.domain_labels import to_a_labels
from mta.errors import MimeError

# RFC 5321 section 4.1.2 Dot-string; anything else in a local part has to be quoted.
_DOT_STRING = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.(?!\Z)|\Z))+")
_PRINTABLE = re.compile(r"[ -~]+")
# MAIL and RCPT with their parameters must stay within 512 octets (RFC 5321 section 4.5.3.1.4).
_LONGEST = 320


class AddressError(MimeError):
    """An address cannot be written in a header or an SMTP command."""


def quote_address(address: str) -> str:
    """Return `address` in ASCII, as it stands in RCPT TO and in headers, without angle brackets.

    A local part that is no Dot-string is quoted, as the old carrier addresses need it:
    `a..b@docomo.ne.jp` becomes `"a..b"@docomo.ne.jp` (F1). A local part that is quoted already is
    quoted anew. A domain in Unicode becomes its A-labels. Raises AddressError.
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or len(address) > _LONGEST:
        raise AddressError(_("メールアドレスの形が正しくありません。"), repr(address[:_LONGEST]))
    domain = ascii_domain(domain)
    if _DOT_STRING.fullmatch(local):
        return f"{local}@{domain}"
    if len(local) > 2 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
        if _DOT_STRING.fullmatch(local):
            return f"{local}@{domain}"
    if not _PRINTABLE.fullmatch(local):
        raise AddressError(_("メールアドレスの@より前に使えない文字があります。"), repr(address))
    escaped = local.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"@{domain}'


# Most recipients of a mailing share a few domains.
@lru_cache(maxsize=4096)
def ascii_domain(domain: str) -> str:
    """Return a domain name in ASCII, each label at most 63 octets (RFC 5890); raises AddressError."""
    if len(domain) > _LONGEST:
        raise AddressError(_("ドメイン名の形が正しくありません。"), repr(domain[:_LONGEST]))
    try:
        name = to_a_labels(domain)
    except idna.IDNAError as error:
        raise AddressError(_("ドメイン名に使えない文字があります。"), repr(domain)) from error
    if not _DOMAIN.fullmatch(name):
        raise AddressError(_("ドメイン名の形が正しくありません。"), repr(domain))
    return name
