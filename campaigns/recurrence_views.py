"""Pages of 繰り返し: what is repeated, when, and what was made of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import prefetch_related_objects
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role, Workspace
from accounts.requests import WorkspaceRequest
from campaigns import recurrences
from campaigns.models import Campaign, Recurrence
from campaigns.recurrence_dates import Plan, following
from campaigns.recurrence_forms import PlanForm
from campaigns.recurrence_looks import Look, look_at
from campaigns.recurrence_words import plan_words
from campaigns.sendable import CampaignError
from campaigns.views import AUDIENCE, find_campaign

PAGE = 50
# How many of the times to come, and of those that were, the page of one recurrence shows.
COMING = 5
MADE = 20


@dataclass(frozen=True, slots=True)
class Row:
    """A recurrence with its plan in words."""

    recurrence: Recurrence
    words: str


def row_of(recurrence: Recurrence) -> Row:
    """Return a recurrence as the pages show it."""
    return Row(recurrence, plan_words(recurrences.plan_of(recurrence)))


def find_recurrence(workspace: Workspace, pk: int) -> Recurrence:
    """Return a recurrence of the workspace or raise Http404."""
    found = Recurrence.objects.filter(workspace=workspace)
    return get_object_or_404(found.select_related("master__sender", "workspace", "started_by"), pk=pk)


@require_safe
@member_required()
def recurrence_index(request: WorkspaceRequest) -> HttpResponse:
    """List what is repeated, what comes next first."""
    page = Paginator(recurrences.running(request.workspace.pk), PAGE).get_page(request.GET.get("page"))
    return render(request, "campaigns/recurrence_index.html", {"page": page, "rows": [row_of(row) for row in page]})


@require_safe
@member_required()
def recurrence_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show a recurrence: its plan, the times to come, and what was made."""
    recurrence = find_recurrence(request.workspace, pk)
    prefetch_related_objects([recurrence.master], *AUDIENCE)
    context = {
        "row": row_of(recurrence),
        "recurrence": recurrence,
        "coming": list(islice(times_to_come(recurrence), COMING)),
        "made": recurrence.occurrences.select_related("campaign").order_by("-at")[:MADE],
        "lacks_approval": recurrences.lacks_approval(recurrence),
    }
    return render(request, "campaigns/recurrence_detail.html", context)


def times_to_come(recurrence: Recurrence) -> Iterator[datetime]:
    """Yield when it sends next, and after that."""
    plan, at = recurrences.plan_of(recurrence), recurrence.next_at
    while at is not None and recurrence.paused_at is None:
        yield at
        at = following(plan, at, recurrence.workspace.zone)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def recurrence_create(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Repeat a draft, or a mailing that was sent."""
    campaign = find_campaign(request.workspace, pk)
    form = PlanForm(request.POST if request.method == "POST" else None, use_required_attribute=False)

    def start(plan: Plan) -> Recurrence:
        return recurrences.start(campaign, plan, actor=request.user, now=timezone.now())

    return save_plan(request, form, start, campaign)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def recurrence_edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change when a mailing is repeated."""
    recurrence = find_recurrence(request.workspace, pk)
    data = request.POST if request.method == "POST" else None
    form = PlanForm(data, plan=recurrences.plan_of(recurrence), use_required_attribute=False)

    def change(plan: Plan) -> Recurrence:
        recurrences.change(recurrence, plan, actor=request.user, now=timezone.now())
        return recurrence

    return save_plan(request, form, change, recurrence.master, recurrence)


def save_plan(
    request: WorkspaceRequest,
    form: PlanForm,
    save: Callable[[Plan], Recurrence],
    campaign: Campaign,
    recurrence: Recurrence | None = None,
) -> HttpResponse:
    """Show the form, then with its plan what would come of it, and save that once it was seen."""
    if request.method == "POST" and form.is_valid():
        look = look_at(campaign, form.plan(), now=timezone.now())
        if look.times and request.POST.get("seen") != look.seen:
            return show_plan(request, form, campaign, recurrence, look)
        try:
            saved = save(form.plan())
        except CampaignError as error:
            form.add_error(None, error.sentence)
        else:
            messages.success(request, _("繰り返しを保存しました。"))
            return redirect("recurrence_detail", pk=saved.pk)
    return show_plan(request, form, campaign, recurrence, None)


def show_plan(
    request: WorkspaceRequest, form: PlanForm, campaign: Campaign, recurrence: Recurrence | None, look: Look | None
) -> HttpResponse:
    """Show the form of a plan, with the last look before it is stored."""
    prefetch_related_objects([campaign], *AUDIENCE)
    context = {"form": form, "campaign": campaign, "recurrence": recurrence, "look": look}
    return render(request, "campaigns/recurrence_form.html", context)


@require_POST
@member_required(Role.EDITOR)
def recurrence_pause(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Make no more mailings for now."""
    return steer(request, pk, recurrences.pause, _("繰り返しを一時停止しました。"))


@require_POST
@member_required(Role.EDITOR)
def recurrence_resume(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Go on with the next time."""
    return steer(request, pk, recurrences.resume, _("繰り返しを再開しました。"))


@require_POST
@member_required(Role.EDITOR)
def recurrence_stop(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """End a recurrence for good."""
    return steer(request, pk, recurrences.stop, _("繰り返しを終了しました。元のメールは下書きとして残っています。"))


def steer(request: WorkspaceRequest, pk: int, change: Callable[..., None], done: str) -> HttpResponse:
    """Apply one change to a recurrence, say how it went, and show it."""
    recurrence = find_recurrence(request.workspace, pk)
    try:
        change(recurrence, actor=request.user, now=timezone.now())
    except CampaignError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, done)
    return redirect("recurrence_detail", pk=recurrence.pk)
