"""Counts whom a mailing is sent to, slice by slice, while it is written and before it is sent."""

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role, Workspace
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from campaigns.audience_figures import Figures, count_figures, read_figures
from campaigns.audience_forms import AudienceForm
from campaigns.audiences import audience_of
from campaigns.views import find_campaign
from lists.audience import Audience, audience_condition
from lists.conditions import SegmentRefused
from lists.segment_counts import BUDGET, Slice, count_slice, mark_of, read_slice
from senders.models import Sender


def count_audience(
    workspace: Workspace, audience: Audience, begun: Slice | None = None, *, budget: float = BUDGET
) -> dict[str, Any]:
    """Return how many people an audience has as far as they are counted, or the sentence of what is wrong with it."""
    if audience.is_empty:
        return {"slice": Slice(is_complete=True)}
    try:
        condition = audience_condition(workspace, audience, now=timezone.now())
    except SegmentRefused as error:
        return {"problem": error.sentence}
    return {"slice": count_slice(workspace, condition, begun or Slice(), budget=budget)}


def draft_mark(audience: Audience) -> str:
    """Return a mark of what is chosen, so that a count is not gone on with for another choice."""
    ids = [*audience.lists, "|", *(found.pk for found in audience.segments), "|", *audience.excluded_lists]
    return mark_of([*ids, "|", *(found.pk for found in audience.excluded_segments)])


@require_safe
@member_required()
def campaign_audience(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Go on counting the audience of a draft."""
    campaign = find_campaign(request.workspace, pk)
    context = count_audience(request.workspace, audience_of(campaign), read_slice(request.GET))
    return render(request, "campaigns/_audience_count.html", context | {"campaign": campaign})


@require_POST
@member_required(Role.EDITOR)
def draft_audience(request: WorkspaceRequest) -> HttpResponse:
    """Count what is chosen in the form of a mailing; stores nothing."""
    form = AudienceForm(request.POST, workspace=request.workspace)
    senders = Sender.objects.filter(workspace=request.workspace, archived_at__isnull=True)
    named: dict[str, Any] = {"sender": senders.filter(pk=read_number(request.POST.get("sender")) or 0).first()}
    if not form.is_valid():
        # What is chosen twice is said; that nothing is chosen yet is no fault.
        twice = [str(text) for name in ("excluded_lists", "excluded_segments") for text in form.errors.get(name, [])]
        named |= {"words": form.words(), "is_open": True, "problem": "".join(twice)}
        return render(request, "campaigns/_draft_audience.html", named)
    audience = form.audience()
    mark = draft_mark(audience)
    begun = read_slice(request.POST) if request.POST.get("mark") == mark else None
    context = count_audience(request.workspace, audience, begun)
    return render(request, "campaigns/_draft_audience.html", context | named | {"words": form.words(), "mark": mark})


@require_safe
@member_required()
def campaign_audience_parts(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Go on counting how the audience of a draft becomes its recipients."""
    campaign = find_campaign(request.workspace, pk)
    context = count_parts(request.workspace, audience_of(campaign), read_figures(request.GET))
    return render(request, "campaigns/_audience_parts.html", context | {"campaign": campaign})


@require_POST
@member_required(Role.EDITOR)
def draft_audience_parts(request: WorkspaceRequest) -> HttpResponse:
    """Count what is chosen in the form of a mailing the same way; stores nothing."""
    form = AudienceForm(request.POST, workspace=request.workspace)
    if not form.is_valid():
        return render(request, "campaigns/_audience_parts.html")
    audience = form.audience()
    mark = draft_mark(audience)
    begun = read_figures(request.POST) if request.POST.get("mark") == mark else Figures()
    context = count_parts(request.workspace, audience, begun, mark=mark)
    return render(request, "campaigns/_audience_parts.html", context)


def count_parts(workspace: Workspace, audience: Audience, begun: Figures, *, mark: str = "") -> dict[str, Any]:
    """Return the figures of an audience as far as they are counted, or the sentence of what is wrong with it."""
    if audience.is_empty:
        return {}
    try:
        figures = count_figures(workspace, audience, begun, now=timezone.now())
    except SegmentRefused as error:
        return {"problem": error.sentence}
    return {"figures": figures, "audience": audience, "carried": json.dumps(figures.carried() | {"mark": mark})}
