"""What a bulk action does to some subscribers, within one transaction. Each returns how many it changed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThanOrEqual

from accounts import audit
from accounts.inserting import insert_for_each
from lists.consents import end_consents, record_consents
from lists.models import (
    RECIPIENTS_WILL,
    BulkAction,
    BulkJob,
    MailingList,
    StopReason,
    Subscriber,
    SubscriberQuerySet,
    SubscriberStatus,
    Subscription,
)
from lists.people_states import forget_comparisons
from lists.recounting import clear_errors

# Takes the job, ids in ascending order, and the time.
Act = Callable[[BulkJob, Sequence[int], datetime], int]


def tell(job: BulkJob, people: SubscriberQuerySet, action: str, **detail: Any) -> int:
    """Write into the audit log what is done to each of these subscribers; return how many they are."""
    return audit.record_found(job.workspace, job.created_by, action, people, "address", **detail, bulk=job.pk)


def stop_people(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Stop who is sent to. Who is stopped already keeps the reason, whatever it is."""
    people = Subscriber.objects.filter(pk__in=Subscriber.objects.filter(pk__in=ids).active().lock())
    tell(job, people, "subscriber.stopped", reason=StopReason.MANUAL.value, why=job.why)
    return people.stop_active(StopReason.MANUAL, now, note=job.why)


def resume_people(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Put who is stopped back into 配信中 and clear the errors.

    Who refused or complained is left alone, unless the person who asked gave their word for that; and even then
    who did so after the asking.
    """
    chosen = Subscriber.objects.filter(may_resume(job), pk__in=ids).stopped().lock()
    people = Subscriber.objects.filter(pk__in=chosen)
    for was in people.order_by("stop_reason").values_list("stop_reason", flat=True).distinct():
        tell(job, people.filter(stop_reason=was), "subscriber.resumed", why=job.why, was=was)
    clear_errors(chosen, now=now)
    return people.update(
        status=SubscriberStatus.ACTIVE, stop_reason="", stopped_at=None, reason_at=None, stop_note="", updated_at=now
    )


def may_resume(job: BulkJob) -> Q:
    """Return whom the recipients' own will allows to resume, of those who are stopped."""
    others = ~Q(stop_reason__in=RECIPIENTS_WILL)
    if not job.argument.get("own_will"):
        return others
    return others | Q(LessThanOrEqual(Coalesce("reason_at", "stopped_at"), job.created_at))


def find_list(job: BulkJob) -> MailingList:
    """Return the list that the job names; it may have been deleted at this moment."""
    return MailingList.everything.get(workspace=job.workspace_id, pk=job.argument["list"])


def add_people(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Put who is not on the list yet on it, and write down the consent (A4)."""
    mailing_list = find_list(job)
    new = Subscriber.objects.filter(~is_on(mailing_list), pk__in=ids).lock()
    people = Subscriber.objects.filter(pk__in=new)
    # An import may put the same people on the list at this moment.
    insert_for_each(
        Subscription(mailing_list=mailing_list), "subscriber", people.values_list("pk"), ignore_conflicts=True
    )
    record_consents(
        new,
        mailing_list,
        evidence=job.why,
        text_version=str(job.argument.get("text_version", "")),
        actor=job.created_by,
        now=now,
    )
    return tell(job, people, "subscriber.listed", list=mailing_list.name)


def remove_people(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Take who is on the list off it; their consents for it end."""
    mailing_list = find_list(job)
    known = Subscriber.objects.filter(is_on(mailing_list), pk__in=ids).lock()
    Subscription.objects.filter(mailing_list=mailing_list, subscriber__in=known).delete()
    end_consents(known, mailing_list, now=now)
    return tell(job, Subscriber.objects.filter(pk__in=known), "subscriber.unlisted", list=mailing_list.name)


def is_on(mailing_list: MailingList) -> Exists:
    """Return the condition that a subscriber is on the list."""
    return Exists(Subscription.objects.filter(subscriber=OuterRef("pk"), mailing_list=mailing_list))


def empty_places(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Take people off a list that is being deleted; their consents for it end."""
    mailing_list = MailingList.everything.get(pk=job.argument["list"])
    number, _by_model = Subscription.objects.filter(mailing_list=mailing_list, subscriber__in=ids).delete()
    end_consents(ids, mailing_list, now=now)
    return number


def set_values(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Give an attribute the value; "" takes it away."""
    name, value = str(job.argument["attribute"]), job.argument["value"]
    locked = Subscriber.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("pk")
    changed: dict[int, dict[str, Any]] = {}
    for pk, attributes in locked.values_list("pk", "attributes"):
        had = attributes.get(name, "")
        # True is 1 for Python.
        if had != value or type(had) is not type(value):
            kept = {key: other for key, other in attributes.items() if key != name}
            changed[pk] = kept | ({name: value} if value != "" else {})
    write_attributes(changed, now)
    forget_comparisons(job.workspace_id)
    return tell(job, Subscriber.objects.filter(pk__in=list(changed)), "subscriber.edited", fields=[name])


def write_attributes(attributes: Mapping[int, Mapping[str, Any]], now: datetime) -> None:
    """Store the attributes of locked subscribers, a short statement each in one batch (see `recounting.write_counts`)."""
    stored, updated_at = Subscriber._meta.get_field("attributes"), Subscriber._meta.get_field("updated_at")
    at = updated_at.get_db_prep_save(now, connection)
    rows = [(stored.get_db_prep_save(found, connection), at, pk) for pk, found in attributes.items()]
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE lists_subscriber SET attributes = %s, updated_at = %s WHERE id = %s", rows)


# Erasing reaches into tables above this app: its task lives there.
ACTS: Mapping[str, Act] = MappingProxyType(
    {
        BulkAction.STOP: stop_people,
        BulkAction.RESUME: resume_people,
        BulkAction.ADD_TO_LIST: add_people,
        BulkAction.REMOVE_FROM_LIST: remove_people,
        BulkAction.SET_ATTRIBUTE: set_values,
        BulkAction.DELETE_LIST: empty_places,
    }
)
