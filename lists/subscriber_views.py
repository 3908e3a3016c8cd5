"""Pages of subscribers: search, one subscriber with everything known, stop and resume."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import AuditEntry, Role
from accounts.requests import WorkspaceRequest
from lists.models import RECIPIENTS_WILL, MailingList, StopReason, Subscriber, SubscriberStatus
from lists.recounting import limit_for
from lists.searching import page_of, search_subscribers
from lists.subscriber_forms import ResumeForm
from lists.subscribers import resume, stop

ROWS_SHOWN = 50


@require_safe
@member_required()
def index(request: WorkspaceRequest) -> HttpResponse:
    """All subscribers of the workspace, searched."""
    query, status = request.GET.get("q", ""), request.GET.get("status", "")
    subscribers = Subscriber.objects.for_workspace(request.workspace)
    context = {
        "page": page_of(search_subscribers(subscribers, query, status), request.GET.get("page")),
        "query": query,
        "status": status,
        "statuses": SubscriberStatus.choices,
    }
    return render(request, "lists/subscriber_index.html", context)


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One subscriber: lists, consents, and who stopped and resumed it."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    return render_detail(request, subscriber, ResumeForm(subscriber=subscriber))


def render_detail(request: WorkspaceRequest, subscriber: Subscriber, form: ResumeForm) -> HttpResponse:
    """Return the subscriber's page with the form for resuming."""
    context = {
        "subscriber": subscriber,
        "form": form,
        "limit": limit_for(subscriber),
        "is_own_will": subscriber.stop_reason in RECIPIENTS_WILL,
        "mailing_lists": MailingList.objects.filter(subscriptions__subscriber=subscriber).order_by("name"),
        "consents": subscriber.consents.select_related("mailing_list").order_by("-at", "-pk")[:ROWS_SHOWN],
        "history": history_of(subscriber),
    }
    return render(request, "lists/subscriber_detail.html", context)


def history_of(subscriber: Subscriber) -> QuerySet[AuditEntry]:
    """Return who stopped and resumed a subscriber, and why, the newest first."""
    done = AuditEntry.objects.filter(workspace=subscriber.workspace_id, target=subscriber.address[:200])
    return done.filter(action__startswith="subscriber.").select_related("actor").order_by("-pk")[:ROWS_SHOWN]


@require_POST
@member_required(Role.EDITOR)
def stop_subscriber(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Stop a subscriber by hand."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    if stop(subscriber, StopReason.MANUAL, actor=request.user, now=timezone.now()):
        messages.success(request, _("%sを配信停止にしました。") % subscriber.address)
    else:
        messages.info(request, _("%sはすでに配信停止です。") % subscriber.address)
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
