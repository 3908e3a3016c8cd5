"""The home page, the workspace's settings, the choice of light or dark, and the pages for errors."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role, Workspace
from accounts.requests import WorkspaceRequest
from accounts.time_zones import zone_choices
from campaigns.error_gate import gate_of
from hypermail.context import THEME_COOKIE, THEMES
from hypermail.dashboard import read_dashboard
from hypermail.forms import RuleForm, WorkspaceForm
from hypermail.preferences import preview_settings, save_settings
from lists.growth import growth_context

YEAR = 365 * 24 * 60 * 60


@require_GET
@member_required()
def home(request: WorkspaceRequest) -> HttpResponse:
    """Show what runs, what comes next, and the first steps where little is there yet."""
    context = {
        "dashboard": read_dashboard(request.workspace),
        "gate": gate_of(request.workspace),
        **growth_context(request.workspace, None, request.GET, now=timezone.now()),
    }
    return render(request, "hypermail/home.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
def workspace_settings(request: WorkspaceRequest) -> HttpResponse:
    """Change the workspace's name, its clock and when errors stop an address; a lowered limit applies at once (A7).

    Where a new value would stop addresses, their number is told and asked about first.
    """
    form = WorkspaceForm(request.POST or None, instance=own_workspace(request))
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        if "confirmed" not in request.POST and (would_stop := preview_settings(form, now=now)):
            return render(request, "hypermail/settings_confirm.html", {"form": form, "would_stop": would_stop})
        stopped = save_settings(form, actor=request.user, now=now)
        messages.success(request, _("設定を保存しました。"))
        if stopped:
            messages.warning(
                request,
                _("新しい設定で停止の回数に達していた%(count)s件を配信停止にしました。") % {"count": f"{stopped:,}"},
            )
        return redirect("settings")
    context = {"form": form, "zones": zone_choices()}
    return render(request, "hypermail/settings.html", context)


def own_workspace(request: WorkspaceRequest) -> Workspace:
    """Return the workspace for a form, which writes on it before it is valid."""
    return Workspace.objects.get(pk=request.workspace.pk)


@require_GET
@member_required(Role.ADMIN)
def limit_preview(request: WorkspaceRequest) -> HttpResponse:
    """Say how many addresses a new rule would stop at once; asked for while it is being typed."""
    form = RuleForm(request.GET, instance=own_workspace(request))
    would_stop = preview_settings(form, now=timezone.now()) if form.is_valid() else 0
    context = {"is_valid": form.is_valid(), "would_stop": would_stop}
    return render(request, "hypermail/_limit_preview.html", context)


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice of light or dark in a cookie; anything else goes back to what the system says."""
    after = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(after, {request.get_host()}, require_https=request.is_secure()):
        after = reverse("home")
    response = HttpResponseRedirect(after)
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(
            THEME_COOKIE, theme, max_age=YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax"
        )
    else:
        response.delete_cookie(THEME_COOKIE)
    return response
