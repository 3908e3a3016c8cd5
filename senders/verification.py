"""Asks whether a domain proved itself, and decides who may send."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from mta.dkim import DkimError
from senders.advice_checks import ADVICE
from senders.check_store import BAD, store_next_key, store_outcomes
from senders.dkim_check import check_dkim_key, check_old_keys
from senders.dkim_keys import choose_signers, cname_target, is_signing, keys_in_dns, load_keys, old_keys
from senders.dkim_proof import make_signed_mail, prove
from senders.dmarc_check import check_dmarc_domain
from senders.dns import QUESTION_TIMEOUT, Found, RecordType, Resolver
from senders.dns_budget import SECONDS, BudgetResolver
from senders.domain_names import display_domain
from senders.errors import SenderError
from senders.host_check import check_host
from senders.models import CheckKind, CheckResult, DkimKey, Sender, SenderDomain
from senders.outcomes import Check, CheckOutcome, CheckSubject, KeyFacts
from senders.return_check import check_return
from senders.return_domain import chosen_return_name
from senders.spf_check import check_spf_domain

logger = logging.getLogger(__name__)

# These take mail as long as this product is of use. A DNS that knows none of them, as in a network without an outside,
# would call every record missing: its answers are none.
SURELY_THERE = ("gmail.com", "yahoo.co.jp", "docomo.ne.jp")
MISSING_WORDS = {
    CheckResult.MISSING: gettext_lazy("%(kind)s がまだありません"),
    CheckResult.WRONG: gettext_lazy("%(kind)s に直すところがあります"),
}
# A person presses again when nothing seems to happen; DNS caches make a quicker second look worthless.
CHECK_INTERVAL = timedelta(seconds=10)
# The time of CHECKS_PER_MINUTE.
MINUTE = timedelta(minutes=1)
# Checks by people that run side by side: the other threads serve pages.
AT_ONCE = 2
# A look takes no longer: its questions, the one that began at their end, and those whether the DNS sees the world.
CHECK_LEASE = timedelta(seconds=SECONDS + 2 * QUESTION_TIMEOUT)


def claim_check(domain: SenderDomain, *, now: datetime, button: str = "") -> str:
    """Take the turn to check a domain; return a sentence that says why not now, empty where the turn was taken.

    A check holds a thread of the web server while it asks: AT_ONCE may run in the whole installation, a workspace may begin
    CHECKS_PER_MINUTE, and a domain has its turn each CHECK_INTERVAL. `button` is the word of the button that was pressed,
    empty for 確認する.
    """
    again = _("もう一度「%(button)s」を押してください。") % {"button": button or _("確認する")}
    row = SenderDomain.objects.filter(pk=domain.pk)
    before = row.values_list("check_started_at", flat=True).first()
    # One that died holds nothing.
    is_over = Q(is_checking=False, check_started_at__lte=now - CHECK_INTERVAL) | Q(
        check_started_at__lte=now - CHECK_LEASE
    )
    if not row.filter(Q(check_started_at=None) | is_over).update(check_started_at=now, is_checking=True):
        return _("確認したばかりです。10秒ほど待ってから、%s") % again
    # Counted when the turn is taken: of presses at once the last one sees all of them.
    if refusal := refuse_crowd(domain, now=now):
        row.filter(check_started_at=now).update(check_started_at=before, is_checking=False)
        return refusal % again
    return ""


def refuse_crowd(domain: SenderDomain, *, now: datetime) -> str:
    """Return a sentence with a place for what to do where enough other domains are being checked; empty where not."""
    others = SenderDomain.objects.exclude(pk=domain.pk)
    started = others.filter(workspace=domain.workspace_id, check_started_at__gt=now - MINUTE)
    if started.count() >= settings.CHECKS_PER_MINUTE:
        return _("続けて多くのドメインを確認しています。1分ほど待ってから、%s")
    if others.filter(is_checking=True, check_started_at__gt=now - CHECK_LEASE).count() >= AT_ONCE:
        return _("ほかのドメインを確認しているところです。10秒ほど待ってから、%s")
    return ""


def release_check(domain: SenderDomain) -> None:
    """Give the turn of `claim_check` back where nothing is stored that does."""
    SenderDomain.objects.filter(pk=domain.pk).update(is_checking=False)


def verify_domain(domain: SenderDomain, resolver: Resolver, *, now: datetime, actor: User | None = None) -> bool:
    """Check a domain by DNS, store what was found, and return whether it may send.

    `now` is when the look begins, `actor` the person who asked, None for the daily check.
    """
    keys = keys_in_dns(domain)
    outcomes = believe(run_checks(domain, keys, resolver), resolver)
    return store_outcomes(domain, outcomes, keys=keys, now=now, actor=actor)


def look_for_next_key(key: DkimKey, resolver: Resolver, *, now: datetime, actor: User) -> None:
    """Look for the record of a key that waits for its turn, and store what was found.

    Nothing else is looked at: who switches keys did not ask whether the domain may send.
    """
    outcome = check_dkim_key(CheckSubject(key.domain.name), BudgetResolver(resolver), key=facts_of(key))
    store_next_key(key, outcome, now=now, actor=actor)


def believe(outcomes: dict[CheckKind, CheckOutcome], resolver: Resolver) -> dict[CheckKind, CheckOutcome]:
    """Return outcomes as they are, or without what is missing or wrong where that comes of a DNS that is blind."""
    if not any(outcomes[CheckKind(kind)].result in BAD for kind in settings.REQUIRED_CHECKS) or sees_the_world(
        resolver
    ):
        return outcomes
    logger.error("the DNS knows none of %s: nothing is judged by it", ", ".join(SURELY_THERE))
    advice = _(
        "このシステムの DNS サーバーがインターネットの名前を見つけられず、確認できませんでした。"
        "お客様の設定の誤りではありません。システム管理者に連絡してください。"
    )
    unknown = CheckOutcome(CheckResult.UNKNOWN, advice=advice)
    return {kind: unknown if outcome.result in BAD else outcome for kind, outcome in outcomes.items()}


def sees_the_world(resolver: Resolver) -> bool:
    """Say whether the DNS knows one of the domains that are surely there; asks for all at once, so as long as for one."""
    with ThreadPoolExecutor(max_workers=len(SURELY_THERE)) as pool:
        answers = list(pool.map(lambda domain: resolver.find(domain, RecordType.MX), SURELY_THERE))
    return any(isinstance(answer, Found) for answer in answers)


def run_checks(
    domain: SenderDomain, keys: Mapping[CheckKind, DkimKey], resolver: Resolver
) -> dict[CheckKind, CheckOutcome]:
    """Ask the DNS for each kind of check, all at once, and judge the answers. Writes nothing."""
    subject = subject_of(domain, keys)
    checks: dict[CheckKind, Check] = {
        CheckKind.SPF: check_spf_domain,
        CheckKind.DMARC: check_dmarc_domain,
        CheckKind.HOST: check_host,
        **ADVICE,
    }
    if subject.own_return_name:
        checks[CheckKind.RETURN] = check_return
    if subject.old_keys:
        checks[CheckKind.OLD_KEY] = check_old_keys
    known: dict[CheckKind, CheckOutcome] = {}
    for kind, facts in zip(keys, subject.keys, strict=True):
        checks[kind] = partial(check_dkim_key, key=facts)
    if CheckKind.DKIM not in checks:
        keyless = _("署名に使う DKIM の鍵がありません。システム管理者に連絡してください。")
        known[CheckKind.DKIM] = CheckOutcome(CheckResult.MISSING, advice=keyless)
    else:
        try:
            message = make_signed_mail(
                domain.name, load_keys(domain, choose_signers(keys.values(), at=None)), now=timezone.now()
            )
            checks[CheckKind.PROOF] = partial(prove, message=message)
        except (SenderError, DkimError) as error:
            # Ours, not the customer's.
            known[CheckKind.PROOF] = CheckOutcome(CheckResult.UNKNOWN, advice=error.sentence)
    return known | ask_all(checks, subject, BudgetResolver(resolver))


def ask_all(
    checks: Mapping[CheckKind, Check], subject: CheckSubject, resolver: Resolver
) -> dict[CheckKind, CheckOutcome]:
    """Ask side by side: a person waits, and questions that time out shall take as long as one."""
    with ThreadPoolExecutor(max_workers=len(checks)) as pool:
        pending = {kind: pool.submit(check, subject, resolver) for kind, check in checks.items()}
        return {kind: future.result() for kind, future in pending.items()}


def subject_of(domain: SenderDomain, keys: Mapping[CheckKind, DkimKey]) -> CheckSubject:
    """Return a domain and its keys as the checks see them."""
    return CheckSubject(
        domain=domain.name,
        keys=tuple(map(facts_of, keys.values())),
        old_keys=tuple(map(facts_of, old_keys(domain))),
        return_name=settings.RETURN_DOMAIN,
        own_return_name=chosen_return_name(domain),
        include=settings.SPF_INCLUDE,
        ips=tuple(ip_address(address) for address in settings.SENDING_IPS),
        report_address=settings.DMARC_REPORT_ADDRESS,
        host=settings.EHLO_NAME,
    )


def facts_of(key: DkimKey) -> KeyFacts:
    """Return what the checks see of a key."""
    return KeyFacts(
        key.selector, key.algorithm, key.public_key, is_signing=is_signing(key), cname_target=cname_target(key)
    )


def require_verified(sender: Sender) -> None:
    """Raise SenderError where this sender may not send: archived, or neither its domain nor its address proved itself
    (A1, A2, B1).

    The sentence names what is missing; `about` is the domain, whose page says what to set. With the setting
    REQUIRE_VERIFIED_SENDERS off every sender in use may send.
    """
    if sender.archived_at is not None:
        raise SenderError(
            _("送信元「%(address)s」は使用を終了しています。別の送信元を選んでください。")
            % {"address": sender.address},
            sender,
        )
    if not settings.REQUIRE_VERIFIED_SENDERS or sender.domain.is_verified() or is_proved_by_address(sender):
        return
    raise SenderError(
        _("送信元ドメイン %(domain)s の確認が済んでいないため、まだ配信できません。%(missing)s")
        % {"domain": display_domain(sender.domain.name), "missing": explain_missing(sender.domain)},
        sender.domain,
    )


def is_proved_by_address(sender: Sender) -> bool:
    """Say whether a sender may send for its address alone, since its domain has not proved itself (E5)."""
    return settings.ADDRESS_VERIFICATION and sender.address_verified_at is not None and not sender.domain.is_verified()


def is_signed(sender: Sender) -> bool:
    """Say whether mails of a sender are signed: a key that receivers cannot find is worse than none (dkim=permerror,
    RFC 6376 section 6.1.2), and of a domain that proved nothing it is surely there only where a check found it.
    """
    return not is_proved_by_address(sender) or is_key_found(sender.domain)


def is_key_found(domain: SenderDomain) -> bool:
    """Say whether the newest check that could ask found a domain's DKIM key. Reads the prefetched `checks`."""
    return any(check.kind == CheckKind.DKIM and check.is_good() for check in domain.checks.all())


def where_to_fix(domain: SenderDomain) -> str:
    """Return the address of a domain's page, at the first required check that is not ok."""
    ok = {check.kind for check in domain.checks.all() if check.result == CheckResult.OK}
    item = next((kind for kind in settings.REQUIRED_CHECKS if kind not in ok), "")
    page = reverse("domain_detail", args=[domain.pk])
    return f"{page}#{item}" if item else page


def explain_missing(domain: SenderDomain) -> str:
    """Return a sentence that names each required check that is not ok, and what to do about it."""
    results = {check.kind: CheckResult(check.result) for check in domain.checks.all()}
    required = [CheckKind(kind) for kind in settings.REQUIRED_CHECKS]
    never = [kind.label for kind in required if kind not in results]
    if never:
        return _("%(items)s をまだ確認していません。「確認する」を押すと、設定する値がわかります。") % {
            "items": _(" と ").join(map(str, never))
        }
    bad = [(kind, results[kind]) for kind in required if results[kind] in BAD]
    if bad:
        items = _("、").join(MISSING_WORDS[result] % {"kind": kind.label} for kind, result in bad)
        return _("%(items)s。DNS の設定を直してから、もう一度「確認する」を押してください。") % {"items": items}
    unknown = _(" と ").join(str(kind.label) for kind in required if results[kind] == CheckResult.UNKNOWN)
    if unknown:
        return _(
            "DNS に問い合わせできず、%(items)s を確認できませんでした。時間をおいてもう一度「確認する」を押してください。"
        ) % {"items": unknown}
    return _("もう一度「確認する」を押してください。")
