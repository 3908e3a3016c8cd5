"""Which route a mailing goes by: its From address decides (E1, E16)."""

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns.authors import freeze_author
from campaigns.models import Campaign
from campaigns.routing import choose_route, route_for
from senders.models import SenderDomain
from senders.verified import verified_domains
from tests.factories import make_campaign, make_list, make_mail_route, make_sender, make_workspace

pytestmark = pytest.mark.django_db


def campaign_from(address: str) -> Campaign:
    workspace = make_workspace()
    return make_campaign(make_list(workspace), sender=make_sender(workspace, address))


def test_without_routes_all_goes_by_the_relay() -> None:
    assert route_for(campaign_from("news@shop.example")) == "relay"


def test_from_that_matches_goes_by_its_route() -> None:
    """E16"""
    make_mail_route(senders="other.example")
    own = make_mail_route(senders="shop.example")
    make_mail_route(senders="shop.example")
    assert route_for(campaign_from("news@shop.example")) == own.key()
    assert route_for(campaign_from("news@www.shop.example")) == own.key()
    assert route_for(campaign_from("news@myshop.example")) == "relay"


def test_verified_domain_goes_by_the_verified_route() -> None:
    """E1: everything else, and an empty setting, goes by the normal route."""
    verified = make_mail_route(for_verified=True)
    campaign = campaign_from("news@shop.example")
    assert route_for(campaign) == verified.key()
    SenderDomain.objects.update(verified_at=None)
    assert verified_domains(campaign.workspace) == []
    assert route_for(campaign) == "relay"
    normal = make_mail_route(is_default=True)
    assert route_for(campaign) == normal.key()


def test_own_route_goes_before_the_verified_and_the_normal_one() -> None:
    make_mail_route(is_default=True)
    make_mail_route(for_verified=True)
    own = make_mail_route(senders="news@shop.example")
    assert route_for(campaign_from("news@shop.example")) == own.key()


def test_disabled_routes_are_passed_over() -> None:
    fields = {"senders": "shop.example", "for_verified": True, "is_default": True, "disabled_at": timezone.now()}
    make_mail_route(**fields)
    assert route_for(campaign_from("news@shop.example")) == "relay"


def test_domains_of_another_workspace_prove_nothing() -> None:
    make_mail_route(for_verified=True)
    SenderDomain.objects.create(workspace=make_workspace(), name="shop.example", verified_at=timezone.now())
    assert choose_route(make_workspace(), "news@shop.example") == "relay"


def test_setting_is_filled_in_by_verification() -> None:
    """E3"""
    workspace = make_workspace()
    for name, verified_at in (("b.example", timezone.now()), ("a.example", timezone.now()), ("c.example", None)):
        SenderDomain.objects.create(workspace=workspace, name=name, verified_at=verified_at)
    assert verified_domains(workspace) == ["a.example", "b.example"]


def test_frozen_author_decides_once_the_mailing_runs() -> None:
    own = make_mail_route(senders="shop.example")
    campaign = campaign_from("news@shop.example")
    freeze_author(campaign)
    assert campaign.sender is not None
    campaign.sender.address = "news@other.example"
    assert route_for(campaign) == own.key()


def test_draft_without_a_sender_has_the_normal_route() -> None:
    make_mail_route(for_verified=True)
    campaign = campaign_from("news@shop.example")
    campaign.sender = None
    assert route_for(campaign) == "relay"


def test_costs_two_queries_at_most(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_mail_route(for_verified=True)
    for number in range(5):
        make_mail_route(senders=f"shop{number}.example")
    campaign = campaign_from("news@shop.example")
    with django_assert_num_queries(2):
        route_for(campaign)
