"""Which route the mails of a campaign go by (E1, E16)."""

from accounts.models import Workspace
from campaigns.authors import author_of
from campaigns.models import Campaign
from mta.models import MailRoute
from mta.routes import RELAY
from mta.sender_matching import matches
from senders.verified import verified_domains


def route_for(campaign: Campaign) -> str:
    """Return the key of the route (mta.mail_routes.load_route) for a campaign's From address. Two queries at most."""
    return choose_route(campaign.workspace, author_of(campaign).address)


def choose_route(workspace: Workspace, address: str) -> str:
    """Return the key of the route for mail of a workspace from an address.

    The first enabled route whose 送信元 name the address; else the first one for verified domains, if it is at one
    of them (E1); else the normal route, which is the relay of the settings where no other was made it.
    """
    routes = list(MailRoute.objects.filter(disabled_at=None).order_by("pk"))
    for route in routes:
        if matches(route.senders, address):
            return route.key()
    for_verified = next((route for route in routes if route.for_verified), None)
    if for_verified is not None and matches("\n".join(verified_domains(workspace)), address):
        return for_verified.key()
    normal = next((route for route in routes if route.is_default), None)
    return RELAY if normal is None else normal.key()
