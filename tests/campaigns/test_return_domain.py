"""Mailings return to the customer's own domain where it was proved when they started (E9)."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest
from django.conf import settings
from pytest_django import Settings

from campaigns.authors import author_of
from campaigns.freezing import freeze_recipients
from campaigns.models import Campaign, CampaignState, Delivery
from campaigns.rendering import Renderer
from mta import return_path
from senders.models import SenderDomain
from tests.factories import make_campaign, make_list, make_sender, make_subscriber

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def installation(settings: Settings) -> None:
    settings.OWN_RETURN_DOMAINS = True


def start(*, proved: bool) -> Campaign:
    """Start a mailing to one person, from a domain with a return domain of its own."""
    sender = make_sender(address="news@shop.example")
    SenderDomain.objects.filter(pk=sender.domain_id).update(
        return_name="bounce.shop.example", return_proved_at=NOW if proved else None
    )
    mailing_list = make_list(sender.workspace)
    make_subscriber(mailing_list)
    campaign = make_campaign(mailing_list, sender=sender, state=CampaignState.STARTING, started_at=NOW)
    assert freeze_recipients(campaign.pk, now=NOW)
    campaign.refresh_from_db()
    return campaign


def return_of(campaign: Campaign) -> str:
    """Return the domain of MAIL FROM of the mailing's only mail, the same by both ways."""
    delivery = Delivery.objects.select_related("campaign__sender__domain").get(campaign=campaign)
    delivery.mail_date = NOW
    outgoing = Renderer().render(delivery)
    assert replace(outgoing, is_wire_ready=False) == Renderer().render_plainly(delivery)
    assert return_path.decode(outgoing.mail_from, secret=settings.SECRET_KEY) == delivery.pk
    return outgoing.mail_from.rpartition("@")[2]


def test_errors_return_to_a_proved_domain_of_ones_own() -> None:
    """E9"""
    assert return_of(start(proved=True)) == "bounce.shop.example"


def test_errors_return_to_the_installation_until_the_domain_is_proved() -> None:
    """E9"""
    assert return_of(start(proved=False)) == settings.RETURN_DOMAIN


@pytest.mark.parametrize("proved", [True, False])
def test_what_is_proved_later_changes_no_mailing_that_runs(*, proved: bool) -> None:
    campaign = start(proved=proved)
    before = return_of(campaign)
    SenderDomain.objects.update(return_proved_at=None if proved else NOW)
    campaign = Campaign.objects.get(pk=campaign.pk)
    assert return_of(campaign) == before


def test_errors_return_to_the_installation_where_it_offers_nothing_else(settings: Settings) -> None:
    """E9"""
    settings.OWN_RETURN_DOMAINS = False
    assert return_of(start(proved=True)) == settings.RETURN_DOMAIN


def test_a_mailing_that_started_before_there_was_a_choice() -> None:
    campaign = start(proved=True)
    del campaign.author["return_domain"]
    campaign.save(update_fields=["author"])
    assert return_of(campaign) == settings.RETURN_DOMAIN
    assert asdict(author_of(campaign))["return_domain"] == ""
