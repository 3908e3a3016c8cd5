"""Keeps what checks of a domain found, decides whether it may send, and writes down how that changed."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts import audit
from accounts.models import User
from senders.dkim_keys import keys_in_dns
from senders.domains import withdraw_address_proofs
from senders.models import CheckKind, CheckResult, DkimKey, DnsCheck, DnsCheckChange, Sender, SenderDomain
from senders.outcomes import CheckOutcome

Outcomes = Mapping[CheckKind, CheckOutcome]
Keys = Mapping[CheckKind, DkimKey]

logger = logging.getLogger(__name__)

FOUND_LIMIT = 8000
LINES_LIMIT = 200
BAD = (CheckResult.MISSING, CheckResult.WRONG)
STORED = (
    "verified_at",
    "checked_at",
    "recheck_at",
    "failing_since",
    "lost_at",
    "to_mail",
    "return_proved_at",
    "is_checking",
)
# Who has not set or mended a domain by then presses 確認する when it is.
GIVEN_UP_AFTER = timedelta(days=30)
# How long the history of a domain is kept, and how many of its rows are deleted at once.
HISTORY_KEPT = timedelta(days=400)
DELETED_AT_ONCE = 1000
# So many domains, and such a part of those that were looked at, may be lost within a day. More at once is hardly their
# doing: a changed SPF_INCLUDE, a network that lies.
LOSSES, LOSSES_PART = 10, 0.2
LOSSES_TIME = timedelta(days=1)


@transaction.atomic
def store_outcomes(
    domain: SenderDomain, outcomes: Outcomes, *, keys: Keys, now: datetime, actor: User | None = None
) -> bool:
    """Store the newest outcomes, set or take away `verified_at`, and return whether the domain may send.

    `keys` are those that were looked for, `now` is when the look began: one that a later look overtook, or whose keys or
    return domain are no longer those of the domain, is dropped. Where nothing required is missing or wrong but something
    could not be asked, `verified_at` stays as it is: an outage of the DNS never un-verifies. What a person sees counts at
    once; what the daily check finds missing or wrong is looked at once more before it counts. The change is written to the
    audit log, and the managers are to be told.
    """
    stored = SenderDomain.objects.select_for_update().get(pk=domain.pk)
    stored.is_checking = False
    is_overtaken = stored.checked_at is not None and stored.checked_at > now
    if not is_overtaken and keys_in_dns(stored) == keys and stored.return_name == domain.return_name:
        judge(stored, outcomes, keys=keys, now=now, actor=actor)
        stored.checked_at = now
    stored.save(update_fields=STORED)
    for name in STORED:
        setattr(domain, name, getattr(stored, name))
    return domain.is_verified()


def judge(domain: SenderDomain, outcomes: Outcomes, *, keys: Keys, now: datetime, actor: User | None) -> None:
    """Store outcomes and what follows from them; saves nothing of the locked domain itself."""
    is_sure = actor is not None
    is_return_sure = is_sure or was_bad_return(domain, now=now)
    doubtful = store_checks(domain, outcomes, now=now, actor=actor)
    DnsCheck.objects.filter(domain=domain).exclude(kind__in=outcomes).delete()
    activate_seen(keys, outcomes, now=now)
    was_verified = domain.is_verified()
    judge_domain(domain, outcomes, now=now, is_sure=is_sure)
    judge_return(domain, outcomes.get(CheckKind.RETURN), now=now, is_sure=is_return_sure)
    judge_old_keys(domain, outcomes.get(CheckKind.OLD_KEY), now=now)
    if domain.is_verified() != was_verified:
        note_change(domain, outcomes, now=now, actor=actor)
    elif not domain.is_verified():
        judge_addresses(domain, outcomes.get(CheckKind.DMARC), now=now, is_sure=is_sure)
        confirm = now + timedelta(minutes=settings.RECHECK_CONFIRM_MINUTES)
        if CheckKind.DKIM in doubtful and domain.recheck_at is not None and domain.recheck_at > confirm:
            # Whether mails of proved addresses are signed hangs on it (senders/verification.py).
            domain.recheck_at = confirm


@transaction.atomic
def store_next_key(key: DkimKey, outcome: CheckOutcome, *, now: datetime, actor: User) -> None:
    """Store what was found of a key that waits for its turn, and of nothing else; `now` is when the look began.

    Dropped where a later look overtook it, and where the key does not wait any more.
    """
    domain = SenderDomain.objects.select_for_update().filter(pk=key.domain_id).first()
    if domain is None:
        return
    SenderDomain.objects.filter(pk=domain.pk).update(is_checking=False)
    is_overtaken = domain.checked_at is not None and domain.checked_at > now
    if not is_overtaken and keys_in_dns(domain).get(CheckKind.NEXT_KEY) == key:
        outcomes = {CheckKind.NEXT_KEY: outcome}
        store_checks(domain, outcomes, now=now, actor=actor)
        activate_seen({CheckKind.NEXT_KEY: key}, outcomes, now=now)


def activate_seen(keys: Keys, outcomes: Outcomes, *, now: datetime) -> None:
    """Write down which keys were found, and let those sign that waited for their record.

    One that is to take the place of another waits on: a person switches (senders/dkim_rotation.py).
    """
    seen = {kind: key.pk for kind, key in keys.items() if outcomes[kind].result == CheckResult.OK}
    DkimKey.objects.filter(pk__in=seen.values(), retired_at=None).update(seen_at=now)
    first = [pk for kind, pk in seen.items() if kind != CheckKind.NEXT_KEY]
    DkimKey.objects.filter(pk__in=first, activated_at=None, retired_at=None).update(activated_at=now)


def store_checks(domain: SenderDomain, outcomes: Outcomes, *, now: datetime, actor: User | None) -> set[CheckKind]:
    """Put the outcomes in the place of the last ones of their kinds, and what differs into the history.

    Return which were good till now, and are to be looked at once more: nobody asked, and once is not sure.
    """
    known = {check.kind: check for check in DnsCheck.objects.filter(domain=domain)}
    changes = []
    doubtful = set()
    for kind, outcome in outcomes.items():
        check = known.get(kind) or DnsCheck(domain=domain, kind=kind)
        found, expected = outcome.found[:FOUND_LIMIT], outcome.expected[:FOUND_LIMIT]
        if outcome.result == CheckResult.UNKNOWN:
            # What was there when it could be asked is what is known.
            found, expected = found or check.found, expected or check.expected
        check.found_at = now if outcome.found or outcome.result != CheckResult.UNKNOWN else check.found_at
        if check.result != outcome.result or sorted(check.found.splitlines()) != sorted(found.splitlines()):
            change = DnsCheckChange(
                domain=domain, kind=kind, before=check.result, after=outcome.result, at=now, by=actor
            )
            change.found = outcome.found[:FOUND_LIMIT]
            changes.append(change)
        before = check.result
        check.result, check.found, check.advice = outcome.result, found, outcome.advice[:500]
        check.expected, check.ttl, check.checked_at = expected, outcome.ttl, now
        check.lines = [asdict(line) for line in outcome.lines[:LINES_LIMIT]]
        if outcome.result != CheckResult.UNKNOWN:
            if outcome.result == CheckResult.OK:
                check.good_at = now
            elif actor is None and check.good_at is not None and before not in BAD:
                doubtful.add(kind)
            else:
                check.good_at = None
            check.refuses_us = outcome.refuses_us
        check.save()
    DnsCheckChange.objects.bulk_create(changes)
    return doubtful


def judge_domain(domain: SenderDomain, outcomes: Outcomes, *, now: datetime, is_sure: bool) -> None:
    """Set whether the domain may send, and when it is looked at again; saves nothing.

    `is_sure` = a bad result counts at once, else only when it is still bad after RECHECK_CONFIRM_MINUTES, and not while
    many are lost.
    """
    required = [outcomes[CheckKind(kind)] for kind in settings.REQUIRED_CHECKS]
    domain.recheck_at = now + timedelta(hours=settings.RECHECK_HOURS)
    if not any(outcome.result in BAD and not outcome.keeps_verified for outcome in required):
        if all(outcome.result == CheckResult.OK for outcome in required):
            domain.verified_at = domain.verified_at or now
        if all(outcome.result == CheckResult.OK or outcome.keeps_verified for outcome in required):
            domain.failing_since = None
    elif domain.is_verified():
        confirm = timedelta(minutes=settings.RECHECK_CONFIRM_MINUTES)
        domain.failing_since = domain.failing_since or now
        is_sure = is_sure or (now - domain.failing_since >= confirm and not loses_many(domain, now=now))
        if is_sure:
            domain.verified_at = domain.failing_since = None
        else:
            domain.recheck_at = now + confirm
    if not domain.is_verified() and domain.lost_at is None and is_given_up(domain, now=now):
        # Not proved yet: it is for its owner to ask.
        domain.recheck_at = None


def is_given_up(domain: SenderDomain, *, now: datetime) -> bool:
    """Say whether nobody asked for a look for GIVEN_UP_AFTER, and no address of the domain lets it send."""
    asked_at = domain.check_started_at or domain.created_at
    return asked_at < now - GIVEN_UP_AFTER and not proved_senders(domain).exists()


def proved_senders(domain: SenderDomain) -> QuerySet[Sender]:
    """Return the senders in use that may send for their addresses alone; none where links prove nothing."""
    senders = domain.senders.filter(archived_at=None, address_verified_at__isnull=False)
    return senders if settings.ADDRESS_VERIFICATION else senders.none()


def judge_addresses(domain: SenderDomain, outcome: CheckOutcome | None, *, now: datetime, is_sure: bool) -> None:
    """Take back what addresses proved where receivers are asked by now to refuse their mails (E5, E10).

    Saves nothing of the domain itself; `is_sure` as for that.
    """
    if outcome is None or outcome.result == CheckResult.UNKNOWN or not proved_senders(domain).exists():
        return
    if not outcome.refuses_us:
        domain.failing_since = None
        return
    confirm = timedelta(minutes=settings.RECHECK_CONFIRM_MINUTES)
    domain.failing_since = domain.failing_since or now
    if is_sure or (now - domain.failing_since >= confirm and not loses_many(domain, now=now)):
        withdraw_address_proofs(domain.senders.all(), now=now)
        domain.failing_since = None
        note_loss(domain, now=now)
    else:
        domain.recheck_at = now + confirm


def judge_old_keys(domain: SenderDomain, outcome: CheckOutcome | None, *, now: datetime) -> None:
    """Write down which keys that were replaced have lost their record; saves nothing of the domain itself.

    One that is missing again after RECHECK_CONFIRM_MINUTES signs no more (senders/dkim_keys.py): its signatures would be worse
    than those of the present key. It stays so when its record comes back, and nobody is warned any more.
    """
    confirm = timedelta(minutes=settings.RECHECK_CONFIRM_MINUTES)
    results = outcome.by_selector if outcome else {}
    for key in domain.dkim_keys.filter(selector__in=results):
        if results[key.selector] == CheckResult.OK:
            key.missing_since = None
        elif results[key.selector] in BAD:
            key.missing_since = key.missing_since or now
            if now - key.missing_since >= confirm:
                key.gone_at = key.gone_at or now
                # Of others the next look tells.
                DnsCheck.objects.filter(domain=domain, kind=CheckKind.OLD_KEY).delete()
            elif domain.recheck_at is None or domain.recheck_at > now + confirm:
                domain.recheck_at = now + confirm
        key.save(update_fields=["missing_since", "gone_at"])


def was_bad_return(domain: SenderDomain, *, now: datetime) -> bool:
    """Say whether a look RECHECK_CONFIRM_MINUTES ago or earlier, the newest, found the return domain missing or wrong."""
    earlier = now - timedelta(minutes=settings.RECHECK_CONFIRM_MINUTES)
    checks = DnsCheck.objects.filter(domain=domain, kind=CheckKind.RETURN, result__in=BAD, checked_at__lte=earlier)
    return domain.return_proved_at is not None and checks.exists()


def judge_return(domain: SenderDomain, outcome: CheckOutcome | None, *, now: datetime, is_sure: bool) -> None:
    """Set whether new mailings return to the customer's own domain; saves nothing. None = there is none, or none is offered.

    `is_sure` = a bad result counts at once; else it is looked at once more after RECHECK_CONFIRM_MINUTES.
    """
    if outcome is None:
        # Nobody looks at it meanwhile: it is proved anew when it is offered again.
        domain.return_proved_at = None
    elif outcome.result == CheckResult.OK:
        domain.return_proved_at = domain.return_proved_at or now
    elif outcome.result in BAD and domain.return_proved_at is not None:
        if is_sure:
            domain.return_proved_at = None
        else:
            domain.recheck_at = now + timedelta(minutes=settings.RECHECK_CONFIRM_MINUTES)


def loses_many(domain: SenderDomain, *, now: datetime) -> bool:
    """Say whether so many domains were lost within a day that this one's loss is not believed; the operator is told."""
    since = now - LOSSES_TIME
    lost = SenderDomain.objects.filter(lost_at__gt=since).count()
    if lost < LOSSES or lost < LOSSES_PART * SenderDomain.objects.filter(checked_at__gt=since).count():
        return False
    logger.error("%d domains were lost within a day, see SPF_INCLUDE and the DNS: %s is kept", lost, domain.name)
    return True


def note_change(domain: SenderDomain, outcomes: Outcomes, *, now: datetime, actor: User | None) -> None:
    """Write down that a domain may send now or may not any more; saves nothing of the domain itself."""
    action = "sender_domain.verify" if domain.is_verified() else "sender_domain.unverify"
    results = {kind: str(outcome.result) for kind, outcome in outcomes.items()}
    audit.record(domain.workspace, actor, action, domain.name, **results)
    if domain.is_verified():
        # Of a loss that nobody was told about, nobody need be told that it is over.
        domain.to_mail = domain.lost_at is not None and not domain.to_mail
        domain.lost_at = None
        # Its DNS says now whose it is. Of its own workspace as well: should it be lost again, an old link must not hide that.
        withdraw_address_proofs(Sender.objects.filter(domain__name=domain.name), now=now)
    else:
        note_loss(domain, now=now)


def note_loss(domain: SenderDomain, *, now: datetime) -> None:
    """Have the managers told that a domain may not send any more; saves nothing."""
    domain.to_mail, domain.lost_at = True, now
    domain.recheck_at = now + timedelta(hours=settings.RECHECK_HOURS)


def forget_old(*, now: datetime) -> int:
    """Delete some of what the history keeps longer than HISTORY_KEPT; return how many."""
    old = DnsCheckChange.objects.filter(at__lt=now - HISTORY_KEPT).order_by("at").values_list("pk", flat=True)
    number, _by_model = DnsCheckChange.objects.filter(pk__in=list(old[:DELETED_AT_ONCE])).delete()
    return number
