"""Looks for MTA-STS, TLS-RPT and BIMI records: advice only, by TXT records alone; no file or logo is fetched.

Nobody needs them for sending. MTA-STS and TLS-RPT are about mail that a domain receives (RFC 8461, RFC 8460). BIMI shows a logo
beside mail that passes a DMARC policy of quarantine or reject, that of the Organizational Domain too; Gmail and Apple Mail want
a certificate besides (draft-brand-indicators-for-message-identification;
https://www.captaindns.com/en/blog/bimi-vmc-cmc-compatibilite-dns and
https://resend.com/docs/dashboard/domains/bimi, looked at on 2026-11-22).
"""

import re

from django.utils.translation import gettext as _

from senders.checks import explain_unasked
from senders.dmarc import Discovery, DmarcRecord, Policy, discover, read_tags
from senders.dns import Absent, Answer, CouldNotAsk, Found, Resolver
from senders.models import CheckKind, CheckResult
from senders.outcomes import Check, CheckOutcome, CheckSubject, Line, Tone
from senders.spf_words import shorten
from senders.tag_lists import parse_tags

# RFC 8461 section 3.1.
STS_ID = re.compile(r"[A-Za-z0-9]{1,32}")
# RFC 8460 section 3.
REPORT_URI = re.compile(r"(mailto:[^\s,]+@[^\s,]+|https://[^\s,]+)", re.IGNORECASE)
RECORDS_LIMIT = 5


def check_mta_sts(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Look for the record that tells others of a policy to encrypt mail to the domain (RFC 8461 section 3.1)."""
    answer = resolver.find_txt(f"_mta-sts.{subject.domain}")
    advice = _(
        "配信には影響しません。このドメインでメールを受け取っていて、必ず暗号化して受け取りたいときに、"
        "メールサーバーの管理者と相談して設定します。"
    )
    tags, outcome = read_only(answer, "STSv1", advice)
    if tags is None:
        return outcome
    if not STS_ID.fullmatch(tags.get("id", "")):
        return wrong(outcome, _("「id=」に半角英数字(32文字まで)を書いてください。今のままでは無効です。"))
    policy = f"https://mta-sts.{subject.domain}/.well-known/mta-sts.txt"
    return ok(outcome, Line(Tone.NOTE, _("ポリシーのファイル"), _("%s は調べていません。") % policy))


def check_tls_rpt(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Look for the record that asks for reports on encryption of mail to the domain (RFC 8460 section 3)."""
    answer = resolver.find_txt(f"_smtp._tls.{subject.domain}")
    advice = _(
        "配信には影響しません。MTA-STS を設定しているときに加えると、このドメイン宛てのメールの暗号化に失敗した報告を受け取れます。"
    )
    tags, outcome = read_only(answer, "TLSRPTv1", advice)
    if tags is None:
        return outcome
    uris = [uri.strip() for uri in tags.get("rua", "").split(",")]
    if not all(map(REPORT_URI.fullmatch, uris)):
        return wrong(outcome, _("「rua=」に「mailto:」または「https://」で始まる報告の送り先を書いてください。"))
    return ok(outcome, *(Line(Tone.OK, _("報告の送り先"), shorten(uri)) for uri in uris[:RECORDS_LIMIT]))


def check_bimi(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Look for the record of a logo, at the domain or at its Organizational Domain, and whether DMARC lets it be shown."""
    policy = discover(subject.domain, resolver)
    answer = resolver.find_txt(f"default._bimi.{subject.domain}")
    if isinstance(answer, Absent) and policy.organizational_domain != subject.domain:
        answer = resolver.find_txt(f"default._bimi.{policy.organizational_domain}")
    if is_enforced(policy):
        advice = _(
            "DMARC の方針は整っています。ロゴ(SVG)と、Gmail などが求める証明書(VMC または CMC)を用意できたら設定します。"
        )
    else:
        advice = _(
            "今は必要ありません。DMARC の方針が p=quarantine か p=reject になると、"
            "対応しているメールソフトでロゴを表示できるようになります。"
        )
    tags, outcome = read_only(answer, "BIMI1", advice)
    if tags is None:
        return outcome
    logo, certificate = tags.get("l", ""), tags.get("a", "")
    if not logo and not certificate:
        return ok(outcome, Line(Tone.NOTE, _("ロゴ"), _("ロゴを表示しないという設定です。")))
    if not all(uri.lower().startswith("https://") for uri in (logo, certificate) if uri):
        return wrong(outcome, _("「l=」(ロゴ)と「a=」(証明書)には、「https://」で始まる URL を書いてください。"))
    if policy.could_not_ask and not is_enforced(policy):
        return CheckOutcome(CheckResult.UNKNOWN, outcome.found, explain_unasked(policy.could_not_ask), ttl=outcome.ttl)
    if not is_enforced(policy):
        return wrong(
            outcome,
            _(
                "DMARC の方針が p=quarantine か p=reject になっていないため、ロゴは表示されません(組織ドメインの方針も含みます)。"
            ),
        )
    lines = [Line(Tone.OK, _("ロゴ"), shorten(logo))] if logo else []
    if certificate:
        lines.append(Line(Tone.OK, _("証明書"), shorten(certificate)))
    else:
        lines.append(Line(Tone.WARNING, _("証明書"), _("証明書(a=)がないと、Gmail などではロゴが表示されません。")))
    return ok(outcome, *lines)


ADVICE: dict[CheckKind, Check] = {
    CheckKind.MTA_STS: check_mta_sts,
    CheckKind.TLS_RPT: check_tls_rpt,
    CheckKind.BIMI: check_bimi,
}


def read_only(answer: Answer, version: str, advice: str) -> tuple[dict[str, str] | None, CheckOutcome]:
    """Return the tags of the only record of a version, with the outcome so far; None for the tags where that is all.

    `advice` is what to tell where there is no such record. Of several records none counts.
    """
    if isinstance(answer, CouldNotAsk):
        return None, CheckOutcome(CheckResult.UNKNOWN, advice=explain_unasked(answer))
    texts = answer.values if isinstance(answer, Found) else ()
    records = [text for text in texts if is_version(text, version)]
    outcome = CheckOutcome(CheckResult.OK, "\n".join(records), ttl=answer.ttl)
    if not records:
        return None, CheckOutcome(CheckResult.MISSING, advice=advice, ttl=answer.ttl)
    if len(records) > 1:
        return None, wrong(outcome, _("同じ用途のレコードが2つ以上あるため、無効です。1つだけを残してください。"))
    tags = parse_tags(records[0])
    if tags is None:
        return None, wrong(outcome, _("レコードとして読み取れません。「;」や「=」の書き方を確認してください。"))
    return tags, outcome


def is_version(text: str, version: str) -> bool:
    """Say whether a TXT record begins with a version, in exact letters."""
    name, equals, value = text.partition(";")[0].partition("=")
    return bool(equals) and name.strip() == "v" and value.strip() == version


def is_enforced(policy: Discovery) -> bool:
    """Say whether mail that fails DMARC is kept from inboxes, for the domain and for its organisation."""
    if policy.record is None or policy.policy in (None, Policy.NONE):
        return False
    organization = [place.record for place in policy.places if place.domain == policy.organizational_domain]
    records = [policy.record, *(record for record in organization if record)]
    return all(record.p is not Policy.NONE and not record.is_testing and is_for_all(record) for record in records)


def is_for_all(record: DmarcRecord) -> bool:
    """Say whether a record is meant for all mail: pct= is historic, and those who show logos still look at it."""
    return read_tags(record.text)[0].get("pct", "100") == "100"


def wrong(outcome: CheckOutcome, advice: str) -> CheckOutcome:
    """Return an outcome with a fault."""
    return CheckOutcome(CheckResult.WRONG, outcome.found, advice, ttl=outcome.ttl)


def ok(outcome: CheckOutcome, *lines: Line) -> CheckOutcome:
    """Return an outcome without one."""
    return CheckOutcome(CheckResult.OK, outcome.found, lines=lines, ttl=outcome.ttl)
