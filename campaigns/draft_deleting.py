"""Deletes a draft that nothing needs."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import Campaign, CampaignState
from campaigns.sendable import CampaignError


def delete_draft(campaign: Campaign) -> None:
    """Delete a draft. Raises CampaignError where it is none any more, or is repeated.

    Its row is locked first: whoever schedules or repeats it at that moment comes before us, or finds nothing.
    """
    with transaction.atomic():
        drafts = Campaign.objects.select_for_update().filter(pk=campaign.pk, state=CampaignState.DRAFT)
        draft = drafts.first()
        if draft is None:
            raise CampaignError(campaign, _("下書きではないため、削除できません。"))
        if draft.recurrences.filter(stopped_at=None).exists():
            raise CampaignError(
                campaign,
                _("繰り返しの元になっているため、削除できません。先に繰り返しを終了してください。"),
                reverse("campaign_preview", args=[campaign.pk]),
            )
        draft.delete()
