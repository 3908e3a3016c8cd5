"""Members, the switch between workspaces and the audit log."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import member_required
from accounts.errors import AccountError
from accounts.forms import InviteForm, NameForm, RoleForm
from accounts.members import Invitation, change_role, find_last_admin, invite, remove
from accounts.middleware import SESSION_KEY
from accounts.models import AuditEntry, Membership, Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest

AUDIT_PAGE = 50


@require_POST
@member_required()
def switch_workspace(request: WorkspaceRequest) -> HttpResponse:
    """Work in another workspace of the member from now on."""
    chosen = read_number(request.POST.get("workspace"))
    if chosen is None:
        return redirect("home")
    membership = get_object_or_404(
        Membership.objects.select_related("workspace"), user=request.user, workspace_id=chosen
    )
    request.session[SESSION_KEY] = membership.workspace_id
    messages.success(request, _("「%(name)s」に切り替えました。") % {"name": membership.workspace.name})
    return redirect("home")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required()
def profile(request: WorkspaceRequest) -> HttpResponse:
    """Change by what name others know oneself."""
    form = NameForm(request.POST if request.method == "POST" else None, instance=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, _("お名前を保存しました。"))
        return redirect("profile")
    return render(request, "accounts/profile.html", {"form": form})


@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
@never_cache
def members(request: WorkspaceRequest) -> HttpResponse:
    """Show the members and invite one.

    The first password of a new account is shown in the answer itself: a redirect would have to keep it somewhere.
    """
    form = InviteForm(request.POST or None)
    invitation: Invitation | None = None
    if request.method == "POST" and form.is_valid():
        try:
            invitation = invite(request.workspace, actor=request.user, **form.cleaned_data)
        except AccountError as error:
            form.add_error("email", error.sentence)
        else:
            form = InviteForm()
    memberships = Membership.objects.filter(workspace=request.workspace).select_related("user").order_by("pk")
    context = {
        "form": form,
        "memberships": memberships,
        "invitation": invitation,
        "roles": Role.choices,
        "last_admin": find_last_admin(memberships),
    }
    return render(request, "accounts/members.html", context)


@require_POST
@member_required(Role.ADMIN)
def set_role(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Give a member another role."""
    membership = get_object_or_404(Membership, workspace=request.workspace, pk=pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("役割を選び直してください。"))
        return redirect("members")
    try:
        change_role(membership, Role(form.cleaned_data["role"]), actor=request.user)
    except AccountError as error:
        messages.error(request, error.sentence)
        return redirect("members")
    messages.success(request, _("%(member)sの役割を変更しました。") % {"member": membership.user})
    return redirect("home" if membership.user == request.user and not membership.can_manage() else "members")


@require_POST
@member_required(Role.ADMIN)
def remove_member(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take a member out of the workspace."""
    membership = get_object_or_404(Membership, workspace=request.workspace, pk=pk)
    try:
        remove(membership, actor=request.user)
    except AccountError as error:
        messages.error(request, error.sentence)
        return redirect("members")
    messages.success(request, _("%(member)sをメンバーから外しました。") % {"member": membership.user})
    return redirect("home" if membership.user == request.user else "members")


@require_GET
@member_required(Role.ADMIN)
def audit_log(request: WorkspaceRequest) -> HttpResponse:
    """Show who did what, newest first."""
    entries = AuditEntry.objects.filter(workspace=request.workspace).select_related("actor").order_by("-at", "-pk")
    page = Paginator(entries, AUDIT_PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/audit_log.html", {"page": page})
