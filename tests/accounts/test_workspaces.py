"""One member, several workspaces: switching, and what a stranger sees."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.middleware import SESSION_KEY
from accounts.models import Membership, Role
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db


def test_switches_to_another_workspace_of_the_member(client: Client) -> None:
    first, second = make_workspace(name="はじめ"), make_workspace(name="つぎ")
    user = make_user(first)
    Membership.objects.create(workspace=second, user=user, role=Role.ADMIN)
    client.force_login(user)
    assert client.get(reverse("settings")).context["request"].workspace == first
    answer = client.post(reverse("workspace_switch"), {"workspace": second.pk})
    assert answer["Location"] == reverse("home")
    assert client.get(reverse("settings")).context["request"].workspace == second


@pytest.mark.parametrize("by", ["a stranger", "nobody"])
def test_a_workspace_of_others_cannot_be_chosen(client: Client, by: str) -> None:
    own, foreign = make_workspace(), make_workspace()
    client.force_login(make_user(own))
    chosen = foreign.pk if by == "a stranger" else 987654
    assert client.post(reverse("workspace_switch"), {"workspace": chosen}).status_code == 404
    assert SESSION_KEY not in client.session


def test_nonsense_instead_of_a_workspace_changes_nothing(client: Client) -> None:
    client.force_login(make_user(make_workspace()))
    assert client.post(reverse("workspace_switch"), {"workspace": "x; DROP"})["Location"] == reverse("home")
    assert SESSION_KEY not in client.session


def test_a_session_that_names_a_lost_workspace_falls_back(client: Client) -> None:
    first, second = make_workspace(), make_workspace()
    user = make_user(first)
    membership = Membership.objects.create(workspace=second, user=user, role=Role.ADMIN)
    client.force_login(user)
    client.post(reverse("workspace_switch"), {"workspace": second.pk})
    membership.delete()
    assert client.get(reverse("settings")).context["request"].workspace == first


def test_the_switch_shows_only_where_there_is_a_choice(client: Client) -> None:
    only = make_workspace(name="ただひとつの店")
    user = make_user(only)
    client.force_login(user)
    assert "ワークスペース</label>" not in client.get(reverse("settings")).content.decode()
    Membership.objects.create(workspace=make_workspace(name="もうひとつの店"), user=user, role=Role.VIEWER)
    page = client.get(reverse("settings")).content.decode()
    assert "ワークスペース</label>" in page
    assert "もうひとつの店" in page


def test_who_has_no_workspace_is_told_whom_to_ask(client: Client) -> None:
    client.force_login(make_user())
    answer = client.get(reverse("home"))
    assert answer.status_code == 403
    assert "管理者に招待を依頼してください" in answer.content.decode()
    # And can leave the page by logging in as somebody else.
    assert reverse("account_logout") in answer.content.decode()
