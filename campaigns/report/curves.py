"""The chart by hour: opens as a line, clicks as bars; numbers in, places in an SVG out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from accounts import charting
from accounts.charting import AxisLabel, Segment, Tick, across
from tracking.figures import HourCount, Hours

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
class Curve:
    """Everything that the template draws."""

    columns: tuple[Column, ...]
    steps: tuple[Segment, ...]
    open_ticks: tuple[Tick, ...]
    click_ticks: tuple[Tick, ...]
    labels: tuple[AxisLabel, ...]
    height: int = charting.HEIGHT
    labels_y: int = charting.LABELS_AT


def draw_hours(hours: Hours, *, now: datetime) -> Curve:
    """Return the chart of those hours that have begun."""
    begun = max((now - hours.begun_at) // timedelta(hours=1) + 1, 1)
    span = next((span for span in SPANS if begun <= span), SPANS[-1])
    shown = hours.counts[: min(begun, span)]
    most_opened = charting.ceiling(max(count.opened for count in shown))
    most_clicked = charting.ceiling(max(count.clicked for count in shown))
    wide = 100 / span
    upper = (charting.UPPER_TOP, charting.UPPER_BOTTOM)
    return Curve(
        columns=tuple(
            make_column(count, hours.begun_at + timedelta(hours=count.hour), wide, most_clicked) for count in shown
        ),
        steps=charting.make_segments(
            (wide * (count.hour + 0.5), charting.down(count.opened, most_opened, *upper)) for count in shown
        ),
        open_ticks=charting.make_ticks(most_opened, *upper),
        click_ticks=charting.make_ticks(most_clicked, charting.LOWER_TOP, charting.LOWER_BOTTOM),
        labels=make_labels(span),
    )


def make_column(count: HourCount, begins_at: datetime, wide: float, most: float) -> Column:
    """Return the column of an hour."""
    left = wide * count.hour
    top = charting.bar_top(count.clicked, most)
    return Column(
        count=count,
        begins_at=begins_at,
        left=across(left),
        width=across(wide),
        bar_x=across(left + wide * (1 - charting.BAR_SHARE) / 2),
        bar_width=across(wide * charting.BAR_SHARE),
        bar_y=f"{top:.1f}",
        bar_height=f"{charting.LOWER_BOTTOM - top:.1f}",
    )


def make_labels(span: int) -> tuple[AxisLabel, ...]:
    """Return the hours that are named, at their beginning."""
    chosen = range(0, span + 1, span // NAMED)
    return tuple(AxisLabel(across(100 * hour / span), str(hour), place % 2 == 1) for place, hour in enumerate(chosen))
