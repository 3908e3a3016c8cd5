"""Pages of the mails to each provider: what waits, what holds it back, pause, exclusion (A13) and caps (C23)."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit
from accounts.access import member_required, operator_required
from accounts.models import Role
from accounts.requests import OperatorRequest, WorkspaceRequest
from campaigns import domain_caps, lane_control
from campaigns.lane_forms import CapChangeForm, CapForm, ProviderForm
from campaigns.lane_overview import list_providers
from campaigns.models import DomainCap
from campaigns.send_window import resting_campaigns
from mta.models import MailRoute, Pace
from mta.pace import rate_of
from mta.pace_store import reset_pace, speed_of
from mta.providers import PROVIDER_LABELS


@require_safe
@member_required()
def lane_index(request: WorkspaceRequest) -> HttpResponse:
    """Show all providers of the workspace, and the caps of domains."""
    return show_index(request, CapForm(workspace=request.workspace, auto_id="cap_%s"))


def show_index(request: WorkspaceRequest, cap_form: CapForm) -> HttpResponse:
    """Show the page, with the form for a cap that was refused where there is one."""
    context = table_context(request) | {
        "caps": DomainCap.objects.filter(workspace=request.workspace).order_by("domain"),
        "cap_form": cap_form,
    }
    shown = {row.provider for row in context["rows"]}
    context["hold_form"] = ProviderForm(leave_out=shown, auto_id="hold_%s")
    return render(request, "campaigns/lane_index.html", context)


@require_safe
@member_required()
def lane_table(request: WorkspaceRequest) -> HttpResponse:
    """The live part of the page."""
    return render(request, "campaigns/_lane_rows.html", table_context(request))


def table_context(request: WorkspaceRequest) -> dict[str, Any]:
    """Return what the live part shows."""
    now = timezone.now()
    rows = list_providers(request.workspace, now=now)
    return {"rows": rows, "resting": resting_campaigns(request.workspace, now=now) if rows else []}


def act(request: WorkspaceRequest, change: Callable[[str], bool], done: str) -> HttpResponse:
    """Do something with the provider that a form names, and say how it went."""
    form = ProviderForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("プロバイダを選んでください。"))
        return redirect("lane_index")
    provider = form.cleaned_data["provider"]
    if change(provider):
        messages.success(request, done % {"provider": _(PROVIDER_LABELS[provider])})
    else:
        messages.info(request, _("ちょうど状態が変わりました。最新の状態を確かめてください。"))
    return redirect("lane_index")


@require_POST
@member_required(Role.EDITOR)
def lane_pause(request: WorkspaceRequest) -> HttpResponse:
    """Hold a provider's mails back."""
    return act(
        request,
        lambda provider: lane_control.pause_provider(
            request.workspace, provider, actor=request.user, now=timezone.now()
        ),
        _("%(provider)s 宛ての配信を一時停止しました。送信の最終段階にあった数通は届くことがあります。"),
    )


@require_POST
@member_required(Role.EDITOR)
def lane_resume(request: WorkspaceRequest) -> HttpResponse:
    """Go on with a provider's mails."""
    return act(
        request,
        lambda provider: lane_control.resume_provider(request.workspace, provider, actor=request.user),
        _("%(provider)s 宛ての配信を再開しました。"),
    )


@require_POST
@member_required(Role.EDITOR)
def lane_exclude(request: WorkspaceRequest) -> HttpResponse:
    """Ask, and after the answer give a provider's mails up as 送信除外."""
    form = ProviderForm(request.POST)
    if form.is_valid() and "confirmed" not in request.POST:
        provider = form.cleaned_data["provider"]
        waiting = lane_control.count_waiting(request.workspace, provider)
        context = {"provider": provider, "label": _(PROVIDER_LABELS[provider]), "waiting": waiting}
        return render(request, "campaigns/lane_exclude.html", context)
    return act(
        request,
        lambda provider: lane_control.exclude_provider(
            request.workspace, provider, actor=request.user, now=timezone.now()
        ),
        _("%(provider)s を除外しました。待っていた宛先は、順に「送信除外」になります。"),
    )


@require_POST
@member_required(Role.EDITOR)
def lane_include(request: WorkspaceRequest) -> HttpResponse:
    """End a provider's exclusion."""
    return act(
        request,
        lambda provider: lane_control.include_provider(request.workspace, provider, actor=request.user),
        _("%(provider)s の除外をやめました。すでに「送信除外」になった宛先には送られません。"),
    )


@require_POST
@member_required(Role.EDITOR)
def cap_create(request: WorkspaceRequest) -> HttpResponse:
    """Cap a domain."""
    form = CapForm(request.POST, workspace=request.workspace, auto_id="cap_%s")
    if not form.is_valid():
        return show_index(request, form)
    domain, per_minute = form.cleaned_data["domain"], form.cleaned_data["per_minute"]
    if domain_caps.add_cap(request.workspace, domain, per_minute, actor=request.user):
        messages.success(request, _("%s の上限を登録しました。待っている宛先にも、まもなく適用されます。") % domain)
    else:
        messages.info(request, _("このドメインの上限は、すでに登録されています。一覧から変更してください。"))
    return redirect("lane_index")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def cap_edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a domain's cap."""
    cap = get_object_or_404(DomainCap, workspace=request.workspace, pk=pk)
    form = CapChangeForm(request.POST or None, initial={"per_minute": cap.per_minute})
    if not form.is_valid():
        return render(request, "campaigns/lane_cap.html", {"cap": cap, "form": form})
    if domain_caps.change_cap(cap, form.cleaned_data["per_minute"], actor=request.user):
        messages.success(request, _("%s の上限を変更しました。") % cap.domain)
    return redirect("lane_index")


@require_POST
@member_required(Role.EDITOR)
def cap_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take a domain's cap away."""
    cap = get_object_or_404(DomainCap, workspace=request.workspace, pk=pk)
    if domain_caps.remove_cap(cap, actor=request.user):
        messages.success(request, _("%s の上限を削除しました。") % cap.domain)
    return redirect("lane_index")


@require_safe
@operator_required
def operator_paces(request: OperatorRequest) -> HttpResponse:
    """All providers that asked for less, over all routes."""
    names = {route.key(): route.name for route in MailRoute.objects.all()}
    rows = [
        {
            "pace": pace,
            "route": names.get(pace.route, _("環境変数のリレー")),
            "label": _(PROVIDER_LABELS.get(pace.provider, pace.provider)),
            "per_minute": rate_of(speed_of(pace), None),
            "is_suspended": speed_of(pace).is_suspended(now=timezone.now()),
        }
        for pace in Pace.objects.filter(level__gt=0).order_by("route", "provider")
    ]
    return render(request, "campaigns/lane_paces.html", {"rows": rows})


@require_POST
@operator_required
def operator_pace_reset(request: OperatorRequest, pace_id: int) -> HttpResponse:
    """Send to a provider at the usual speed again at once."""
    pace = get_object_or_404(Pace, pk=pace_id)
    if reset_pace(pace):
        audit.record(
            None, request.user, "pace.reset", f"{pace.route} × {PROVIDER_LABELS.get(pace.provider, pace.provider)}"
        )
        messages.success(request, _("通常の速さに戻しました。数十秒のうちに効きはじめます。"))
    else:
        messages.info(request, _("すでに通常の速さです。"))
    return redirect("operator_paces")
