"""Pages of stopped addresses."""

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from bounces.exporting import column_choices, download
from bounces.forms import StoppedFilterForm
from bounces.reports import make_chips
from bounces.stopped import (
    STOPPED_COLUMNS,
    count_stopped,
    find_stopped,
    read_stopped,
    with_errors,
)
from campaigns.paging import ReportPaginator, fetch
from lists.models import StopReason, Subscriber


@require_GET
@member_required()
def stopped_index(request: WorkspaceRequest) -> HttpResponse:
    """Show who is in 配信停止, why, and what the servers said."""
    form = StoppedFilterForm(request.GET, workspace=request.workspace)
    search = form.search()
    # Only the rows can tell how many a text or a list fits; the indexes know nothing of them.
    by_rows = bool(search.q or search.list_id)
    counts = {} if by_rows else count_stopped(request.workspace, search)
    total = sum(counts.values())
    known = counts.get(search.reason, 0) if search.reason else total
    found = None if by_rows else known
    page = ReportPaginator(find_stopped(request.workspace, search), found).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "search": search,
        "page": page,
        "rows": with_errors(fetch(Subscriber.objects.defer("attributes"), list(page))),
        "total": total,
        "chips": make_chips(counts, dict(StopReason.choices), search.reason),
        "reasons": StopReason.choices,
        "is_counted": not by_rows,
        "columns": column_choices(STOPPED_COLUMNS),
    }
    return render(request, "bounces/stopped_index.html", context)


@require_GET
@member_required()
def stopped_csv(request: WorkspaceRequest) -> HttpResponseBase:
    """Stream the stopped addresses as CSV, filtered as the page is."""
    return download_stopped(request, "csv")


@require_GET
@member_required()
def stopped_xlsx(request: WorkspaceRequest) -> HttpResponseBase:
    """Stream the stopped addresses as XLSX, filtered as the page is."""
    return download_stopped(request, "xlsx")


def download_stopped(request: WorkspaceRequest, suffix: str) -> HttpResponseBase:
    """Return a file of exactly what the page shows under the same query."""
    search = StoppedFilterForm(request.GET, workspace=request.workspace).search()
    rows = read_stopped(find_stopped(request.workspace, search))
    return download(request, STOPPED_COLUMNS, rows, f"stopped.{suffix}")
