"""What the pages of a mailing say of バックナンバー: nobody should be surprised by finding it in public."""

from __future__ import annotations

from archive.choosing import mailings_of
from archive.models import Archive
from campaigns.models import Campaign, CampaignState


def archives_of(campaign: Campaign) -> list[Archive]:
    """Return the open archives that show a mailing, or will of themselves once it was sent."""
    found = Archive.objects.filter(mailing_list__in=campaign.mailing_lists.all(), published_at__isnull=False)
    archives = list(found.select_related("mailing_list__workspace").order_by("pk"))
    if campaign.state == CampaignState.DONE:
        return [one for one in archives if mailings_of(one, only=True).filter(pk=campaign.pk).exists()]
    adding = [one for one in archives if one.adds_since is not None]
    if not adding or campaign.state == CampaignState.CANCELLED or is_narrowed(campaign):
        return []
    return adding


def is_narrowed(campaign: Campaign) -> bool:
    """Say whether a mailing is meant for a part of its lists alone, and so waits for a person's word."""
    return bool(campaign.conditions or campaign.resend_of_id or campaign.audience_parts.exists())
