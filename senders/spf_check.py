"""Checks the SPF record of a sender domain: its text, every branch, and what it says of our addresses (A1, A5, A6)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from django.utils.translation import gettext as _

from senders import spf
from senders.aliases import explain_alias
from senders.checks import check_spf, judge
from senders.dns import Found, Resolver
from senders.models import CheckResult
from senders.outcomes import CheckOutcome, CheckSubject, Line, Tone
from senders.spf_audit import COUNT_LIMIT, SpfAudit, audit
from senders.spf_evaluation import Address, check_host
from senders.spf_merge import Proposal, propose
from senders.spf_report import LIMITS, SpfFault, SpfReport, SpfResult, Trouble
from senders.spf_words import RESULT_WORDS, explain_trouble, shorten

# A local part that says nothing about anybody: macros may carry it to the name servers of strangers.
LOCAL_PART = "postmaster"
# Addresses that are evaluated, steps and records that are shown: more explain nothing.
ADDRESSES_LIMIT = 16
STEPS_LIMIT = 40
NODES_LIMIT = 40
CHANGES_LIMIT = 20
TEXT_LIMIT = 450
# From so many look-ups on people are told how many are left.
NEAR_LIMIT = 8
BAD_RESULTS = frozenset({SpfResult.FAIL, SpfResult.SOFTFAIL})


@dataclass(frozen=True, slots=True)
class Findings:
    """What was seen of a domain. `target` is the domain of our include, empty where none is asked for; `ours` the audit
    of that domain by itself, None where the domain does not include it; `reports` are the evaluations for our addresses
    with the word on whether our own record lets them pass."""

    audit: SpfAudit
    target: str
    ours: SpfAudit | None
    reports: tuple[tuple[Address, SpfReport, bool], ...]


def check_spf_domain(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Judge the SPF record of a domain.

    It is ok where receivers can use it and it lets our include pass (A5); what it says of our addresses explains that.
    A fault of the records that our include names is ours: then nobody knows, and the domain is not blamed.
    """
    if spf.include_target(subject.include) == subject.domain:
        # The domain that others include need not, and must not, include itself.
        subject = replace(subject, include="")
    answer = resolver.find_txt(subject.domain)
    seen = look(subject, resolver)
    outcome = judge(answer, partial(judge_texts, seen=seen))
    alias = ""
    if outcome.result in (CheckResult.MISSING, CheckResult.WRONG):
        alias = explain_alias(subject.domain, answer, resolver)
        outcome = replace(outcome, advice=alias or outcome.advice)
    is_kept = outcome.result == CheckResult.WRONG and is_tolerable(seen)
    lines = (*outcome.lines, *describe_limits(seen.audit), *describe_addresses(seen), *describe_records(seen.audit))
    expected = ""
    if not alias and seen.audit.ttl is not None and all(map(is_bounded, seen.audit.texts)):
        # Those pasted with quotation marks too: they are what is to be replaced.
        published = filter(is_bounded, answer.values if isinstance(answer, Found) else ())
        proposal = propose(list(published), include=subject.include, domain=subject.domain, resolver=resolver)
        expected, lines = proposal.value, (*lines, *describe_changes(proposal))
    return replace(outcome, lines=lines, expected=expected, ttl=seen.audit.ttl, keeps_verified=is_kept)


def is_bounded(text: str) -> bool:
    """Say whether a record is short enough to be looked at."""
    return len(text) <= LIMITS.characters


def look(subject: CheckSubject, resolver: Resolver) -> Findings:
    """Ask the DNS for all that a judgement needs."""
    target = spf.include_target(subject.include)
    seen = audit(subject.domain, resolver)
    reaches = bool(target) and target in seen.reaches
    reports = []
    if len(seen.texts) == 1:
        for ip in subject.ips[:ADDRESSES_LIMIT]:
            report = evaluate(ip, subject.domain, subject, resolver)
            passes = reaches and evaluate(ip, target, subject, resolver).result == SpfResult.PASS
            reports.append((ip, report, passes))
    return Findings(seen, target, audit(target, resolver) if reaches else None, tuple(reports))


def evaluate(ip: Address, domain: str, subject: CheckSubject, resolver: Resolver) -> SpfReport:
    """Evaluate an address of ours as a receiver would."""
    sender = f"{LOCAL_PART}@{subject.domain}"
    return check_host(ip, domain, sender, helo=subject.host or subject.domain, resolver=resolver)


def judge_texts(texts: Sequence[str], *, seen: Findings) -> CheckOutcome:
    """Judge the TXT records of the domain and what they lead to."""
    outcome = check_spf(texts)
    if outcome.result != CheckResult.OK:
        return outcome
    theirs = next((trouble for trouble in seen.audit.troubles if not is_ours(trouble, seen)), None)
    if theirs is not None:
        return replace(outcome, result=CheckResult.WRONG, advice=explain_trouble(theirs))
    open_at = [at for at in seen.audit.open_at if seen.ours is None or at not in seen.ours.open_at]
    if open_at:
        return replace(outcome, result=CheckResult.WRONG, advice=explain_open(open_at[0], seen.audit.domain))
    # Not only the record itself may include ours, but also one that it leads to.
    lack = ""
    if seen.target and seen.ours is None:
        lack = _("「include:%(target)s」が含まれていません。今のレコードを、「設定する値」に書き換えてください。")
        lack %= {"target": seen.target}
    unanswered = next((trouble for trouble in seen.audit.unanswered if not is_ours(trouble, seen)), None)
    if unanswered is not None:
        return replace(outcome, result=CheckResult.UNKNOWN, advice=explain_unanswered(unanswered, lack))
    if lack:
        return replace(outcome, result=CheckResult.WRONG, advice=lack)
    if seen.audit.troubles or seen.audit.unanswered or seen.audit.open_at:
        return replace(outcome, result=CheckResult.UNKNOWN, advice=explain_our_fault(seen.target))
    return judge_addresses(seen, outcome)


def judge_addresses(seen: Findings, outcome: CheckOutcome) -> CheckOutcome:
    """Judge by what a receiver would say of mail from our addresses."""
    for ip, report, is_passed_by_us in seen.reports:
        if report.result == SpfResult.TEMPERROR and report.trouble is not None:
            ours = is_ours(report.trouble, seen)
            advice = explain_our_fault(seen.target) if ours else explain_unanswered(report.trouble, "")
            return replace(outcome, result=CheckResult.UNKNOWN, advice=advice)
        if report.result in BAD_RESULTS and is_passed_by_us:
            advice = _(
                "当サービスの送信サーバー %(ip)s が、include より前の「%(term)s」で断られています。"
                "「%(term)s」を取り除くか、include の後ろに移してください。"
            )
            advice %= {"ip": ip, "term": shorten(report.matched)}
            return replace(outcome, result=CheckResult.WRONG, advice=advice)
    first, *others = [*hints(seen), ""]
    lines = tuple(Line(Tone.NOTE, _("お知らせ"), hint) for hint in others if hint)
    return replace(outcome, advice=first, lines=lines)


def is_ours(trouble: Trouble, seen: Findings) -> bool:
    """Say whether a fault is that of the records that our include names."""
    if seen.ours is None:
        return False
    if trouble.fault == SpfFault.LOOKUPS:
        # The include itself is one of the ten.
        return seen.ours.lookups >= LIMITS.lookups
    if trouble.fault == SpfFault.VOIDS:
        return seen.ours.voids > LIMITS.voids
    return seen.target in trouble.path


def is_tolerable(seen: Findings) -> bool:
    """Say whether a record that is wrong is no reason to stop a domain that sends.

    So it is where all our addresses pass all the same, or where only our include makes it too much: ours grew.
    """
    if seen.reports and all(report.result == SpfResult.PASS for _ip, report, _passes in seen.reports):
        return True
    theirs = [trouble.fault for trouble in seen.audit.troubles if not is_ours(trouble, seen)]
    if seen.ours is None or not theirs:
        return False
    grown = set()
    if seen.audit.lookups - seen.ours.lookups <= LIMITS.lookups:
        grown.add(SpfFault.LOOKUPS)
    if seen.audit.voids - seen.ours.voids <= LIMITS.voids:
        grown.add(SpfFault.VOIDS)
    return grown.issuperset(theirs)


def explain_open(at: str, domain: str) -> str:
    """Return what to do about the record of `at` that lets everybody pass."""
    if at == domain:
        return _(
            "「+all」や「ip4:0.0.0.0/0」などがあり、世界中のどのサーバーからの送信も許してしまいます。"
            "取り除いて、最後を「~all」にしてください。"
        )
    return _(
        "include の先の %(at)s が、世界中のどのサーバーからの送信も許しています。この include を取り除いてください。"
    ) % {"at": shorten(at)}


def explain_unanswered(trouble: Trouble, advice: str) -> str:
    """Return what to do where a question was not answered; `advice` is what is wrong besides, or empty."""
    sentences = [
        explain_trouble(trouble),
        ""
        if trouble.fault == SpfFault.BUDGET
        else _("設定の誤りとは限りません。時間をおいてもう一度「確認する」を押してください。"),
        _("何度も続くときは、「%(term)s」を取り除いてください。") % {"term": shorten(trouble.term)}
        if trouble.term
        else "",
        advice,
    ]
    return "".join(sentences)


def explain_our_fault(target: str) -> str:
    """Return what a customer is told where the records that our include names are not in order."""
    return _(
        "当サービス側の SPF レコード(include:%(target)s)に問題があり、確認できませんでした。"
        "お客様の設定の誤りではありません。システム管理者に連絡してください。"
    ) % {"target": target}


def hints(seen: Findings) -> Iterator[str]:
    """Return what could be better in a record that is ok."""
    terms = spf.parse_terms(seen.audit.texts[0])
    ending = next((term.text.lower() for term in terms if term.is_all()), "")
    for ip, report, is_passed_by_us in seen.reports:
        if report.result != SpfResult.PASS and not seen.target:
            yield _("送信サーバー %(ip)s からの送信を認めるには、「ip%(version)d:%(ip)s」を加えてください。") % {
                "ip": ip,
                "version": ip.version,
            }
        elif report.result == SpfResult.PERMERROR and is_passed_by_us and report.trouble is not None:
            yield explain_trouble(report.trouble)
    if seen.audit.domain in seen.audit.uses_ptr:
        yield _("「ptr」は使わないよう定められています。「ip4:」などに置き換えてください。")
    if ending == "?all" or (not ending and not any(term.is_redirect() for term in terms)):
        yield _("最後を「~all」にすると、なりすましを見分けやすくなります。")
    if seen.audit.lookups >= NEAR_LIMIT:
        yield _("DNS への問い合わせが %(count)d 回で、上限の 10 回に近づいています。") % {"count": seen.audit.lookups}
    if ending == "-all":
        yield _("「-all」では、転送されたメールが届かないことがあります。「~all」でも十分です。")


def describe_limits(seen: SpfAudit) -> Iterator[Line]:
    """Return how far the limits of RFC 7208 section 4.6.4 are used up."""
    if not seen.texts:
        return
    over = seen.lookups > LIMITS.lookups
    most = _("%(count)d 回以上") if seen.lookups >= COUNT_LIMIT else _("最大 %(count)d 回")
    yield Line(
        Tone.ERROR if over else Tone.OK,
        _("DNS への問い合わせ(10回まで)"),
        most % {"count": seen.lookups},
    )
    if seen.voids:
        tone = Tone.ERROR if seen.voids > LIMITS.voids else Tone.WARNING
        yield Line(tone, _("存在しない名前(2つまで)"), _("%(count)d か所") % {"count": seen.voids})
    for trouble in seen.troubles[:NODES_LIMIT]:
        yield Line(Tone.ERROR, shorten(trouble.at), explain_trouble(trouble))


def describe_addresses(seen: Findings) -> Iterator[Line]:
    """Return what a receiver would say of mail from each of our addresses, and the steps for the first."""
    for ip, report, is_passed_by_us in seen.reports:
        is_good = report.result == SpfResult.PASS
        words = [str(RESULT_WORDS[report.result]), shorten(report.matched)]
        if seen.ours is not None and not is_good and not is_passed_by_us:
            words.append(_("当サービス側の設定によるものです"))
        label = _("%(ip)s からの送信") % {"ip": ip}
        yield Line(Tone.OK if is_good else Tone.WARNING, label, _("、").join(word for word in words if word))
    for ip, report, _passes in seen.reports[:1]:
        if report.steps:
            yield Line(Tone.NOTE, _("%(ip)s を調べた順番") % {"ip": ip}, "")
        for step in report.steps[:STEPS_LIMIT]:
            matched = {True: _("一致"), False: _("一致しない"), None: _("続けて見る")}[step.matched]
            text = f"{matched} {shorten(step.note)}".strip()
            yield Line(Tone.NOTE, f"{'　' * step.depth}{shorten(step.term)}", text)


def describe_records(seen: SpfAudit) -> Iterator[Line]:
    """Return the records of the tree, under a heading."""
    if seen.nodes[1:]:
        yield Line(Tone.NOTE, _("include の先の SPF レコード"), "")
    for node in seen.nodes[1:NODES_LIMIT]:
        text = node.text[:TEXT_LIMIT] or _("SPF レコードなし")
        yield Line(Tone.NOTE, f"{'　' * node.depth}{shorten(node.domain)}", text)


def describe_changes(proposal: Proposal) -> Iterator[Line]:
    """Return what people must know of the record to publish, and how it differs from today's, and why."""
    for warning in proposal.warnings[:CHANGES_LIMIT]:
        yield Line(Tone.WARNING, _("設定する値についての注意"), warning[:TEXT_LIMIT])
    for change in proposal.changes[:CHANGES_LIMIT]:
        yield Line(
            Tone.NOTE, _("設定する値では変更: %(word)s") % {"word": shorten(change.word)}, change.why[:TEXT_LIMIT]
        )
