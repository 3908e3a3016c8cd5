"""Pages of exports: the columns and the format of a list, a segment, a search or another table, then the file."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import member_required
from accounts.audit import record
from accounts.models import Role, User, Workspace
from accounts.requests import WorkspaceRequest
from lists.conditions import SegmentRefused
from lists.exceptions import ListsError
from lists.export_forms import ExportForm
from lists.exporting import ResourceTable, Table, stream
from lists.models import MailingList, Segment, SubscriberStatus
from lists.people_export import list_table, search_table, segment_table
from lists.search_words import Words, describe_search, read_search


@dataclass(frozen=True, slots=True)
class Subject:
    """What an export is of, as the page and the audit log name it."""

    table: Table | ResourceTable
    # In the audit log.
    action: str
    target: str
    # Whom it is about, in words; nothing for everybody.
    words: Words
    back_url: str
    back_label: str
    # Whether stopped people may be among them.
    may_hold_stopped: bool = True
    # Whether the product reads such a file in again.
    is_importable: bool = True


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def export_list(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Offer everybody on a list as a file; the form's answer is the file."""
    mailing_list = get_object_or_404(MailingList, workspace=request.workspace, pk=pk)
    words = [(_("リスト"), mailing_list.name)]
    back_url = reverse("list_detail", args=[pk])
    table = list_table(mailing_list)
    return answer(request, Subject(table, "list.export", mailing_list.name, words, back_url, mailing_list.name))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def export_segment(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Offer everybody in a segment as a file."""
    segment = get_object_or_404(Segment, workspace=request.workspace, pk=pk)
    try:
        table = segment_table(segment, now=timezone.now())
    except SegmentRefused as error:
        messages.error(request, error.sentence)
        return redirect("segment_detail", pk)
    words = [(_("セグメント"), segment.name)]
    back_url = reverse("segment_detail", args=[pk])
    return answer(request, Subject(table, "segment.export", segment.name, words, back_url, segment.name))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def export_search(request: WorkspaceRequest) -> HttpResponseBase:
    """Offer everybody whom the search in the page's address finds as a file."""
    try:
        search = read_search(request.workspace, request.GET)
    except ListsError as error:
        messages.error(request, error.sentence)
        return redirect("subscriber_index")
    table = search_table(request.workspace, search, now=timezone.now())
    words = describe_search(request.workspace, search)
    target = "、".join(text for _label, text in words)
    query = request.GET.urlencode()
    back_url = reverse("subscriber_index") + (f"?{query}" if query else "")
    may_hold_stopped = search.status != SubscriberStatus.ACTIVE
    return answer(
        request,
        Subject(table, "subscriber.export", target, words, back_url, _("購読者"), may_hold_stopped=may_hold_stopped),
    )


def answer(request: WorkspaceRequest, subject: Subject) -> HttpResponseBase:
    """Return the page that asks for columns and format, or, once they were sent, the file, which is written down."""
    return answer_for(request, request.workspace, request.user, subject)


def answer_for(request: HttpRequest, workspace: Workspace | None, actor: User, subject: Subject) -> HttpResponseBase:
    """Answer as `answer` does; without a workspace the export is one of the installation."""
    form = ExportForm(request.POST if request.method == "POST" else None, table=subject.table)
    if not form.is_valid():
        return show(request, subject, form)
    columns, kind = form.cleaned_data["columns"], form.cleaned_data["format"]
    record(workspace, actor, subject.action, subject.target, columns=len(columns), format=kind)
    return stream(subject.table, columns, kind)


def show(request: HttpRequest, subject: Subject, form: ExportForm) -> HttpResponse:
    """Return the page with the form."""
    return render(request, "lists/export.html", {"subject": subject, "words": subject.words, "form": form})
