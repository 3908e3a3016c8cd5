"""Pages of 差し込み部品: what a workspace puts into its mails again and again."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.audit import record
from accounts.form_storing import store
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from designs.brands import look_of
from designs.exceptions import DesignRefused
from designs.frames import frame
from designs.gallery_forms import SnippetForm
from designs.models import Snippet
from designs.snippets import show_snippet, snippets_of
from designs.tags import escape
from designs.templates import show_words


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def snippet_index(request: WorkspaceRequest) -> HttpResponse:
    """List the snippets, or add one of text."""
    data = request.POST if request.method == "POST" else None
    form = SnippetForm(data, instance=Snippet(workspace=request.workspace), use_required_attribute=False)
    if form.is_valid() and store(form, partial(record, request.workspace, request.user, "snippet.create")):
        messages.success(request, _("部品を保存しました。"))
        return redirect("snippet_index")
    return render(request, "designs/snippet_index.html", {"form": form, "snippets": snippets_of(request.workspace)})


def fetch_snippet(request: WorkspaceRequest, pk: int) -> Snippet:
    """Return a snippet of the workspace, or raise 404."""
    return get_object_or_404(Snippet, workspace=request.workspace, pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def snippet_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show a snippet; change its name and words."""
    snippet = fetch_snippet(request, pk)
    name = snippet.name
    data = request.POST if request.method == "POST" else None
    form = SnippetForm(data, instance=snippet, use_required_attribute=False)
    if form.is_valid() and store(form, partial(record, request.workspace, request.user, "snippet.update")):
        messages.success(request, _("部品を変更しました。これまでに入れたメールは変わりません。"))
        return redirect("snippet_detail", pk)
    return render(request, "designs/snippet.html", {"snippet": snippet, "name": name, "form": form})


@require_safe
@member_required(Role.EDITOR)
def snippet_frame(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """A snippet alone, for a sandboxed frame."""
    try:
        return frame(show_snippet(fetch_snippet(request, pk), look_of(request.workspace)))
    except DesignRefused as error:
        return frame(show_words(escape(error.sentence)))


@require_safe
@member_required(Role.EDITOR)
def snippet_text(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The words of a snippet, which the editor puts in."""
    return HttpResponse(fetch_snippet(request, pk).text, content_type="text/plain; charset=utf-8")


@require_POST
@member_required(Role.EDITOR)
def snippet_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a snippet; the mails that it was put into keep their copies."""
    snippet = fetch_snippet(request, pk)
    with transaction.atomic():
        snippet.delete()
        record(request.workspace, request.user, "snippet.delete", snippet.name)
    messages.success(request, _("部品を削除しました。"))
    return redirect("snippet_index")
