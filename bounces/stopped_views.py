"""Pages of stopped addresses."""

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from bounces.failure_views import chosen_encoding
from bounces.forms import StoppedFilterForm
from bounces.reports import make_chips
from bounces.stopped import count_stopped, export_stopped, find_stopped
from lists.csv_writing import stream_csv
from lists.models import StopReason, SubscriberQuerySet

PAGE_SIZE = 50


@require_GET
@member_required()
def stopped_index(request: WorkspaceRequest) -> HttpResponse:
    """Show who is in 配信停止, why, and what the servers said."""
    form = StoppedFilterForm(request.GET)
    counts = count_stopped(request.workspace)
    context = {
        "form": form,
        "page": Paginator(chosen_stopped(request, form), PAGE_SIZE).get_page(request.GET.get("page")),
        "total": sum(counts.values()),
        "chips": make_chips(counts, dict(StopReason.choices), request.GET.get("reason", "")),
    }
    return render(request, "bounces/stopped_index.html", context)


@require_GET
@member_required()
def stopped_csv(request: WorkspaceRequest) -> HttpResponseBase:
    """Stream the stopped addresses as CSV, filtered as the page is."""
    stopped = chosen_stopped(request, StoppedFilterForm(request.GET)).iterator(chunk_size=2000)
    return stream_csv(export_stopped(stopped), "stopped.csv", chosen_encoding(request))


def chosen_stopped(request: WorkspaceRequest, form: StoppedFilterForm) -> SubscriberQuerySet:
    """Return the stopped addresses that fit the search; words that are no filter are left out."""
    form.is_valid()
    q, reason = form.cleaned_data.get("q", ""), form.cleaned_data.get("reason", "")
    return find_stopped(request.workspace, q=q, reason=reason)
