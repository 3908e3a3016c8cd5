"""How fast a mailing goes, from what its page counted before."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign, CampaignState, DeliveryState
from campaigns.progress import Progress
from campaigns.send_rate import WINDOW, Rate, measure_rate
from tests.factories import make_campaign, make_list

NOW = timezone.now()


@pytest.fixture(autouse=True)
def empty_cache():
    cache.clear()


def look(seconds, handled, *, total=1000, campaign=None, **more):
    """Look at a mailing so many seconds later, when so many were sent."""
    states = dict.fromkeys(DeliveryState.values, 0) | {"sent": handled, "pending": total - handled}
    progress = Progress(states=states, total=total, settling=False, **more)
    now = NOW + timedelta(seconds=seconds)
    return measure_rate(campaign or Campaign(pk=1, lifetime_from=NOW), progress, progress.remaining, now=now)


def test_says_nothing_before_two_counts_are_apart():
    assert [look(0, 0), look(1, 50), look(9, 100)] == [None] * 3


def test_rate_and_rest_from_the_first_count_of_the_window():
    look(0, 0)
    assert look(60, 600) == Rate(a_minute=600, minutes_left=1, ends_at=NOW + timedelta(seconds=100))
    assert look(120, 660).minutes_left == 1
    # The first count is too old now.
    assert look(60 + WINDOW, 660) is not None
    assert look(121 + WINDOW, 660) is None


def test_what_stands_still_has_no_rate():
    look(0, 300)
    assert look(30, 300) is None


def test_a_pause_begins_anew():
    look(0, 0)
    again = Campaign(pk=1, lifetime_from=NOW + timedelta(seconds=50))
    assert look(60, 600, campaign=again) is None


def test_figures_from_the_background_count_at_their_own_time():
    first = Campaign(pk=1, lifetime_from=NOW, tally_at=NOW)
    look(3, 0, campaign=first, is_tallied=True)
    assert look(40, 0, campaign=first, is_tallied=True) is None
    later = Campaign(pk=1, lifetime_from=NOW, tally_at=NOW + timedelta(seconds=60))
    assert look(70, 300, campaign=later, is_tallied=True).a_minute == 300


@pytest.mark.django_db
def test_the_page_begins_anew_at_the_start_and_at_the_end(editor, workspace):
    campaign = make_campaign(make_list(workspace))
    url = reverse("campaign_progress", args=[campaign.pk])
    Campaign.objects.update(state=CampaignState.SENDING, started_at=NOW)
    assert editor.get(url, {"seen": "scheduled"}).headers["HX-Refresh"] == "true"
    assert "HX-Refresh" not in editor.get(url, {"seen": "sending"}).headers
    Campaign.objects.update(state=CampaignState.DONE)
    assert editor.get(url, {"seen": "sending"}).headers["HX-Refresh"] == "true"
