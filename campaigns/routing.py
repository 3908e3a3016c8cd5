"""Which route the mails of a campaign go by (E1, E16)."""

from campaigns.models import Campaign
from mta.routes import RELAY


def route_for(campaign: Campaign) -> str:
    """Return the key of the route (mta.mail_routes.load_route) for a campaign's From address."""
    return RELAY
