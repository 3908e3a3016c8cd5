"""Pages of the report: the figures, the mail with its numbered links, the files."""

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from campaigns.models import Campaign
from campaigns.report.curves import draw_hours
from campaigns.report.exporting import report_rows
from campaigns.report.figures import MailingReport, read_report
from campaigns.report.overlay import overlay_html
from campaigns.split_pages import result_words
from campaigns.views import find_campaign
from designs.frames import frame
from lists.csv_writing import CHARSETS, stream_csv
from lists.xlsx_writing import stream_xlsx
from tracking.figures import reactions_of

# Links that the page lists; files have all of them.
LINKS_SHOWN = 100


@require_safe
@member_required()
def campaign_report(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the report of a mailing; one that was not started yet opens its own page."""
    campaign, now = find_campaign(request.workspace, pk), timezone.now()
    if campaign.started_at is None:
        return redirect("campaign_detail", pk=pk)
    report = read_report(campaign, now=now)
    context = {
        "campaign": campaign,
        "report": report,
        "result": report.result,
        "normal": report.normal,
        "providers": report.providers,
        "reactions": report.reactions,
        "split": report.split,
        "split_words": result_words(report.split.test) if report.split and report.split.test.winner is not None else "",
        "curve": draw_hours(report.hours, now=now) if report.hours else None,
        "links": report.reactions.links[:LINKS_SHOWN] if report.reactions else (),
        "has_overlay": bool(report.reactions and report.reactions.links and campaign.html.strip()),
    }
    return render(request, "campaigns/report.html", context)


@require_safe
@member_required()
def campaign_report_frame(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The mail with a number in each counted link, for a sandboxed frame."""
    campaign = find_campaign(request.workspace, pk)
    reactions = reactions_of(pk) if campaign.is_tracked else None
    page = overlay_html(campaign, reactions.links) if reactions else ""
    if not page:
        raise Http404
    return frame(page)


@require_safe
@member_required()
def campaign_report_csv(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Give the figures as CSV, in the encoding that the query asks for."""
    asked = request.GET.get("encoding", "")
    report = find_report(request, pk)
    encoding = asked if asked in CHARSETS else "utf-8-sig"
    return stream_csv(report_rows(report), file_name(report.campaign, "csv"), encoding)


@require_safe
@member_required()
def campaign_report_xlsx(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Give the figures as XLSX."""
    report = find_report(request, pk)
    return stream_xlsx(report_rows(report), file_name(report.campaign, "xlsx"))


def find_report(request: WorkspaceRequest, pk: int) -> MailingReport:
    """Return the report of a mailing that was started; raises Http404 for another one."""
    campaign = find_campaign(request.workspace, pk)
    if campaign.started_at is None:
        raise Http404
    return read_report(campaign, now=timezone.now())


def file_name(campaign: Campaign, suffix: str) -> str:
    """Return the name of a file of the report."""
    return f"report-{campaign.pk}.{suffix}"
