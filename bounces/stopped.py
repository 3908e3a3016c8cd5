"""停止アドレス: who is not sent to any more, and why."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from operator import attrgetter

from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.models import Workspace
from bounces.exporting import Column
from bounces.times import write_time
from lists.models import AddressError, Subscriber, SubscriberQuerySet, Subscription

# Rows that are fetched together while the file is streamed.
BATCH = 2000


@dataclass(frozen=True, slots=True)
class StoppedSearch:
    """Which stopped addresses are looked at; empty is all. The dates are local and both belong to it."""

    q: str = ""
    reason: str = ""
    since: date | None = None
    until: date | None = None
    list_id: int | None = None

    def is_active(self) -> bool:
        """Say whether anything is searched for."""
        return self != StoppedSearch()

    def query(self) -> dict[str, str]:
        """Return what is searched for, for the query of a URL."""
        given: dict[str, str | date | int | None] = {
            "q": self.q,
            "reason": self.reason,
            "since": self.since,
            "until": self.until,
            "mailing_list": self.list_id,
        }
        return {name: str(value) for name, value in given.items() if value}


def find_stopped(workspace: Workspace, search: StoppedSearch) -> SubscriberQuerySet:
    """Return the stopped subscribers of a workspace that fit, the newest stop first."""
    found = narrow(workspace, search)
    if search.q:
        # As addresses are compared; a name is stored as it came.
        key = unicodedata.normalize("NFKC", search.q).lower()
        found = found.filter(Q(address_key__contains=key) | Q(name__contains=search.q))
    if search.reason:
        found = found.filter(stop_reason=search.reason)
    return found.order_by("-stopped_at", "-pk")


def narrow(workspace: Workspace, search: StoppedSearch) -> SubscriberQuerySet:
    """Return the stopped subscribers that fit the dates and the list."""
    stopped = Subscriber.objects.for_workspace(workspace).stopped()
    if search.since:
        stopped = stopped.filter(stopped_at__gte=midnight(search.since))
    if search.until:
        stopped = stopped.filter(stopped_at__lt=midnight(search.until + timedelta(days=1)))
    if search.list_id:
        places = Subscription.objects.filter(mailing_list=search.list_id, subscriber=OuterRef("pk"))
        stopped = stopped.filter(Exists(places))
    return stopped


def midnight(day: date) -> datetime:
    """Return when a local day begins."""
    return timezone.make_aware(datetime.combine(day, time.min))


def count_stopped(workspace: Workspace, search: StoppedSearch) -> dict[str, int]:
    """Return how many are stopped for each reason within the dates and the list, whatever text is searched for."""
    return dict(narrow(workspace, search).order_by().values_list("stop_reason").annotate(Count("pk")))


@dataclass(frozen=True, slots=True)
class StoppedRow:
    """A stopped subscriber with the newest error, None where there is none."""

    subscriber: Subscriber
    error: AddressError | None


def with_errors(subscribers: Sequence[Subscriber]) -> list[StoppedRow]:
    """Return each subscriber with the newest error, in one query."""
    errors = AddressError.objects.filter(subscriber__in=[subscriber.pk for subscriber in subscribers]).order_by("pk")
    newest = {error.subscriber_id: error for error in errors}
    return [StoppedRow(subscriber, newest.get(subscriber.pk)) for subscriber in subscribers]


def read_stopped(stopped: SubscriberQuerySet) -> Iterator[StoppedRow]:
    """Yield what a download writes, a batch in memory at a time."""
    subscribers = stopped.defer("attributes").iterator(chunk_size=BATCH)
    while batch := list(islice(subscribers, BATCH)):
        yield from with_errors(batch)


STOPPED_COLUMNS = (
    Column("address", gettext_lazy("メールアドレス"), attrgetter("subscriber.address")),
    Column("name", gettext_lazy("お名前"), attrgetter("subscriber.name")),
    Column("stop_reason", gettext_lazy("停止理由"), lambda row: row.subscriber.get_stop_reason_display()),
    Column("stopped_at", gettext_lazy("停止日時"), lambda row: write_time(row.subscriber.stopped_at)),
    Column("error_count", gettext_lazy("エラー回数"), attrgetter("subscriber.error_count")),
    Column("last_code", gettext_lazy("最後のエラーコード"), lambda row: row.error.code if row.error else ""),
    Column("last_text", gettext_lazy("最後の応答"), lambda row: row.error.text if row.error else ""),
    Column("last_about", gettext_lazy("最後のエラーの件名"), lambda row: row.error.about if row.error else ""),
    Column("last_at", gettext_lazy("最後のエラーの日時"), lambda row: write_time(row.error.at if row.error else None)),
    Column("created_at", gettext_lazy("登録日時"), lambda row: write_time(row.subscriber.created_at)),
)
