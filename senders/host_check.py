"""Looks whether a sender domain could take mail at all: some receivers refuse mail from a domain without A and MX records."""

from django.utils.translation import gettext as _

from senders.checks import explain_unasked
from senders.dns import Absent, CouldNotAsk, Found, RecordType, Resolver
from senders.models import CheckResult
from senders.outcomes import CheckOutcome, CheckSubject
from senders.spf_words import shorten

RECORDS_LIMIT = 10
# What the null MX leads to: "this domain takes no mail" (RFC 7505 section 3).
NOWHERE = "."


def check_host(subject: CheckSubject, resolver: Resolver) -> CheckOutcome:
    """Return whether the domain has an A or an MX record.

    docomo may refuse mail from one that has neither (https://www.docomo.ne.jp/service/docomo_mail/smtp_notice/).
    """
    answers = {kind: resolver.find(subject.domain, kind) for kind in (RecordType.MX, RecordType.A)}
    found = "\n".join(
        f"{kind} {shorten(value)}"
        for kind, answer in answers.items()
        if isinstance(answer, Found)
        for value in answer.values[:RECORDS_LIMIT]
    )
    mail = answers[RecordType.MX]
    if isinstance(mail, Found) and mail.values[0].partition(" ")[2] == NOWHERE:
        advice = _(
            "「メールを受け取らない」という設定(MX 0 .)です。このドメインを差出人にしたメールは、受信側に断られることがあります。"
            "返信も届きません。メールを受け取るサーバーを MX レコードに登録するよう、ドメインの管理者に相談してください。"
        )
        return CheckOutcome(CheckResult.WRONG, found, advice, ttl=mail.ttl)
    if found:
        return CheckOutcome(CheckResult.OK, found)
    unasked = next((answer for answer in answers.values() if isinstance(answer, CouldNotAsk)), None)
    if unasked is not None:
        return CheckOutcome(CheckResult.UNKNOWN, advice=explain_unasked(unasked))
    advice = _(
        "A レコードも MX レコードもありません。docomo などは、このようなドメインを差出人にしたメールを断ることがあります。"
        "メールを受け取るサーバーを MX レコードに登録するよう、ドメインの管理者に相談してください。"
    )
    return CheckOutcome(CheckResult.MISSING, advice=advice, ttl=mail.ttl if isinstance(mail, Absent) else None)
