"""Links to the page that asks the readers of a domain's mails to let these in (受信設定のお願い)."""

from django.conf import settings
from django.urls import reverse

from mta import tokens
from senders.errors import SenderError
from senders.models import Sender, SenderDomain
from senders.verification import require_verified

# What the token of a link is bound to.
PURPOSE = "allow-page"


def allow_url(domain_id: int) -> str:
    """Return the address of the page of a stored domain; it is the same for ever."""
    return settings.BASE_URL + reverse("allow_page", args=[tokens.make(PURPOSE, domain_id, secret=settings.SECRET_KEY)])


def find_domain(token: str) -> SenderDomain | None:
    """Return the domain of a link, or None where the token is wrong."""
    pk = tokens.read(PURPOSE, token, secret=settings.SECRET_KEY)
    return None if pk is None else SenderDomain.objects.filter(pk=pk).first()


def senders_to_allow(domain: SenderDomain) -> list[Sender]:
    """Return the senders in use of a domain, by address, without those that never proved that they may send.

    Nobody shall ask for others' mail in our name. What was proved and is lost for a while is still told: mails that link
    to the page are under way.
    """
    senders = Sender.objects.filter(domain=domain, archived_at=None).select_related("domain")
    return [sender for sender in senders.order_by("address") if domain.lost_at is not None or may_send(sender)]


def may_send(sender: Sender) -> bool:
    """Say whether a sender may send."""
    try:
        require_verified(sender)
    except SenderError:
        return False
    return True
