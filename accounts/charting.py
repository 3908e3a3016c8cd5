"""Geometry that the charts share: numbers in, places in an SVG out; pure, no colours, no words.

Across, places are per cent of the width, so that text keeps its size on every screen; down, they are pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

# From the top: a line in the upper half, bars in the lower one, then the labels of the columns.
UPPER_TOP: Final = 30
UPPER_BOTTOM: Final = 120
LOWER_TOP: Final = 170
LOWER_BOTTOM: Final = 260
LABELS_AT: Final = 282
HEIGHT: Final = 292
# The part of a column that its bar fills.
BAR_SHARE: Final = 0.7
# The least height of a bar that stands for something.
LEAST_BAR: Final = 1.5


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across and its number; `text_y` is where the number stands."""

    y: str
    text_y: str
    label: str


@dataclass(frozen=True, slots=True)
class Segment:
    """The line from the middle of one column to that of the next."""

    x1: str
    y1: str
    x2: str
    y2: str


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """A column that is named; `is_extra` are left out on narrow screens."""

    x: str
    label: str
    is_extra: bool


def make_ticks(most: float, top: int, bottom: int, unit: str = "") -> tuple[Tick, ...]:
    """Return the lines at nothing, the half and the top; no half where things are counted by ones."""
    values = [0.0, most] if not unit and most < 2 else [0.0, most / 2, most]
    places = [(value, down(value, most, top, bottom)) for value in values]
    return tuple(Tick(f"{y:.1f}", f"{y + 4:.1f}", f"{value:,.10g}{unit}") for value, y in places)


def make_range(least: float, most: float) -> tuple[float, float]:
    """Return a whole range around some numbers; it begins at nothing unless all of them are far from it."""
    top = ceiling(most)
    if least < top / 2:
        return 0.0, top
    step = ceiling(max(most - least, 1.0))
    low = least // step * step
    return low, max(-(-most // step) * step, low + step)


def make_range_ticks(low: float, high: float, top: int, bottom: int) -> tuple[Tick, ...]:
    """Return the lines at the ends of a range and, where that is a whole number, in its middle."""
    middle = (low + high) / 2
    values = [low, middle, high] if middle.is_integer() else [low, high]
    places = [(value, down(value - low, high - low, top, bottom)) for value in values]
    return tuple(Tick(f"{y:.1f}", f"{y + 4:.1f}", f"{value:,.0f}") for value, y in places)


def make_segments(places: Iterable[tuple[float, float | None]]) -> tuple[Segment, ...]:
    """Return the line through some places (per cent across, pixels down); it has a gap where nothing is known."""
    return tuple(
        Segment(across(x1), f"{y1:.1f}", across(x2), f"{y2:.1f}")
        for (x1, y1), (x2, y2) in pairwise(places)
        if y1 is not None and y2 is not None
    )


def ceiling(value: float) -> float:
    """Return the least of 1, 2, 4, 6, 10, 20 … that is not below the value; 1 for nothing. Its half is whole from 2 on."""
    size = 1.0
    while True:
        for step in (1, 2, 4, 6):
            if value <= step * size:
                return step * size
        size *= 10


def down(value: float, most: float, top: int, bottom: int) -> float:
    """Return how far from the top of the picture a value is drawn."""
    return bottom - (bottom - top) * min(value / most, 1.0)


def bar_top(value: float, most: float) -> float:
    """Return where the bar of a value ends in the lower half; the least one is still seen."""
    top = down(value, most, LOWER_TOP, LOWER_BOTTOM)
    return min(top, LOWER_BOTTOM - LEAST_BAR) if value else top


def across(percent: float) -> str:
    """Write a place across the picture."""
    return f"{percent:.3f}%"
