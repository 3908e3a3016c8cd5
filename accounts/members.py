"""Who works in a workspace: inviting, changing the role, removing. The last administrator stays."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.errors import AccountError
from accounts.models import Membership, Role, User, Workspace

# No 0, 1, l, o and the like: people read these passwords aloud.
PASSWORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Invitation:
    """A new membership and, where the account is new too, its first password (never stored in clear)."""

    membership: Membership
    password: str | None


def make_password() -> str:
    """Return a random password of four groups of four letters (79 bits)."""
    return "-".join("".join(secrets.choice(PASSWORD_LETTERS) for _letter in range(4)) for _group in range(4))


@transaction.atomic
def invite(workspace: Workspace, *, email: str, name: str, role: Role, actor: User) -> Invitation:
    """Make the owner of a mail address a member, with a new account unless there is one.

    Raises AccountError where that person is a member already.
    """
    email = email.lower()
    user = User.objects.filter(email__iexact=email).first()
    password = None
    if user is None:
        password = make_password()
        user = User.objects.create_user(email, password, name=name)
    membership, created = Membership.objects.get_or_create(workspace=workspace, user=user, defaults={"role": role})
    if not created:
        raise AccountError(_("この方はすでにメンバーです。役割は上の「メンバー」の一覧で変更できます。"), membership)
    record(workspace, actor, "member.invite", email, role=role)
    return Invitation(membership, password)


@transaction.atomic
def change_role(membership: Membership, role: Role, *, actor: User) -> None:
    """Give a member another role. Raises AccountError for the last administrator."""
    if role != Role.ADMIN:
        require_other_admin(membership)
    before = membership.role
    membership.role = role
    membership.save(update_fields=["role"])
    record(membership.workspace, actor, "member.role", membership.user.email, before=before, after=role)


@transaction.atomic
def remove(membership: Membership, *, actor: User) -> None:
    """Take a member out of the workspace; the account stays. Raises AccountError for the last administrator."""
    require_other_admin(membership)
    record(membership.workspace, actor, "member.remove", membership.user.email)
    membership.delete()


def find_last_admin(memberships: Iterable[Membership]) -> Membership | None:
    """Return the only administrator among the members of a workspace, or None where there are several."""
    admins = [membership for membership in memberships if membership.can_manage()]
    return admins[0] if len(admins) == 1 else None


def require_other_admin(membership: Membership) -> None:
    """Raise AccountError where nobody could manage the workspace without this member.

    Locks the administrators' rows, so that two of them cannot remove each other at once.
    """
    admins = Membership.objects.select_for_update().filter(workspace=membership.workspace, role=Role.ADMIN)
    if {admin.pk for admin in admins} == {membership.pk}:
        raise AccountError(_("最後の管理者は外せません。先に、ほかのメンバーを管理者にしてください。"), membership)
