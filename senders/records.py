"""Says which DNS records a sender domain should have."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from senders.dkim_keys import keys_in_dns, offered_target, old_keys, public_record, split_strings
from senders.dmarc_proposal import propose_first
from senders.domain_names import guess_zone
from senders.models import CheckKind, CheckResult, DkimKey, DnsCheck, SenderDomain
from senders.return_domain import chosen_return_name


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
    """Return the records to set: SPF, DKIM for each key that signs or is to, DMARC unless a parent's speaks for the domain, and
    those of a return domain of its own, of which the first is enough.

    SPF and DMARC are those that the newest check proposed, so that there is never a second record (D1, E6).
    """
    keys = [expect_dkim(domain, kind, key) for kind, key in keys_in_dns(domain).items()]
    keys += [expect_dkim(domain, CheckKind.OLD_KEY, key) for key in old_keys(domain) if key.missing_since is not None]
    return [*expect_spf(domain), *keys, *expect_dmarc(domain), *expect_return(domain)]


def expect_spf(domain: SenderDomain) -> list[ExpectedRecord]:
    """Return the SPF record: the existing one with our include, or a first one.

    None where what is there cannot be mended by adding to it, and before anybody knows what is there: a second record
    would make both void.
    """
    check = newest_check(domain, CheckKind.SPF)
    if check is None or not check.expected:
        return []
    note = ""
    if check.found:
        note = explain_rewriting(check)
    elif not settings.SPF_INCLUDE:
        note = _(
            "実際にメールを送信するサーバーを書き加えてください。わからないときはシステム管理者に確認してください。"
        )
    return [ExpectedRecord(CheckKind.SPF, domain.name, short_host(domain.name, domain), check.expected, note)]


def expect_dkim(domain: SenderDomain, kind: CheckKind, key: DkimKey) -> ExpectedRecord:
    """Return the record of a DKIM key, a TXT or a CNAME into the installation's own zone."""
    name = dkim_name(key.selector, domain.name)
    note = ""
    if kind == CheckKind.NEXT_KEY:
        note = _("今の DKIM レコードは消さずに、このレコードを追加してください。")
    host, target = short_host(name, domain), offered_target(key)
    if target:
        return ExpectedRecord(kind, name, host, target, note, type="CNAME")
    return ExpectedRecord(kind, name, host, public_record(key), note)


def expect_dmarc(domain: SenderDomain) -> list[ExpectedRecord]:
    """Return the DMARC record: the existing one, or a first one that only asks for reports (E6).

    None where a parent's record speaks for the domain, and before anybody knows what is there.
    """
    check = newest_check(domain, CheckKind.DMARC)
    if check is None or (not check.expected and check.result in (CheckResult.OK, CheckResult.UNKNOWN)):
        return []
    name = f"_dmarc.{domain.name}"
    value = check.expected or propose_first(domain.name, settings.DMARC_REPORT_ADDRESS)
    note = ""
    if check.found and check.result != CheckResult.MISSING:
        note = explain_rewriting(check)
    elif not settings.DMARC_REPORT_ADDRESS:
        note = _("「rua=mailto:」の後ろは、集計レポートを受け取れるアドレスに変えてください。")
    return [ExpectedRecord(CheckKind.DMARC, name, short_host(name, domain), value, note)]


def explain_rewriting(check: DnsCheck) -> str:
    """Return that a record is to be rewritten, and no second one added; empty where nobody knows what is there by now."""
    if check.result == CheckResult.UNKNOWN:
        return ""
    values = {"kind": check.get_kind_display()}
    if len(check.found.splitlines()) > 1:
        return (
            _("今の %(kind)s レコードのうち1つをこの値に書き換え、ほかの %(kind)s レコードは削除してください。")
            % values
        )
    return _("新しく追加せず、今の %(kind)s レコードをこの値に書き換えてください。") % values


def expect_return(domain: SenderDomain) -> list[ExpectedRecord]:
    """Return the records of a return domain of the customer's own: a CNAME to ours, or what may stand in its place (E9).

    What may is known once a check has seen our own records.
    """
    name = chosen_return_name(domain)
    if not name:
        return []
    check = newest_check(domain, CheckKind.RETURN)
    proposed = (check.expected if check else "") or f"CNAME {settings.RETURN_DOMAIN}"
    host = short_host(name, domain)
    records = []
    for line in proposed.splitlines():
        kind, _space, value = line.partition(" ")
        records.append(ExpectedRecord(CheckKind.RETURN, name, host, value, type=kind))
    return records


def newest_check(domain: SenderDomain, kind: CheckKind) -> DnsCheck | None:
    """Return the newest result of a check, None where it was never done. Reads the prefetched `checks`."""
    return next((check for check in domain.checks.all() if check.kind == kind), None)


def dkim_name(selector: str, domain: str) -> str:
    """Return the name of a key record (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def short_host(name: str, domain: SenderDomain) -> str:
    """Return `name` as DNS panels ask for it: relative to the registered domain, "@" for that itself."""
    zone = guess_zone(domain.name)
    return "@" if name == zone else name.removesuffix(f".{zone}")
