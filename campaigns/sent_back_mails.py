"""Writes to the people of a workspace about a scheduled mailing that could not start and is a draft again."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.manager_mails import managers, one_line, send
from campaigns.models import Campaign

# Mailings that one tick asks to be written about; the next one goes on.
BATCH = 20


def to_mail() -> list[int]:
    """Return the mailings that the managers have not been written to about."""
    return list(Campaign.objects.filter(back_to_mail=True).order_by("pk").values_list("pk", flat=True)[:BATCH])


def mail_sent_back(campaign_id: int) -> int:
    """Write to the managers about a mailing, once; return how many mails left.

    It is marked as told first: rather no mail than two. The pages say the same.
    """
    if not Campaign.objects.filter(pk=campaign_id, back_to_mail=True).update(back_to_mail=False):
        return 0
    campaign = Campaign.objects.select_related("workspace").get(pk=campaign_id)
    url = settings.BASE_URL + reverse("campaign_preview", args=[campaign.pk])
    text = render_to_string("campaigns/sent_back_mail.txt", {"campaign": campaign, "url": url}).rstrip() + "\n"
    subject = _("[Hypermail] %s: 予約した配信を始められませんでした") % one_line(campaign.workspace.name)
    mails = [EmailMessage(subject, text, to=[user.email]) for user in managers(campaign.workspace)]
    return send(mails, f"campaign {campaign.pk} that fell back to a draft")
