"""Pages of subscribers: search, one subscriber with everything known, stop and resume."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.audit import entries_about
from accounts.models import AuditEntry, Role
from accounts.requests import WorkspaceRequest
from lists.attribute_values import show
from lists.exclusions import find_excluded
from lists.finding import Search
from lists.headcounts import count_workspace
from lists.models import RECIPIENTS_WILL, AttributeDefinition, CsvImport, StopReason, Subscriber, Subscription
from lists.recounting import limit_for
from lists.search_pages import PART, read_results, search_context
from lists.subscriber_forms import ResumeForm, StopForm
from lists.subscribers import resume, stop

ROWS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Fact:
    """An attribute of a subscriber as people read it."""

    label: str
    text: str


@require_safe
@member_required()
def index(request: WorkspaceRequest) -> HttpResponse:
    """All subscribers of the workspace, searched."""
    search = Search.from_query(request.GET)
    results = read_results(request.workspace, search, request.GET, now=timezone.now())
    if PART in request.GET:
        return render(request, "lists/_found_rows.html", {"results": results})
    context = search_context(request.workspace, search) | {
        "results": results,
        "counts": count_workspace(request.workspace),
    }
    return render(request, "lists/subscriber_index.html", context)


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One subscriber: lists, consents, and who did what with it."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    return render_detail(request, subscriber, ResumeForm(subscriber=subscriber))


def render_detail(request: WorkspaceRequest, subscriber: Subscriber, form: ResumeForm) -> HttpResponse:
    """Return the subscriber's page with the form for resuming."""
    places = Subscription.objects.filter(subscriber=subscriber, mailing_list__deleted_at=None)
    found = find_excluded(subscriber.workspace_id, [subscriber.address_key], now=timezone.now())
    context = {
        "subscriber": subscriber,
        "form": form,
        "facts": facts_of(subscriber),
        "limit": limit_for(subscriber),
        "is_own_will": subscriber.stop_reason in RECIPIENTS_WILL,
        # A refusal that comes after an error or a colleague stopped the person is to be written down, too.
        "may_change_reason": subscriber.is_stopped() and subscriber.stop_reason not in RECIPIENTS_WILL,
        "places": places.select_related("mailing_list").order_by("mailing_list__name"),
        "exclusion": found.get(subscriber.address_key),
        "last_import": last_import_of(subscriber),
        "consents": subscriber.consents.select_related("mailing_list").order_by("-at", "-pk")[:ROWS_SHOWN],
        "history": history_of(subscriber)[:ROWS_SHOWN],
        # So many are followed by the way to all.
        "rows_shown": ROWS_SHOWN,
    }
    return render(request, "lists/subscriber_detail.html", context)


def facts_of(subscriber: Subscriber) -> list[Fact]:
    """Return the attributes of a subscriber: those that are offered in their order, then what else has a value."""
    values = dict(subscriber.attributes)
    facts = []
    for definition in AttributeDefinition.objects.filter(workspace=subscriber.workspace_id).order_by("position", "pk"):
        value = values.pop(definition.name, "")
        if definition.archived_at is None or value != "":
            facts.append(Fact(definition.label, show(definition, value)))
    return facts + [Fact(name, str(value)) for name, value in values.items()]


def last_import_of(subscriber: Subscriber) -> CsvImport | None:
    """Return the file that changed a subscriber last, while it is known."""
    if subscriber.last_import is None:
        return None
    return CsvImport.objects.filter(workspace=subscriber.workspace_id, pk=subscriber.last_import).first()


def history_of(subscriber: Subscriber) -> QuerySet[AuditEntry]:
    """Return who changed, stopped and resumed a subscriber, and why, the newest first."""
    done = entries_about(subscriber.workspace_id, [subscriber.address])
    return done.filter(action__startswith="subscriber.").select_related("actor").order_by("-pk")


@require_safe
@member_required()
def history(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Everything that was done with a subscriber."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    page = Paginator(history_of(subscriber), ROWS_SHOWN).get_page(request.GET.get("page"))
    return render(request, "lists/subscriber_history.html", {"subscriber": subscriber, "page": page})


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def stop_subscriber(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ask why, then stop a subscriber."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    form = StopForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "lists/subscriber_stop.html", {"subscriber": subscriber, "form": form})
    reason, why = StopReason(form.cleaned_data["reason"]), form.cleaned_data["why"]
    was = subscriber.stop_reason
    if stop(subscriber, reason, actor=request.user, now=timezone.now(), why=why):
        messages.success(request, _("%sを配信停止にしました。") % subscriber.address)
    elif subscriber.stop_reason != was:
        label = subscriber.get_stop_reason_display()
        messages.success(request, _("停止の理由を「%s」に変えました。") % label)
    else:
        messages.info(request, _("停止の理由は変わりませんでした。すでに配信停止です。"))
    return redirect("subscriber_detail", pk)


@require_POST
@member_required(Role.EDITOR)
def resume_subscriber(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Resume a stopped subscriber for a reason; after 購読解除 or 苦情 only with an explicit word."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    form = ResumeForm(request.POST, subscriber=subscriber)
    if not form.is_valid():
        return render_detail(request, subscriber, form)
    if resume(subscriber, form.cleaned_data["why"], actor=request.user, now=timezone.now()):
        messages.success(request, _("%sへの配信を再開しました。エラー回数は0に戻りました。") % subscriber.address)
    elif subscriber.is_stopped():
        messages.warning(request, _("停止の理由が変わったため、再開しませんでした。内容を確かめてください。"))
    else:
        messages.info(request, _("%sは配信停止ではありません。") % subscriber.address)
    return redirect("subscriber_detail", pk)
