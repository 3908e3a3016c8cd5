"""The pages behind the links in a mail (F6, RFC 8058)."""

from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from campaigns.links import sample_unsubscribe_url, unsubscribe_url
from campaigns.models import DeliveryState
from lists.models import StopReason
from tests.factories import make_delivery

pytestmark = pytest.mark.django_db


def path_of(delivery):
    return unsubscribe_url(delivery.pk).removeprefix("http://testserver")


def test_get_shows_a_page_and_changes_nothing(client):
    """F6."""
    delivery = make_delivery(state=DeliveryState.SENT)
    page = client.get(path_of(delivery))
    assert "停止しますか" in page.content.decode()
    assert delivery.address not in page.content.decode()
    delivery.subscriber.refresh_from_db()
    assert not delivery.subscriber.is_stopped()


@pytest.mark.parametrize("form", [{}, {"List-Unsubscribe": "One-Click"}])
def test_post_stops_the_subscriber_for_good(form):
    """F6, RFC 8058: a provider posts without cookie or form token."""
    client = Client(enforce_csrf_checks=True)
    delivery = make_delivery(state=DeliveryState.SENT)
    for _ in range(2):
        page = client.post(path_of(delivery), form)
        assert page.status_code == 200
        assert "停止しました" in page.content.decode()
    delivery.subscriber.refresh_from_db()
    assert delivery.subscriber.stop_reason == StopReason.UNSUBSCRIBED
    # The report of the mailing counts it, once.
    assert delivery.campaign.leavings.count() == 1


def test_an_unsubscription_settles_a_doubt(client):
    delivery = make_delivery(state=DeliveryState.DOUBT, fenced_at=timezone.now(), lease_token=uuid4())
    client.post(path_of(delivery))
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.SENT


def test_a_deleted_subscriber_can_still_confirm(client):
    delivery = make_delivery(state=DeliveryState.SENT)
    delivery.subscriber.delete()
    assert "停止しました" in client.post(path_of(delivery)).content.decode()


@pytest.mark.parametrize("token", ["x", "b-1-aaaa", "%00", "あ" * 300])
def test_a_forged_link_changes_nothing_and_says_what_to_do(client, token):
    page = client.post(f"/u/{token}/")
    assert page.status_code == 404
    assert "お問い合わせ先" in page.content.decode()


def test_the_sample_of_a_preview_explains_itself(client):
    page = client.get(sample_unsubscribe_url().removeprefix("http://testserver"))
    assert "見本" in page.content.decode()
