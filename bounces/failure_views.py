"""Pages of the failed addresses of a campaign."""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from bounces.exporting import column_choices, download
from bounces.failure_export import FAILURE_COLUMNS, read_failures
from bounces.forms import RemovalForm
from bounces.removal import chosen_failures, count_reasons, remove_failures
from bounces.reports import (
    FailureCounts,
    Filter,
    count_failures,
    failures_of,
    removable_parts,
    rows_of,
)
from bounces.resending import count_doubts, may_resend, offer_reasons
from campaigns.models import Campaign, Delivery
from campaigns.paging import ReportPaginator, fetch
from campaigns.results import compare, final_at, is_final, results_by_provider
from campaigns.tally import figures, normal_percent, percent
from campaigns.views import find_campaign


@require_GET
@member_required()
def failed_addresses(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the failed addresses of a campaign with code, reason and the server's own words."""
    campaign = find_campaign(request.workspace, pk)
    chosen = Filter.from_query(request.GET)
    counts = count_failures(campaign, chosen)
    page = ReportPaginator(chosen.apply(failures_of(campaign)), counts.found).get_page(request.GET.get("page"))
    context = {
        "campaign": campaign,
        "chosen": chosen,
        "chosen_parts": removable_parts(chosen),
        "counts": counts,
        "page": page,
        "rows": list(rows_of(fetch(Delivery.objects.defer("attributes"), list(page)))),
        "columns": column_choices(FAILURE_COLUMNS),
        "form": RemovalForm(),
        "holds": campaign.stop_holds.order_by("pk"),
        **describe_head(campaign, counts),
        **offer_resend(request, campaign, counts),
    }
    return render(request, "bounces/failed_addresses.html", context)


def describe_head(campaign: Campaign, counts: FailureCounts) -> dict[str, Any]:
    """Return the figures above the rows: exact failures beside what the newest 集計 says was tried."""
    now = timezone.now()
    tallied = figures([campaign.pk])
    tried = max(tallied.tried, counts.total)
    rate = percent(counts.total, tried)
    normal = normal_percent(campaign.workspace, apart_from=campaign)
    return {
        "tried": tried,
        "error_percent": rate,
        "normal": normal,
        "tendency": compare(rate, tried, normal),
        "providers": results_by_provider(tallied, counts.by_provider()),
        "is_final": is_final(campaign, now=now),
        "final_at": final_at(campaign),
    }


def offer_resend(request: WorkspaceRequest, campaign: Campaign, counts: FailureCounts) -> dict[str, Any]:
    """Return what may be sent again, by those who may write mailings."""
    if not request.membership.can_edit() or not may_resend(campaign):
        return {"may_resend": False}
    return {
        "may_resend": True,
        "offers": offer_reasons(counts),
        "doubts": count_doubts(campaign),
        "resends": campaign.resends.order_by("-pk")[:5],
    }


@require_GET
@member_required()
def failed_addresses_csv(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Stream the failed addresses as CSV, in the chosen columns and encoding (A8, B10)."""
    return download_failures(request, pk, "csv")


@require_GET
@member_required()
def failed_addresses_xlsx(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Stream the failed addresses as XLSX, in the chosen columns (B10)."""
    return download_failures(request, pk, "xlsx")


def download_failures(request: WorkspaceRequest, pk: int, suffix: str) -> HttpResponseBase:
    """Return a file of exactly what the page shows under the same query."""
    campaign = find_campaign(request.workspace, pk)
    deliveries = Filter.from_query(request.GET).apply(failures_of(campaign))
    rows = read_failures(campaign, deliveries)
    return download(request, FAILURE_COLUMNS, rows, f"failed-{campaign.pk}.{suffix}")


@require_POST
@member_required(Role.EDITOR)
def failed_addresses_remove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ask, and after the answer take the chosen addresses out of further mailings (A10)."""
    campaign = find_campaign(request.workspace, pk)
    form = RemovalForm(request.POST)
    if not form.is_valid():
        tell_errors(request, form, _("外すアドレスと方法を選び直してください。"))
        return redirect("failed_addresses", pk=campaign.pk)
    deliveries = chosen_failures(campaign, form.choice())
    count = deliveries.count()
    # What was asked about is what is done: where more failed meanwhile, the question is put anew.
    if request.POST.get("confirmed") != str(count) or not count:
        reasons = count_reasons(deliveries)
        context = {
            "campaign": campaign,
            "form": form,
            "count": count,
            "asked": request.POST.get("confirmed"),
            "reasons": reasons,
            "blameless": sum(reason.number for reason in reasons if reason.is_not_the_address),
            "removal": form.chosen_removal(),
        }
        return render(request, "bounces/confirm_removal.html", context)
    changed = remove_failures(campaign, form.choice(), form.chosen_removal(), actor=request.user, now=timezone.now())
    messages.success(
        request, ngettext("%(count)d件を外しました。", "%(count)d件を外しました。", changed) % {"count": changed}
    )
    return redirect("failed_addresses", pk=campaign.pk)


def tell_errors(request: WorkspaceRequest, form: Form, otherwise: str) -> None:
    """Say what is wrong with a form as a whole."""
    told = [str(sentence) for sentence in form.non_field_errors()] or [otherwise]
    messages.error(request, " ".join(told))
