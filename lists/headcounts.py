"""How many people are on a list or in a workspace: counted live while they are few, else from figures kept by the tick."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import connection, transaction
from django.db.models import Count, Exists, Min, OuterRef, Q

from accounts.models import Workspace
from lists.models import Headcount, MailingList, Subscriber, SubscriberStatus, Subscription

# Up to so many people are counted on the page itself, of one list and of all lists of a page together.
LIVE = 5_000
LIVE_ALL = 50_000
# How old the figures of many people may become while people are being stopped.
FRESH_FOR = timedelta(minutes=10)
# After so long a count that did not come to its end is begun anew.
LEASE = timedelta(minutes=5)
MARKED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class ListCounts:
    """How many subscribers are on a list, or in a workspace."""

    total: int = 0
    stopped: int = 0
    # When it was counted; None: just now.
    counted_at: datetime | None = None
    # More than LIVE, and not counted yet: the figures say "at least".
    is_counting: bool = False

    @property
    def active(self) -> int:
        """Return how many are sent to."""
        return max(self.total - self.stopped, 0)


def counts_of(mailing_lists: Iterable[MailingList], *, at_once: int = LIVE_ALL) -> dict[int, ListCounts]:
    """Return the counts of each list by its id, in three queries, whatever the size of the lists.

    `at_once` is how many people of all the lists are counted now.
    """
    ids = [mailing_list.pk for mailing_list in mailing_lists]
    stored = {row.mailing_list_id: row for row in Headcount.objects.filter(mailing_list__in=ids)}
    # A list that was found large is not counted again on the page.
    sizes = _count_places([pk for pk in ids if pk not in stored or stored[pk].total <= LIVE])
    live = _choose_live(sizes, at_once)
    stops = _count_stops(live)
    counts = {pk: ListCounts(sizes[pk], stops.get(pk, 0)) for pk in live}
    return counts | {pk: _stored_counts(stored.get(pk), sizes.get(pk, 0)) for pk in ids if pk not in counts}


def _choose_live(sizes: dict[int, int], at_once: int) -> list[int]:
    """Return the lists whose figures are counted now: the smallest first, until the page has enough to do."""
    chosen: list[int] = []
    together = 0
    for pk, size in sorted(sizes.items(), key=lambda item: item[1]):
        together += size
        if size > LIVE or together > at_once:
            break
        chosen.append(pk)
    return chosen


def _stored_counts(stored: Headcount | None, size: int) -> ListCounts:
    if stored is None or stored.counted_at is None:
        return ListCounts(size, is_counting=True)
    return ListCounts(stored.total, stored.stopped, stored.counted_at)


def _count_places(list_ids: Sequence[int]) -> dict[int, int]:
    """Return how many places each list has, at most LIVE + 1."""
    if not list_ids:
        return {}
    places = connection.ops.quote_name(Subscription._meta.db_table)
    lists = connection.ops.quote_name(MailingList._meta.db_table)
    marks = ", ".join(["%s"] * len(list_ids))
    sql = f"""
        SELECT l.id, (SELECT COUNT(*) FROM (
            SELECT 1 AS one FROM {places} p WHERE p.mailing_list_id = l.id LIMIT {LIVE + 1}
        ) AS few)
        FROM {lists} l WHERE l.id IN ({marks})
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, list(list_ids))
        return dict(cursor.fetchall())


def _count_stops(list_ids: Sequence[int]) -> dict[int, int]:
    places = Subscription.objects.filter(mailing_list__in=list_ids, subscriber__status=SubscriberStatus.STOPPED)
    return dict(places.order_by().values_list("mailing_list_id").annotate(Count("pk")))


def count_workspace(workspace: Workspace) -> ListCounts:
    """Return how many subscribers the workspace has."""
    stored = Headcount.objects.filter(workspace=workspace, mailing_list=None).first()
    size = LIVE + 1
    if stored is None or stored.total <= LIVE:
        size = Subscriber.objects.for_workspace(workspace)[: LIVE + 1].count()
    if size > LIVE:
        return _stored_counts(stored, size)
    return ListCounts(size, Subscriber.objects.for_workspace(workspace).stopped().count())


def mark_due(workspace_id: int, list_ids: Collection[int] = (), *, now: datetime) -> None:
    """Have the workspace and these lists counted anew by the tick.

    For whoever changes many at once. Called after the commit, so that two who change lists of one workspace never
    wait for each other's row.
    """
    rows = Headcount.objects.filter(workspace=workspace_id).filter(Q(mailing_list=None) | Q(mailing_list__in=list_ids))
    rows.update(due_at=now)
    known = set(rows.values_list("mailing_list_id", flat=True))
    # Lists that were deleted meanwhile are left out.
    kept = MailingList.objects.filter(workspace=workspace_id, pk__in=list_ids).values_list("pk", flat=True)
    missing: list[int | None] = [pk for pk in (None, *kept) if pk not in known]
    Headcount.objects.bulk_create(
        [Headcount(workspace_id=workspace_id, mailing_list_id=pk, due_at=now) for pk in missing],
        # Two may miss the same row.
        ignore_conflicts=True,
    )


def mark_people_due(subscriber_ids: Collection[int], *, now: datetime) -> None:
    """Have the figures of some subscribers' lists counted anew once the transaction is over.

    For whoever resumes people: that somebody was stopped shows in the rows, that somebody no longer is does not.
    """
    places = Subscription.objects.filter(subscriber__in=subscriber_ids)
    lists: dict[int, list[int]] = {}
    for workspace_id, pk in places.values_list("mailing_list__workspace", "mailing_list").distinct():
        lists.setdefault(workspace_id, []).append(pk)
    for workspace_id in Subscriber.objects.filter(pk__in=subscriber_ids).values_list("workspace", flat=True).distinct():
        own = lists.get(workspace_id, [])
        transaction.on_commit(partial(mark_due, workspace_id, own, now=now))


def has_due(now: datetime) -> bool:
    """Say whether something is to be counted anew; cheap enough for each tick.

    Marks what was never counted, and the figures of many people of whom some were stopped since they were counted.
    """
    mark_missing(now)
    mark_stale(now)
    return Headcount.objects.filter(due_at__lte=now).exists()


def mark_missing(now: datetime) -> None:
    """Have lists and workspaces counted that never were; a few at a time."""
    lists = MailingList.objects.filter(~Exists(Headcount.objects.filter(mailing_list=OuterRef("pk"))))
    for pk, workspace_id in lists.values_list("pk", "workspace_id")[:MARKED_AT_ONCE]:
        mark_due(workspace_id, [pk], now=now)


def mark_stale(now: datetime) -> None:
    """Have the figures of many people counted anew where somebody was stopped since, at most once in FRESH_FOR."""
    old = Headcount.objects.filter(due_at=None, total__gt=LIVE, counted_at__lt=now - FRESH_FOR)
    for workspace_id, counted_at in old.order_by().values_list("workspace_id").annotate(Min("counted_at")):
        stops = Subscriber.objects.filter(workspace=workspace_id).stopped().filter(stopped_at__gte=counted_at)
        if stops.exists():
            old.filter(workspace=workspace_id).update(due_at=now)


def recount_due(now: datetime) -> int:
    """Count what is due, one row after the other; return how many were counted."""
    due = Headcount.objects.filter(due_at__lte=now).order_by("due_at", "pk")
    return sum(_recount(headcount, now) for headcount in list(due))


def _recount(headcount: Headcount, now: datetime) -> bool:
    """Count one row, unless somebody else is at it."""
    row = Headcount.objects.filter(pk=headcount.pk)
    # A process that dies over it leaves it due.
    lease = now + LEASE
    if not row.filter(due_at=headcount.due_at).update(due_at=lease):
        return False
    total, stopped = count_all(headcount.workspace_id, headcount.mailing_list_id)
    row.update(total=total, stopped=stopped, counted_at=now)
    # Who changed something while this was being counted has marked it anew.
    row.filter(due_at=lease).update(due_at=None)
    return True


def count_all(workspace_id: int, list_id: int | None) -> tuple[int, int]:
    """Count, however long it takes, how many people a list (None: the workspace) has and how many of them are stopped."""
    if list_id is None:
        people = Subscriber.objects.filter(workspace=workspace_id)
        return people.count(), people.stopped().count()
    return Subscription.objects.filter(mailing_list=list_id).count(), _count_stops([list_id]).get(list_id, 0)
