"""Counts for how many people of an audience a block is, while its condition is built."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.audience_forms import AudienceForm
from designs.block_conditions import stored_group
from designs.draft_editing import find, read_posted
from designs.exceptions import DesignRefused
from lists.audience import Audience, audience_condition
from lists.conditions import Group, SegmentRefused
from lists.segment_counts import Slice, count_slice, mark_of, read_slice
from lists.segments import compile_group


@require_POST
@member_required(Role.EDITOR)
def block_count(request: WorkspaceRequest) -> HttpResponse:
    """Count those of the audience in the form of a mailing for whom its open block is; stores nothing."""
    group = condition_posted(request)
    form = AudienceForm(request.POST, workspace=request.workspace)
    if group is None or not form.is_valid():
        return render(request, "campaigns/_block_count.html", {"is_unfinished": group is None})
    return render(request, "campaigns/_block_count.html", count_both(request, form.audience(), group))


def condition_posted(request: WorkspaceRequest) -> Group | None:
    """Return the condition of the block that is open in a form; None while it is not finished."""
    try:
        edited = read_posted(request.POST, workspace=request.workspace)
    except DesignRefused:
        return None
    if edited.condition is not None:
        return edited.condition.group
    block = find(edited.design, edited.open)
    return stored_group(block.show) if block else None


def count_both(request: WorkspaceRequest, audience: Audience, group: Group) -> dict[str, Any]:
    """Go on counting who belongs to an audience and fulfils a condition."""
    segments = [[found.pk for found in parts] for parts in (audience.segments, audience.excluded_segments)]
    mark = mark_of([audience.lists, audience.excluded_lists, segments, group.as_json()])
    # A count that was begun for something else is not gone on with.
    begun = read_slice(request.POST) if request.POST.get("mark") == mark else Slice()
    now = timezone.now()
    try:
        condition = audience_condition(request.workspace, audience, now=now)
        condition &= compile_group(group, request.workspace, now=now)
    except SegmentRefused as error:
        return {"problem": error.sentence}
    return {"slice": count_slice(request.workspace, condition, begun), "mark": mark}
