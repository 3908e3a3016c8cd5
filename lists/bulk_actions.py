"""What a bulk action does to some subscribers, within one transaction. Each returns how many it changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import connection

from accounts import audit
from lists.consents import end_consents, record_consents
from lists.models import (
    RECIPIENTS_WILL,
    BulkAction,
    BulkJob,
    MailingList,
    StopReason,
    Subscriber,
    SubscriberStatus,
    Subscription,
)
from lists.recounting import clear_errors

# Takes the job, ids in ascending order, and the time.
Act = Callable[[BulkJob, Sequence[int], datetime], int]


def lock_people(ids: Sequence[int]) -> list[Subscriber]:
    """Lock subscribers in the order of their ids; those that are gone are left out."""
    return list(Subscriber.objects.filter(pk__in=ids).select_for_update(no_key=True).order_by("pk"))


def tell(job: BulkJob, people: Iterable[Subscriber], action: str, **detail: Any) -> None:
    """Write into the audit log what was done to each of these subscribers."""
    addresses = [person.address for person in people]
    audit.record_each(job.workspace, job.created_by, action, addresses, **detail, bulk=job.pk)


def stop_people(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Stop who is sent to. Who refused or complained keeps that reason."""
    people = lock_people(ids)
    rows = Subscriber.objects.filter(pk__in=[person.pk for person in people])
    rows.mark_stopped(StopReason.MANUAL, now)
    stopped = [person for person in people if not person.is_stopped()]
    rows.filter(pk__in=[person.pk for person in stopped]).update(stop_note=job.why)
    tell(job, stopped, "subscriber.stopped", reason=StopReason.MANUAL.value, why=job.why)
    return len(stopped)


def resume_people(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Put who is stopped back into 配信中 and clear the errors.

    Who refused or complained is left alone, unless the person who asked gave their word for that; and even then
    who did so after the asking.
    """
    chosen = [person for person in lock_people(ids) if person.is_stopped() and may_resume(job, person)]
    chosen_ids = [person.pk for person in chosen]
    Subscriber.objects.filter(pk__in=chosen_ids).update(
        status=SubscriberStatus.ACTIVE, stop_reason="", stopped_at=None, stop_note="", updated_at=now
    )
    clear_errors(chosen_ids, now=now)
    for was in sorted({person.stop_reason for person in chosen}):
        of_reason = [person for person in chosen if person.stop_reason == was]
        tell(job, of_reason, "subscriber.resumed", why=job.why, was=was)
    return len(chosen)


def may_resume(job: BulkJob, person: Subscriber) -> bool:
    """Say whether a stopped subscriber's own will allows to resume it."""
    if person.stop_reason not in RECIPIENTS_WILL:
        return True
    return bool(job.argument.get("own_will")) and person.updated_at <= job.created_at


def find_list(job: BulkJob) -> MailingList | None:
    """Return the list that the job names, None where it was deleted meanwhile."""
    return MailingList.objects.filter(workspace=job.workspace_id, pk=job.argument["list"]).first()


def add_people(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Put who is not on the list yet on it, and write down the consent (A4)."""
    mailing_list = find_list(job)
    if mailing_list is None:
        return 0
    people = lock_people(ids)
    places = Subscription.objects.filter(mailing_list=mailing_list, subscriber__in=[person.pk for person in people])
    known = set(places.values_list("subscriber_id", flat=True))
    new = [person for person in people if person.pk not in known]
    # An import may put the same people on the list at this moment.
    Subscription.objects.bulk_create(
        [Subscription(mailing_list=mailing_list, subscriber=person) for person in new], ignore_conflicts=True
    )
    record_consents(
        [person.pk for person in new],
        mailing_list,
        evidence=job.why,
        text_version=str(job.argument.get("text_version", "")),
        actor=job.created_by,
        now=now,
    )
    tell(job, new, "subscriber.listed", list=mailing_list.name)
    return len(new)


def remove_people(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Take who is on the list off it; their consents for it end."""
    mailing_list = find_list(job)
    if mailing_list is None:
        return 0
    people = lock_people(ids)
    places = Subscription.objects.filter(mailing_list=mailing_list, subscriber__in=[person.pk for person in people])
    known = set(places.values_list("subscriber_id", flat=True))
    places.delete()
    end_consents(known, mailing_list, now=now)
    removed = [person for person in people if person.pk in known]
    tell(job, removed, "subscriber.unlisted", list=mailing_list.name)
    return len(known)


def empty_places(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Take people off a list that is being deleted; their consents for it end."""
    mailing_list = MailingList.everything.get(pk=job.argument["list"])
    number, _by_model = Subscription.objects.filter(mailing_list=mailing_list, subscriber__in=ids).delete()
    end_consents(ids, mailing_list, now=now)
    return number


def set_values(job: BulkJob, ids: Sequence[int], now: datetime) -> int:
    """Give an attribute the value; "" takes it away."""
    name, value = str(job.argument["attribute"]), job.argument["value"]
    changed = []
    for person in lock_people(ids):
        if person.attributes.get(name, "") != value or type(person.attributes.get(name, "")) is not type(value):
            person.attributes = {key: kept for key, kept in person.attributes.items() if key != name}
            person.attributes |= {name: value} if value != "" else {}
            changed.append(person)
    write_attributes(changed, now)
    tell(job, changed, "subscriber.edited", fields=[name])
    return len(changed)


def write_attributes(people: Sequence[Subscriber], now: datetime) -> None:
    """Store the attributes of locked subscribers, a short statement each in one batch (see `recounting.write_counts`)."""
    attributes, updated_at = Subscriber._meta.get_field("attributes"), Subscriber._meta.get_field("updated_at")
    at = updated_at.get_db_prep_save(now, connection)
    rows = [(attributes.get_db_prep_save(person.attributes, connection), at, person.pk) for person in people]
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
