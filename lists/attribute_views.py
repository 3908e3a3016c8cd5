"""Pages of attributes (差し込み項目): index with their order, create, edit, put away, delete."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.attribute_editing import (
    archive_attribute,
    delete_attribute,
    move_attribute,
    restore_attribute,
    save_attribute,
)
from lists.attribute_forms import AttributeForm
from lists.exceptions import ListsError
from lists.models import AttributeDefinition


@require_safe
@member_required()
def index(request: WorkspaceRequest) -> HttpResponse:
    """The attributes that are offered, in their order, and those that are not any more."""
    definitions = list(request.workspace.attribute_definitions.all())
    context = {
        "offered": [found for found in definitions if found.archived_at is None],
        "archived": [found for found in definitions if found.archived_at is not None],
    }
    return render(request, "lists/attribute_index.html", context)


def find_attribute(request: WorkspaceRequest, pk: int) -> AttributeDefinition:
    """Return an attribute of the workspace or raise Http404."""
    return get_object_or_404(AttributeDefinition, workspace=request.workspace, pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Make an attribute."""
    return change(request, AttributeDefinition(workspace=request.workspace))


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change an attribute's label, kind and choices."""
    return change(request, find_attribute(request, pk))


def change(request: WorkspaceRequest, definition: AttributeDefinition) -> HttpResponse:
    """Show the form, or store what it holds."""
    stored_label = definition.label
    form = AttributeForm(request.POST if request.method == "POST" else None, instance=definition)
    if form.is_valid():
        try:
            save_attribute(form.save(commit=False), actor=request.user)
        except ListsError as error:
            form.add_error(None, error.sentence)
        else:
            messages.success(request, _("差し込み項目「%s」を保存しました。") % definition.label)
            return redirect("attribute_index")
    context = {"form": form, "definition": definition, "stored_label": stored_label}
    return render(request, "lists/attribute_form.html", context)


@require_POST
@member_required(Role.EDITOR)
def archive(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Offer an attribute no more, or again where `restore` is sent."""
    definition = find_attribute(request, pk)
    if "restore" in request.POST:
        try:
            restore_attribute(definition, actor=request.user)
        except ListsError as error:
            messages.error(request, error.sentence)
        else:
            messages.success(request, _("差し込み項目「%s」の使用を再開しました。") % definition.label)
    else:
        archive_attribute(definition, actor=request.user, now=timezone.now())
        messages.success(
            request, _("差し込み項目「%s」の使用を終えました。登録済みの値は残っています。") % definition.label
        )
    return redirect("attribute_index")


@require_POST
@member_required(Role.EDITOR)
def delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete an attribute that nobody uses."""
    definition = find_attribute(request, pk)
    try:
        delete_attribute(definition, actor=request.user)
    except ListsError as error:
        messages.error(request, error.sentence)
        return redirect("attribute_edit", pk)
    messages.success(request, _("差し込み項目「%s」を削除しました。") % definition.label)
    return redirect("attribute_index")


@require_POST
@member_required(Role.EDITOR)
def move(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Put an attribute one place up, or down."""
    move_attribute(find_attribute(request, pk), by=-1 if "up" in request.POST else 1)
    return redirect("attribute_index")
