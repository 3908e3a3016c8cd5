"""What tests of 計測 begin with: no buffered hit, no remembered target, and a mailing that is measured."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import redis

from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery
from campaigns.reactions import links_in
from tests.factories import make_campaign, make_list, make_subscriber
from tracking.buffer import STREAM, _Rest
from tracking.links import target_of

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
HTML = """<html><body><p>{{name}}さま</p>
<a href="https://shop.example/sale?a=1&amp;b=2">セール</a> <a href="https://shop.example/mypage?id={{会員番号}}">会員</a>
<a href="{{unsubscribe_url}}">停止</a></body></html>"""


@pytest.fixture(autouse=True)
def stream(valkey: str) -> Iterator["redis.Redis"]:
    """The broker, with an empty buffer."""
    target_of.cache_clear()
    links_in.cache_clear()
    _Rest.until = _Rest.room_until = 0.0
    with redis.Redis.from_url(valkey) as client:
        client.delete(STREAM)
        yield client


@pytest.fixture
def campaign() -> Campaign:
    """A mailing of two recipients whose sending began, measured as it is by default."""
    return make_tracked()


def make_tracked(**fields: object) -> Campaign:
    mailing_list = make_list()
    for name, number in (("花子", "A 1"), ("太郎", "B&2")):
        make_subscriber(mailing_list, name=name, attributes={"会員番号": number})
    campaign = make_campaign(mailing_list, **{"html": HTML, "state": CampaignState.STARTING} | fields)
    freeze_recipients(campaign.pk, now=NOW)
    Delivery.objects.filter(campaign=campaign).update(state="sent", fenced_at=NOW, mail_date=NOW)
    campaign.refresh_from_db()
    return campaign
