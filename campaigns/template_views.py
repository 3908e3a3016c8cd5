"""Drafts from templates, and templates from mailings."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.audit import record
from accounts.form_storing import store
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns import drafts
from campaigns.draft_parts import Content, content_of
from campaigns.models import Campaign
from campaigns.views import find_campaign
from designs.brands import look_of
from designs.gallery_forms import NameForm
from designs.models import BodyKind, Template
from designs.templates import MAX_TEMPLATES, find_starter, free_name
from senders.models import Sender


@require_POST
@member_required(Role.EDITOR)
def starter_use(request: WorkspaceRequest, starter: str) -> HttpResponse:
    """Make a draft of a starter, in the look of the workspace."""
    if (found := find_starter(starter)) is None:
        raise Http404
    blocks = found.design_for(look_of(request.workspace)).as_json()
    return make_draft(request, Content(found.subject, found.preheader, BodyKind.BLOCKS, blocks, text_by_hand=False))


@require_POST
@member_required(Role.EDITOR)
def template_use(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Make a draft of a template."""
    template = get_object_or_404(Template, workspace=request.workspace, pk=pk)
    by_hand = template.kind == BodyKind.TEXT or bool(template.text.strip())
    content = Content(
        subject=template.subject,
        preheader=template.preheader,
        kind=template.kind,
        blocks=template.blocks,
        source=template.source,
        text=template.text,
        text_by_hand=by_hand,
        conditions=template.conditions,
    )
    return make_draft(request, content)


def make_draft(request: WorkspaceRequest, content: Content) -> HttpResponse:
    """Store a new draft and go on to write it."""
    senders = Sender.objects.filter(workspace=request.workspace, archived_at=None)[:2]
    # As the form chooses it: where there is only one.
    campaign = Campaign(workspace=request.workspace, sender=senders[0] if len(senders) == 1 else None)
    drafts.save(campaign, content, revision=0, actor=request.user, now=timezone.now())
    messages.success(request, _("下書きを作りました。文面を直し、宛先を選んでください。"))
    return redirect("campaign_edit", pk=campaign.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def save_template(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Keep the content of a mailing as a template, whatever its state."""
    campaign = find_campaign(request.workspace, pk)
    if Template.objects.filter(workspace=request.workspace).count() >= MAX_TEMPLATES:
        messages.error(request, _("テンプレートは%d個までです。使わないものを削除してください。") % MAX_TEMPLATES)
        return redirect("design_index")
    template = template_of(request, campaign)
    name = free_name(request.workspace, campaign.subject)
    form = NameForm(request.POST if request.method == "POST" else None, instance=template, initial={"name": name})
    note = partial(record, request.workspace, request.user, "template.create")
    if request.method == "POST" and form.is_valid() and store(form, note):
        messages.success(request, _("テンプレートとして保存しました。"))
        return redirect("template_detail", pk=template.pk)
    return render(request, "campaigns/save_template.html", {"form": form, "campaign": campaign})


def template_of(request: WorkspaceRequest, campaign: Campaign) -> Template:
    """Return what was written of a mailing as a template without a name, not stored."""
    content = content_of(campaign)
    return Template(
        workspace=request.workspace,
        kind=content.kind,
        subject=content.subject[:200],
        preheader=content.preheader[:200],
        # What was written in another kind before is no part of it.
        blocks=content.blocks if content.kind == BodyKind.BLOCKS else {},
        source=content.source if content.kind in (BodyKind.HTML, BodyKind.MARKDOWN) else "",
        text=content.text if content.text_by_hand or content.kind == BodyKind.TEXT else "",
        conditions=list(content.conditions),
        created_by=request.user,
        created_at=timezone.now(),
    )
