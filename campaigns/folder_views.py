"""Pages of フォルダ: the folders of a workspace, and where its mailings lie."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.form_storing import store
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.label_forms import FolderForm, MoveForm
from campaigns.models import Campaign, Folder
from campaigns.sorting import Gone, delete_folder, move


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def folder_index(request: WorkspaceRequest) -> HttpResponse:
    """List the folders, or add one."""
    data = request.POST if request.method == "POST" else None
    form = FolderForm(data, instance=Folder(workspace=request.workspace), use_required_attribute=False)
    if form.is_valid() and store(form):
        messages.success(request, _("フォルダを作りました。"))
        return redirect("folder_index")
    folders = Folder.objects.filter(workspace=request.workspace).annotate(number=Count("campaigns"))
    return render(request, "campaigns/folder_index.html", {"form": form, "folders": folders})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def folder_edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Give a folder another name."""
    folder = get_object_or_404(Folder, workspace=request.workspace, pk=pk)
    form = FolderForm(request.POST if request.method == "POST" else None, instance=folder, use_required_attribute=False)
    if form.is_valid() and store(form):
        messages.success(request, _("フォルダの名前を変更しました。"))
        return redirect("folder_index")
    return render(request, "campaigns/folder_edit.html", {"form": form, "folder": folder})


@require_POST
@member_required(Role.EDITOR)
def folder_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a folder; its mailings lie in none then."""
    delete_folder(get_object_or_404(Folder, workspace=request.workspace, pk=pk))
    messages.success(request, _("フォルダを削除しました。入っていたメールは残っています。"))
    return redirect("folder_index")


@require_POST
@member_required(Role.EDITOR)
def campaign_move(request: WorkspaceRequest) -> HttpResponse:
    """Put the ticked mailings into a folder, or into none, and go back to the list as it was."""
    form = MoveForm(request.POST, workspace=request.workspace)
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    else:
        chosen = Campaign.objects.for_workspace(request.workspace).filter(pk__in=form.cleaned_data["campaigns"])
        folder = form.cleaned_data["to"]
        sentence = (
            _("%(number)d件を「%(folder)s」に移しました。") if folder else _("%(number)d件をフォルダから出しました。")
        )
        try:
            messages.success(request, sentence % {"number": move(chosen, folder), "folder": folder})
        except Gone as gone:
            messages.error(request, str(gone))
    # Only what the list itself asks for.
    asked = QueryDict(request.POST.get("back", "").replace("\0", "")).urlencode()
    return HttpResponseRedirect(reverse("campaign_index") + (f"?{asked}" if asked else ""))
