"""配信履歴: what was sent and how it went, of all lists or of one (A8, B8, B9)."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.models import Workspace
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from campaigns.models import Campaign, CampaignQuerySet, Part
from campaigns.results import Result, describe
from campaigns.tally import Figures, figures_by_campaign, median_apart_from, newest_rates
from lists.models import MailingList, Segment

PAGE = 20
NEWEST = 5


def started_campaigns(request: WorkspaceRequest) -> CampaignQuerySet:
    """Return the mailings of the workspace that were started, newest first."""
    return Campaign.objects.for_workspace(request.workspace).filter(started_at__isnull=False).order_by("-started_at")


def with_results(campaigns: list[Campaign], workspace: Workspace) -> list[tuple[Campaign, Result]]:
    """Return each mailing of a workspace with its result, in as many queries however many there are."""
    counted = figures_by_campaign([campaign.pk for campaign in campaigns])
    rates = newest_rates(workspace)
    now = timezone.now()
    found = []
    for campaign in campaigns:
        normal = median_apart_from(rates, campaign.pk)
        found.append((campaign, describe(campaign, counted.get(campaign.pk, Figures()), normal=normal, now=now)))
    return found


@require_safe
@member_required()
def history(request: WorkspaceRequest) -> HttpResponse:
    """List what was sent with its counts; `list` keeps the mailings to one list, `q` those of a subject."""
    started = started_campaigns(request)
    mailing_list = None
    if asked := request.GET.get("list", ""):
        mailing_list = MailingList.objects.filter(workspace=request.workspace, pk=read_number(asked) or 0).first()
        started = started.filter(audiences__mailing_list=mailing_list) if mailing_list else started.none()
    if query := request.GET.get("q", "").replace("\0", "").strip():
        started = started.filter(subject__icontains=query)
    page = Paginator(started, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": with_results(list(page), request.workspace),
        "mailing_list": mailing_list,
        "query": query,
        "is_filtered": bool(asked or query),
    }
    return render(request, "campaigns/history.html", context)


@require_safe
@member_required()
def list_campaigns(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The newest mailings to a list, a part of the list's page (B8)."""
    mailing_list = get_object_or_404(MailingList, workspace=request.workspace, pk=pk)
    newest = list(started_campaigns(request).filter(audiences__mailing_list=mailing_list)[:NEWEST])
    rows = with_results(newest, request.workspace)
    context = {"mailing_list": mailing_list, "rows": rows}
    return render(request, "campaigns/_list_campaigns.html", context)


@require_safe
@member_required()
def segment_campaigns(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The newest mailings to a segment, a part of the segment's page."""
    segment = get_object_or_404(Segment, workspace=request.workspace, pk=pk)
    sent = started_campaigns(request).filter(audience_parts__segment=segment, audience_parts__part=Part.INCLUDE_SEGMENT)
    rows = with_results(list(sent[:NEWEST]), request.workspace)
    return render(request, "campaigns/_segment_campaigns.html", {"rows": rows})
