"""The links and identifiers that the mails of a campaign carry."""

from django.conf import settings
from django.urls import reverse

from campaigns.models import Campaign
from mta import tokens

# Purposes of tokens (mta/tokens.py).
UNSUBSCRIBE = "unsubscribe"
MESSAGE_ID = "message-id"
WEB_VERSION = "web-version"


def absolute_url(path: str) -> str:
    """Return the address under which recipients reach a page."""
    base: str = settings.BASE_URL
    return base + path


def unsubscribe_url(delivery_id: int) -> str:
    """Return the page on which the recipient of a delivery can refuse further mail."""
    token = tokens.make(UNSUBSCRIBE, delivery_id, secret=settings.SECRET_KEY)
    return absolute_url(reverse("unsubscribe", args=[token]))


def preferences_url(delivery_id: int) -> str:
    """Return the page on which the recipient of a delivery chooses what to receive; the token is that of unsubscribing."""
    token = tokens.make(UNSUBSCRIBE, delivery_id, secret=settings.SECRET_KEY)
    return absolute_url(reverse("preferences", args=[token]))


def web_url(delivery_id: int) -> str:
    """Return the page that shows the mail of a delivery in a browser."""
    token = tokens.make(WEB_VERSION, delivery_id, secret=settings.SECRET_KEY)
    return absolute_url(reverse("web_version", args=[token]))


def links_of(delivery_id: int) -> dict[str, str]:
    """Return the values of the tags that are links of one delivery."""
    return {
        "unsubscribe_url": unsubscribe_url(delivery_id),
        "preferences_url": preferences_url(delivery_id),
        "web_url": web_url(delivery_id),
    }


def sample_links() -> dict[str, str]:
    """Return what previews and test mails have in their place: pages that explain and change nothing."""
    return {
        "unsubscribe_url": sample_unsubscribe_url(),
        "preferences_url": absolute_url(reverse("preferences_sample")),
        "web_url": absolute_url(reverse("web_sample")),
    }


def sample_unsubscribe_url() -> str:
    """Return the page that a preview or a test mail links to: it explains and changes nothing."""
    return absolute_url(reverse("unsubscribe_sample"))


def list_id(campaign: Campaign) -> str:
    """Return what List-Id says (RFC 2919): one for all mailings of a workspace."""
    return f"{campaign.workspace_id}.{settings.RETURN_DOMAIN}"


def feedback_id(campaign: Campaign) -> str:
    """Return what Feedback-ID says: by it Gmail's Postmaster Tools tell campaigns and customers apart."""
    return f"{campaign.pk}:{campaign.workspace_id}:campaign:hypermail"
