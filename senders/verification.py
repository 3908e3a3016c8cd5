"""Asks whether a domain proved itself, keeps the answer, and decides who may send."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from senders.checks import CheckOutcome, check_dkim, check_dmarc, check_spf, is_dmarc, judge
from senders.dkim_keys import active_keys
from senders.dns import Absent, Answer, CouldNotAsk, Found, Resolver
from senders.domain_names import display_domain
from senders.errors import SenderError
from senders.models import CheckKind, CheckResult, DnsCheck, Sender, SenderDomain
from senders.records import dkim_name, dmarc_names, key_check

Outcomes = Mapping[CheckKind, CheckOutcome]

# A person presses again when nothing seems to happen; DNS caches make a quicker second look worthless.
CHECK_INTERVAL = timedelta(seconds=10)
FOUND_LIMIT = 8000
BAD = (CheckResult.MISSING, CheckResult.WRONG)


def claim_check(domain: SenderDomain, *, now: datetime) -> bool:
    """Take the turn to check a domain; False within CHECK_INTERVAL of the last turn."""
    free = Q(check_started_at=None) | Q(check_started_at__lte=now - CHECK_INTERVAL)
    return bool(SenderDomain.objects.filter(free, pk=domain.pk).update(check_started_at=now))


def verify_domain(domain: SenderDomain, resolver: Resolver, *, now: datetime, actor: User | None = None) -> bool:
    """Check a domain by DNS, store what was found, and return whether it may send.

    `actor` is the person who asked, None for the daily check.
    """
    outcomes = run_checks(domain, resolver)
    return store_outcomes(domain, outcomes, now=now, actor=actor)


def run_checks(domain: SenderDomain, resolver: Resolver) -> dict[CheckKind, CheckOutcome]:
    """Ask the DNS for each kind of check, all at once, and judge the answers. Writes nothing."""
    keys = {key_check(key): key for key in active_keys(domain)}
    questions = {
        CheckKind.SPF: partial(resolver.find_txt, domain.name),
        CheckKind.DMARC: partial(find_dmarc, domain.name, resolver),
    }
    for kind, key in keys.items():
        questions[kind] = partial(resolver.find_txt, dkim_name(key.selector, domain.name))
    answers = ask_all(questions)
    keyless = _("署名に使う DKIM の鍵がありません。システム管理者に連絡してください。")
    return {
        CheckKind.SPF: judge(answers[CheckKind.SPF], partial(check_spf, include=settings.SPF_INCLUDE)),
        CheckKind.DKIM: CheckOutcome(CheckResult.MISSING, advice=keyless),
        CheckKind.DMARC: judge(answers[CheckKind.DMARC], check_dmarc),
    } | {
        kind: judge(answers[kind], partial(check_dkim, public_key=key.public_key, algorithm=key.algorithm))
        for kind, key in keys.items()
    }


def ask_all(questions: Mapping[CheckKind, Callable[[], Answer]]) -> dict[CheckKind, Answer]:
    """Ask side by side: a person waits, and questions that time out shall take as long as one."""
    with ThreadPoolExecutor(max_workers=len(questions)) as pool:
        pending = {kind: pool.submit(question) for kind, question in questions.items()}
        return {kind: future.result() for kind, future in pending.items()}


def find_dmarc(domain: str, resolver: Resolver) -> Answer:
    """Return the nearest answer with a DMARC record, from the domain up to the registered one (RFC 9989)."""
    for name in dmarc_names(domain):
        answer = resolver.find_txt(name)
        if isinstance(answer, CouldNotAsk):
            return answer
        if isinstance(answer, Found) and any(is_dmarc(text) for text in answer.values):
            return answer
    return Absent()


@transaction.atomic
def store_outcomes(domain: SenderDomain, outcomes: Outcomes, *, now: datetime, actor: User | None = None) -> bool:
    """Store the newest outcomes, set or take away `verified_at`, and return whether the domain may send.

    Where nothing required is missing or wrong but something could not be asked, `verified_at` stays as it
    is: an outage of the DNS never un-verifies. The change is written to the audit log.
    """
    stored = SenderDomain.objects.select_for_update().get(pk=domain.pk)
    for kind, outcome in outcomes.items():
        DnsCheck.objects.update_or_create(
            domain=stored,
            kind=kind,
            defaults={
                "result": outcome.result,
                "found": outcome.found[:FOUND_LIMIT],
                "advice": outcome.advice,
                "checked_at": now,
            },
        )
    # Of a key that is no more.
    DnsCheck.objects.filter(domain=stored).exclude(kind__in=list(outcomes)).delete()
    results = [outcomes[CheckKind(kind)].result for kind in settings.REQUIRED_CHECKS]
    if any(result in BAD for result in results):
        verified_at = None
    elif all(result == CheckResult.OK for result in results):
        verified_at = stored.verified_at or now
    else:
        verified_at = stored.verified_at
    if (verified_at is None) != (stored.verified_at is None):
        action = "sender_domain.verify" if verified_at else "sender_domain.unverify"
        audit.record(
            stored.workspace, actor, action, stored.name, **{kind: str(o.result) for kind, o in outcomes.items()}
        )
    SenderDomain.objects.filter(pk=stored.pk).update(verified_at=verified_at)
    domain.verified_at = verified_at
    return domain.is_verified()


def require_verified(sender: Sender) -> None:
    """Raise SenderError where this sender may not send: archived, or its domain has not proved itself (A1, B1).

    The sentence names what is missing; `about` is the domain, whose page says what to set. With the setting
    REQUIRE_VERIFIED_SENDERS off every sender in use may send.
    """
    if sender.archived_at is not None:
        raise SenderError(
            _("送信元「%(address)s」は使用を終了しています。別の送信元を選んでください。")
            % {"address": sender.address},
            sender,
        )
    if not settings.REQUIRE_VERIFIED_SENDERS or sender.domain.is_verified():
        return
    raise SenderError(
        _("送信元ドメイン %(domain)s の確認が済んでいないため、まだ配信できません。%(missing)s")
        % {"domain": display_domain(sender.domain.name), "missing": explain_missing(sender.domain)},
        sender.domain,
    )


def explain_missing(domain: SenderDomain) -> str:
    """Return a sentence that names each required check that is not ok, and what to do about it."""
    results = {check.kind: CheckResult(check.result) for check in domain.checks.all()}
    required = [CheckKind(kind) for kind in settings.REQUIRED_CHECKS]
    never = [kind.label for kind in required if kind not in results]
    if never:
        return _("%(items)s をまだ確認していません。DNS に設定してから「確認する」を押してください。") % {
            "items": _(" と ").join(never)
        }
    bad = [(kind, results[kind]) for kind in required if results[kind] in BAD]
    if bad:
        items = _("、").join(f"{kind.label} が{result.label}" for kind, result in bad)
        return _("%(items)sです。DNS の設定を直してから、もう一度「確認する」を押してください。") % {"items": items}
    unknown = _(" と ").join(kind.label for kind in required if results[kind] == CheckResult.UNKNOWN)
    if unknown:
        return _(
            "DNS に問い合わせできず、%(items)s を確認できませんでした。時間をおいてもう一度「確認する」を押してください。"
        ) % {"items": unknown}
    return _("もう一度「確認する」を押してください。")
