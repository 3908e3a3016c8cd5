"""The page of ブランド: the look of the mails of a workspace, beside a sample that follows what is chosen."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import member_required
from accounts.audit import record
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from designs.brand_forms import BrandForm, colour_notes
from designs.frames import frame
from designs.models import Brand
from designs.templates import show_starter, starters


def form_of(request: WorkspaceRequest) -> BrandForm:
    """Return the form of the workspace's brand; one that has none begins with the defaults."""
    brand = Brand.objects.filter(workspace=request.workspace).first() or Brand(workspace=request.workspace)
    return BrandForm(request.POST if request.method == "POST" else None, instance=brand, workspace=request.workspace)


def filled(form: BrandForm) -> BrandForm:
    """Return the form with values: what was posted, or what is stored."""
    if form.is_bound:
        return form
    stored = {name: form[name].value() for name in form.fields}
    return BrandForm(stored, instance=form.instance, workspace=form.instance.workspace)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def brand(request: WorkspaceRequest) -> HttpResponse:
    """Change the look of the mails."""
    form = form_of(request)
    if request.method == "POST" and form.is_valid():
        form.save()
        record(request.workspace, request.user, "brand.update", fields=sorted(form.changed_data))
        messages.success(request, _("ブランドを保存しました。これから保存するメールに反映されます。"))
        return redirect("brand")
    return render(request, "designs/brand.html", {"form": form, "notes": colour_notes(filled(form_of(request)).look())})


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def brand_sample(request: WorkspaceRequest) -> HttpResponse:
    """A sample mail in the look that is chosen, for a sandboxed frame; stores nothing."""
    return frame(show_starter(starters()[0], filled(form_of(request)).look()))


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def brand_notes(request: WorkspaceRequest) -> HttpResponse:
    """What is to be known of the colours that are chosen; stores nothing."""
    return render(request, "designs/_brand_notes.html", {"notes": colour_notes(filled(form_of(request)).look())})
