"""Adds, changes and archives the senders of a workspace."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from senders.domain_names import SenderAddress, clean_sender_address
from senders.domains import look_daily, register_domain, require_not_taken, require_own_domain
from senders.errors import AddressRefused
from senders.models import Sender


@dataclass(frozen=True, slots=True)
class SenderDetails:
    """What may be changed of a sender; the From address may not, since past mailings show it."""

    name: str
    reply_to: str
    legal_name: str
    postal_address: str
    contact: str


def create_sender(workspace: Workspace, address: str, details: SenderDetails, *, actor: User | None = None) -> Sender:
    """Store and return a sender; its domain is registered where it is new to the workspace.

    Raises AddressRefused where the address cannot be used, and SenderError where no DKIM key can be kept.
    """
    cleaned = clean_new_address(workspace, address)
    try:
        with transaction.atomic():
            domain = register_domain(workspace, cleaned.domain)
            sender = Sender.objects.create(workspace=workspace, domain=domain, address=str(cleaned), **asdict(details))
            audit.record(workspace, actor, "sender.create", sender.address)
    except IntegrityError:
        # Somebody added the same address between the question and the insert.
        require_new_address(workspace, str(cleaned))
        raise
    return sender


def clean_new_address(workspace: Workspace, text: str) -> SenderAddress:
    """Return the address of a sender to be added; raises AddressRefused where the workspace cannot use it."""
    address = clean_sender_address(text)
    require_new_address(workspace, str(address))
    require_own_domain(address.domain)
    require_not_taken(workspace, address.domain)
    return address


def require_new_address(workspace: Workspace, address: str) -> None:
    """Raise AddressRefused where the workspace has this address already, in use or archived."""
    existing = Sender.objects.filter(workspace=workspace, address__iexact=address).first()
    if existing is None:
        return
    if existing.archived_at is None:
        raise AddressRefused(
            _("この送信元アドレスはすでに登録されています。送信元の一覧から編集してください。"), existing
        )
    raise AddressRefused(
        _("この送信元アドレスは使用を終了した送信元にあります。送信元の一覧の下から「再び使う」を押してください。"),
        existing,
    )


def update_sender(sender: Sender, details: SenderDetails, *, actor: User | None = None) -> None:
    """Store changed details."""
    with transaction.atomic():
        Sender.objects.filter(pk=sender.pk).update(**asdict(details))
        audit.record(sender.workspace, actor, "sender.update", sender.address)


def archive_sender(sender: Sender, *, now: datetime, actor: User | None = None) -> bool:
    """Take a sender out of use; past mailings keep it. Returns False where it was out of use before."""
    with transaction.atomic():
        changed = Sender.objects.filter(pk=sender.pk, archived_at=None).update(archived_at=now)
        if changed:
            audit.record(sender.workspace, actor, "sender.archive", sender.address)
    return bool(changed)


def restore_sender(sender: Sender, *, now: datetime, actor: User | None = None) -> bool:
    """Bring an archived sender back into use. Returns False where it was in use.

    One that its address lets send may be of a domain that nobody looks at any more.
    """
    with transaction.atomic():
        changed = Sender.objects.filter(pk=sender.pk, archived_at__isnull=False).update(archived_at=None)
        if changed:
            if sender.address_verified_at is not None:
                look_daily(sender.domain_id, now=now)
            audit.record(sender.workspace, actor, "sender.restore", sender.address)
    return bool(changed)
