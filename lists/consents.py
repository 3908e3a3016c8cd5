"""The ledger of consents (A4): what is written down, when a consent ends, and how long it is kept (F4)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from accounts.inserting import insert_for_each
from accounts.models import User
from lists.models import Consent, ConsentSource, MailingList, Subscriber, Subscription

# When each of these subscribers was mailed last; who never was is missing. Passed down, as `lists.limits.Prove` is.
LastMailed = Callable[[Sequence[int]], Mapping[int, datetime]]

# Consents that one statement deletes, and statements of one call.
BATCH = 1000
BATCHES = 10
# Deleted lists that one call forgets.
LISTS = 10


def record_consents(
    subscriber_ids: Collection[int],
    mailing_list: MailingList,
    *,
    evidence: str,
    actor: User | None,
    now: datetime,
    text_version: str = "",
) -> None:
    """Write down that these subscribers agreed to be on a list, as a person says who put them there by hand (A4).

    `evidence` is the person's word for how they agreed, at most 255 characters.
    """
    consent = Consent(
        mailing_list=mailing_list,
        source=ConsentSource.MANUAL,
        at=now,
        evidence=evidence[:255],
        text_version=text_version[:50],
        recorded_by=actor,
    )
    insert_for_each(consent, "subscriber", Subscriber.objects.filter(pk__in=subscriber_ids).values_list("pk"))


def end_consents(subscriber_ids: Collection[int], mailing_list: MailingList | None, *, now: datetime) -> int:
    """Write down that the places of these subscribers ended: on a list, or on all where it is None; return how many.

    Called in the transaction that takes them off. From then on the consent is kept until CONSENT_KEEP_DAYS after the
    last mail. The list's name is kept beside it, for the day when the list is gone.
    """
    live = Consent.objects.filter(subscriber__in=subscriber_ids, ended_at=None)
    if mailing_list is None:
        return live.update(ended_at=now)
    return live.filter(mailing_list=mailing_list).update(ended_at=now, list_name=mailing_list.name)


def purge_ended(*, now: datetime, last_mailed: LastMailed, batch: int = BATCH, batches: int = BATCHES) -> int:
    """Delete consents whose place and whose last mail ended CONSENT_KEEP_DAYS ago; return how many.

    `batch` consents are looked at together, `batches` times at most.

    A consent whose subscriber still was mailed later is put off by the time of that mail, so that nobody is asked
    about every time. What one call leaves, the next one takes. The rows of deleted lists go with their last consent.
    """
    kept_since = now - timedelta(days=settings.CONSENT_KEEP_DAYS)
    deleted = 0
    for _batch in range(batches):
        looked_at, gone = _purge_batch(kept_since, last_mailed, batch)
        deleted += gone
        if looked_at < batch:
            break
    forget_lists(kept_since)
    return deleted


def _purge_batch(kept_since: datetime, last_mailed: LastMailed, batch: int) -> tuple[int, int]:
    """Look at the consents that were kept longest; return how many these were, and how many of them were deleted."""
    ended = Consent.objects.filter(ended_at__isnull=False).alias(since=Coalesce("mailed_at", "ended_at"))
    due = list(ended.filter(since__lte=kept_since).order_by("since")[:batch])
    mailed = last_mailed(sorted({consent.subscriber_id for consent in due if consent.subscriber_id is not None}))
    put_off = []
    for consent in due:
        at = mailed.get(consent.subscriber_id) if consent.subscriber_id is not None else None
        if at is not None and at > kept_since:
            consent.mailed_at = at
            put_off.append(consent)
    with transaction.atomic():
        Consent.objects.bulk_update(put_off, ["mailed_at"], batch_size=200)
        kept = {consent.pk for consent in put_off}
        gone, _by_model = ended.filter(pk__in=[consent.pk for consent in due if consent.pk not in kept]).delete()
    return len(due), gone


def forget_lists(deleted_before: datetime) -> None:
    """Delete the rows of lists that were deleted and emptied, and whose consents all went."""
    lists = MailingList.everything.filter(
        ~Exists(Consent.objects.filter(mailing_list=OuterRef("pk"))),
        ~Exists(Subscription.objects.filter(mailing_list=OuterRef("pk"))),
        deleted_at__lte=deleted_before,
    )
    for mailing_list in lists[:LISTS]:
        mailing_list.delete()
