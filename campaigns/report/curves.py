"""Geometry of the chart by hour: numbers in, places in an SVG out; pure, no colours, no words.

Across, places are per cent of the width, so that text keeps its size on every screen; down, they are pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from tracking.figures import HourCount, Hours

# From the top: the line of opens, then the bars of clicks, then the hours.
OPEN_TOP: Final = 30
OPEN_BOTTOM: Final = 120
CLICK_TOP: Final = 170
CLICK_BOTTOM: Final = 260
LABELS_AT: Final = 282
HEIGHT: Final = 292
BAR_SHARE: Final = 0.7
# The picture covers one day, two or three, and has so many hours named.
SPANS: Final = (24, 48, 72)
NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One hour: where its bar stands, and the whole column, which tells its numbers."""

    count: HourCount
    begins_at: datetime
    left: str
    width: str
    bar_x: str
    bar_width: str
    bar_y: str
    bar_height: str


@dataclass(frozen=True, slots=True)
class Step:
    """The line from the middle of one hour to that of the next."""

    x1: str
    y1: str
    x2: str
    y2: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across and its number."""

    y: str
    text_y: str
    label: str


@dataclass(frozen=True, slots=True)
class HourLabel:
    """An hour that is named; `is_extra` are left out on narrow screens."""

    x: str
    hour: int
    is_extra: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """Everything that the template draws."""

    columns: tuple[Column, ...]
    steps: tuple[Step, ...]
    open_ticks: tuple[Tick, ...]
    click_ticks: tuple[Tick, ...]
    labels: tuple[HourLabel, ...]
    height: int = HEIGHT
    labels_y: int = LABELS_AT


def draw_hours(hours: Hours, *, now: datetime) -> Curve:
    """Return the chart of those hours that have begun."""
    begun = max((now - hours.begun_at) // timedelta(hours=1) + 1, 1)
    span = next((span for span in SPANS if begun <= span), SPANS[-1])
    shown = hours.counts[: min(begun, span)]
    most_opened = ceiling(max(count.opened for count in shown))
    most_clicked = ceiling(max(count.clicked for count in shown))
    wide = 100 / span
    dots = [(wide * (count.hour + 0.5), down(count.opened, most_opened, OPEN_TOP, OPEN_BOTTOM)) for count in shown]
    return Curve(
        columns=tuple(
            make_column(count, hours.begun_at + timedelta(hours=count.hour), wide, most_clicked) for count in shown
        ),
        steps=tuple(Step(across(x1), f"{y1:.1f}", across(x2), f"{y2:.1f}") for (x1, y1), (x2, y2) in pairwise(dots)),
        open_ticks=make_ticks(most_opened, OPEN_TOP, OPEN_BOTTOM),
        click_ticks=make_ticks(most_clicked, CLICK_TOP, CLICK_BOTTOM),
        labels=make_labels(span),
    )


def make_column(count: HourCount, begins_at: datetime, wide: float, most: int) -> Column:
    """Return the column of an hour; a single click is still seen."""
    left = wide * count.hour
    top = down(count.clicked, most, CLICK_TOP, CLICK_BOTTOM)
    if count.clicked:
        top = min(top, CLICK_BOTTOM - 1.5)
    return Column(
        count=count,
        begins_at=begins_at,
        left=across(left),
        width=across(wide),
        bar_x=across(left + wide * (1 - BAR_SHARE) / 2),
        bar_width=across(wide * BAR_SHARE),
        bar_y=f"{top:.1f}",
        bar_height=f"{CLICK_BOTTOM - top:.1f}",
    )


def make_ticks(most: int, top: int, bottom: int) -> tuple[Tick, ...]:
    """Return the lines at nothing, the half and the top; no half of one."""
    values = [0, most] if most % 2 else [0, most // 2, most]
    places = [(value, down(value, most, top, bottom)) for value in values]
    return tuple(Tick(f"{y:.1f}", f"{y + 4:.1f}", f"{value:,}") for value, y in places)


def make_labels(span: int) -> tuple[HourLabel, ...]:
    """Return the hours that are named, at their beginning."""
    chosen: Sequence[int] = range(0, span + 1, span // NAMED)
    return tuple(HourLabel(across(100 * hour / span), hour, place % 2 == 1) for place, hour in enumerate(chosen))


def ceiling(value: int) -> int:
    """Return the least of 1, 2, 4, 6, 10, 20 … that is not below the value."""
    size = 1
    while True:
        for step in (1, 2, 4, 6):
            if value <= step * size:
                return step * size
        size *= 10


def down(value: int, most: int, top: int, bottom: int) -> float:
    """Return how far from the top of the picture a value is drawn."""
    return bottom - (bottom - top) * value / most


def across(percent: float) -> str:
    """Write a place across the picture."""
    return f"{percent:.3f}%"
