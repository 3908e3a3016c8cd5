"""Inviting members, changing roles, removing; the last administrator stays."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.errors import AccountError
from accounts.members import change_role, invite, remove
from accounts.models import AuditEntry, Membership, Role, User, Workspace
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db


def login(client: Client, role: Role = Role.ADMIN, workspace: Workspace | None = None) -> User:
    user = make_user(workspace or make_workspace(), role=role)
    client.force_login(user)
    return user


def membership_of(user: User) -> Membership:
    return Membership.objects.get(user=user)


def test_invites_a_new_colleague_with_a_password_that_works(client: Client) -> None:
    workspace = make_workspace()
    login(client, workspace=workspace)
    answer = client.post(reverse("members"), {"email": "New@Example.jp", "name": "新田", "role": "editor"})
    shown = re.search(r'id="first-password">([^<]+)<', answer.content.decode())
    assert shown
    password = shown[1]
    assert re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", password)
    assert Client().login(email="new@example.jp", password=password)
    membership = Membership.objects.get(workspace=workspace, user__email="new@example.jp")
    assert membership.role == Role.EDITOR
    assert membership.user.name == "新田"
    assert answer["Cache-Control"].find("no-store") >= 0
    assert password not in client.get(reverse("members")).content.decode()


def test_password_is_kept_nowhere_in_clear(client: Client) -> None:
    login(client)
    answer = client.post(reverse("members"), {"email": "new@example.jp", "role": "viewer"})
    password = re.search(r'id="first-password">([^<]+)<', answer.content.decode())
    assert password
    assert password[1] not in str(dict(client.session))
    assert password[1] not in str(list(AuditEntry.objects.values()))
    assert password[1] not in User.objects.get(email="new@example.jp").password


def test_invites_somebody_who_has_an_account(client: Client) -> None:
    workspace = make_workspace()
    login(client, workspace=workspace)
    colleague = make_user(make_workspace(), email="both@example.jp")
    answer = client.post(reverse("members"), {"email": "BOTH@example.jp", "role": "viewer"})
    assert "first-password" not in answer.content.decode()
    assert Membership.objects.get(workspace=workspace, user=colleague).role == Role.VIEWER
    colleague.refresh_from_db()
    assert colleague.check_password("password")


def test_invitation_of_a_member_is_refused_with_a_sentence(client: Client) -> None:
    workspace = make_workspace()
    user = login(client, workspace=workspace)
    answer = client.post(reverse("members"), {"email": user.email, "role": "viewer"})
    assert "役割は上の「メンバー」の一覧で変更できます" in answer.content.decode()
    assert membership_of(user).role == Role.ADMIN
    assert not AuditEntry.objects.exists()


def test_invitation_without_a_proper_address_says_how_to_mend_it(client: Client) -> None:
    login(client)
    page = client.post(reverse("members"), {"email": "だれか", "role": "boss"}).content.decode()
    assert "name@example.jp" in page
    assert User.objects.count() == 1


def test_changes_a_role_and_writes_it_down(client: Client) -> None:
    workspace = make_workspace()
    admin = login(client, workspace=workspace)
    colleague = make_user(workspace, role=Role.VIEWER)
    answer = client.post(reverse("member_role", args=[membership_of(colleague).pk]), {"role": "editor"})
    assert answer["Location"] == reverse("members")
    assert membership_of(colleague).role == Role.EDITOR
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.target) == (admin, "member.role", colleague.email)
    assert entry.detail == {"before": "viewer", "after": "editor"}


def test_a_role_that_does_not_exist_changes_nothing(client: Client) -> None:
    workspace = make_workspace()
    login(client, workspace=workspace)
    colleague = make_user(workspace, role=Role.VIEWER)
    answer = client.post(reverse("member_role", args=[membership_of(colleague).pk]), {"role": "boss"}, follow=True)
    assert "役割を選び直してください" in answer.content.decode()
    assert membership_of(colleague).role == Role.VIEWER


def test_the_last_administrator_cannot_step_down(client: Client) -> None:
    workspace = make_workspace()
    admin = login(client, workspace=workspace)
    make_user(workspace, role=Role.EDITOR)
    answer = client.post(reverse("member_role", args=[membership_of(admin).pk]), {"role": "viewer"}, follow=True)
    assert "最後の管理者" in answer.content.decode()
    assert membership_of(admin).role == Role.ADMIN


def test_the_last_administrator_cannot_leave(client: Client) -> None:
    workspace = make_workspace()
    admin = login(client, workspace=workspace)
    answer = client.post(reverse("member_remove", args=[membership_of(admin).pk]))
    assert answer["Location"] == reverse("members")
    assert "最後の管理者は外せません" in client.get(reverse("members")).content.decode()
    assert membership_of(admin)


def test_the_last_administrator_is_offered_no_button_but_the_reason(client: Client) -> None:
    workspace = make_workspace()
    admin = login(client, workspace=workspace)
    editor = make_user(workspace, role=Role.EDITOR)
    page = client.get(reverse("members")).content.decode()
    assert "先に、ほかのメンバーを管理者にしてください" in page
    for name in ("member_remove", "member_role"):
        assert reverse(name, args=[membership_of(admin).pk]) not in page
        assert reverse(name, args=[membership_of(editor).pk]) in page
    change_role(membership_of(editor), Role.ADMIN, actor=admin)
    page = client.get(reverse("members")).content.decode()
    assert "最後の管理者" not in page
    assert reverse("member_remove", args=[membership_of(admin).pk]) in page


def test_one_of_two_administrators_may_leave_and_is_sent_home(client: Client) -> None:
    workspace = make_workspace()
    admin = login(client, workspace=workspace)
    make_user(workspace, role=Role.ADMIN)
    answer = client.post(reverse("member_remove", args=[membership_of(admin).pk]))
    assert answer["Location"] == reverse("home")
    assert not Membership.objects.filter(user=admin).exists()
    assert User.objects.filter(pk=admin.pk).exists()


def test_who_steps_down_is_sent_home_and_not_to_a_page_that_refuses(client: Client) -> None:
    workspace = make_workspace()
    admin = login(client, workspace=workspace)
    make_user(workspace, role=Role.ADMIN)
    answer = client.post(reverse("member_role", args=[membership_of(admin).pk]), {"role": "viewer"})
    assert answer["Location"] == reverse("home")


def test_a_removed_member_cannot_open_the_workspace(client: Client) -> None:
    workspace = make_workspace()
    admin = make_user(workspace)
    editor = login(client, Role.EDITOR, workspace)
    remove(membership_of(editor), actor=admin)
    answer = client.get(reverse("home"))
    assert answer.status_code == 403
    assert "招待を依頼してください" in answer.content.decode()


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_only_administrators_manage_members(client: Client, role: Role) -> None:
    workspace = make_workspace()
    login(client, role, workspace)
    assert client.get(reverse("members")).status_code == 403
    assert client.post(reverse("members"), {"email": "x@example.jp", "role": "admin"}).status_code == 403
    assert not User.objects.filter(email="x@example.jp").exists()


def test_members_of_another_workspace_are_out_of_reach(client: Client) -> None:
    login(client)
    stranger = make_user(make_workspace(), role=Role.EDITOR)
    pk = membership_of(stranger).pk
    assert client.post(reverse("member_role", args=[pk]), {"role": "viewer"}).status_code == 404
    assert client.post(reverse("member_remove", args=[pk])).status_code == 404
    assert stranger.email not in client.get(reverse("members")).content.decode()
    assert membership_of(stranger).role == Role.EDITOR


def test_functions_refuse_by_themselves() -> None:
    workspace = make_workspace()
    admin = make_user(workspace)
    only = membership_of(admin)
    with pytest.raises(AccountError) as refused:
        change_role(only, Role.VIEWER, actor=admin)
    assert refused.value.about == only
    change_role(only, Role.ADMIN, actor=admin)
    with pytest.raises(AccountError):
        invite(workspace, email=admin.email, name="", role=Role.VIEWER, actor=admin)


def test_the_page_of_members_costs_no_query_for_each_member(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    workspace = make_workspace()
    login(client, workspace=workspace)
    for _number in range(20):
        make_user(workspace)
    with django_assert_max_num_queries(8):
        client.get(reverse("members"))
