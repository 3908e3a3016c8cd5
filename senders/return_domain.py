"""Lets a domain's errors return to a name of the customer's own instead of RETURN_DOMAIN, so that SPF aligns too (E9)."""

import time
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from senders.domain_names import ADDRESS_LIMIT, LOCAL_LIMIT, clean_domain, guess_zone
from senders.domains import require_not_taken
from senders.errors import AddressRefused
from senders.freemail import is_freemail
from senders.models import CheckKind, DnsCheck, SenderDomain

# The signed address has a local part of at most LOCAL_LIMIT octets (mta/return_path.py).
NAME_LIMIT = ADDRESS_LIMIT - LOCAL_LIMIT - 1
# What the sentences about badly typed domains have as an example.
EXAMPLE = "example.co.jp"
# For so many seconds it is remembered whether a name is one of ours, and of so many names.
REMEMBERED = 60
NAMES_REMEMBERED = 1024


@transaction.atomic
def set_return_name(domain: SenderDomain, name: str, *, actor: User | None) -> bool:
    """Store the return domain that a customer chose, "" for none; returns False where it is that already.

    Mail uses it once the DNS was seen to lead it to us. Raises AddressRefused with a sentence for the form.
    """
    name = clean_return_name(domain, name) if name.strip() else ""
    # Locked, so that a check that is under way finds either all of the old name or all of the new one.
    stored = SenderDomain.objects.select_for_update(no_key=True).get(pk=domain.pk)
    if stored.return_name == name:
        return False
    audit.record(stored.workspace, actor, "sender_domain.return", stored.name, before=stored.return_name, after=name)
    stored.return_name, stored.return_proved_at = name, None
    stored.save(update_fields=["return_name", "return_proved_at"])
    DnsCheck.objects.filter(domain=stored, kind=CheckKind.RETURN).delete()
    domain.return_name, domain.return_proved_at = name, None
    return True


def clean_return_name(domain: SenderDomain, text: str) -> str:
    """Return a return domain as it is stored; raises AddressRefused where it cannot be one for this domain.

    Below the domain that was registered, it has the Organizational Domain of the From address in all but odd cases, so that
    SPF aligns relaxed (RFC 9989 section 4.4); the check of the DNS tells where it does not.
    """
    zone = guess_zone(domain.name)
    try:
        name = clean_domain(text)
    except AddressRefused as error:
        # A name below the customer's own is wanted here.
        raise AddressRefused(error.sentence.replace(EXAMPLE, f"bounce.{zone}")) from error
    values = {"name": name, "zone": zone}
    if is_freemail(name):
        raise AddressRefused(
            _(
                "「%(name)s」はフリーメールや携帯会社のドメインのため、エラーメールの戻り先には使えません(例: bounce.%(zone)s)。"
            )
            % values
        )
    if not name.endswith(f".{zone}"):
        raise AddressRefused(
            _("差出人と同じ組織のドメインにするため、%(zone)s のサブドメインを入力してください(例: bounce.%(zone)s)。")
            % values
        )
    if SenderDomain.objects.filter(workspace=domain.workspace, name=name).exists():
        raise AddressRefused(
            _(
                "「%(name)s」は送信元のドメインです。ここに届くメールがすべてこのシステムに届いてしまうため、"
                "メールを受け取っていない別の名前を入力してください(例: bounce.%(zone)s)。"
            )
            % values
        )
    if len(name) > NAME_LIMIT:
        raise AddressRefused(_("戻り先ドメインは%d文字までです。短い名前にしてください。") % NAME_LIMIT)
    require_not_taken(domain.workspace, name)
    require_free(domain, name)
    return name


def require_free(domain: SenderDomain, name: str) -> None:
    """Raise AddressRefused where another workspace that proved its own domain returns to this name, without saying whose."""
    others = SenderDomain.objects.exclude(workspace=domain.workspace)
    if others.filter(return_name=name, return_proved_at__isnull=False, verified_at__isnull=False).exists():
        raise AddressRefused(
            _("この戻り先ドメインは登録できません。お心当たりがない場合は、システム管理者にお問い合わせください。")
        )


def chosen_return_name(domain: SenderDomain) -> str:
    """Return the name that the customer chose, proved or not; empty for none, and where OWN_RETURN_DOMAINS is off."""
    return domain.return_name if settings.OWN_RETURN_DOMAINS else ""


def own_return_domain(domain: SenderDomain) -> str:
    """Return the domain of the customer's own that errors return to, empty where it is RETURN_DOMAIN."""
    return chosen_return_name(domain) if domain.return_proved_at is not None else ""


def return_domain_of(domain: SenderDomain) -> str:
    """Return the domain that the errors of new mailings return to."""
    return own_return_domain(domain) or settings.RETURN_DOMAIN


def is_own_return_domain(name: str, *, clock: Callable[[], float] = time.monotonic) -> bool:
    """Say whether a name (lower case) is the return domain of a customer, proved or not: errors come back for days.

    The answer may be REMEMBERED seconds old.
    """
    return is_known(name, int(clock() // REMEMBERED))


@lru_cache(maxsize=NAMES_REMEMBERED)
def is_known(name: str, _period: int) -> bool:
    """Ask the database; a period remembers nothing of the one before."""
    return bool(name) and SenderDomain.objects.filter(return_name=name).exists()
