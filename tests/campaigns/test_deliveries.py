"""Counting the deliveries of a campaign."""

import pytest

from campaigns.deliveries import count_states
from campaigns.models import DeliveryState
from tests.factories import make_campaign, make_delivery

pytestmark = pytest.mark.django_db


def test_counts_have_every_state():
    campaign = make_campaign()
    for state in (DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.SENT):
        make_delivery(campaign, state=state)
    make_delivery()
    counts = count_states(campaign)
    assert (counts[DeliveryState.PENDING], counts[DeliveryState.SENT]) == (2, 1)
    assert set(counts) == set(DeliveryState.values)
    assert sum(counts.values()) == 3
