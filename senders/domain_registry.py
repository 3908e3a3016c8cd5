"""Adds and removes the domains of a workspace by themselves, before a sender uses them."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from senders.domain_names import clean_domain
from senders.domains import register_domain, require_not_taken, require_own_domain
from senders.errors import AddressRefused
from senders.models import SenderDomain

# Each makes a key, and each has a place in the list.
UNUSED_LIMIT = 50


def clean_new_domain(workspace: Workspace, text: str) -> str:
    """Return a domain that the workspace may register, as it is stored; raises AddressRefused where it may not."""
    name = clean_domain(text)
    require_own_domain(name)
    require_not_taken(workspace, name)
    return name


def add_domain(workspace: Workspace, name: str, *, actor: User) -> tuple[SenderDomain, bool]:
    """Return the workspace's domain of this name, as clean_new_domain gives it, and whether it is new; a new one has a key.

    Raises AddressRefused where another workspace proved it meanwhile or too many are there unused, and SenderError where no
    DKIM key can be kept.
    """
    with transaction.atomic():
        existing = SenderDomain.objects.filter(workspace=workspace, name=name).first()
        if existing is not None:
            return existing, False
        if SenderDomain.objects.filter(workspace=workspace, senders=None).count() >= UNUSED_LIMIT:
            raise AddressRefused(
                _("送信元に使っていないドメインが%(count)d件あります。使わないものを削除してから追加してください。")
                % {"count": UNUSED_LIMIT}
            )
        domain = register_domain(workspace, name)
        audit.record(workspace, actor, "sender_domain.create", name)
    return domain, True


@transaction.atomic
def remove_domain(domain: SenderDomain, *, actor: User) -> bool:
    """Delete a domain with its keys and checks; False where a sender has it, in use or archived: past mailings show those."""
    # Locked against a sender that is added at this moment.
    locked = SenderDomain.objects.select_for_update().filter(pk=domain.pk).first()
    if locked is None or locked.senders.exists():
        return False
    audit.record(locked.workspace, actor, "sender_domain.remove", locked.name)
    locked.delete()
    return True
