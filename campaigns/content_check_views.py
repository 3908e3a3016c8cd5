"""The part of the check page that tells what others say: links, pictures, SpamAssassin."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns import content_checks
from campaigns.content_kinds import digests_of
from campaigns.models import Campaign, CheckState
from campaigns.preflight.asked import current_checks, findings_of
from campaigns.preflight.check import arrange
from campaigns.preflight.content import read_contents
from campaigns.sendable import CampaignError
from campaigns.views import find_campaign


def asked_context(campaign: Campaign, *, now: datetime) -> dict[str, Any]:
    """Return what the part shows; nothing where there is nothing to ask about, or no draft any more."""
    contents = read_contents(campaign)
    kinds = digests_of(contents) if campaign.is_editable() else {}
    if not kinds:
        return {}
    checks = current_checks(campaign, contents)
    is_waiting = any(content_checks.is_waiting(check, now=now) for check in checks)
    return {
        "is_waiting": is_waiting,
        "is_missing": len(checks) < len(kinds),
        # What no worker took in time was not done either.
        "failed": [] if is_waiting else [check for check in checks if check.state != CheckState.DONE],
        "report": arrange(finding for check in checks for finding in findings_of(check)),
        "checked_at": max((check.checked_at for check in checks if check.checked_at), default=None),
    }


@require_safe
@member_required()
def content_check(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The part alone, asked for while a check is on its way."""
    return show_part(request, find_campaign(request.workspace, pk))


@require_POST
@member_required(Role.EDITOR)
def ask_content_check(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Have a draft checked once more."""
    campaign = find_campaign(request.workspace, pk)
    refusal = ""
    try:
        if campaign.is_editable():
            content_checks.ask(campaign, now=timezone.now(), is_again=True)
    except CampaignError as error:
        refusal = error.sentence
    if request.htmx:
        return show_part(request, campaign, refusal)
    if refusal:
        messages.error(request, refusal)
    return redirect("campaign_preview", pk=pk)


def show_part(request: WorkspaceRequest, campaign: Campaign, refusal: str = "") -> HttpResponse:
    """Show the part as it stands."""
    asked = asked_context(campaign, now=timezone.now())
    return render(request, "campaigns/_content_check.html", {"campaign": campaign, "asked": asked, "refusal": refusal})
