"""Registers the domains that a workspace sends from."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from senders.dkim_keys import active_key, generate_key
from senders.domain_names import clean_domain
from senders.errors import AddressRefused
from senders.freemail import is_freemail
from senders.models import KeyAlgorithm, SenderDomain


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
    """Give a domain an Ed25519 key, by which its mails are signed beside the RSA key (RFC 8463).

    Returns False where it has one. Raises SenderError where no encryption key is set.
    """
    # Locked, so that a double click makes one key.
    locked = SenderDomain.objects.select_for_update(no_key=True).get(pk=domain.pk)
    if active_key(locked, KeyAlgorithm.ED25519):
        return False
    key = generate_key(locked, KeyAlgorithm.ED25519)
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
    taken = SenderDomain.objects.filter(name=name, verified_at__isnull=False).exclude(workspace=workspace)
    if taken.exists():
        raise AddressRefused(
            _(
                "このドメインは送信元として登録できません。お心当たりがない場合は、システム管理者にお問い合わせください。"
            )
        )
