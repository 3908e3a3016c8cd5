"""Pages of the failed addresses of a campaign."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from bounces.forms import RemovalForm
from bounces.removal import chosen_failures, remove_failures
from bounces.reports import (
    Filter,
    column_choices,
    count_failures,
    export_failures,
    failures_of,
    is_final,
    notices_of,
    told_where,
)
from campaigns.models import Campaign
from lists.csv_writing import CHARSETS, stream_csv

PAGE_SIZE = 50


@require_GET
@member_required()
def failed_addresses(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the failed addresses of a campaign with code, reason and the server's own words."""
    campaign = get_object_or_404(Campaign, workspace=request.workspace, pk=pk)
    chosen = Filter.from_query(request.GET)
    page = Paginator(chosen.apply(failures_of(campaign)), PAGE_SIZE).get_page(request.GET.get("page"))
    notices = notices_of(list(page))
    context = {
        "campaign": campaign,
        "chosen": chosen,
        "counts": count_failures(campaign, chosen),
        "page": page,
        "rows": [(delivery, told_where(delivery), notices.get(delivery.pk)) for delivery in page],
        "is_final": is_final(campaign, now=timezone.now()),
        "columns": column_choices(),
        "form": RemovalForm(),
    }
    return render(request, "bounces/failed_addresses.html", context)


@require_GET
@member_required()
def failed_addresses_csv(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Stream the failed addresses as CSV, in the chosen columns and encoding (A8, B10)."""
    campaign = get_object_or_404(Campaign, workspace=request.workspace, pk=pk)
    deliveries = Filter.from_query(request.GET).apply(failures_of(campaign)).iterator(chunk_size=2000)
    rows = export_failures(deliveries, request.GET.getlist("columns"))
    return stream_csv(rows, f"failed-{campaign.pk}.csv", chosen_encoding(request))


def chosen_encoding(request: WorkspaceRequest) -> str:
    """Return the encoding that the query asks for, UTF-8 with BOM unless it is one we write."""
    asked = request.GET.get("encoding", "")
    return asked if asked in CHARSETS else "utf-8-sig"


@require_POST
@member_required(Role.EDITOR)
def failed_addresses_remove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ask, and after the answer take the chosen addresses out of further mailings (A10)."""
    campaign = get_object_or_404(Campaign, workspace=request.workspace, pk=pk)
    form = RemovalForm(request.POST)
    if not form.is_valid():
        told = list(form.non_field_errors()) or [_("外すアドレスと方法を選び直してください。")]
        messages.error(request, " ".join(str(sentence) for sentence in told))
        return redirect("failed_addresses", pk=campaign.pk)
    if "confirmed" not in request.POST:
        count = chosen_failures(campaign, form.choice()).count()
        context = {"campaign": campaign, "form": form, "count": count, "removal": form.chosen_removal()}
        return render(request, "bounces/confirm_removal.html", context)
    changed = remove_failures(campaign, form.choice(), form.chosen_removal(), actor=request.user, now=timezone.now())
    messages.success(
        request, ngettext("%(count)d件を外しました。", "%(count)d件を外しました。", changed) % {"count": changed}
    )
    return redirect("failed_addresses", pk=campaign.pk)
