"""Members, the switch between workspaces and the audit log."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import member_required
from accounts.models import AuditEntry, Role
from accounts.requests import WorkspaceRequest


@require_POST
@member_required()
def switch_workspace(request: WorkspaceRequest) -> HttpResponse:
    return redirect("home")


@member_required(Role.ADMIN)
def members(request: WorkspaceRequest) -> HttpResponse:
    return render(request, "accounts/members.html")


@require_POST
@member_required(Role.ADMIN)
def change_role(request: WorkspaceRequest, pk: int) -> HttpResponse:
    return redirect("members")


@require_POST
@member_required(Role.ADMIN)
def remove_member(request: WorkspaceRequest, pk: int) -> HttpResponse:
    return redirect("members")


@require_GET
@member_required(Role.ADMIN)
def audit_log(request: WorkspaceRequest) -> HttpResponse:
    page = Paginator(AuditEntry.objects.filter(workspace=request.workspace), 50).get_page(request.GET.get("page"))
    return render(request, "accounts/audit_log.html", {"page": page})
