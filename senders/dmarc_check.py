"""Judges the DMARC record of a domain, what of our mail aligns with it, and where its reports go (RFC 9989, RFC 9990)."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from senders.alignment import Alignment, align
from senders.checks import explain_unasked
from senders.dkim_check import check_dkim_key
from senders.dmarc import Discovery, DmarcRecord, Policy, discover, is_almost_dmarc, is_dmarc
from senders.dmarc_proposal import differ, propose_first, propose_instead
from senders.dns import CouldNotAsk, Found, Resolver
from senders.models import CheckResult
from senders.outcomes import CheckOutcome, CheckSubject, Line, Tone
from senders.return_check import check_return
from senders.spf_record import is_domain_name

POLICY_WORDS = {
    Policy.NONE: gettext_lazy("p=none:認証に失敗したメールもそのまま届きます(レポートだけ受け取ります)"),
    Policy.QUARANTINE: gettext_lazy("p=quarantine:認証に失敗したメールは迷惑メールに入ります"),
    Policy.REJECT: gettext_lazy("p=reject:認証に失敗したメールは届きません"),
}
# Places for reports that are looked at; each may cost nine questions.
PLACES_LIMIT = 5


def check_dmarc_domain(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Return what receivers that look at DMARC make of our mail from a domain."""
    found = discover(subject.domain, resolver)
    expected = propose(found, subject)
    texts = "\n".join(found.places[0].texts) if found.places else ""
    fault = find_fault(found)
    if fault:
        return CheckOutcome(CheckResult.WRONG, texts, fault, expected=expected, ttl=found.ttl)
    if found.record is None:
        return judge_none(found, texts, expected)
    returns_to = find_return_domain(subject, resolver)
    alignment = align(
        found,
        mail_from=returns_to,
        dkim_domains=[subject.domain] if subject.keys else [],
        resolver=resolver,
    )
    signed = judge_signatures(subject, resolver)
    lines = (
        *policy_lines(found),
        *alignment_lines(alignment, subject, returns_to, signed),
        *report_lines(found, resolver),
    )
    if alignment.passes() is False:
        advice = _("このシステムから送るメールが DMARC に合格する方法がありません。システム管理者に連絡してください。")
        refuses_us = found.policy is not Policy.NONE
        return CheckOutcome(
            CheckResult.WRONG, found.record.text, advice, lines, expected, found.ttl, refuses_us=refuses_us
        )
    advice = advise(found, found.record)
    fails = signed is CheckResult.MISSING and not alignment.spf and found.policy is not Policy.NONE
    if fails:
        advice = _("DKIM の設定が済むまで、このシステムから送るメールは、DMARC の方針により届きません。")
    refuses_us = fails and alignment.spf is False
    return CheckOutcome(CheckResult.OK, found.record.text, advice, lines, expected, found.ttl, refuses_us=refuses_us)


def find_fault(found: Discovery) -> str:
    """Return what keeps receivers from using what stands at the domain itself, as advice; empty where nothing does."""
    if not found.places:
        return ""
    own = found.places[0]
    number = len(own.dmarc_texts())
    if number > 1:
        advice = _("DMARC レコードが2つ以上あります。受信側では無効になるため、1つだけを残してください。")
        if differ(own.texts):
            advice += _(
                "「設定する値」には、届かなくなるメールが出ないように、いちばん緩い方針を入れてあります。"
                "強い方針(p=quarantine や p=reject)を残すかどうかは、ドメインの管理者に確認してください。"
            )
        return advice
    if number == 1 and own.record is None:
        return _(
            "「p=」などの値が正しくないため、受信側では無視されます。「p=none」「p=quarantine」「p=reject」のどれかにしてください。"
        )
    if number == 0 and any(map(is_almost_dmarc, own.texts)):
        return _(
            "レコードの先頭が「v=DMARC1;」になっていません。引用符や余分な空白を取り除き、大文字で書いてください。"
        )
    return ""


def judge_none(found: Discovery, texts: str, expected: str) -> CheckOutcome:
    """Return the outcome where no record speaks for the domain."""
    if found.could_not_ask:
        # Of what was there before nothing is known any more.
        return CheckOutcome(CheckResult.UNKNOWN, texts, explain_unasked(found.could_not_ask))
    advice = _("DMARC レコードがありません。「設定する値」を登録してください。")
    if any(text.lower().startswith("v=spf1") for text in found.places[0].texts):
        advice += _("(いまは「*」のレコードなど、別の用途の値が返っています。)")
    return CheckOutcome(CheckResult.MISSING, texts, advice, expected=expected, ttl=found.ttl)


def propose(found: Discovery, subject: CheckSubject) -> str:
    """Return the record to set: the present one, mended; else a first one.

    Empty where the record of a parent speaks for the domain already (E6).
    """
    own = propose_instead(found.places[0].texts, subject.report_address) if found.places else ""
    if own or found.record:
        return own
    return propose_first(subject.domain, subject.report_address)


def advise(found: Discovery, record: DmarcRecord) -> str:
    """Return what is worth changing of a record that works; empty where nothing is."""
    if record.unreadable:
        return _(
            "%(words)s の値が正しくないため、レコード全体が「p=none」として扱われます。"
            "none、quarantine、reject のどれかにしてください。"
        ) % {"words": quote(record.unreadable)}
    if not record.has_policy and found.policy_domain == found.author:
        return _("「p=」がありません。古い基準の受信側では無視されるため、「p=none」を書き加えてください。")
    if record.repeated:
        return _("%(words)s が2回以上書かれています。受信側で無効になることがあるため、1つにしてください。") % {
            "words": quote(record.repeated)
        }
    if record.wrong_tags:
        return _("%(words)s は読み取れないため、受信側では無視されます。つづりを確認してください。") % {
            "words": quote(record.wrong_tags)
        }
    if record.is_testing:
        return _("テスト中を表す「t=y」が付いているため、受信側では1段階弱い方針として扱われます。")
    if not record.rua:
        return _("集計レポートの送り先「rua=mailto:…」を加えると、なりすましの様子を確認できます。")
    return ""


def quote(words: Sequence[str]) -> str:
    """Return some words of a record for a sentence."""
    return _("、").join(f"「{word[:40]}」" for word in words[:3])


def judge_signatures(subject: CheckSubject, resolver: Resolver) -> CheckResult:
    """Return whether receivers can verify one of our signatures: the same questions as those of the DKIM check."""
    results = {check_dkim_key(subject, resolver, key=key).result for key in subject.keys}
    for result in (CheckResult.OK, CheckResult.UNKNOWN):
        if result in results:
            return result
    return CheckResult.MISSING


def find_return_domain(subject: CheckSubject, resolver: Resolver) -> str:
    """Return the domain of MAIL FROM: the customer's own where the DNS leads it to us, the same questions as those of its check."""
    own = subject.own_return_name
    if own and check_return(subject, resolver).result not in (CheckResult.MISSING, CheckResult.WRONG):
        return own
    return subject.return_name


def policy_lines(found: Discovery) -> list[Line]:
    """Tell which policy holds, and where it was found."""
    lines = []
    if found.policy:
        lines.append(Line(Tone.OK, _("方針"), str(POLICY_WORDS[found.policy])))
    if found.policy_domain != found.author:
        sentence = _("%(domain)s の DMARC レコードが、このドメインにも適用されます。") % {"domain": found.policy_domain}
        lines.append(Line(Tone.NOTE, _("見つかった場所"), sentence))
    lines.append(Line(Tone.NOTE, _("組織ドメイン"), found.organizational_domain))
    return lines


def alignment_lines(alignment: Alignment, subject: CheckSubject, returns_to: str, signed: CheckResult) -> list[Line]:
    """Tell what of our mail aligns with the From domain (C26).

    `returns_to` is the domain of MAIL FROM, `signed` = whether the signature can be verified.
    """
    label = _("DKIM の整合")
    if not alignment.dkim:
        dkim = Line(Tone.ERROR, label, _("署名に使う鍵がありません。"))
    elif signed is CheckResult.OK:
        dkim = Line(Tone.OK, label, _("差出人と同じドメイン %s で署名します。") % subject.domain)
    else:
        sentence = _("差出人と同じドメイン %s で署名します。DKIM の設定が済めば合格します。")
        dkim = Line(Tone.WARNING, label, sentence % subject.domain)
    if alignment.spf is None:
        spf = Line(Tone.NOTE, _("SPF の整合"), _("DNS に問い合わせできず、確認できませんでした。"))
    elif alignment.spf:
        spf = Line(Tone.OK, _("SPF の整合"), _("エラーメールの戻り先 %s が差出人と整合します。") % returns_to)
    else:
        sentence = _(
            "エラーメールの戻り先は当サービスのドメイン(%s)のため、SPF では合格しません。DKIM で合格すれば、配信に支障はありません。"
        )
        if returns_to == subject.own_return_name:
            sentence = _(
                "エラーメールの戻り先(%s)は、DMARC レコード(aspf=s や psd=n)により差出人と整合しません。"
                "DKIM で合格すれば、配信に支障はありません。"
            )
        spf = Line(Tone.NOTE, _("SPF の整合"), sentence % returns_to)
    return [dkim, spf]


def report_lines(found: Discovery, resolver: Resolver) -> list[Line]:
    """Tell whether each place for reports will get some (RFC 9990 section 4)."""
    lines = []
    for uri in found.record.rua[:PLACES_LIMIT] if found.record else ():
        address = uri[len("mailto:") :].partition("!")[0]
        host = address.rpartition("@")[2].lower()
        if "@" not in address or not is_domain_name(host):
            sentence = _("%s はメールアドレスではないため、レポートが届きません。") % address[:80]
            lines.append(Line(Tone.WARNING, _("レポートの送り先"), sentence))
            continue
        allowed = is_report_authorized(found, host, resolver)
        if allowed:
            lines.append(Line(Tone.OK, _("レポートの送り先"), address))
        elif allowed is None:
            sentence = _("%s(DNS に問い合わせできず、受け取れるかどうか確認できませんでした)") % address
            lines.append(Line(Tone.NOTE, _("レポートの送り先"), sentence))
        else:
            sentence = _(
                "%(address)s は別の組織のアドレスで、受け取りの許可(%(name)s の TXT レコード「v=DMARC1」)がないため、レポートが届きません。"
            )
            values = {"address": address, "name": authorization_name(found, host)}
            lines.append(Line(Tone.WARNING, _("レポートの送り先"), sentence % values))
    return lines


def authorization_name(found: Discovery, host: str) -> str:
    """Return where a host says that it takes the reports of another organisation."""
    return f"{found.policy_domain}._report._dmarc.{host}"


def is_report_authorized(found: Discovery, host: str, resolver: Resolver) -> bool | None:
    """Say whether reports about the policy's domain may go to a host; None where the DNS could not be asked.

    Within one organisation they may; another one has to allow it by a record (RFC 9990 section 4).
    """
    if host == found.policy_domain:
        return True
    other = discover(host, resolver)
    if other.organizational_domain == found.organizational_domain:
        return True
    answer = resolver.find_txt(authorization_name(found, host))
    if isinstance(answer, Found) and any(is_dmarc(text) for text in answer.values):
        return True
    # Perhaps it is of the same organisation, and needs no permission.
    return None if isinstance(answer, CouldNotAsk) or other.could_not_ask else False
