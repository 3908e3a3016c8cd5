"""Caps of domains (C23): their waiting rows move to a lane of their own and back, exactly once each."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry, User, Workspace
from campaigns.domain_caps import CHUNK, LATER, add_cap, change_cap, move_rows, remove_cap
from campaigns.lanes import find_lane
from campaigns.models import Campaign, Delivery, DeliveryState, DomainCap, Lane
from tests.factories import (
    make_campaign,
    make_deliveries,
    make_delivery,
    make_lane,
    make_list,
    make_subscriber,
    make_user,
    make_workspace,
)

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def user(workspace: Workspace) -> User:
    return make_user(workspace)


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    return make_campaign(make_list(workspace), state="sending", started_at=NOW)


def make_row(campaign: Campaign, address: str, **fields: Any) -> Delivery:
    subscriber = make_subscriber(campaign.mailing_lists.get(), address)
    if fields.get("state") in ("claimed", "fenced"):
        fields |= {"lease_token": "0" * 32, "lease_until": NOW, "fenced_at": NOW}
    return make_delivery(campaign, subscriber, **fields)


def lane_of(row: Delivery) -> Lane:
    return Delivery.objects.select_related("lane").get(pk=row.pk).lane


def cap(campaign: Campaign, user: User, domain: str = "example.co.jp") -> DomainCap:
    made = add_cap(campaign.workspace, domain, 30, actor=user)
    assert made is not None
    return made


def settle(later: timedelta = timedelta(seconds=1)) -> None:
    """Let ticks go by."""
    for second in range(3):
        move_rows(now=timezone.now() + later * (second + 1))


def test_waiting_rows_move_to_the_lane_of_their_domain(campaign: Campaign, user: User) -> None:
    """C23: the cap counts for what waits already; other domains, also those below it, stay where they are."""
    waiting = [make_row(campaign, f"a{i}@example.co.jp", state=s) for i, s in enumerate(("pending", "deferred"))]
    others = [make_row(campaign, address) for address in ("a@example.jp", "a@sub.example.co.jp", "a@notexample.co.jp")]
    sent = make_row(campaign, "b@example.co.jp", state="sent")
    made = cap(campaign, user)
    settle()
    assert {(lane_of(row).domain, lane_of(row).provider, lane_of(row).route) for row in waiting} == {
        ("example.co.jp", "other", "relay")
    }
    assert {lane_of(row).domain for row in (*others, sent)} == {""}
    made.refresh_from_db()
    assert made.moves_at is None


def test_each_route_and_provider_keeps_its_own(campaign: Campaign, user: User) -> None:
    """A company's domain at Google stays a domain of Google."""
    workspace = campaign.workspace
    lanes = [make_lane(workspace, route="route-1", provider="gmail"), make_lane(workspace, provider="other")]
    rows = [make_row(campaign, f"a{number}@example.co.jp", lane=lane) for number, lane in enumerate(lanes)]
    cap(campaign, user)
    settle()
    assert [(lane_of(row).route, lane_of(row).provider, lane_of(row).domain) for row in rows] == [
        ("route-1", "gmail", "example.co.jp"),
        ("relay", "other", "example.co.jp"),
    ]


def test_another_workspace_keeps_its_rows(campaign: Campaign, user: User) -> None:
    stranger = make_row(make_campaign(state="sending"), "a@example.co.jp")
    make_row(campaign, "a@example.co.jp")
    cap(campaign, user)
    settle()
    assert lane_of(stranger).domain == ""


@pytest.mark.parametrize("state", ["claimed", "fenced"])
def test_rows_on_their_way_are_moved_once_they_are_back(campaign: Campaign, user: User, state: str) -> None:
    row = make_row(campaign, "a@example.co.jp", state=state)
    made = cap(campaign, user)
    move_rows(now=timezone.now())
    assert lane_of(row).domain == ""
    made.refresh_from_db()
    assert made.moves_at is not None
    Delivery.objects.filter(pk=row.pk).update(state=DeliveryState.DEFERRED)
    move_rows(now=timezone.now())
    assert lane_of(row).domain == ""
    settle(LATER)
    assert lane_of(row).domain == "example.co.jp"


def test_waits_until_the_recipients_are_frozen(campaign: Campaign, user: User) -> None:
    """A chunk that was frozen before the cap was there comes to light only afterwards."""
    starting = make_campaign(campaign.mailing_lists.get(), state="starting")
    made = cap(campaign, user)
    row = make_row(campaign, "a@example.co.jp")
    settle()
    assert lane_of(row).domain == ""
    late = make_row(starting, "late@example.co.jp")
    Campaign.objects.filter(pk=starting.pk).update(state="sending")
    settle(LATER)
    assert lane_of(row).domain == lane_of(late).domain == "example.co.jp"
    made.refresh_from_db()
    assert made.moves_at is None


def test_moves_in_bounded_chunks(campaign: Campaign, user: User) -> None:
    number = CHUNK + 10
    lane = make_lane(campaign.workspace)
    make_deliveries(campaign, number, lane=lane, domain="example.co.jp")
    made = cap(campaign, user)
    assert move_rows(now=timezone.now()) == CHUNK
    assert move_rows(now=timezone.now()) == 10
    assert move_rows(now=timezone.now()) == 0
    assert Delivery.objects.filter(lane__domain="example.co.jp").count() == number
    assert remove_cap(made, actor=user)
    assert move_rows(now=timezone.now()) == CHUNK
    assert move_rows(now=timezone.now()) == 10
    assert move_rows(now=timezone.now()) == 0
    assert Delivery.objects.filter(lane=lane).count() == number


def test_a_removed_cap_gives_the_rows_back(campaign: Campaign, user: User) -> None:
    row, gone = make_row(campaign, "a@example.co.jp"), make_row(campaign, "b@example.co.jp")
    home = lane_of(row)
    made = cap(campaign, user)
    settle()
    Delivery.objects.filter(pk=gone.pk).update(state=DeliveryState.SENT)
    assert remove_cap(made, actor=user)
    settle()
    assert lane_of(row) == home
    # What is settled tells by which lane it went.
    assert lane_of(gone).domain == "example.co.jp"


def test_a_new_lane_is_held_back_like_its_provider(campaign: Campaign, user: User) -> None:
    """A13: what a person said of the provider holds for lanes that come later."""
    make_lane(campaign.workspace, provider="gmail", paused_at=NOW)
    make_lane(campaign.workspace, provider="au", excluded_at=NOW)
    assert find_lane(campaign.workspace, route="route-1", provider="gmail").paused_at == NOW
    assert find_lane(campaign.workspace, route="relay", provider="au", domain="au.com").excluded_at == NOW
    free = find_lane(campaign.workspace, route="relay", provider="other")
    assert (free.paused_at, free.excluded_at) == (None, None)
    stranger = find_lane(make_workspace(), route="relay", provider="gmail")
    assert stranger.paused_at is None


def test_is_in_the_audit_log(campaign: Campaign, user: User) -> None:
    made = cap(campaign, user)
    assert change_cap(made, 60, actor=user)
    made.refresh_from_db()
    assert not change_cap(made, 60, actor=user)
    assert remove_cap(made, actor=user)
    assert not remove_cap(made, actor=user)
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "target", "detail")) == [
        ("cap.create", "example.co.jp", {"after": 30}),
        ("cap.update", "example.co.jp", {"before": 30, "after": 60}),
        ("cap.delete", "example.co.jp", {"before": 60}),
    ]


def test_a_domain_has_one_cap(campaign: Campaign, user: User) -> None:
    cap(campaign, user)
    assert add_cap(campaign.workspace, "example.co.jp", 5, actor=user) is None
    assert AuditEntry.objects.count() == 1
