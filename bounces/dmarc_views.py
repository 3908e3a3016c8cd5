"""The page of the DMARC reports on a domain."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from bounces.dmarc_reports import sum_up
from senders.domain_names import display_domain
from senders.models import SenderDomain

DAYS: Final = (7, 30, 90, 365)
USUAL: Final = 30


@require_safe
@member_required()
def dmarc_reports(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show who sent mail in the name of a domain, as receivers reported it."""
    domain = get_object_or_404(SenderDomain, workspace=request.workspace, pk=pk)
    chosen = request.GET.get("days", "")
    days = int(chosen) if chosen in map(str, DAYS) else USUAL
    context = {
        "domain": domain,
        "domain_name": display_domain(domain.name),
        "summary": sum_up(domain, since=timezone.now() - timedelta(days=days)),
        "days": days,
        "choices": DAYS,
        "has_address": bool(settings.DMARC_REPORT_ADDRESS),
    }
    return render(request, "bounces/dmarc_reports.html", context)
