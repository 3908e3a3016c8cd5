"""{% archive_note campaign %}: whether a mailing is public, or will be."""

from typing import Any

from django.template import Library

from archive.notes import archives_of
from campaigns.models import Campaign, CampaignState

register = Library()


@register.inclusion_tag("archive/_note.html")
def archive_note(campaign: Campaign) -> dict[str, Any]:
    """Return what the note says; nothing is shown where no archive has the mailing."""
    return {"archives": archives_of(campaign), "is_sent": campaign.state == CampaignState.DONE}
