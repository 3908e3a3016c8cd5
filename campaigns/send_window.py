"""What the pages say of when a mailing is sent: closed times, and carriers that begin a little later."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from accounts.models import Workspace
from campaigns.closed_times import opening
from campaigns.jitter import FIRST, KEPT_OFF, NEAR, SPREAD, start_offset
from campaigns.models import Campaign, CampaignState, Lane
from campaigns.quiet_words import moment_words

SENDS = (CampaignState.STARTING, CampaignState.SENDING)
# Mailings that a page names one by one.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class SendWindow:
    """When a mailing goes on or begins, in words; empty where nothing holds it."""

    # It would send now, but for its 配信禁止時間.
    reopens: str = ""
    # Its scheduled time lies in its 配信禁止時間.
    opens: str = ""
    # Carriers whose first mail comes later, and when.
    carriers: tuple[tuple[str, datetime], ...] = ()


def send_window(campaign: Campaign, lanes: Iterable[Lane], *, now: datetime) -> SendWindow:
    """Return what is to be said of a campaign at this moment."""
    if campaign.state == CampaignState.SCHEDULED and campaign.scheduled_at and not campaign.late_since:
        begin = opening(campaign, max(campaign.scheduled_at, now))
        return SendWindow(opens=moment_words(begin, now) if begin else "")
    if campaign.state not in SENDS:
        return SendWindow()
    if words := closed_words(campaign, now=now):
        return SendWindow(reopens=words)
    return SendWindow(carriers=tuple(carrier_starts(campaign, lanes, now=now)))


def closed_words(campaign: Campaign, *, now: datetime) -> str:
    """Return until when a mailing that is being sent rests in its 配信禁止時間; empty where it does not."""
    if campaign.state not in SENDS or not campaign.closed_from or not campaign.closed_until:
        return ""
    return moment_words(campaign.closed_until, now) if campaign.closed_from <= now < campaign.closed_until else ""


def resting_campaigns(workspace: Workspace, *, now: datetime) -> list[tuple[Campaign, str]]:
    """Return mailings whose rows wait whatever their provider, the newest first, with when they go on: "" = by hand."""
    closed = Q(state__in=SENDS, closed_from__lte=now, closed_until__gt=now)
    found = Campaign.objects.for_workspace(workspace).filter(closed | Q(state=CampaignState.PAUSED))
    return [(campaign, closed_words(campaign, now=now)) for campaign in found.order_by("-pk")[:SHOWN]]


def carrier_starts(campaign: Campaign, lanes: Iterable[Lane], *, now: datetime) -> list[tuple[str, datetime]]:
    """Return the carriers among the lanes of a campaign that just started whose first mail is still to come."""
    began = campaign.started_at
    if began is None or now >= began + NEAR + FIRST + SPREAD:
        return []
    starts = [
        (lane.provider_label(), began + start_offset(lane.provider, campaign, began))
        for lane in lanes
        if lane.provider in KEPT_OFF
    ]
    return sorted({(label, at) for label, at in starts if at > now}, key=lambda start: (start[1], start[0]))
