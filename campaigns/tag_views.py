"""The picker of merge tags in the editor: what there is, how it is written, how many recipients lack it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.audience_forms import AudienceForm
from campaigns.merge_tags import FALLBACKS
from campaigns.preflight.people import COUNT, count_lacking, may_lack
from campaigns.tag_formats import FORMATS
from campaigns.tag_words import FIXED_TAGS
from designs.snippets import snippets_of
from lists.attributes import attributes_of
from lists.audience import audience_condition
from lists.conditions import SegmentRefused


@require_safe
@member_required(Role.EDITOR)
def tags(request: WorkspaceRequest) -> HttpResponse:
    """The picker, asked for once it is opened."""
    context = {
        "people": [(found.name, found.label) for found in attributes_of(request.workspace)],
        "fixed": list(FIXED_TAGS.items()),
        "fallbacks": FALLBACKS,
        "snippets": snippets_of(request.workspace).exclude(text=""),
        "formats": [(name, form.example) for name, form in FORMATS.items()],
    }
    return render(request, "campaigns/_edit_tags.html", context)


@require_POST
@member_required(Role.EDITOR)
def lacking(request: WorkspaceRequest) -> HttpResponse:
    """How many of those chosen in the form have no value for a tag; stores nothing."""
    tag = request.POST.get("tag", "")[:200].replace("\0", "")
    form = AudienceForm(request.POST, workspace=request.workspace)
    if not tag or not may_lack(tag) or not form.is_valid():
        return render(request, "campaigns/_edit_lacking.html", {"is_sure": bool(tag) and not may_lack(tag)})
    try:
        condition = audience_condition(request.workspace, form.audience(), now=timezone.now())
    except SegmentRefused:
        return render(request, "campaigns/_edit_lacking.html")
    return render(
        request,
        "campaigns/_edit_lacking.html",
        {"slice": count_lacking(request.workspace, condition, tag, budget=COUNT)},
    )
