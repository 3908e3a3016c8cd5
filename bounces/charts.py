"""Geometry of the trend chart: numbers in, places in an SVG out; pure, no colours, no words.

Across, places are per cent of the width, so that text keeps its size on every screen; down, they are pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# From the top: the rate, then the counts, then the dates.
RATE_TOP, RATE_BOTTOM = 30, 120
COUNT_TOP, COUNT_BOTTOM = 170, 260
LABELS_AT = 282
HEIGHT = 292
# The part of a column that its bar fills.
BAR_SHARE = 0.7
# So many dates fit on a wide screen, half of them on a narrow one.
LABELS = 8
# A rate below this would look like a mountain range at its own scale.
LEAST_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class Point:
    """One day or week. `tried` is 0 where nothing was sent, which the chart shows as a gap."""

    label: str
    title: str
    tried: int
    failed: int

    @property
    def percent(self) -> float:
        """エラー率."""
        return 100 * self.failed / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A column: what was tried, and the failed part of it at its foot."""

    x: str
    width: str
    y: str
    height: str
    failed_y: str
    failed_height: str
    title: str


@dataclass(frozen=True, slots=True)
class Dot:
    """The rate of one day."""

    x: str
    y: str
    title: str


@dataclass(frozen=True, slots=True)
class Segment:
    """The rate from one day to the next."""

    x1: str
    y1: str
    x2: str
    y2: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across and its number. `text_y` is where the number stands."""

    y: str
    text_y: str
    label: str


@dataclass(frozen=True, slots=True)
class DateLabel:
    """A date under the columns; `is_extra` are left out on narrow screens."""

    x: str
    label: str
    is_extra: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the template draws."""

    bars: tuple[Bar, ...]
    dots: tuple[Dot, ...]
    segments: tuple[Segment, ...]
    rate_ticks: tuple[Tick, ...]
    count_ticks: tuple[Tick, ...]
    dates: tuple[DateLabel, ...]
    height: int = HEIGHT
    dates_y: int = LABELS_AT


def draw(points: Sequence[Point]) -> Chart:
    """Return the chart of some points, the oldest first."""
    most = nice_ceiling(max((point.tried for point in points), default=0))
    highest = nice_ceiling(max([LEAST_PERCENT, *(point.percent for point in points)]))
    column = 100 / max(len(points), 1)
    middles = [column * (number + 0.5) for number in range(len(points))]
    rates = [down(point.percent, highest, RATE_TOP, RATE_BOTTOM) if point.tried else None for point in points]
    return Chart(
        bars=tuple(
            make_bar(point, middle, column, most) for point, middle in zip(points, middles, strict=True) if point.tried
        ),
        dots=tuple(
            Dot(across(middle), f"{y:.1f}", point.title)
            for point, middle, y in zip(points, middles, rates, strict=True)
            if y is not None
        ),
        segments=tuple(
            Segment(across(x1), f"{y1:.1f}", across(x2), f"{y2:.1f}")
            for (x1, y1), (x2, y2) in pairwise(zip(middles, rates, strict=True))
            if y1 is not None and y2 is not None
        ),
        rate_ticks=make_ticks(highest, RATE_TOP, RATE_BOTTOM, "%"),
        count_ticks=make_ticks(most, COUNT_TOP, COUNT_BOTTOM, ""),
        dates=make_dates(points, middles),
    )


def make_bar(point: Point, middle: float, column: float, most: float) -> Bar:
    """Return the column of a day; a single failure is still seen."""
    width = column * BAR_SHARE
    top = down(point.tried, most, COUNT_TOP, COUNT_BOTTOM)
    failed = down(point.failed, most, COUNT_TOP, COUNT_BOTTOM)
    if point.failed:
        failed = min(failed, COUNT_BOTTOM - 1.5)
    return Bar(
        x=across(middle - width / 2),
        width=across(width),
        y=f"{top:.1f}",
        height=f"{COUNT_BOTTOM - top:.1f}",
        failed_y=f"{failed:.1f}",
        failed_height=f"{COUNT_BOTTOM - failed:.1f}",
        title=point.title,
    )


def make_ticks(highest: float, top: int, bottom: int, unit: str) -> tuple[Tick, ...]:
    """Return the lines at nothing, the half and the top; no half where things are counted by ones."""
    values = [0.0, highest] if not unit and highest < 2 else [0.0, highest / 2, highest]
    places = [(value, down(value, highest, top, bottom)) for value in values]
    return tuple(Tick(f"{y:.1f}", f"{y + 4:.1f}", f"{value:,.10g}{unit}") for value, y in places)


def make_dates(points: Sequence[Point], middles: Sequence[float]) -> tuple[DateLabel, ...]:
    """Return the dates that fit, evenly apart from the first on."""
    step = -(-len(points) // LABELS) or 1
    chosen = range(0, len(points), step)
    crowded = len(chosen) > LABELS // 2
    return tuple(
        DateLabel(across(middles[number]), points[number].label, crowded and place % 2 == 1)
        for place, number in enumerate(chosen)
    )


def nice_ceiling(value: float) -> float:
    """Return the least of 1, 2, 4, 5, 10, 20 … that is not below the value; 1 for nothing."""
    size = 1.0
    while True:
        for step in (1, 2, 4, 5):
            if value <= step * size:
                return step * size
        size *= 10


def down(value: float, highest: float, top: int, bottom: int) -> float:
    """Return how far from the top of the picture a value is drawn."""
    return bottom - (bottom - top) * min(value / highest, 1.0)


def across(percent: float) -> str:
    """Write a place across the picture."""
    return f"{percent:.3f}%"
