"""Registers the domains that a workspace sends from."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from senders.dkim_keys import active_key, generate_key
from senders.domain_names import clean_domain
from senders.errors import AddressRefused
from senders.freemail import is_freemail
from senders.models import AddressProof, KeyAlgorithm, Sender, SenderDomain


@transaction.atomic
def register_domain(workspace: Workspace, name: str) -> SenderDomain:
    """Return the workspace's domain of this name, made with a DKIM key where it is new.

    Raises SenderError with a sentence for the form: no domain, a provider's domain (A3), or one that another
    workspace proved to be its own. Two workspaces may have the same domain as long as neither proved it:
    otherwise the first to type a name could keep its owner out.
    """
    name = clean_domain(name)
    require_own_domain(name)
    require_not_taken(workspace, name)
    domain, _created = SenderDomain.objects.get_or_create(workspace=workspace, name=name)
    if active_key(domain) is None:
        generate_key(domain)
    return domain


@transaction.atomic
def add_ed25519_key(domain: SenderDomain, *, actor: User) -> bool:
    """Give a domain an Ed25519 key, by which its mails are signed beside the RSA key once its record is seen (RFC 8463).

    Returns False where it has one. Raises SenderError where no encryption key is set.
    """
    # Locked, so that a double click makes one key.
    locked = SenderDomain.objects.select_for_update(no_key=True).get(pk=domain.pk)
    if active_key(locked, KeyAlgorithm.ED25519):
        return False
    key = generate_key(locked, KeyAlgorithm.ED25519, is_waiting=True)
    audit.record(locked.workspace, actor, "sender_domain.add_key", str(key))
    return True


def require_own_domain(name: str) -> None:
    """Raise AddressRefused where the domain is a free-mail provider's or a carrier's (A3)."""
    if is_freemail(name):
        raise AddressRefused(
            _(
                "「%(name)s」はフリーメールや携帯会社・プロバイダのドメインのため、送信元には使えません。"
                "ご自身のアドレスであっても、そのサービス以外から送ると「なりすまし」と判定され、届かなくなります。"
                "お客様の独自ドメインのアドレスを入力してください。"
            )
            % {"name": name}
        )


def require_not_taken(workspace: Workspace, name: str) -> None:
    """Raise AddressRefused where another workspace proved this domain; the sentence does not say whose it is."""
    if is_taken(workspace, name):
        raise AddressRefused(
            _(
                "このドメインは送信元として登録できません。お心当たりがない場合は、システム管理者にお問い合わせください。"
            )
        )


def is_taken(workspace: Workspace, name: str) -> bool:
    """Say whether another workspace proved a domain by DNS, and this one did not: of several that did none keeps others out."""
    owners = set(SenderDomain.objects.filter(name=name, verified_at__isnull=False).values_list("workspace", flat=True))
    return bool(owners) and workspace.pk not in owners


def is_proved(name: str) -> bool:
    """Say whether any workspace proved a domain by DNS."""
    return SenderDomain.objects.filter(name=name, verified_at__isnull=False).exists()


def look_daily(domain_id: int, *, now: datetime) -> None:
    """Have a domain whose addresses prove something looked at daily from now on, whatever was lost before."""
    unproved = SenderDomain.objects.filter(pk=domain_id, verified_at=None)
    unproved.update(recheck_at=now, lost_at=None, failing_since=None)


def withdraw_address_proofs(senders: QuerySet[Sender], *, now: datetime) -> None:
    """Take back what the addresses of senders proved, and end the links that are under way."""
    AddressProof.objects.filter(sender__in=senders, confirmed_at=None, expires_at__gt=now).update(expires_at=now)
    for sender in senders.filter(address_verified_at__isnull=False).select_related("workspace"):
        if Sender.objects.filter(pk=sender.pk).update(address_verified_at=None):
            audit.record(sender.workspace, None, "sender.unprove", sender.address)
