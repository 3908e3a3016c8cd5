"""The life of DKIM keys: a new one is made, waits for its record, takes the place of the old one, which is destroyed later."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from mta.dkim import DkimError
from senders.dkim_keys import (
    KINDS,
    is_waiting,
    keys_in_dns,
    load_keys,
    make_private_key,
    make_selector,
    signs_until,
    store_key,
)
from senders.errors import SenderError
from senders.models import CheckKind, DkimKey, KeyAlgorithm, Sender, SenderDomain

# A look at the DNS counts for the switch for so long.
FRESH_FOR = timedelta(minutes=10)
# Keys that one tick retires, domains that it asks to be reminded; the next one goes on.
BATCH = 50
# The record of a key outlasts its last signature: relays and greylists hold mails, for five days at most
# (RFC 5321 section 4.5.4.1).
RECORD_STAYS = timedelta(days=7)

SIGNING = Q(activated_at__isnull=False, superseded_at=None, retired_at=None)
WAITING = Q(activated_at=None, retired_at=None)


def lock_domain(domain_id: int) -> SenderDomain:
    """Return a domain, locked until the transaction ends: its keys change one after the other.

    Raises SenderError where it was removed meanwhile.
    """
    domains = SenderDomain.objects.select_for_update(no_key=True).select_related("workspace")
    domain = domains.filter(pk=domain_id).first()
    if domain is None:
        raise SenderError(_("このドメインは削除されました。使う場合は、もう一度追加してください。"))
    return domain


def require_none_waiting(domain: SenderDomain, algorithm: str) -> None:
    """Raise SenderError where another key waits already: one rotation at a time."""
    if CheckKind.NEXT_KEY in keys_in_dns(domain) or domain.dkim_keys.filter(WAITING, algorithm=algorithm).exists():
        sentence = _("切り替え待ちの鍵がすでにあります。切り替えるか、取りやめてから、もう一度お試しください。")
        raise SenderError(sentence, domain)


def begin(domain: SenderDomain, algorithm: KeyAlgorithm, *, actor: User) -> DkimKey:
    """Make a key that waits to take the place of the one that signs, and return it.

    Raises SenderError where one waits already, where no encryption key is set, and where the domain was removed meanwhile.
    """
    # Before the lock: an RSA key takes up to a second, and with SQLite nobody else writes meanwhile.
    private_key = make_private_key(algorithm)
    with transaction.atomic():
        locked = lock_domain(domain.pk)
        require_none_waiting(locked, algorithm)
        key = store_key(locked, private_key, selector=make_selector(timezone.localdate()), activated_at=None)
        audit.record(locked.workspace, actor, "sender_domain.begin_key", str(key))
    return key


def is_seen(key: DkimKey, *, now: datetime) -> bool:
    """Say whether the newest look at the domain found a key's record, not long ago."""
    checked_at = key.domain.checked_at
    return key.seen_at is not None and key.seen_at >= now - FRESH_FOR and (not checked_at or key.seen_at >= checked_at)


@transaction.atomic
def switch(key: DkimKey, *, actor: User, now: datetime) -> None:
    """Let a key that waits sign from now on, in the place of the one that does.

    Mailings that began before go on with the old key. Raises SenderError where the key does not wait, where its record was
    not found lately (`is_seen`), where it cannot be decrypted or read, and where the domain was removed meanwhile.
    """
    domain = lock_domain(key.domain_id)
    keys = keys_in_dns(domain)
    waiting = keys.get(CheckKind.NEXT_KEY)
    if waiting is None or waiting.pk != key.pk:
        raise SenderError(_("この鍵は切り替え待ちではありません。最新の状態を確かめてください。"), key)
    if not is_seen(waiting, now=now):
        raise SenderError(_("切り替え先の鍵のレコードが、まだ DNS で確認できていません。"), key)
    try:
        load_keys(domain, [waiting])
    except DkimError as error:
        raise SenderError(error.sentence, key) from error
    kind = KINDS[KeyAlgorithm(waiting.algorithm)]
    DkimKey.objects.filter(SIGNING, pk=keys[kind].pk).update(superseded_at=now)
    DkimKey.objects.filter(WAITING, pk=waiting.pk).update(activated_at=now)
    # What was found of the next key is from now on what was found of the one that signs.
    found = domain.checks.filter(kind=CheckKind.NEXT_KEY)
    if found.exists():
        domain.checks.filter(kind=kind).delete()
        found.update(kind=kind)
    # The signature is proved anew.
    SenderDomain.objects.filter(pk=domain.pk, verified_at__isnull=False).update(recheck_at=now)
    audit.record(domain.workspace, actor, "sender_domain.switch_key", str(waiting), before=keys[kind].selector)


@transaction.atomic
def abandon(key: DkimKey, *, actor: User) -> bool:
    """Delete a key that waits: nothing was ever signed with it. Returns False where it does not wait.

    Raises SenderError where the domain was removed meanwhile.
    """
    domain = lock_domain(key.domain_id)
    kind = next((kind for kind, waiting in keys_in_dns(domain).items() if waiting.pk == key.pk), None)
    # Without its only RSA key a domain could not sign.
    if kind is None or kind == CheckKind.DKIM or not is_waiting(key):
        return False
    if not DkimKey.objects.filter(WAITING, pk=key.pk).delete()[0]:
        return False
    domain.checks.filter(kind=kind).delete()
    audit.record(domain.workspace, actor, "sender_domain.abandon_key", str(key))
    return True


def retires_at(key: DkimKey) -> datetime | None:
    """Return until when the record of a key that was replaced has to stay; None for others."""
    until = signs_until(key)
    return until and until + RECORD_STAYS


def retire_due(*, now: datetime) -> int:
    """Destroy the private parts of some keys whose record need not stay any more (`retires_at`); return of how many."""
    overlap = timedelta(days=settings.KEY_OVERLAP_DAYS)
    replaced = DkimKey.objects.filter(superseded_at__lte=now - overlap - RECORD_STAYS, retired_at=None)
    number = 0
    for key in replaced.select_related("domain__workspace").order_by("pk")[:BATCH]:
        if DkimKey.objects.filter(pk=key.pk, retired_at=None).update(retired_at=now, private_key=b""):
            audit.record(key.domain.workspace, None, "sender_domain.retire_key", str(key))
            number += 1
    return number


def old_keys(*, now: datetime) -> Q:
    """Return the filter of keys that signed for KEY_REMIND_DAYS."""
    return SIGNING & Q(activated_at__lte=now - timedelta(days=settings.KEY_REMIND_DAYS))


def unreminded_keys(*, now: datetime) -> Q:
    """Return the filter of old keys that nobody was reminded of within KEY_REMIND_DAYS."""
    long_ago = now - timedelta(days=settings.KEY_REMIND_DAYS)
    return old_keys(now=now) & (Q(reminded_at=None) | Q(reminded_at__lte=long_ago))


def domains_to_remind(*, now: datetime) -> list[int]:
    """Return some domains with a sender in use whose managers are to be reminded of an old key."""
    in_use = Sender.objects.filter(archived_at=None).values("domain")
    keys = DkimKey.objects.filter(unreminded_keys(now=now), domain__in=in_use)
    return list(keys.order_by("domain").values_list("domain", flat=True).distinct()[:BATCH])
