"""The geometry of the trend chart."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts.charting import LOWER_BOTTOM, LOWER_TOP, UPPER_BOTTOM, UPPER_TOP, ceiling, make_ticks
from bounces.charts import Point, draw
from bounces.error_report import Mailing
from bounces.report_scope import Period
from bounces.trend import busiest_day, is_weekly, read_trend


def point(tried: int, failed: int = 0) -> Point:
    return Point("11/1", "words", tried, failed)


def test_highest_bar_and_rate_reach_their_tops() -> None:
    chart = draw([point(1000, 60), point(500, 0)])
    assert [float(bar.y) for bar in chart.bars] == [LOWER_TOP, (LOWER_TOP + LOWER_BOTTOM) / 2]
    assert [float(dot.y) for dot in chart.dots] == [UPPER_TOP, UPPER_BOTTOM]
    assert [tick.label for tick in chart.rate_ticks] == ["0%", "3%", "6%"]
    assert [tick.label for tick in chart.count_ticks] == ["0", "500", "1,000"]


def test_failures_stand_at_the_foot_of_their_bar_and_never_vanish() -> None:
    [bar] = draw([point(1_000_000, 1)]).bars
    assert float(bar.failed_height) == 1.5
    assert float(bar.failed_y) + float(bar.failed_height) == LOWER_BOTTOM
    [bar] = draw([point(100, 0)]).bars
    assert float(bar.failed_height) == 0


def test_day_without_mails_is_a_gap() -> None:
    chart = draw([point(10, 1), point(0), point(10, 1), point(10, 1)])
    assert len(chart.bars) == len(chart.dots) == 3
    assert [(line.x1, line.x2) for line in chart.segments] == [("62.500%", "87.500%")]


@pytest.mark.parametrize("points", [[], [point(0)], [point(0)] * 30])
def test_nothing_to_draw_draws_nothing(points: list[Point]) -> None:
    chart = draw(points)
    assert (chart.bars, chart.dots, chart.segments) == ((), (), ())
    assert [tick.label for tick in chart.count_ticks] == ["0", "1"]


@pytest.mark.parametrize("number", [1, 7, 8, 30, 45, 53])
def test_dates_fit_and_stay_in_the_picture(number: int) -> None:
    chart = draw([point(1)] * number)
    assert 1 <= len(chart.dates) <= 8
    assert sum(not label.is_extra for label in chart.dates) <= 5
    assert all(0 < float(label.x.rstrip("%")) < 100 for label in chart.dates)


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (0.3, 1), (1, 1), (1.2, 2), (3, 4), (4.1, 6), (7, 10), (11, 20), (100, 100)]
)
def test_scale_ends_at_a_round_number(value: float, top: float) -> None:
    assert ceiling(value) == top


def test_things_counted_by_ones_have_no_half_of_one() -> None:
    labels = [[tick.label for tick in make_ticks(ceiling(most), 0, 100)] for most in range(1, 8)]
    assert [len(named) for named in labels] == [2, 3, 3, 3, 3, 3, 3]
    assert not any("." in label for named in labels for label in named)


def mailing(at: datetime, tried: int, failed: int = 0) -> Mailing:
    return Mailing(1, at, tried, tried - failed, failed, 0)


def test_mailings_belong_to_their_local_day() -> None:
    """23:30 of one day in Tokyo is the same day, though UTC has not come that far; 00:30 is the next."""
    period = Period(date(2026, 11, 1), date(2026, 11, 3))
    late, early = datetime(2026, 11, 1, 14, 30, tzinfo=UTC), datetime(2026, 11, 1, 15, 30, tzinfo=UTC)
    points = read_trend([mailing(late, 10, 1), mailing(early, 20, 4), mailing(early, 20)], period)
    assert [(one.label, one.tried, one.failed) for one in points] == [("11/1", 10, 1), ("11/2", 40, 4), ("11/3", 0, 0)]
    assert points[0].title == "2026/11/01: 配信数 10、失敗 1、エラー率 10.0%"
    assert busiest_day([mailing(late, 10), mailing(early, 20), mailing(early, 20)]) == 40
    assert busiest_day([]) == 0


def test_long_period_is_shown_by_week() -> None:
    """Longer than 45 days: a point is a week, the last one perhaps shorter."""
    assert not is_weekly(Period(date(2026, 1, 1), date(2026, 2, 14)))
    period = Period(date(2026, 1, 1), date(2026, 2, 15))
    assert is_weekly(period)
    begin = period.begins_at
    points = read_trend([mailing(begin + timedelta(days=days), 1) for days in range(46)], period)
    assert [one.tried for one in points] == [7, 7, 7, 7, 7, 7, 4]
    assert points[-1].title.startswith("2026/02/12〜02/15: ")
