"""Whether rules about the domains and the servers that we send from are kept, from stored checks (B15, C26)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import ip_address
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bounces.dmarc_stored import is_spf_aligned
from bounces.provider_guides import Check
from senders.models import CheckKind, CheckResult, SenderDomain, ServerCheck, ServerCheckKind
from senders.return_check import is_alias
from senders.return_domain import own_return_domain

# What a check says; None where it was never done.
Result = CheckResult | None

BAD: Final = (CheckResult.MISSING, CheckResult.WRONG)
# From good to bad.
ORDER: Final[tuple[Result, ...]] = (
    CheckResult.OK,
    CheckResult.UNKNOWN,
    None,
    CheckResult.WRONG,
    CheckResult.MISSING,
)


class Outcome(Enum):
    """Whether a rule is kept: a tone and a word of the traffic light."""

    MET = ("ok", gettext_lazy("満たしています"))
    NOT_MET = ("bad", gettext_lazy("満たしていません"))
    UNKNOWN = ("muted", gettext_lazy("判断できません"))
    # There is a figure of ours and no limit to compare it with.
    FIGURE = ("muted", gettext_lazy("参考値"))
    # A rule for more mail than ours.
    OUT_OF_SCOPE = ("muted", gettext_lazy("対象外"))

    @property
    def tone(self) -> str:
        """The tone of the light."""
        return self.value[0]

    @property
    def label(self) -> Any:
        """The word beside it."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Known:
    """What receivers find of our mail from a domain.

    `spf` is that of the Return-Path, for the worst of our sending addresses (RFC 7208 section 2.4): what the record of the
    From domain says counts only with those who look at that one, `author_spf`. `their_spf` is that as far as it is the
    customer's to set: ok where the record that counts is the one of RETURN_DOMAIN. `aligned` is the best of what belongs to
    the From domain: our signatures, and SPF where that aligns.
    """

    spf: Result
    their_spf: Result
    author_spf: Result
    dkim: Result
    dmarc: Result
    aligned: Result
    host: Result


def rank(result: Result) -> int:
    """Return how bad a result is, from 0."""
    return ORDER.index(result)


def worst(*results: Result) -> Result:
    """Return the worst of some results."""
    return max(results, key=rank)


def best(*results: Result) -> Result:
    """Return the best of some results."""
    return min(results, key=rank)


# Of each rule that a domain's checks can answer.
RULES: Final[Mapping[Check, Callable[[Known], Result]]] = {
    Check.SPF: lambda known: known.spf,
    Check.AUTHOR_SPF: lambda known: worst(known.author_spf, known.spf),
    Check.AUTHOR_HOST: lambda known: known.host,
    Check.DKIM: lambda known: known.dkim,
    Check.ALIGNMENT: lambda known: known.aligned,
    Check.SPF_OR_DKIM: lambda known: best(known.spf, known.dkim),
    Check.DMARC: lambda known: known.dmarc,
    Check.DMARC_PASS: lambda known: worst(known.dmarc, known.aligned),
}


def judge_domains(domains: Sequence[SenderDomain], check: Check, servers: Sequence[ServerCheck]) -> tuple[Outcome, str]:
    """Say whether all domains that were sent from keep one of RULES by their newest checks; reads the prefetched `checks`."""
    if not domains:
        return Outcome.UNKNOWN, _("この期間の送信元がありません")
    rule = RULES[check]
    known = {domain.name: read_known(domain, servers) for domain in domains}
    results = {name: rule(one) for name, one in known.items()}
    # Where our own SPF record alone is at fault, no customer is blamed.
    theirs = {name: rule(replace(one, spf=one.their_spf)) for name, one in known.items()}
    if any(result in BAD for result in results.values()):
        bad = [name for name, result in theirs.items() if result in BAD]
        return Outcome.NOT_MET, _("設定が必要: %(names)s") % {"names": "、".join(bad)} if bad else tell_our_fault(
            servers
        )
    if any(result != CheckResult.OK for result in results.values()):
        unknown = [name for name, result in theirs.items() if result != CheckResult.OK]
        return Outcome.UNKNOWN, _("未確認: %(names)s") % {"names": "、".join(unknown)} if unknown else tell_unchecked()
    return Outcome.MET, _("確認済み: %(names)s") % {"names": "、".join(results)}


def read_known(domain: SenderDomain, servers: Sequence[ServerCheck]) -> Known:
    """Return what the newest checks say of a domain and of the addresses that its mail leaves from."""
    checks = {check.kind: check for check in domain.checks.all()}
    results = {kind: CheckResult(check.result) for kind, check in checks.items()}
    spf, their_spf = read_return_spf(domain, servers)
    # A signature that cannot be verified in spite of its record is none.
    dkim, proof = results.get(CheckKind.DKIM), results.get(CheckKind.PROOF)
    dkim = worst(dkim, proof) if proof == CheckResult.WRONG else dkim
    # d= is always the domain of the From address; some receivers verify the second signature, too.
    aligned = best(dkim, results[CheckKind.ED25519]) if CheckKind.ED25519 in results else dkim
    mail_from = own_return_domain(domain) or settings.RETURN_DOMAIN
    if is_spf_aligned(domain.name, checks.get(CheckKind.DMARC), mail_from=mail_from):
        aligned = best(aligned, spf)
    return Known(
        spf=spf,
        their_spf=their_spf,
        author_spf=results.get(CheckKind.SPF),
        dkim=dkim,
        dmarc=results.get(CheckKind.DMARC),
        aligned=aligned,
        host=results.get(CheckKind.HOST),
    )


def read_return_spf(domain: SenderDomain, servers: Sequence[ServerCheck]) -> tuple[Result, Result]:
    """Return what SPF says of the domain that errors return to, and so much of it as the customer's own records say."""
    ours = worst(*return_spf(servers).values())
    if not own_return_domain(domain):
        return ours, CheckResult.OK
    check = next((check for check in domain.checks.all() if check.kind == CheckKind.RETURN), None)
    own = CheckResult(check.result) if check else None
    # Receivers follow the CNAME to our record (RFC 1034 section 3.6.2).
    is_ours = check is not None and is_alias(check.found, settings.RETURN_DOMAIN)
    return worst(own, ours) if is_ours else own, own


def return_spf(servers: Sequence[ServerCheck]) -> dict[str, Result]:
    """Return what SPF says of mail that returns to RETURN_DOMAIN, by sending address; without addresses nobody knows."""
    results = {one.subject: CheckResult(one.result) for one in servers if one.kind == ServerCheckKind.RETURN_SPF}
    return {address: results.get(address) for address in sending_addresses()} or {"": None}


def sending_addresses() -> list[str]:
    """Return the sending addresses as checks store them."""
    return [str(ip_address(address)) for address in settings.SENDING_IPS]


def tell_our_fault(servers: Sequence[ServerCheck]) -> str:
    """Return from where mail does not pass SPF, by no fault of a customer."""
    bad = [address for address, result in return_spf(servers).items() if result in BAD]
    return _("当サービス側の設定が必要(エラーメールの戻り先の SPF): %(names)s") % {"names": "、".join(bad)}


def tell_unchecked() -> str:
    """Return why nobody knows whether our own mail passes SPF."""
    if not settings.SENDING_IPS:
        return _("送信元 IP アドレスが登録されていないため、わかりません")
    return _("送信サーバーの確認がまだ済んでいません")


def judge_servers(servers: Sequence[ServerCheck], kind: ServerCheckKind) -> tuple[Outcome, str]:
    """Say whether a check of our own servers came out well for every sending address."""
    results = {check.subject: check.result for check in servers if check.kind == kind}
    bad = [subject for subject, result in results.items() if result in BAD]
    if bad:
        return Outcome.NOT_MET, _("当サービス側の設定が必要: %(names)s") % {"names": "、".join(bad)}
    if not results or any(result != CheckResult.OK for result in results.values()):
        return Outcome.UNKNOWN, tell_unchecked()
    return Outcome.MET, _("確認済み: %(names)s") % {"names": "、".join(results)}
