"""Pages of テンプレート: the starters and the templates of a workspace, to look at, to keep and to name."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.audit import record
from accounts.form_storing import store
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from designs.brands import look_of
from designs.exceptions import DesignRefused
from designs.frames import frame
from designs.gallery_forms import ImportForm, NameForm
from designs.models import BodyKind, Template
from designs.own_html import MAX_FILE
from designs.tags import escape
from designs.templates import MAX_TEMPLATES, Starter, find_starter, show_starter, show_template, show_words, starters
from lists.uploads import refuse_uploads_above


@require_safe
@member_required()
def design_index(request: WorkspaceRequest) -> HttpResponse:
    """Show the starters and the templates of the workspace."""
    templates = Template.objects.filter(workspace=request.workspace).defer("blocks", "source", "text").order_by("name")
    context = {"starters": starters(), "templates": templates[:MAX_TEMPLATES]}
    return render(request, "designs/index.html", context)


def fetch_starter(key: str) -> Starter:
    """Return a starter, or raise 404."""
    if (starter := find_starter(key)) is None:
        raise Http404
    return starter


@require_safe
@member_required()
def starter_detail(request: WorkspaceRequest, starter: str) -> HttpResponse:
    """Show a starter, large."""
    return render(request, "designs/starter.html", {"starter": fetch_starter(starter)})


@require_safe
@member_required()
def starter_frame(request: WorkspaceRequest, starter: str) -> HttpResponse:
    """A starter in the look of the workspace alone, for a sandboxed frame."""
    return frame(show_starter(fetch_starter(starter), look_of(request.workspace)))


def fetch_template(request: WorkspaceRequest, pk: int) -> Template:
    """Return a template of the workspace, or raise 404."""
    return get_object_or_404(Template.objects.select_related("created_by"), workspace=request.workspace, pk=pk)


@require_http_methods(["GET", "HEAD"])
@member_required()
def template_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show a template, large."""
    template = fetch_template(request, pk)
    return render(request, "designs/template.html", {"template": template, "form": NameForm(instance=template)})


@require_safe
@member_required()
def template_frame(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """A template alone, for a sandboxed frame."""
    try:
        return frame(show_template(fetch_template(request, pk), request.workspace, look_of(request.workspace)))
    except DesignRefused as error:
        return frame(show_words(escape(error.sentence)))


@require_POST
@member_required(Role.EDITOR)
def template_rename(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Give a template another name."""
    template = fetch_template(request, pk)
    form = NameForm(request.POST, instance=template)
    note = partial(record, request.workspace, request.user, "template.update")
    if not (form.is_valid() and store(form, note)):
        template.refresh_from_db(fields=["name"])
        return render(request, "designs/template.html", {"template": template, "form": form})
    messages.success(request, _("テンプレートの名前を変更しました。"))
    return redirect("template_detail", pk)


@require_POST
@member_required(Role.EDITOR)
def template_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a template; the mails that were made from it stay."""
    template = fetch_template(request, pk)
    template.delete()
    record(request.workspace, request.user, "template.delete", template.name)
    messages.success(request, _("テンプレートを削除しました。"))
    return redirect("design_index")


def store_file(request: WorkspaceRequest, form: ImportForm) -> bool:
    """Store the template that was read out of a file; False where its name was taken at the same moment."""
    template: Template = form.instance
    template.source, template.created_at = form.html, timezone.now()
    return store(form, partial(record, request.workspace, request.user, "template.create"))


# The size has to be known before the form's token is read out of the body.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
@refuse_uploads_above(MAX_FILE, gettext_lazy("ファイルが大きすぎます。500 kBまでにしてください。"))
@csrf_protect
def design_import(request: WorkspaceRequest) -> HttpResponseBase:
    """Make a template of a file of HTML or MJML."""
    template = Template(workspace=request.workspace, kind=BodyKind.HTML, created_by=request.user)
    data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = ImportForm(data, files, instance=template)
    if form.is_valid() and store_file(request, form):
        messages.success(request, _("ファイルをテンプレートとして保存しました。"))
        return redirect("template_detail", template.pk)
    return render(request, "designs/import.html", {"form": form})
