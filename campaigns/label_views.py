"""Pages of ラベル: the labels of a workspace, and those of one mailing."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.form_storing import store
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.label_forms import LabelForm, LabelsForm
from campaigns.models import Label
from campaigns.sorting import Gone, delete_label, sort
from campaigns.views import find_campaign


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def label_index(request: WorkspaceRequest) -> HttpResponse:
    """List the labels, or add one."""
    form = LabelForm(request.POST if request.method == "POST" else None, instance=Label(workspace=request.workspace))
    if request.method == "POST" and form.is_valid() and store(form):
        messages.success(request, _("ラベルを追加しました。"))
        return redirect("label_index")
    labels = Label.objects.filter(workspace=request.workspace).annotate(number=Count("campaigns")).order_by("name")
    return render(request, "campaigns/label_index.html", {"form": form, "labels": labels})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def label_edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change the name or colour of a label."""
    label = get_object_or_404(Label, workspace=request.workspace, pk=pk)
    form = LabelForm(request.POST if request.method == "POST" else None, instance=label)
    if request.method == "POST" and form.is_valid() and store(form):
        messages.success(request, _("ラベルを変更しました。"))
        return redirect("label_index")
    return render(request, "campaigns/label_edit.html", {"form": form, "label": label})


@require_POST
@member_required(Role.EDITOR)
def label_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a label; the mailings stay."""
    delete_label(get_object_or_404(Label, workspace=request.workspace, pk=pk))
    messages.success(request, _("ラベルを削除しました。"))
    return redirect("label_index")


@require_POST
@member_required(Role.EDITOR)
def campaign_labels(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Set the labels and the folder of a mailing, whatever its state."""
    campaign = find_campaign(request.workspace, pk)
    form = LabelsForm(request.POST, workspace=request.workspace, campaign=campaign)
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
    else:
        try:
            sort(campaign, list(form.cleaned_data["labels"]), form.cleaned_data["folder"])
            messages.success(request, _("ラベルとフォルダを保存しました。"))
        except Gone as gone:
            messages.error(request, str(gone))
    return redirect("campaign_preview", pk=pk)
