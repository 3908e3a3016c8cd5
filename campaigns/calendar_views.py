"""カレンダー: what was sent, what is scheduled, and what recurrences will send, by month."""

from calendar import Calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import chain

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.models import Workspace
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from campaigns import recurrences
from campaigns.holidays import holiday_name
from campaigns.models import Campaign, CampaignState, Recurrence
from campaigns.quiet_words import WEEKDAYS
from campaigns.recurrence_dates import between

# Of one month at most so many mailings of each sort are read, and of one day so many are shown.
READ = 500
SHOWN = 4
# Years that a page can be asked for.
YEARS = range(2000, 2101)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something on a day: a mailing, or a time of a recurrence that is to come."""

    at: datetime
    campaign: Campaign
    recurrence: Recurrence | None = None


@dataclass(slots=True)
class Day:
    """One square of the month."""

    day: date
    is_inside: bool
    is_today: bool
    holiday: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def shown(self) -> list[Entry]:
        """What the square has room for."""
        return self.entries[:SHOWN]

    @property
    def more(self) -> int:
        """How many it has no room for."""
        return len(self.entries) - len(self.shown)


def read_month(text: str, today: date) -> date:
    """Return the first day of the month that is asked for as 2026-11; of this month where none can be read."""
    year, month = (read_number(part) for part in text.partition("-")[::2])
    if year is not None and month is not None and year in YEARS and 1 <= month <= 12:
        return date(year, month, 1)
    return today.replace(day=1)


def following_month(first: date) -> date:
    """Return the first day of the next month."""
    return (first + timedelta(days=31)).replace(day=1)


def sent_and_scheduled(workspace: Workspace, begin: datetime, end: datetime) -> Iterator[Entry]:
    """Yield the mailings that started, or are to start, in a span of time."""
    campaigns = Campaign.objects.for_workspace(workspace).only(
        "subject", "state", "started_at", "scheduled_at", "late_since"
    )
    for campaign in campaigns.filter(started_at__gte=begin, started_at__lt=end).order_by("started_at")[:READ]:
        yield Entry(campaign.started_at or begin, campaign)
    planned = campaigns.filter(state=CampaignState.SCHEDULED, scheduled_at__gte=begin, scheduled_at__lt=end)
    for campaign in planned.order_by("scheduled_at")[:READ]:
        yield Entry(campaign.scheduled_at or begin, campaign)


def to_come(workspace: Workspace, begin: datetime, end: datetime) -> Iterator[Entry]:
    """Yield what the recurrences will send in a span of time, as far as it is not made yet."""
    waiting = recurrences.running(workspace.pk).filter(paused_at=None, next_at__lt=end)
    for recurrence in waiting[:READ]:
        after = max(recurrence.next_at or begin, begin) - timedelta(microseconds=1)
        for at in between(recurrences.plan_of(recurrence), after, end, workspace.zone):
            yield Entry(at, recurrence.master, recurrence)


def weeks_of(workspace: Workspace, first: date, *, today: date) -> list[list[Day]]:
    """Return the weeks of a month, from Monday on, each with its seven days."""
    begin = datetime.combine(first, time(), workspace.zone)
    end = datetime.combine(following_month(first), time(), workspace.zone)
    weeks = [
        [Day(day, day.month == first.month, day == today, holiday_name(day)) for day in week]
        for week in Calendar().monthdatescalendar(first.year, first.month)
    ]
    days = {day.day: day for week in weeks for day in week}
    found = chain(sent_and_scheduled(workspace, begin, end), to_come(workspace, begin, end))
    for entry in sorted(found, key=lambda entry: entry.at):
        days[entry.at.astimezone(workspace.zone).date()].entries.append(entry)
    return weeks


@require_safe
@member_required()
def calendar(request: WorkspaceRequest) -> HttpResponse:
    """Show a month of mailings; `month` is the one that is asked for."""
    today = timezone.now().astimezone(request.workspace.zone).date()
    first = read_month(request.GET.get("month", ""), today)
    context = {
        "first": first,
        "weeks": weeks_of(request.workspace, first, today=today),
        "weekdays": WEEKDAYS,
        "earlier": (first - timedelta(days=1)).replace(day=1),
        "later": following_month(first),
        "is_this_month": first == today.replace(day=1),
    }
    return render(request, "campaigns/calendar.html", context)
