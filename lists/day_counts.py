"""Writes once a day, soon after a workspace's midnight, how many people it and its lists have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Workspace
from lists.headcounts import count_all
from lists.models import DayCount, MailingList, StopReason, Subscriber, Subscription

# Counted in one go; the others have their turn a minute later.
AT_ONCE: Final = 50
OWN_WILL: Final = (StopReason.UNSUBSCRIBED, StopReason.COMPLAINT)


def days_that_ended(now: datetime) -> Iterator[tuple[str, date]]:
    """Yield each zone that a workspace has, and the day that ended in it last."""
    for zone in Workspace.objects.order_by().values_list("time_zone", flat=True).distinct():
        yield zone, now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)


def uncounted(zone: str, day: date) -> tuple[QuerySet[Workspace], QuerySet[MailingList]]:
    """Return the workspaces and lists of a zone that have no row of a day; one that was made since had none then."""
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
    rows = DayCount.objects.filter(date=day)
    old = Q(created_at__lt=midnight)
    workspaces = Workspace.objects.filter(old, ~Exists(rows.filter(workspace=OuterRef("pk"), mailing_list=None)))
    lists = MailingList.objects.filter(old, ~Exists(rows.filter(mailing_list=OuterRef("pk"))))
    return workspaces.filter(time_zone=zone), lists.filter(workspace__time_zone=zone)


def has_due_days(now: datetime) -> bool:
    """Say whether anything is to be counted for a day that ended."""
    return any(found.exists() for zone, day in days_that_ended(now) for found in uncounted(zone, day))


def count_days(now: datetime) -> int:
    """Count up to AT_ONCE lists and as many workspaces for the day that ended; return how many. Repeatable."""
    number = 0
    for zone, day in days_that_ended(now):
        workspaces, lists = uncounted(zone, day)
        places: list[tuple[int, int | None]] = [(pk, None) for pk in workspaces.values_list("pk", flat=True)[:AT_ONCE]]
        places += lists.values_list("workspace_id", "pk")[:AT_ONCE]
        for workspace_id, list_id in places:
            row = count_day(workspace_id, list_id, day, zone)
            # Two processes may count the same; the first one's row stays.
            DayCount.objects.bulk_create([row], ignore_conflicts=True)
            number += 1
    return number


def count_day(workspace_id: int, list_id: int | None, day: date, zone: str) -> DayCount:
    """Return the row of a list, or with None of a workspace, as it is now."""
    begin = datetime.combine(day, time(), ZoneInfo(zone))
    during = (begin, datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)))
    total, stopped = count_all(workspace_id, list_id)
    people = Subscriber.objects.filter(workspace=workspace_id)
    stops = people.stopped().filter(stopped_at__gte=during[0], stopped_at__lt=during[1])
    if list_id is None:
        came = people.filter(created_at__gte=during[0], created_at__lt=during[1]).count()
    else:
        places = Subscription.objects.filter(mailing_list=list_id)
        came = places.filter(created_at__gte=during[0], created_at__lt=during[1]).count()
        stops = stops.filter(Exists(places.filter(subscriber=OuterRef("pk"))))
    return DayCount(
        workspace_id=workspace_id,
        mailing_list_id=list_id,
        date=day,
        total=total,
        stopped=stopped,
        joined=came,
        left=stops.filter(stop_reason__in=OWN_WILL).count(),
        failed=stops.filter(stop_reason=StopReason.ERRORS).count(),
    )
