"""Taking a route out of use and into use again, with mailings under way."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, User
from campaigns.models import CampaignState, Delivery, Lane
from campaigns.route_usage import Usage, usage_of
from mta.models import MailRoute
from tests.factories import (
    make_campaign,
    make_deliveries,
    make_lane,
    make_mail_route,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]


def make_waiting(route: MailRoute, count: int, **fields: str) -> None:
    """Make a mailing under way with so many rows that wait for a route."""
    campaign = make_campaign(state=CampaignState.SENDING)
    make_deliveries(campaign, count, lane=make_lane(campaign.workspace, route=route.key()), **fields)


def test_counts_what_waits(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    route = make_mail_route()
    make_waiting(route, 2)
    make_waiting(route, 1, state="deferred")
    make_waiting(route, 1, state="sent")
    make_waiting(make_mail_route(), 1)
    with django_assert_num_queries(3):
        assert usage_of(route.key()) == Usage(campaigns=2, waiting=3, is_more=False)
    assert usage_of(route.key(), most=2) == Usage(campaigns=2, waiting=2, is_more=True)


def test_asks_with_the_numbers_and_takes_it_out_of_use(operator: Client) -> None:
    route = make_mail_route(is_default=True)
    make_waiting(route, 2)
    page = reverse("route_disable", args=[route.key()])
    html = operator.get(page).content.decode()
    assert "1件の配信で2件の宛先" in html
    assert "「環境変数のリレー」に戻ります" in html
    route.refresh_from_db()
    assert route.disabled_at is None
    assert operator.post(page)["Location"] == reverse("route_detail", args=[route.key()])
    route.refresh_from_db()
    assert route.disabled_at is not None
    # A second press changes nothing.
    operator.post(page)
    assert AuditEntry.objects.filter(workspace=None, action="route.disable", target=route.key()).count() == 1
    assert Delivery.objects.filter(state="pending").count() == 2


def test_route_that_nothing_waits_for(operator: Client) -> None:
    route = make_mail_route()
    html = operator.get(reverse("route_disable", args=[route.key()])).content.decode()
    assert "待っている宛先はありません" in html


def test_what_waited_goes_on_at_once(operator: Client) -> None:
    route = make_mail_route(disabled_at=timezone.now())
    make_waiting(route, 1)
    make_lane(make_workspace(), held_until=timezone.now() + timedelta(minutes=5))
    Lane.objects.update(held_until=timezone.now() + timedelta(minutes=5), held_because="x")
    operator.post(reverse("route_enable", args=[route.key()]))
    route.refresh_from_db()
    assert route.disabled_at is None
    assert [lane.route for lane in Lane.objects.filter(held_until=None)] == [route.key()]
    operator.post(reverse("route_enable", args=[route.key()]))
    assert AuditEntry.objects.filter(action="route.enable").count() == 1


@pytest.mark.parametrize("name", ["route_disable", "route_enable"])
def test_steps_are_the_operators(name: str, client: Client, client_for: Login, operator: Client) -> None:
    route = make_mail_route(disabled_at=timezone.now() if name == "route_enable" else None)
    page = reverse(name, args=[route.key()])
    assert client.post(page)["Location"].startswith("/accounts/login/")
    assert client_for(make_user(make_workspace())).post(page).status_code == 403
    before = route.disabled_at
    route.refresh_from_db()
    assert route.disabled_at == before
    assert operator.post(reverse(name, args=["relay"])).status_code == 404
