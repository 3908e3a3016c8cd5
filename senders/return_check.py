"""Checks that errors which return to a customer's own domain reach us, and that its SPF lets our mail pass (E9, C1)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from senders import spf
from senders.checks import explain_unasked
from senders.dns import Absent, Answer, CouldNotAsk, Found, RecordType, Resolver
from senders.models import CheckResult
from senders.outcomes import CheckOutcome, CheckSubject, Line, Tone
from senders.spf_check import ADDRESSES_LIMIT, check_spf_domain, evaluate, explain_unanswered
from senders.spf_evaluation import Address
from senders.spf_report import SpfReport, SpfResult
from senders.spf_words import RESULT_WORDS, shorten

HOSTS_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Findings:
    """What the DNS says of a return domain: its CNAME and MX records, its TXT records, and the hosts that take our own mail.

    `ours` is None where the installation's own records could not be had.
    """

    alias: Answer
    hosts: Answer
    texts: Answer
    ours: tuple[str, ...] | None

    def target(self) -> str:
        """Return where the CNAME leads first, empty where there is none."""
        return self.alias.values[0] if isinstance(self.alias, Found) else ""

    def chain(self) -> tuple[str, ...]:
        """Return the names that CNAMEs lead to."""
        followed = self.hosts.chain if isinstance(self.hosts, Found) else ()
        return (self.target(), *followed)


def check_return(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Judge the return domain that a customer chose: a CNAME to ours, or our MX hosts and an SPF record of its own.

    No mail server is connected to: the DNS decides. What is wrong with the installation's own records is never blamed on the
    customer.
    """
    seen = look(subject, resolver)
    outcome = replace(judge_hosts(subject, seen), found=describe_found(seen))
    if outcome.result == CheckResult.OK and subject.return_name not in seen.chain():
        judged = judge_spf(subject, seen, resolver)
        outcome = replace(judged, found=outcome.found, lines=(*outcome.lines, *judged.lines))
    first = seen.alias if isinstance(seen.alias, Found) else seen.hosts
    ttl = None if isinstance(first, CouldNotAsk) else first.ttl
    return replace(outcome, expected="\n".join(propose(subject, seen)), ttl=ttl)


def look(subject: CheckSubject, resolver: Resolver) -> Findings:
    """Ask the DNS for the records of the name and for our own MX hosts."""
    own = resolver.find(subject.return_name, RecordType.MX)
    ours: tuple[str, ...] | None = None
    if isinstance(own, Found):
        ours = tuple(map(host_of, own.values))
    elif isinstance(own, Absent) and own.exists:
        # Without MX records mail goes to the name itself (RFC 5321 section 5.1).
        ours = (subject.return_name,)
    name = subject.own_return_name
    return Findings(
        alias=resolver.find(name, RecordType.CNAME),
        hosts=resolver.find(name, RecordType.MX),
        texts=resolver.find_txt(name),
        ours=ours,
    )


def host_of(value: str) -> str:
    """Return the host of an MX record."""
    return value.partition(" ")[2]


def judge_hosts(subject: CheckSubject, seen: Findings) -> CheckOutcome:
    """Judge where mail to the name goes."""
    if subject.return_name in seen.chain():
        line = Line(Tone.OK, _("CNAME の行き先"), subject.return_name)
        return CheckOutcome(CheckResult.OK, lines=(line,))
    if isinstance(seen.hosts, CouldNotAsk):
        return CheckOutcome(CheckResult.UNKNOWN, advice=explain_unasked(seen.hosts))
    if seen.target() and (isinstance(seen.hosts, Absent) or not leads_to(seen.hosts.values, seen.ours)):
        advice = _("CNAME の行き先が %(found)s になっています。%(ours)s に書き換えてください。")
        advice %= {"found": shorten(seen.target()), "ours": subject.return_name}
        return CheckOutcome(CheckResult.WRONG, advice=advice)
    if isinstance(seen.hosts, Absent):
        if isinstance(seen.alias, CouldNotAsk):
            # It may be the CNAME, to a name of ours that has no MX records.
            return CheckOutcome(CheckResult.UNKNOWN, advice=explain_unasked(seen.alias))
        advice = _("%(name)s に、エラーメールの戻り先のレコードがありません。「設定する値」を登録してください。")
        return CheckOutcome(CheckResult.MISSING, advice=advice % {"name": subject.own_return_name})
    return judge_mx(seen.hosts.values, seen.ours)


def leads_to(values: Sequence[str], ours: Sequence[str] | None) -> bool:
    """Say whether all MX hosts are ours; where ours are not known nobody can say that they are not."""
    return ours is None or all(host_of(value) in ours for value in values)


def judge_mx(values: Sequence[str], ours: Sequence[str] | None) -> CheckOutcome:
    """Judge MX records, the hosts that take mail for the name."""
    if ours is None:
        return CheckOutcome(CheckResult.UNKNOWN, advice=explain_our_fault())
    strange = [host for host in map(host_of, values) if host not in ours]
    if not strange:
        return CheckOutcome(
            CheckResult.OK, lines=(Line(Tone.OK, _("メールの届く先(MX)"), _("、").join(ours[:HOSTS_LIMIT])),)
        )
    advice = _(
        "MX レコードの「%(host)s」は当サービスのメールサーバーではないため、エラーメールが届きません。"
        "「設定する値」だけを残してください。"
    )
    return CheckOutcome(CheckResult.WRONG, advice=advice % {"host": shorten(strange[0])})


def judge_spf(subject: CheckSubject, seen: Findings, resolver: Resolver) -> CheckOutcome:
    """Judge whether mail that returns to the name passes SPF, from each of our addresses (RFC 7208).

    Where they are not known the record has to lead to our include; where that is not known either nobody can tell.
    """
    if not is_spf_known(subject):
        advice = _(
            "MX では、当サービスからのメールが SPF に合格するか確認できません。"
            "MX と TXT のレコードを消して、「設定する値」の CNAME を登録してください。"
        )
        return CheckOutcome(CheckResult.UNKNOWN, advice=advice)
    if isinstance(seen.texts, CouldNotAsk):
        return CheckOutcome(CheckResult.UNKNOWN, advice=explain_unasked(seen.texts))
    if isinstance(seen.texts, Absent) or not any(map(spf.is_spf, seen.texts.values)):
        advice = _("SPF(TXT)レコードがありません。「設定する値」の TXT レコードも登録してください。")
        return CheckOutcome(CheckResult.WRONG, advice=advice)
    own = replace(subject, domain=subject.own_return_name)
    if not subject.ips:
        judged = check_spf_domain(own, resolver)
        return CheckOutcome(judged.result, advice=judged.advice)
    return judge_addresses(own, resolver)


def is_spf_known(subject: CheckSubject) -> bool:
    """Say whether the installation tells from where it sends."""
    return bool(subject.ips or spf.include_target(subject.include))


def judge_addresses(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Judge by what a receiver would say of mail from each of our addresses that returns to the subject's domain."""
    lines = []
    worst = CheckOutcome(CheckResult.OK)
    for ip in subject.ips[:ADDRESSES_LIMIT]:
        report = evaluate(ip, subject.domain, subject, resolver)
        is_good = report.result == SpfResult.PASS
        text = str(RESULT_WORDS[report.result])
        lines.append(Line(Tone.OK if is_good else Tone.WARNING, _("%(ip)s からの送信") % {"ip": ip}, text))
        if not is_good and worst.result != CheckResult.WRONG:
            worst = explain_spf(ip, report, subject, resolver)
    return replace(worst, lines=tuple(lines))


def explain_spf(ip: Address, report: SpfReport, subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Return what it means that an address of ours does not pass."""
    target = spf.include_target(subject.include)
    if target and evaluate(ip, target, subject, resolver).result != SpfResult.PASS:
        return CheckOutcome(CheckResult.UNKNOWN, advice=explain_our_fault())
    if report.result == SpfResult.TEMPERROR and report.trouble is not None:
        return CheckOutcome(CheckResult.UNKNOWN, advice=explain_unanswered(report.trouble, ""))
    advice = _(
        "SPF(TXT)レコードが、送信サーバー %(ip)s からの送信を認めていません。"
        "TXT レコードを「設定する値」に書き換えてください。"
    )
    return CheckOutcome(CheckResult.WRONG, advice=advice % {"ip": ip})


def explain_our_fault() -> str:
    """Return what a customer is told where the installation's own records are not in order."""
    return _(
        "当サービス側の DNS の設定に問題があり、確認できませんでした。"
        "お客様の設定の誤りではありません。システム管理者に連絡してください。"
    )


def is_alias(found: str, name: str) -> bool:
    """Say whether what was found of a return domain are CNAMEs to a name: all its records are those of that name then."""
    return f"CNAME {name}" in found.splitlines()


def describe_found(seen: Findings) -> str:
    """Return the records of the name, one a line with its type, and all CNAMEs on the way to them."""
    records = [f"CNAME {name}" for name in dict.fromkeys(filter(None, seen.chain()))]
    if isinstance(seen.hosts, Found):
        records += [f"MX {value}" for value in seen.hosts.values[:HOSTS_LIMIT]]
    if isinstance(seen.texts, Found):
        records += [f"TXT {text}" for text in seen.texts.values if spf.is_spf(text)]
    return "\n".join(records)


def propose(subject: CheckSubject, seen: Findings) -> list[str]:
    """Return the records to set, one a line with its type: the CNAME, then what may stand in its place."""
    records = [f"CNAME {subject.return_name}"]
    if not seen.ours or not is_spf_known(subject):
        return records
    target = spf.include_target(subject.include)
    words = [f"include:{target}"] if target else [f"ip{ip.version}:{ip}" for ip in subject.ips]
    hosts = [f"MX 10 {host}" for host in seen.ours[:HOSTS_LIMIT]]
    # The name is for nothing else, so nothing of what stands there need be kept.
    return [*records, *hosts, f"TXT v=spf1 {' '.join(words)} ~all"]
