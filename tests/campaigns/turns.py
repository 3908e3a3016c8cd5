"""What tests of turns share: campaigns that send, the messages of the queue, and relays."""

from typing import Any

from django.utils import timezone

from accounts.models import Workspace
from campaigns.models import Campaign, CampaignState, Delivery, Lane
from hypermail.celery import app as celery_app
from mta.models import RouteCircuit
from tests.factories import make_campaign, make_delivery, make_list, make_subscriber


def sending_campaign(readers: int = 3, workspace: Workspace | None = None, **fields: Any) -> Campaign:
    """Make a campaign in 配信中 with so many due rows in the lane of other providers."""
    mailing_list = make_list(workspace)
    fields = {"state": CampaignState.SENDING, "lifetime_from": timezone.now(), "recipient_count": readers} | fields
    campaign = make_campaign(mailing_list, **fields)
    for _ in range(readers):
        make_delivery(campaign, make_subscriber(mailing_list))
    return campaign


def lane_of(campaign: Campaign) -> Lane:
    return Lane.objects.get(workspace=campaign.workspace)


def states() -> list[str]:
    return sorted(Delivery.objects.values_list("state", flat=True))


def attempts() -> set[int]:
    return set(Delivery.objects.values_list("attempts", flat=True))


def circuit_of(route: str = "relay") -> RouteCircuit:
    return RouteCircuit.objects.get(route=route)


def relay_url(port: int) -> str:
    return f"smtp://127.0.0.1:{port}"


def drain() -> list[tuple[str, tuple[Any, ...]]]:
    """Return the tasks that were published, as (name, arguments), and forget them."""
    published = []
    with celery_app.connection_for_read() as connection:
        for queue in ("work", "send", "tick"):
            simple = connection.SimpleQueue(queue)
            while True:
                try:
                    message = simple.get(block=False)
                except simple.Empty:
                    break
                message.ack()
                published.append((message.headers["task"], tuple(message.payload[0])))
            simple.close()
    return published


def work_off(tasks: list[tuple[str, tuple[Any, ...]]]) -> None:
    """Do what published tasks ask for."""
    for name, arguments in tasks:
        celery_app.tasks[name](*arguments)
