"""Pages of one provider, and the letters for the time when it blocks (D6, D7)."""

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from bounces.charts import draw
from bounces.error_report import group_by_provider, look_at_freshness, table_of_kinds
from bounces.letters import Letter, contact_of, describe_block, write_letter
from bounces.period_failures import read_page
from bounces.provider_report import five_criteria, judge_all, read_facts
from bounces.report_forms import LetterForm, ReportForm
from bounces.report_scope import PRESETS, Scope
from bounces.reports import Filter
from bounces.trend import is_weekly, read_trend
from campaigns.models import DeliveryState
from mta.providers import PROVIDER_LABELS, PROVIDERS
from mta.verdicts import Kind
from senders.models import Sender

ANSWERS_SHOWN = 10


@require_GET
@member_required()
def provider_report(request: WorkspaceRequest, provider: str) -> HttpResponse:
    """Show a provider's rules and our figures of a period against them (A12, B15)."""
    if provider not in PROVIDER_LABELS:
        raise Http404
    query = request.GET.copy()
    query["provider"] = provider
    form = ReportForm(query, workspace=request.workspace, today=timezone.localdate())
    scope = form.scope()
    facts = read_facts(scope)
    groups = group_by_provider(facts.figures, scope)
    points = read_trend(facts.mailings, scope.period)
    context = {
        "form": form,
        "scope": scope,
        "presets": PRESETS,
        "label": PROVIDER_LABELS[provider],
        "report_url": f"{reverse('error_report')}?{scope.query({'provider': ''})}",
        "domains": PROVIDERS.get(provider, ()),
        "others": PROVIDER_LABELS.items(),
        "facts": facts,
        "figures": facts.figures,
        "doubt": facts.figures.number((DeliveryState.DOUBT,)),
        "freshness": look_at_freshness(scope, now=timezone.now()),
        "kinds": table_of_kinds(facts.figures, (), scope),
        "blocked": [group for group in groups if group.is_blocked],
        "criteria": five_criteria(facts),
        "judgements": judge_all(facts),
        "contact": contact_of(provider),
        "answers": read_page(scope, Filter(kind=Kind.BLOCK), None).deliveries[:ANSWERS_SHOWN],
        "chart": draw(points),
        "points": points,
        "is_weekly": is_weekly(scope.period),
    }
    return render(request, "bounces/provider_report.html", context)


@require_GET
@member_required()
def letter(request: WorkspaceRequest) -> HttpResponse:
    """Show a letter, filled in from the data, to be changed and copied."""
    form = LetterForm(request.GET, workspace=request.workspace, today=timezone.localdate())
    scope = form.scope()
    chosen = form.chosen_letter()
    sender = form.chosen_sender()
    context = {
        "form": form,
        "scope": scope,
        "chosen": chosen,
        "to_provider": chosen != Letter.TO_SUBSCRIBER,
        "sender": sender,
        "text": compose(scope, chosen, sender) if sender else "",
        "contact": contact_of(scope.provider),
        "query": scope.query({"letter": chosen, "sender": str(sender.pk) if sender else ""}),
        "ips": settings.SENDING_IPS,
        "label": PROVIDER_LABELS[scope.provider],
        "letter_label": chosen.label,
    }
    return render(request, "bounces/letter.html", context)


@require_GET
@member_required()
def letter_text(request: WorkspaceRequest) -> HttpResponse:
    """Return a letter as a text file, as it was filled in."""
    form = LetterForm(request.GET, workspace=request.workspace, today=timezone.localdate())
    scope = form.scope()
    sender = form.chosen_sender()
    if sender is None:
        raise Http404
    chosen = form.chosen_letter()
    # Windows' editor wants CRLF; every other one takes it.
    content = compose(scope, chosen, sender).replace("\n", "\r\n")
    response = HttpResponse(content, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, f"letter-{chosen}-{scope.provider}.txt")
    return response


def compose(scope: Scope, chosen: Letter, sender: Sender) -> str:
    """Return the text of a letter about the blocks of a scope."""
    return write_letter(chosen, describe_block(scope, sender))
