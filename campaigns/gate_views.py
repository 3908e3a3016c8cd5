"""Pages of the gate: 配信エラー率 of one workspace for its members, and all workspaces for the operator."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, F, IntegerField, Value, When
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required, operator_required
from accounts.models import AuditEntry, Workspace
from accounts.requests import OperatorRequest, WorkspaceRequest
from campaigns import error_gate
from campaigns.error_gate import EASING, EXTREME_PERCENT, NOTICE, count_rate, gate_of, limits_of, looked_at
from campaigns.gate_figures import by_mailing, by_provider
from campaigns.gate_forms import LimitsForm, OperatorStep, StepForm
from campaigns.models import ErrorGate, GateState

# Entries of the audit log that a page shows.
STEPS_SHOWN = 20
PAGE = 50
TONES = {GateState.OPEN: "ok", GateState.WARNED: "warn", GateState.SLOWED: "warn", GateState.STOPPED: "bad"}


@require_safe
@member_required()
def gate_detail(request: WorkspaceRequest) -> HttpResponse:
    """配信エラー率 of the workspace: the figure, where it comes from, what it led to and what comes next (A15)."""
    return render(request, "campaigns/gate_detail.html", gate_context(request.workspace))


def gate_context(workspace: Workspace) -> dict[str, Any]:
    """Return what is shown of a workspace's gate; a bounded number of queries over its figures."""
    gate = gate_of(workspace)
    limits = limits_of(gate)
    campaigns = looked_at(gate, now=timezone.now())
    steps = AuditEntry.objects.filter(workspace=workspace, action__startswith="gate.").select_related("actor")
    return {
        "gate": gate,
        "tone": TONES[GateState(gate.state)],
        "limits": limits,
        "rate": count_rate(campaigns),
        "providers": by_provider(campaigns),
        "mailings": by_mailing(campaigns),
        "steps": steps.order_by("-at", "-pk")[:STEPS_SHOWN],
        "minimum": settings.GATE_MINIMUM,
        "days": settings.GATE_DAYS,
        "pace": settings.GATE_SLOW_PER_MINUTE,
        "notice_minutes": int(NOTICE.total_seconds() // 60),
        "extreme": max(EXTREME_PERCENT, limits.stop),
        "warn_ends": EASING * limits.warn,
        "slow_ends": EASING * limits.slow,
    }


@require_safe
@operator_required
def operator_gates(request: OperatorRequest) -> HttpResponse:
    """All workspaces and their 配信エラー率, the limited ones first."""
    order = [When(error_gate__state=state, then=Value(rank)) for rank, state in enumerate(error_gate.STEPS)]
    workspaces = Workspace.objects.select_related("error_gate").annotate(
        rank=Case(*order, default=Value(0), output_field=IntegerField())
    )
    worst_first = workspaces.order_by("-rank", F("error_gate__percent").desc(nulls_last=True), "pk")
    page = Paginator(worst_first, PAGE).get_page(request.GET.get("page"))
    rows = [describe(workspace) for workspace in page]
    context = {"page": page, "rows": rows, "default": error_gate.default_limits(), "minimum": settings.GATE_MINIMUM}
    return render(request, "campaigns/operator_gates.html", context | {"days": settings.GATE_DAYS})


def describe(workspace: Workspace) -> dict[str, Any]:
    """Return one row of the operator's table; the gate was read with the workspace."""
    gate = getattr(workspace, "error_gate", None) or ErrorGate(workspace=workspace)
    own = (gate.warn_percent, gate.slow_percent, gate.stop_percent)
    return {
        "workspace": workspace,
        "gate": gate,
        "tone": TONES[GateState(gate.state)],
        "limits": limits_of(gate),
        "has_own": any(value is not None for value in own),
    }


@require_safe
@operator_required
def operator_gate(request: OperatorRequest, workspace_id: int) -> HttpResponse:
    """One workspace for the operator, with what he may do."""
    return show_operator(request, get_object_or_404(Workspace, pk=workspace_id))


def show_operator(
    request: OperatorRequest, workspace: Workspace, *, step: StepForm | None = None, limits: LimitsForm | None = None
) -> HttpResponse:
    """Show the operator's page of a workspace, with forms that were refused where there are some."""
    context = gate_context(workspace)
    gate = context["gate"]
    own = {name: getattr(gate, name) for name in ("warn_percent", "slow_percent", "stop_percent")}
    likely = OperatorStep.SLOW if gate.state in (GateState.OPEN, GateState.WARNED) else OperatorStep.RELEASE
    forms = {
        "step_form": step or StepForm(initial={"step": likely}, auto_id="step_%s"),
        "limits_form": limits or LimitsForm(initial=own, auto_id="limits_%s"),
        "default": error_gate.default_limits(),
        "waiting": error_gate.waiting(workspace),
    }
    return render(request, "campaigns/operator_gate.html", context | forms | {"workspace": workspace})


@require_POST
@operator_required
def operator_gate_step(request: OperatorRequest, workspace_id: int) -> HttpResponse:
    """Release, slow or stop a workspace by hand; asks first."""
    workspace = get_object_or_404(Workspace, pk=workspace_id)
    form = StepForm(request.POST, auto_id="step_%s")
    if not form.is_valid():
        return show_operator(request, workspace, step=form)
    if "confirmed" not in request.POST:
        context = {"workspace": workspace, "form": form, "waiting": error_gate.waiting(workspace)}
        context |= {"step": OperatorStep(form.cleaned_data["step"]), "pace": settings.GATE_SLOW_PER_MINUTE}
        return render(request, "campaigns/operator_gate_confirm.html", context)
    gate, _created = ErrorGate.objects.select_related("workspace").get_or_create(workspace=workspace)
    if take_step(gate, form, request):
        messages.success(request, _("「%s」の制限を変更しました。") % workspace.name)
    else:
        messages.error(request, _("ちょうど状態が変わりました。最新の状態を確かめて、もう一度操作してください。"))
    return redirect("operator_gate", workspace_id=workspace.pk)


def take_step(gate: ErrorGate, form: StepForm, request: OperatorRequest) -> bool:
    """Do what the operator asked for; False where the gate just changed."""
    step, why = OperatorStep(form.cleaned_data["step"]), form.cleaned_data["why"]
    actor, now = request.user, timezone.now()
    if step == OperatorStep.RELEASE:
        return error_gate.release(gate, actor=actor, why=why, now=now)
    state = GateState.SLOWED if step == OperatorStep.SLOW else GateState.STOPPED
    return error_gate.set_by_hand(gate, state, actor=actor, why=why, now=now)


@require_POST
@operator_required
def operator_gate_limits(request: OperatorRequest, workspace_id: int) -> HttpResponse:
    """Give a workspace limits of its own; asks first."""
    workspace = get_object_or_404(Workspace, pk=workspace_id)
    form = LimitsForm(request.POST, auto_id="limits_%s")
    if not form.is_valid():
        return show_operator(request, workspace, limits=form)
    if "confirmed" not in request.POST:
        context = {"workspace": workspace, "form": form, "default": error_gate.default_limits()}
        return render(request, "campaigns/operator_limits_confirm.html", context)
    gate, _created = ErrorGate.objects.get_or_create(workspace=workspace)
    error_gate.set_limits(gate, form.values(), actor=request.user, why=form.cleaned_data["why"])
    messages.success(request, _("%s の基準を変更しました。") % workspace.name)
    return redirect("operator_gate", workspace_id=workspace.pk)
