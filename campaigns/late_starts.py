"""遅延許容: holds a scheduled mailing that could not start in time, and asks the people of its workspace about it."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.manager_mails import managers, one_line, send
from campaigns.models import Campaign, CampaignState, GateState

# Mailings that one tick holds, or asks to be written about; the next one goes on.
BATCH = 20


def startable(*, now: datetime) -> QuerySet[Campaign]:
    """Return the scheduled campaigns whose time has come, that wait for nobody's word and may send (A15)."""
    due = Campaign.objects.filter(state=CampaignState.SCHEDULED, scheduled_at__lte=now, late_since=None)
    return due.exclude(workspace__error_gate__state=GateState.STOPPED)


def waiting(ids: Iterable[int], *, now: datetime) -> QuerySet[Campaign]:
    """Return those of the campaigns that are still scheduled for a time that has come, and not held.

    Only columns of the campaign itself are asked: an update that finds a row locked looks at these again, and would
    not look again at what it joined.
    """
    return Campaign.objects.filter(pk__in=ids, state=CampaignState.SCHEDULED, scheduled_at__lte=now, late_since=None)


def too_late(now: datetime) -> Q:
    """Return what finds the campaigns whose time was longer ago than they tolerate."""
    return Q(scheduled_at__lt=now - F("late_tolerance"))


def hold_late(*, now: datetime) -> int:
    """Hold the due campaigns that are too late to start by themselves; return how many."""
    held = 0
    for campaign in startable(now=now).filter(too_late(now)).select_related("workspace").order_by("pk")[:BATCH]:
        with transaction.atomic():
            # Somebody may have given it another time meanwhile.
            if waiting([campaign.pk], now=now).filter(too_late(now)).update(late_since=now, late_told_at=None):
                record(campaign.workspace, None, "campaign.late", str(campaign.pk), at=str(campaign.scheduled_at))
                held += 1
    return held


def late_to_mail() -> list[int]:
    """Return held campaigns that the managers have not been written to about."""
    held = Campaign.objects.filter(state=CampaignState.SCHEDULED, late_since__isnull=False, late_told_at=None)
    return list(held.order_by("pk").values_list("pk", flat=True)[:BATCH])


def mail_late(campaign_id: int, *, now: datetime) -> int:
    """Write to the managers about a held campaign, once; return how many mails left.

    It is marked as told first: rather no mail than two. The pages say the same.
    """
    held = Campaign.objects.filter(
        pk=campaign_id, state=CampaignState.SCHEDULED, late_since__isnull=False, late_told_at=None
    )
    if not held.update(late_told_at=now):
        return 0
    campaign = Campaign.objects.select_related("workspace").get(pk=campaign_id)
    url = settings.BASE_URL + reverse("campaign_detail", args=[campaign.pk])
    with campaign.workspace.in_zone():
        text = render_to_string("campaigns/late_mail.txt", {"campaign": campaign, "url": url}).rstrip() + "\n"
    subject = _("[Hypermail] %s: 予約した配信を始めずに待っています") % one_line(campaign.workspace.name)
    mails = [EmailMessage(subject, text, to=[user.email]) for user in managers(campaign.workspace)]
    return send(mails, f"late start of campaign {campaign.pk}")
