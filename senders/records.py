"""Says which DNS records a sender domain should have."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from senders import spf
from senders.dkim_keys import active_keys, public_record, split_strings
from senders.domain_names import organizational_domain
from senders.models import CheckKind, DkimKey, DnsCheck, KeyAlgorithm, SenderDomain


@dataclass(frozen=True, slots=True)
class ExpectedRecord:
    """One record to set. `host` is what DNS panels ask for: the name without the registered domain, "@" for itself."""

    kind: CheckKind
    name: str
    host: str
    value: str
    note: str = ""
    type: str = "TXT"

    def strings(self) -> list[str]:
        """Return the value in pieces of at most 255 octets."""
        return split_strings(self.value)


def expected_records(domain: SenderDomain) -> list[ExpectedRecord]:
    """Return the records to set: SPF, DKIM for each key that signs, DMARC.

    SPF is merged with what the newest check found, so that there is never a second record (D1).
    """
    keys = [expect_dkim(domain, key) for key in active_keys(domain)]
    return [expect_spf(domain), *keys, expect_dmarc(domain)]


def expect_spf(domain: SenderDomain) -> ExpectedRecord:
    """Return the SPF record: the existing one with our include, or a first one."""
    lines = [line.strip(spf.WRAPPING) for line in found_lines(domain, CheckKind.SPF)]
    existing = [line for line in lines if spf.is_spf(line)]
    note = ""
    if existing:
        note = _("今の SPF レコードに必要な部分を加えた値です。新しく追加せず、今のレコードを書き換えてください。")
    elif not settings.SPF_INCLUDE:
        note = _(
            "実際にメールを送信するサーバーを書き加えてください。わからないときはシステム管理者に確認してください。"
        )
    return ExpectedRecord(
        CheckKind.SPF,
        domain.name,
        short_host(domain.name, domain),
        spf.merge(existing, settings.SPF_INCLUDE),
        note,
    )


def expect_dkim(domain: SenderDomain, key: DkimKey) -> ExpectedRecord:
    """Return the record of a DKIM key."""
    name = dkim_name(key.selector, domain.name)
    return ExpectedRecord(key_check(key), name, short_host(name, domain), public_record(key))


def key_check(key: DkimKey) -> CheckKind:
    """Return the kind of check that looks for a key's record."""
    return CheckKind.ED25519 if key.algorithm == KeyAlgorithm.ED25519 else CheckKind.DKIM


def expect_dmarc(domain: SenderDomain) -> ExpectedRecord:
    """Return the DMARC record: the existing one, or a first one that only asks for reports (E6)."""
    name = dmarc_names(domain.name)[0]
    existing = [line for line in found_lines(domain, CheckKind.DMARC) if line.lower().startswith("v=dmarc1")]
    value = existing[0] if len(existing) == 1 else f"v=DMARC1; p=none; rua=mailto:dmarc@{domain.name}"
    note = ""
    if not existing:
        note = _("「rua=mailto:」の後ろは、集計レポートを受け取れるアドレスに変えてください。")
    return ExpectedRecord(CheckKind.DMARC, name, short_host(name, domain), value, note)


def found_lines(domain: SenderDomain, kind: CheckKind) -> list[str]:
    """Return the records that the newest check of this kind found. Reads the prefetched `checks`."""
    checks: list[DnsCheck] = [check for check in domain.checks.all() if check.kind == kind]
    return [line for check in checks for line in check.found.splitlines()]


def dkim_name(selector: str, domain: str) -> str:
    """Return the name of a key record (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def dmarc_names(domain: str) -> list[str]:
    """Return the names that may hold the DMARC record, nearest first: the domain's, then its parents'.

    Ends at the registered domain (RFC 9989 walks on to the top for the sake of registries).
    """
    labels = domain.split(".")
    last = len(labels) - len(organizational_domain(domain).split("."))
    return ["_dmarc." + ".".join(labels[start:]) for start in range(max(last, 0) + 1)]


def short_host(name: str, domain: SenderDomain) -> str:
    """Return `name` as DNS panels ask for it: relative to the registered domain, "@" for that itself."""
    zone = organizational_domain(domain.name)
    return "@" if name == zone else name.removesuffix(f".{zone}")
