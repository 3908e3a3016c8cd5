"""What is said of a result: finality, comparison with the normal, bars, pages of known length."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.bars import SMALLEST, stack
from campaigns.models import Campaign, Delivery
from campaigns.paging import ReportPaginator, fetch
from campaigns.results import Tendency, compare, final_at, is_final, results_by_provider
from campaigns.tally import Figures, Row
from tests.factories import make_campaign, make_delivery


def test_result_is_preliminary_for_a_week() -> None:
    """B7: 速報 for 7 days after the end, then 確定."""
    end = timezone.now()
    campaign = Campaign(finished_at=end)
    assert final_at(campaign) == end + timedelta(days=7)
    assert not is_final(campaign, now=end + timedelta(days=6, hours=23))
    assert is_final(campaign, now=end + timedelta(days=7))
    assert not is_final(Campaign(), now=end)


@pytest.mark.parametrize(
    ("percent", "tried", "normal", "tendency"),
    [
        (5.0, 1000, 1.8, Tendency.HIGHER),
        (0.5, 1000, 1.8, Tendency.LOWER),
        (1.9, 1000, 1.8, Tendency.USUAL),
        # Twice as much of nearly nothing is still nearly nothing.
        (0.4, 1000, 0.2, Tendency.USUAL),
        # Half a point more of ten is no news.
        (10.6, 1000, 10.0, Tendency.USUAL),
        (50.0, 49, 1.8, Tendency.UNKNOWN),
        (5.0, 1000, None, Tendency.UNKNOWN),
    ],
)
def test_rate_beside_the_normal_one(percent: float, tried: int, normal: float | None, tendency: Tendency) -> None:
    assert compare(percent, tried, normal) == tendency


def test_providers_keep_failures_that_the_figures_do_not_know_yet() -> None:
    """A12."""
    figures = Figures((Row("gmail", "sent", "", "", 90), Row("gmail", "failed", "hard", "user_unknown", 10)))
    [gmail, docomo] = results_by_provider(figures, {"gmail": 12, "docomo": 3})
    assert (gmail.label, gmail.tried, gmail.accepted, gmail.failed, gmail.error_percent) == ("Gmail", 100, 90, 12, 12)
    assert (docomo.tried, docomo.failed, docomo.error_percent) == (3, 3, 100)
    assert results_by_provider(figures)[0].failed == 10


def test_bars_fill_what_they_stand_for() -> None:
    segments = stack({"ok": 50, "bad": 0, "warn": 25}, 100)
    assert [(segment.tone, segment.start, segment.width) for segment in segments] == [("ok", 0, 50), ("warn", 50, 25)]
    assert stack({"bad": 1}, 1_000_000)[0].width == SMALLEST
    assert sum(segment.width for segment in stack({"ok": 999_999, "bad": 1}, 1_000_000)) <= 100
    assert stack({"bad": 1}, 0) == []


@pytest.mark.django_db
def test_pages_end_where_nobody_turns_to() -> None:
    campaign = make_campaign()
    made = [make_delivery(campaign).pk for _ in range(5)]
    rows = Delivery.objects.order_by("-pk")
    for paginator in (ReportPaginator(rows, 5, shown=3), ReportPaginator(rows, shown=3)):
        assert (paginator.count, paginator.is_capped) == (3, True)
        assert list(paginator.get_page(9)) == made[:1:-1]
    assert not ReportPaginator(rows[:2], 2, shown=3).is_capped
    assert [row.pk for row in fetch(Delivery.objects.all(), [made[2], 0, made[1]])] == [made[2], made[1]]
