"""Pages of segments: index, one with its people, the builder, live counts."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.conditions import Group, SegmentRefused, read_conditions
from lists.exceptions import ListsError
from lists.models import Segment, Subscriber
from lists.segment_counts import Slice, count_slice, first_people, mark_of, read_slice
from lists.segment_drafts import DraftGroup, change, draft_of, finish, new_draft, read_draft, settle, show
from lists.segment_editing import delete_segment, save_segment
from lists.segment_fields import Field, fields_of
from lists.segment_forms import SegmentForm
from lists.segment_words import describe_segment
from lists.segments import compile_group, compile_segment

# People that a segment's page shows.
SAMPLE = 10
# Seconds that the page looks for them; its live count follows.
SAMPLE_BUDGET = 0.1


@require_safe
@member_required()
def index(request: WorkspaceRequest) -> HttpResponse:
    """Every segment with its conditions in words."""
    fields = fields_of(request.workspace, has_archived=True)
    segments = Segment.objects.filter(workspace=request.workspace).order_by("name")
    rows = [(segment, describe_segment(segment, fields)) for segment in segments]
    return render(request, "lists/segment_index.html", {"rows": rows})


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One segment: its conditions, how many fulfil them, some of them."""
    segment = find_segment(request, pk)
    people: list[Subscriber] = []
    problem = ""
    try:
        found = Subscriber.objects.for_workspace(request.workspace).filter(compile_segment(segment, now=timezone.now()))
        people, _is_all = first_people(found, request.workspace, SAMPLE, budget=SAMPLE_BUDGET)
    except SegmentRefused as error:
        problem = error.sentence
    fields = fields_of(request.workspace, read_stored(segment))
    context = {
        "segment": segment,
        "words": describe_segment(segment, fields),
        "people": people,
        "problem": problem,
        # Without scripts the number is asked for by a link, as far as it goes within a moment.
        "counted": count_group(request, read_conditions(segment.conditions))
        if "count" in request.GET and not problem
        else None,
    }
    return render(request, "lists/segment_detail.html", context)


def find_segment(request: WorkspaceRequest, pk: int) -> Segment:
    """Return a segment of the workspace or raise Http404."""
    return get_object_or_404(Segment.objects.select_related("workspace"), workspace=request.workspace, pk=pk)


def read_stored(segment: Segment) -> Group | None:
    """Return the conditions of a segment; None where they cannot be read."""
    try:
        return read_conditions(segment.conditions)
    except SegmentRefused:
        return None


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Build a new segment."""
    return build(request, Segment(workspace=request.workspace), new_draft())


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a segment."""
    segment = find_segment(request, pk)
    group = read_stored(segment)
    return build(request, segment, draft_of(group) if group else new_draft())


def build(request: WorkspaceRequest, segment: Segment, draft: DraftGroup) -> HttpResponse:
    """Show the builder; a button changes the draft and shows it again, only saving stores anything."""
    stored_name = segment.name
    if request.method != "POST":
        fields = fields_of(request.workspace, read_stored(segment))
        return show_builder(request, segment, stored_name, SegmentForm(instance=segment), draft, fields)
    draft = read_draft(request.POST)
    stored = read_stored(segment) if segment.pk else None
    fields = fields_of(request.workspace, stored)
    settle(draft, fields, stored)
    if action := request.POST.get("do", ""):
        changed = change(draft, action)
        # What was typed stays, and is checked once it is saved.
        form = SegmentForm(initial=request.POST.dict(), instance=segment)
        return show_builder(request, segment, stored_name, form, changed, fields)
    form = SegmentForm(request.POST, instance=segment)
    group = finish(draft, fields, request.workspace)
    if form.is_valid() and group is not None:
        try:
            save_segment(form.instance, group, revision=form.cleaned_data["revision"] or 0, actor=request.user)
        except ListsError as error:
            form.add_error(None, error.sentence)
        else:
            messages.success(request, _("セグメント「%s」を保存しました。") % segment.name)
            return redirect("segment_detail", segment.pk)
    return show_builder(request, segment, stored_name, form, draft, fields)


def show_builder(
    request: WorkspaceRequest,
    segment: Segment,
    stored_name: str,
    form: SegmentForm,
    draft: DraftGroup,
    fields: Mapping[str, Field],
) -> HttpResponse:
    """Show the page on which conditions are put together."""
    context: dict[str, Any] = {
        "segment": segment,
        "stored_name": stored_name,
        "form": form,
        "draft": draft,
        "rows": show(draft, fields),
        # Without scripts the number is counted once, as far as it goes within a moment.
        "counted": count_draft(request, draft, fields) if request.POST.get("do") == "count" else None,
    }
    response = render(request, "lists/segment_form.html", context)
    # For the count beside the conditions, which has to begin anew.
    response["HX-Trigger-After-Settle"] = "segment-changed"
    return response


@require_POST
@member_required(Role.EDITOR)
def count(request: WorkspaceRequest) -> HttpResponse:
    """Count the people of what the builder holds, slice by slice; stores nothing."""
    fields = fields_of(request.workspace, has_archived=True)
    draft = read_draft(request.POST)
    return render(request, "lists/_segment_count.html", {"counted": count_draft(request, draft, fields)})


def count_draft(request: WorkspaceRequest, draft: DraftGroup, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return how many people fulfil a draft as far as they are counted; nothing where it is not finished."""
    group = finish(draft, fields, request.workspace)
    return count_group(request, group) if group is not None else {}


def count_group(request: WorkspaceRequest, group: Group) -> dict[str, Any]:
    """Go on counting where the request says that it stopped."""
    mark = mark_of(group.as_json())
    given = request.POST if request.method == "POST" else request.GET
    # A count that was begun for other conditions is not gone on with.
    begun = read_slice(given) if given.get("mark") == mark else Slice()
    condition = compile_group(group, request.workspace, now=timezone.now())
    return {"slice": count_slice(request.workspace, condition, begun), "mark": mark}


@require_safe
@member_required()
def count_stored(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Count the people of a segment, slice by slice."""
    segment = find_segment(request, pk)
    context: dict[str, Any] = {"segment": segment}
    try:
        context["counted"] = count_group(request, read_conditions(segment.conditions))
    except SegmentRefused as error:
        context["problem"] = error.sentence
    return render(request, "lists/_segment_count.html", context)


@require_POST
@member_required(Role.EDITOR)
def delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a segment that no planned campaign uses."""
    segment = find_segment(request, pk)
    try:
        delete_segment(segment, actor=request.user)
    except ListsError as error:
        messages.error(request, error.sentence)
        return redirect("segment_detail", pk)
    messages.success(request, _("セグメント「%s」を削除しました。") % segment.name)
    return redirect("segment_index")
