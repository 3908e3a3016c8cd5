"""A mailing goes by the route of its sender, from the freezing of its recipients to the server."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from campaigns import sending, tasks
from campaigns.freezing import freeze_recipients
from campaigns.models import CampaignState, Delivery, Lane
from hypermail.celery import app as celery_app
from mta.models import RouteCheck, RouteCircuit
from mta.route_changes import disable_route
from mta.route_checks import ask_for_check
from mta.tasks import check_route, hint_route_checks
from tests.factories import make_campaign, make_list, make_mail_route, make_sender, make_subscriber, make_user
from tests.mta.fault_server import FaultServer

# The ledger writes from a thread with a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def start_mailing(address: str) -> Lane:
    """Freeze a mailing of one recipient from an address; return its lane."""
    mailing_list = make_list()
    make_subscriber(mailing_list)
    sender = make_sender(mailing_list.workspace, address)
    campaign = make_campaign(mailing_list, sender=sender, state=CampaignState.STARTING, started_at=timezone.now())
    assert freeze_recipients(campaign.pk, now=timezone.now())
    return Delivery.objects.get(campaign=campaign).lane


def test_mailing_goes_by_the_route_of_its_sender(settings: Settings) -> None:
    """E1, E16"""
    settings.REQUIRE_VERIFIED_SENDERS = False
    with FaultServer() as relay, FaultServer(features=("AUTH PLAIN",), login=("user", "geheim")) as own:
        settings.RELAY_URL = f"smtp://127.0.0.1:{relay.port}"
        route = make_mail_route(
            host="127.0.0.1", port=own.port, security="none", login=("user", "geheim"), senders="shop.example"
        )
        lanes = [start_mailing("news@shop.example"), start_mailing("news@other.example")]
        assert [lane.route for lane in lanes] == [route.key(), "relay"]
        for lane in lanes:
            sending.send_lane(lane.pk)
    assert (len(own.accepted), own.logins, len(relay.accepted)) == (1, 1, 1)
    assert b"news@shop.example" in own.accepted[0].data


def test_disabled_route_fails_nobody_and_goes_on_when_it_is_enabled(settings: Settings, client: Client) -> None:
    settings.REQUIRE_VERIFIED_SENDERS = False
    with FaultServer() as own:
        route = make_mail_route(host="127.0.0.1", port=own.port, security="none", senders="shop.example")
        lane = start_mailing("news@shop.example")
        disable_route(route, actor=make_user(), now=timezone.now())
        sending.send_lane(lane.pk)
        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.attempts, own.connections) == ("pending", 0, 0)
        assert "無効" in RouteCircuit.objects.get(route=route.key()).because
        client.force_login(make_user(is_superuser=True))
        client.post(reverse("route_enable", args=[route.key()]))
        sending.send_lane(lane.pk)
    assert len(own.accepted) == 1


def take_hints() -> list[tuple[str, list[int]]]:
    """Return the tasks that wait for a process that sends, and forget them."""
    hints = []
    with celery_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("send")
        while True:
            try:
                message = queue.get(block=False)
            except queue.Empty:
                break
            message.ack()
            hints.append((message.headers["task"], list(message.payload[0])))
        queue.close()
    return hints


def test_tick_hints_at_a_check_and_a_process_that_sends_does_it() -> None:
    take_hints()
    assert hint_route_checks in tasks.STEPS
    with FaultServer() as server:
        route = make_mail_route(host="127.0.0.1", port=server.port, security="none")
        ask_for_check(route.key(), now=timezone.now())
        check = RouteCheck.objects.get()
        tasks.take_steps([hint_route_checks], now=timezone.now())
        assert take_hints() == [("mta.tasks.check_route", [check.pk])]
        check_route(check.pk)
    tasks.take_steps([hint_route_checks], now=timezone.now())
    assert take_hints() == []
    check.refresh_from_db()
    assert check.checked_at is not None
