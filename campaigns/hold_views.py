"""Pages of stops that are held for review (B16): the list, one hold with its evidence, and the decision."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role, Workspace
from accounts.requests import WorkspaceRequest
from campaigns.holds import commonest_texts, decide, held_errors, open_holds, unknown_deliveries
from campaigns.models import Delivery, HoldState, StopHold

EXAMPLES = 10
TEXTS = 5
ROWS = 50
# What the two buttons say.
DECISIONS = {"apply": HoldState.APPLIED, "drop": HoldState.DROPPED}


def find_hold(workspace: Workspace, pk: int) -> StopHold:
    """Return a hold of the workspace or raise Http404."""
    holds = StopHold.objects.filter(campaign__workspace=workspace).select_related("campaign__workspace", "decided_by")
    return get_object_or_404(holds, pk=pk)


@require_safe
@member_required()
def hold_index(request: WorkspaceRequest) -> HttpResponse:
    """The holds that wait for a decision, and the newest that were decided."""
    decided = StopHold.objects.filter(campaign__workspace=request.workspace).exclude(state=HoldState.OPEN)
    context = {
        "waiting": open_holds(request.workspace)[:ROWS],
        "decided": decided.select_related("campaign", "decided_by").order_by("-decided_at")[:ROWS],
    }
    return render(request, "campaigns/hold_index.html", context)


@require_safe
@member_required()
def hold_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """What happened, why it may be no fault of the addresses, examples, and the two answers."""
    hold = find_hold(request.workspace, pk)
    newest = list(unknown_deliveries(hold).order_by("-pk")[:EXAMPLES])
    context = {
        "hold": hold,
        "held": held_errors(hold).count(),
        "texts": commonest_texts(hold, most=TEXTS),
        "examples": Delivery.objects.filter(pk__in=[pk for pk, _subscriber in newest]).order_by("-pk"),
    }
    return render(request, "campaigns/hold_detail.html", context)


@require_POST
@member_required(Role.EDITOR)
def hold_decide(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ask, and after the answer apply or drop the held stops."""
    hold = find_hold(request.workspace, pk)
    state = DECISIONS.get(request.POST.get("decision", ""))
    if state is None:
        messages.error(request, _("「配信停止を適用する」か「停止しない」を選んでください。"))
        return redirect("hold_detail", pk)
    if "confirmed" not in request.POST:
        context = {"hold": hold, "applies": state == HoldState.APPLIED, "held": held_errors(hold).count()}
        return render(request, "campaigns/hold_confirm.html", context)
    if not decide(hold, state, actor=request.user, now=timezone.now()):
        messages.info(request, _("この保留は、すでに決められています。"))
    elif state == HoldState.APPLIED:
        messages.success(request, _("保留していたエラーを数えています。停止の回数に達した宛先は配信停止になります。"))
    else:
        messages.success(request, _("保留していたエラーは、これからも数えません。宛先への配信は続きます。"))
    return redirect("hold_detail", pk)
