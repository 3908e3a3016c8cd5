"""The parts that the mails of a campaign are filled from; the plain and the compiled way begin with the same."""

from campaigns.legal import add_html_footer, add_text_footer
from campaigns.models import Campaign
from tracking.links import Body, frozen_body


def write_body(campaign: Campaign) -> Body:
    """Return what is written, with the legal footer and without anything measured: for previews and test mails."""
    return Body(add_text_footer(campaign.text), add_html_footer(campaign.html) if campaign.html.strip() else "")


def body_of(campaign: Campaign) -> Body:
    """Return what the mails of a campaign are filled from; where it is tracked, as it was when its sending began."""
    return frozen_body(campaign.pk) if campaign.is_tracked else write_body(campaign)
