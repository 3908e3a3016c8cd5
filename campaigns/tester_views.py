"""Pages of テスト配信先: who looks at mailings first, and who gets a copy of those that are sent."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.audit import record
from accounts.form_storing import store
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.models import Tester
from campaigns.tester_forms import TesterForm


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def tester_index(request: WorkspaceRequest) -> HttpResponse:
    """List the testers, or add one."""
    data = request.POST if request.method == "POST" else None
    form = TesterForm(data, instance=Tester(workspace=request.workspace), use_required_attribute=False)
    if data is not None and form.is_valid() and keep(request, form):
        messages.success(request, _("テスト配信先を追加しました。"))
        return redirect("tester_index")
    testers = Tester.objects.filter(workspace=request.workspace)
    return render(request, "campaigns/tester_index.html", {"form": form, "testers": testers})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def tester_edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a tester."""
    tester = get_object_or_404(Tester, workspace=request.workspace, pk=pk)
    data = request.POST if request.method == "POST" else None
    form = TesterForm(data, instance=tester, use_required_attribute=False)
    if data is not None and form.is_valid() and keep(request, form):
        messages.success(request, _("テスト配信先を変更しました。"))
        return redirect("tester_index")
    return render(request, "campaigns/tester_edit.html", {"form": form, "tester": tester})


def keep(request: WorkspaceRequest, form: TesterForm) -> bool:
    """Store a tester and say so in the audit log; False where the same address came at the same moment."""
    tester = form.instance
    action = "tester.create" if tester.pk is None else "tester.update"
    return store(
        form, lambda _name: record(request.workspace, request.user, action, tester.address, is_seed=tester.is_seed)
    )


@require_POST
@member_required(Role.EDITOR)
def tester_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a tester."""
    tester = get_object_or_404(Tester, workspace=request.workspace, pk=pk)
    with transaction.atomic():
        tester.delete()
        record(request.workspace, request.user, "tester.delete", tester.address)
    messages.success(request, _("テスト配信先を削除しました。"))
    return redirect("tester_index")
