"""Mailing lists as people see them: saved with their limit applied, counted, deleted with their files."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count

from accounts import audit
from accounts.models import User
from lists.limits import apply_limits, mark_limits
from lists.models import MailingList, SubscriberStatus, Subscription


@dataclass(frozen=True, slots=True)
class ListCounts:
    """How many subscribers are on a list."""

    total: int = 0
    stopped: int = 0

    @property
    def active(self) -> int:
        """Return how many are sent to."""
        return self.total - self.stopped


def count_lists(mailing_lists: Iterable[MailingList]) -> dict[int, ListCounts]:
    """Return the counts of each list by its id, in two queries."""
    places = Subscription.objects.filter(mailing_list__in=[mailing_list.pk for mailing_list in mailing_lists])
    by_list = places.order_by().values("mailing_list_id").annotate(number=Count("pk"))
    totals = {row["mailing_list_id"]: row["number"] for row in by_list}
    # The few who are stopped are counted, not the many who are not.
    stopped = by_list.filter(subscriber__status=SubscriberStatus.STOPPED)
    stops = {row["mailing_list_id"]: row["number"] for row in stopped}
    return {pk: ListCounts(total, stops.get(pk, 0)) for pk, total in totals.items()}


def save_list(mailing_list: MailingList, *, actor: User, now: datetime) -> int:
    """Store a new or changed list and apply its limit (A7); return how many subscribers that stopped at once."""
    workspace = mailing_list.workspace
    action = "list.update" if mailing_list.pk else "list.create"
    with transaction.atomic():
        mailing_list.save()
        mark_limits(workspace, now=now)
        audit.record(workspace, actor, action, mailing_list.name, error_limit=mailing_list.error_limit)
    return apply_limits(workspace, now=now)


def delete_list(mailing_list: MailingList, *, actor: User) -> None:
    """Delete a list, its imports and their files. The subscribers and their history stay."""
    files = list(mailing_list.csv_imports.exclude(file="").values_list("file", flat=True))
    with transaction.atomic():
        subscribers = mailing_list.subscriptions.count()
        audit.record(mailing_list.workspace, actor, "list.delete", mailing_list.name, subscribers=subscribers)
        mailing_list.delete()
        transaction.on_commit(lambda: delete_files(files))


def delete_files(names: Iterable[str]) -> None:
    """Delete uploaded files; one that is gone is no fault."""
    for name in names:
        default_storage.delete(name)
