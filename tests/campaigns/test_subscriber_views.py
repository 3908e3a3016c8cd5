"""The mailings to one subscriber: all of them, and what the person opened and clicked."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import Role, Workspace
from campaigns.models import DeliveryState
from campaigns.subscriber_views import PAGE
from lists.models import Engagement, Subscriber
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber, make_user, make_workspace

pytestmark = pytest.mark.django_db
AS_PART = {"HX-Request": "true"}
TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture
def subscriber() -> Subscriber:
    """Somebody who got two mails more than a page shows; 「便り0」 is the oldest."""
    mailing_list = make_list()
    subscriber = make_subscriber(mailing_list)
    for number in range(PAGE + 2):
        campaign = make_campaign(mailing_list, subject=f"便り{number}")
        make_delivery(campaign, subscriber, state=DeliveryState.SENT)
    return subscriber


def as_viewer(workspace: Workspace) -> Client:
    client = Client()
    client.force_login(make_user(workspace, role=Role.VIEWER))
    return client


def page_of(client: Client, subscriber: Subscriber, query: str = "", **headers: str) -> str:
    url = reverse("subscriber_deliveries", args=[subscriber.pk])
    return client.get(f"{url}{query}", headers=headers).content.decode()


def test_all_mailings_to_a_person_are_reached(
    subscriber: Subscriber, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """B13."""
    client = as_viewer(subscriber.workspace)
    with django_assert_max_num_queries(8):
        part = page_of(client, subscriber, **AS_PART)
    assert f"便り{PAGE + 1}<" in part
    assert "便り1<" not in part
    assert f"この人への配信{PAGE + 2}件をすべて見る" in part
    with django_assert_max_num_queries(20):
        last = page_of(client, subscriber, "?page=2")
    assert "<html" in last
    assert "便り1<" in last
    assert "便り0<" in last
    assert "便り2<" not in last


def test_a_mailing_tells_when_the_person_opened_and_clicked_it() -> None:
    mailing_list = make_list()
    subscriber = make_subscriber(mailing_list)
    delivery = make_delivery(make_campaign(mailing_list), subscriber, state=DeliveryState.SENT)
    make_delivery(make_campaign(mailing_list, subject="読まれなかった便り"), subscriber, state=DeliveryState.SENT)
    opened, clicked = (datetime(2026, 11, 2, 9, minute, tzinfo=TOKYO) for minute in (5, 7))
    Engagement.objects.create(
        subscriber=subscriber, campaign=delivery.campaign_id, opened_at=opened, clicked_at=clicked
    )
    other = make_subscriber(mailing_list)
    Engagement.objects.create(subscriber=other, campaign=delivery.campaign_id, opened_at=opened.replace(hour=22))
    page = page_of(as_viewer(subscriber.workspace), subscriber, **AS_PART)
    unread, read = page.split("</tr>")[1:3]
    assert delivery.campaign.subject in read
    assert "2026/11/02 09:05" in read
    assert "2026/11/02 09:07" in read
    assert "2026/11/02" not in unread
    assert "22:05" not in page


def test_nobody_reads_the_mailings_of_another_workspace(subscriber: Subscriber) -> None:
    stranger = as_viewer(make_workspace())
    assert stranger.get(reverse("subscriber_deliveries", args=[subscriber.pk])).status_code == 404


def test_a_person_without_mailings() -> None:
    subscriber = make_subscriber()
    assert "まだありません" in page_of(as_viewer(subscriber.workspace), subscriber)
