"""読者数の推移: how the people of a list or a workspace became more or fewer, in points, in words and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts import charting
from accounts.charting import AxisLabel, Segment, Tick, across
from accounts.models import Workspace
from lists.models import DayCount, MailingList

# What can be chosen, in days, and how many of them one column has.
SPANS: Final = {30: 1, 90: 3, 365: 7}
DEFAULT: Final = 30
NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Point:
    """Some days up to `date`: who was sent to when they ended (None: not known), and who came and went on them."""

    date: date
    active: int | None
    joined: int
    left: int
    failed: int
    # Of how many of its days that is known.
    days: int


@dataclass(frozen=True, slots=True)
class Column:
    """A point as it is drawn: its bar, and the whole column, which tells its numbers."""

    point: Point
    left: str
    width: str
    bar_x: str
    bar_width: str
    bar_y: str
    bar_height: str


@dataclass(frozen=True, slots=True)
class Growth:
    """Everything that the template shows; `first` and `last` are the first and the last known day."""

    days: int
    columns: tuple[Column, ...]
    steps: tuple[Segment, ...]
    people_ticks: tuple[Tick, ...]
    joined_ticks: tuple[Tick, ...]
    labels: tuple[AxisLabel, ...]
    first: Point | None
    last: Point | None
    height: int = charting.HEIGHT
    labels_y: int = charting.LABELS_AT

    @property
    def known(self) -> list[Point]:
        """The points of which anything is known, the newest first."""
        return [column.point for column in reversed(self.columns) if column.point.days]

    @property
    def is_known(self) -> bool:
        """Whether two days can be compared."""
        return self.first is not None and self.last is not None and self.first.date < self.last.date

    @property
    def change(self) -> int:
        """By how many people it grew between the first and the last known day."""
        return (self.last.active or 0) - (self.first.active or 0) if self.first and self.last else 0

    @property
    def size(self) -> int:
        """The same without its sign."""
        return abs(self.change)

    @property
    def percent(self) -> float | None:
        """The same in per cent; None where there was nobody."""
        return 100 * self.change / self.first.active if self.first and self.first.active else None

    def total(self, name: str) -> int:
        """Return the sum of a number of all points."""
        return sum(getattr(column.point, name) for column in self.columns)

    @property
    def joined(self) -> int:
        """Who came."""
        return self.total("joined")

    @property
    def left(self) -> int:
        """Who wanted no more mail."""
        return self.total("left")

    @property
    def failed(self) -> int:
        """Who was stopped for errors."""
        return self.total("failed")


def growth_context(
    workspace: Workspace, mailing_list: MailingList | None, given: Mapping[str, str], *, now: datetime
) -> dict[str, Any]:
    """Return what templates/lists/_growth.html shows; `given` may choose the span."""
    today = now.astimezone(workspace.zone).date()
    spans = [(days, _("1年") if days == 365 else _("%d日") % days) for days in SPANS]
    return {
        "growth": read_growth(workspace, mailing_list, read_span(given), today=today),
        "growth_spans": spans,
    }


def read_span(given: Mapping[str, str]) -> int:
    """Return how many days are asked for."""
    wanted = given.get("days", "")
    return int(wanted) if wanted.isdecimal() and len(wanted) < 5 and int(wanted) in SPANS else DEFAULT


def read_growth(workspace: Workspace, mailing_list: MailingList | None, days: int, *, today: date) -> Growth:
    """Return the growth of a list, or with None of the workspace, over the `days` before a day, in one query."""
    begin = today - timedelta(days=days)
    rows = DayCount.objects.filter(workspace=workspace, mailing_list=mailing_list, date__gte=begin, date__lt=today)
    return draw(make_points({row.date: row for row in rows}, begin, days), days)


def make_points(rows: Mapping[date, DayCount], begin: date, days: int) -> list[Point]:
    """Return the points of so many days from `begin` on; the last one may have fewer days."""
    points = []
    for at in range(0, days, SPANS[days]):
        dates = [begin + timedelta(days=day) for day in range(at, min(at + SPANS[days], days))]
        found = [rows[day] for day in dates if day in rows]
        sums = {name: sum(getattr(row, name) for row in found) for name in ("joined", "left", "failed")}
        points.append(Point(dates[-1], found[-1].active if found else None, days=len(found), **sums))
    return points


def draw(points: Sequence[Point], days: int) -> Growth:
    """Return the picture of some points: people as a line above, who came as bars below."""
    known = [point for point in points if point.active is not None]
    numbers = [point.active for point in known if point.active is not None] or [0]
    low, high = charting.make_range(min(numbers), max(numbers))
    most = charting.ceiling(max((point.joined for point in points), default=0))
    wide = 100 / len(points)
    upper = (charting.UPPER_TOP, charting.UPPER_BOTTOM)
    return Growth(
        days=days,
        columns=tuple(make_column(point, number, wide, most) for number, point in enumerate(points)),
        steps=charting.make_segments(
            (
                wide * (number + 0.5),
                None if point.active is None else charting.down(point.active - low, high - low, *upper),
            )
            for number, point in enumerate(points)
        ),
        people_ticks=charting.make_range_ticks(low, high, *upper),
        joined_ticks=charting.make_ticks(most, charting.LOWER_TOP, charting.LOWER_BOTTOM),
        labels=make_labels(points, wide),
        first=known[0] if known else None,
        last=known[-1] if known else None,
    )


def make_column(point: Point, number: int, wide: float, most: float) -> Column:
    """Return the column of a point."""
    top = charting.bar_top(point.joined, most)
    return Column(
        point=point,
        left=across(wide * number),
        width=across(wide),
        bar_x=across(wide * number + wide * (1 - charting.BAR_SHARE) / 2),
        bar_width=across(wide * charting.BAR_SHARE),
        bar_y=f"{top:.1f}",
        bar_height=f"{charting.LOWER_BOTTOM - top:.1f}",
    )


def make_labels(points: Sequence[Point], wide: float) -> tuple[AxisLabel, ...]:
    """Return the days that are named, in the middle of their columns."""
    step = max(len(points) // NAMED, 1)
    chosen = range(step // 2, len(points), step)
    return tuple(
        AxisLabel(across(wide * (number + 0.5)), f"{points[number].date:%-m/%-d}", place % 2 == 1)
        for place, number in enumerate(chosen)
    )
