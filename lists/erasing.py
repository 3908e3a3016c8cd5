"""Erases the personal data of subscribers; what stays is an HMAC by which no file brings the address back."""

import hmac
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from hashlib import sha256

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.models import User, Workspace
from lists.models import Consent, ErasedAddress, Subscriber, TraceSweep
from lists.recounting import lock_subscribers
from lists.traces import Gone, Words, find_gone, scrub_traces

# Erases what an app above keeps of subscribers, in the transaction in which they go.
Eraser = Callable[[Gone, datetime], None]

# Digests that are asked for in one statement.
PIECE = 500
# People whose mails are erased together: what is held in memory grows with the mails that they got.
PART = 20


def digest_of(workspace_id: int, address_key: str, *, secret: str = "") -> bytes:
    """Return the 32 bytes by which an erased address is recognised (HMAC-SHA-256, RFC 2104).

    The workspace is part of it, so that the tables of two customers cannot be joined. `secret` is one of
    ERASURE_KEYS, the first of them where none is given.
    """
    key = sha256(b"erased address:" + (secret or settings.ERASURE_KEYS[0]).encode()).digest()
    return hmac.digest(key, f"{workspace_id}:{address_key}".encode(), "sha256")


def find_erased(workspace: Workspace, address_keys: Collection[str]) -> set[str]:
    """Return which of these address keys were erased in the workspace."""
    erased: set[str] = set()
    if not ErasedAddress.objects.filter(workspace=workspace).exists():
        return erased
    keys: Sequence[str] = list(address_keys)
    for start in range(0, len(keys), PIECE):
        erased |= _find_piece(workspace, keys[start : start + PIECE])
    return erased


def _find_piece(workspace: Workspace, address_keys: Sequence[str]) -> set[str]:
    by_digest = {
        digest_of(workspace.pk, key, secret=secret): key for key in address_keys for secret in settings.ERASURE_KEYS
    }
    found = ErasedAddress.objects.filter(workspace=workspace, digest__in=list(by_digest))
    return {by_digest[bytes(digest)] for digest in found.values_list("digest", flat=True)}


def erase(
    subscriber_ids: Collection[int],
    *,
    workspace: Workspace,
    actor: User | None,
    now: datetime,
    why: str = "",
    bulk: int | None = None,
    also: Sequence[Eraser] = (),
) -> int:
    """Erase up to some hundred subscribers of a workspace in one transaction; return how many.

    `also` are the erasers of the apps above. Their consents stay, with a digest instead of the person (F4); their
    entries in the audit log lose the address, the only time that one is changed. `why` is a person's word for it,
    `bulk` the number of the bulk action. Texts that no index leads to are looked through later (`lists.sweeping`),
    and the figures of lists are the caller's.
    """
    with transaction.atomic():
        locked = lock_subscribers(subscriber_ids)
        people = [person for person in locked if person.workspace_id == workspace.pk]
        if not people:
            return 0
        gone = find_gone(workspace, people)
        for part in gone.parts(PART):
            for eraser in also:
                eraser(part, now)
        scrub_traces(gone)
        _keep_consents(people, now)
        _keep_digests(gone, now)
        Subscriber.objects.filter(pk__in=[person.pk for person in people]).delete()
        detail = {"why": Words(gone.keys).scrub(why)} if why else {}
        detail |= {"bulk": bulk} if bulk else {}
        audit.record_each(workspace, actor, "subscriber.erased", [f"#{person.pk}" for person in people], **detail)
        # At the end, as the row is locked from here on.
        _mark_sweep(workspace, now)
    return len(people)


def _keep_consents(people: Sequence[Subscriber], now: datetime) -> None:
    """Put a digest in the place of each person; what they agreed to stays for as long as the law wants it."""
    Consent.objects.filter(subscriber__in=people, ended_at=None).update(ended_at=now)
    for person in people:
        digest = digest_of(person.workspace_id, person.address_key)
        Consent.objects.filter(subscriber=person).update(subscriber=None, digest=digest, ip=None)


def _keep_digests(gone: Gone, now: datetime) -> None:
    """Remember the addresses, also the former ones: an old file names people by those."""
    workspace = gone.workspace
    ErasedAddress.objects.bulk_create(
        [ErasedAddress(workspace=workspace, digest=digest_of(workspace.pk, key), at=now) for key in gone.keys],
        ignore_conflicts=True,
    )


def _mark_sweep(workspace: Workspace, now: datetime) -> None:
    TraceSweep.objects.bulk_create(
        [TraceSweep(workspace=workspace, due_at=now)],
        update_conflicts=True,
        unique_fields=["workspace"],
        update_fields=["due_at"],
    )


def forget_erasure(workspace: Workspace, address_key: str) -> bool:
    """Forget that an address was erased, because its owner agreed anew; say whether it was."""
    digests = [digest_of(workspace.pk, address_key, secret=secret) for secret in settings.ERASURE_KEYS]
    number, _by_model = ErasedAddress.objects.filter(workspace=workspace, digest__in=digests).delete()
    return number > 0
