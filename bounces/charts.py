"""The trend chart: the rate as a line, the counts as bars; numbers in, places in an SVG out."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts import charting
from accounts.charting import AxisLabel, Segment, Tick, across

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
class Chart:
    """Everything that the template draws."""

    bars: tuple[Bar, ...]
    dots: tuple[Dot, ...]
    segments: tuple[Segment, ...]
    rate_ticks: tuple[Tick, ...]
    count_ticks: tuple[Tick, ...]
    dates: tuple[AxisLabel, ...]
    height: int = charting.HEIGHT
    dates_y: int = charting.LABELS_AT


def draw(points: Sequence[Point]) -> Chart:
    """Return the chart of some points, the oldest first."""
    most = charting.ceiling(max((point.tried for point in points), default=0))
    highest = charting.ceiling(max([LEAST_PERCENT, *(point.percent for point in points)]))
    upper = (charting.UPPER_TOP, charting.UPPER_BOTTOM)
    column = 100 / max(len(points), 1)
    middles = [column * (number + 0.5) for number in range(len(points))]
    rates = [charting.down(point.percent, highest, *upper) if point.tried else None for point in points]
    return Chart(
        bars=tuple(
            make_bar(point, middle, column, most) for point, middle in zip(points, middles, strict=True) if point.tried
        ),
        dots=tuple(
            Dot(across(middle), f"{y:.1f}", point.title)
            for point, middle, y in zip(points, middles, rates, strict=True)
            if y is not None
        ),
        segments=charting.make_segments(zip(middles, rates, strict=True)),
        rate_ticks=charting.make_ticks(highest, *upper, "%"),
        count_ticks=charting.make_ticks(most, charting.LOWER_TOP, charting.LOWER_BOTTOM),
        dates=make_dates(points, middles),
    )


def make_bar(point: Point, middle: float, column: float, most: float) -> Bar:
    """Return the column of a day."""
    width = column * charting.BAR_SHARE
    top = charting.down(point.tried, most, charting.LOWER_TOP, charting.LOWER_BOTTOM)
    failed = charting.bar_top(point.failed, most)
    return Bar(
        x=across(middle - width / 2),
        width=across(width),
        y=f"{top:.1f}",
        height=f"{charting.LOWER_BOTTOM - top:.1f}",
        failed_y=f"{failed:.1f}",
        failed_height=f"{charting.LOWER_BOTTOM - failed:.1f}",
        title=point.title,
    )


def make_dates(points: Sequence[Point], middles: Sequence[float]) -> tuple[AxisLabel, ...]:
    """Return the dates that fit, evenly apart from the first on."""
    step = -(-len(points) // LABELS) or 1
    chosen = range(0, len(points), step)
    crowded = len(chosen) > LABELS // 2
    return tuple(
        AxisLabel(across(middles[number]), points[number].label, crowded and place % 2 == 1)
        for place, number in enumerate(chosen)
    )
