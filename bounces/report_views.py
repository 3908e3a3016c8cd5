"""Pages of エラーレポート: the figures of a period, the commonest answers, the addresses behind the figures."""

from collections.abc import Iterable
from dataclasses import replace

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from bounces.answers import SAMPLE, commonest_answers
from bounces.charts import draw
from bounces.error_report import (
    group_by_list,
    group_by_provider,
    group_by_segment,
    look_at_freshness,
    name_mailings,
    read_figures,
    read_mailings,
    table_of_kinds,
)
from bounces.exporting import column_choices, download
from bounces.failure_export import FAILURE_COLUMNS
from bounces.period_failures import Cursor, count_matching, read_all, read_page
from bounces.report_forms import ReportForm
from bounces.report_scope import PRESETS
from bounces.reports import Filter, removable_parts, rows_of
from bounces.trend import is_weekly, read_trend
from campaigns.models import Campaign, Delivery, DeliveryState
from campaigns.tag_words import readable
from mta.providers import PROVIDER_LABELS


def read_form(request: WorkspaceRequest) -> ReportForm:
    """Return the form that the query of a URL fills in; a page that is merely opened shows 30 days."""
    return ReportForm(request.GET, workspace=request.workspace, today=timezone.localdate())


@require_GET
@member_required()
def error_report(request: WorkspaceRequest) -> HttpResponse:
    """Show the errors of a period by kind, provider, list, day and mailing (B10, A12)."""
    form = read_form(request)
    scope = form.scope()
    figures = read_figures(scope)
    mailings = read_mailings(scope)
    providers = group_by_provider(figures, scope)
    points = read_trend(mailings, scope.period)
    context = {
        "form": form,
        "scope": scope,
        "presets": PRESETS,
        "figures": figures,
        "doubt": figures.number((DeliveryState.DOUBT,)),
        "freshness": look_at_freshness(scope, now=timezone.now()),
        "providers": providers,
        "kinds": table_of_kinds(figures, providers, scope),
        "lists": [] if scope.mailing_list else group_by_list(mailings, scope),
        "segments": [] if scope.mailing_list else group_by_segment(mailings, scope),
        "mailings": name_mailings(mailings),
        "blocked": [group for group in providers if group.is_blocked],
        "chart": draw(points),
        "points": points,
        "is_weekly": is_weekly(scope.period),
    }
    return render(request, "bounces/error_report.html", context)


@require_GET
@member_required()
def error_answers(request: WorkspaceRequest) -> HttpResponse:
    """Show the commonest things that servers said, what they mean and what to do; a part of the report by htmx."""
    form = read_form(request)
    scope = form.scope()
    context = {"form": form, "scope": scope, "answers": commonest_answers(scope), "sample": SAMPLE}
    template = "bounces/_error_answers.html" if request.htmx else "bounces/error_answers.html"
    return render(request, template, context)


@require_GET
@member_required()
def period_failures(request: WorkspaceRequest) -> HttpResponse:
    """Show the failed addresses of a period, a page at a time."""
    form = read_form(request)
    scope = form.scope()
    chosen = read_filter(request)
    page = read_page(scope, chosen, Cursor.parse(request.GET.get("after", "")))
    subjects = find_subjects(page.deliveries)
    context = {
        "form": form,
        "scope": scope,
        "chosen": chosen,
        "provider_label": PROVIDER_LABELS.get(scope.provider, ""),
        "chosen_parts": removable_parts(chosen),
        "found": count_matching(scope, chosen),
        "rows": [(subjects.get(row[0].campaign_id, ""), *row) for row in rows_of(page.deliveries)],
        "more": page.more,
        "is_first": "after" not in request.GET,
        "columns": column_choices(FAILURE_COLUMNS),
        "hidden": scope.parameters() | chosen.chosen(),
    }
    return render(request, "bounces/period_failures.html", context)


def read_filter(request: WorkspaceRequest) -> Filter:
    """Return which failures are looked at; the provider is part of the scope."""
    return replace(Filter.from_query(request.GET), provider="", q="")


def find_subjects(deliveries: Iterable[Delivery]) -> dict[int, str]:
    """Return the subject of each mailing that some deliveries belong to."""
    mailings = Campaign.objects.filter(pk__in={delivery.campaign_id for delivery in deliveries})
    return {pk: readable(subject) for pk, subject in mailings.values_list("pk", "subject")}


@require_GET
@member_required()
def period_failures_csv(request: WorkspaceRequest) -> HttpResponseBase:
    """Stream the failed addresses of a period as CSV, in the chosen columns and encoding (B10)."""
    return download_failures(request, "csv")


@require_GET
@member_required()
def period_failures_xlsx(request: WorkspaceRequest) -> HttpResponseBase:
    """Stream the failed addresses of a period as XLSX, in the chosen columns (B10)."""
    return download_failures(request, "xlsx")


def download_failures(request: WorkspaceRequest, suffix: str) -> HttpResponseBase:
    """Return a file of all that the pages show under the same query."""
    scope = read_form(request).scope()
    name = f"failed-{scope.period.first:%Y%m%d}-{scope.period.last:%Y%m%d}.{suffix}"
    return download(request, FAILURE_COLUMNS, read_all(scope, read_filter(request)), name)
