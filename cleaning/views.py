"""Pages of 事前クリーニング: the file, its address column, live progress, the result and its two files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from cleaning.errors import CleaningError, CleaningGone
from cleaning.flaws import MEANINGS, Flaw
from cleaning.forms import ChoiceForm, CleaningForm, StartForm
from cleaning.intake import begin, guess_column, preview, start
from cleaning.results import clean_pieces, excluded_rows, split_rows
from cleaning.work import About, Cleaning, Report, find_cleaning, own_cleanings
from lists.csv_import import describe_size_limit
from lists.csv_reading import Format
from lists.csv_writing import CHARSETS, encode_csv
from lists.exceptions import ListsError
from lists.import_forms import FormatForm, SheetForm
from lists.uploads import refuse_large_uploads

PREVIEW_SHOWN = 5

P = ParamSpec("P")
View = Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]


def hide_gone(view: View[P]) -> View[P]:
    """Answer 404 where there is no such cleaning, or it is somebody else's."""

    @wraps(view)
    def guarded(request: WorkspaceRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except CleaningGone as error:
            raise Http404(error.sentence) from error

    return guarded


# The size has to be known before the form's token is read out of the body, as at the import of a list.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
@refuse_large_uploads
@csrf_protect
def upload(request: WorkspaceRequest) -> HttpResponseBase:
    """Take a file; show what one has open."""
    form = CleaningForm(request.POST, request.FILES) if request.method == "POST" else CleaningForm()
    if form.is_valid():
        try:
            file = form.cleaned_data["file"]
            cleaning = begin(request.workspace, file, request.user, now=timezone.now().timestamp())
        except (CleaningError, ListsError) as error:
            form.add_error("file", error.sentence)
        else:
            return redirect("cleaning_detail", cleaning.token)
    opened = [
        {"cleaning": cleaning, "about": about, "ends_at": local(about.ends_at())}
        for cleaning, about in own_cleanings(request.workspace, request.user)
    ]
    context = {
        "form": form,
        "opened": opened,
        "meanings": MEANINGS.items(),
        "is_gone": "gone" in request.GET,
        "max_bytes": settings.UPLOAD_MAX_BYTES,
        "too_large": describe_size_limit(),
    }
    return render(request, "cleaning/upload.html", context)


def local(seconds: float) -> datetime:
    """Return a time of the files for people."""
    return timezone.localtime(datetime.fromtimestamp(seconds, UTC))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
@hide_gone
def detail(request: WorkspaceRequest, token: str) -> HttpResponse:
    """The column to choose, then the progress, then the result."""
    cleaning, about = find_cleaning(token, request.workspace, request.user)
    if not about.is_started():
        return choose_column(request, cleaning, about)
    report = cleaning.report()
    context = {
        "cleaning": cleaning,
        "about": about,
        "report": report,
        "ends_at": local(about.ends_at()),
    }
    if report is None or not report.is_over or report.problem:
        return render(request, "cleaning/progress.html", context | describe_progress(about, report))
    # A changed choice replaces its part of the page only.
    template = "cleaning/_split.html" if request.htmx else "cleaning/result.html"
    return render(request, template, context | describe_result(request, about, report))


def choose_column(request: WorkspaceRequest, cleaning: Cleaning, about: About) -> HttpResponse:
    """Show how the file is read and ask for its address column; the format is chosen by GET."""
    layout, format_form = read_format(request, about)
    context = {"cleaning": cleaning, "about": about, "format_form": format_form}
    context["ends_at"] = local(about.ends_at())
    try:
        found = preview(cleaning, layout)
    except ListsError as error:
        return render(request, "cleaning/columns.html", context | {"unreadable": error.sentence})
    guess = guess_column(found)
    initial = {"column": guess if guess >= 0 else "", "asks_dns": True}
    form = StartForm(request.POST if request.method == "POST" else None, preview=found, initial=initial)
    if form.is_valid():
        chosen = form.cleaned_data
        start(cleaning, about, layout, chosen["column"], asks_dns=chosen.get("asks_dns", False))
        return redirect("cleaning_detail", cleaning.token)
    context |= {"form": form, "preview": found, "rows": found.rows[:PREVIEW_SHOWN], "has_guess": guess >= 0}
    return render(request, "cleaning/columns.html", context)


def read_format(request: WorkspaceRequest, about: About) -> tuple[Format, FormatForm | SheetForm]:
    """Return the format that the request chose, or the guessed one, with its form."""
    values = request.POST if request.method == "POST" else request.GET
    is_chosen = "encoding" in values or "sheet" in values
    form: FormatForm | SheetForm
    if about.sheet:
        form = SheetForm(values if is_chosen else SheetForm.initial_for(about.format), sheets=about.sheets)
    else:
        form = FormatForm(values if is_chosen else FormatForm.initial_for(about.format))
    return (form.layout() if is_chosen and form.is_valid() else about.format), form


def describe_result(request: WorkspaceRequest, about: About, report: Report) -> dict[str, object]:
    """Return what the page of the result shows for the flaws that were chosen."""
    chosen = ChoiceForm(request.GET).flaws()
    query = urlencode([("chosen", "on"), *(("flaw", flaw.value) for flaw in chosen)])
    split = split_rows(report, chosen)
    groups = [(group, MEANINGS[group.flaw]) for group in split.groups if group.number]
    was_asked = about.asks_dns and not report.is_dns_silent
    absent = [
        group.flaw.label for group in split.groups if not group.number and (was_asked or group.flaw != Flaw.NO_DOMAIN)
    ]
    return {"split": split, "groups": groups, "absent": absent, "query": query}


@require_safe
@member_required(Role.EDITOR)
def progress(request: WorkspaceRequest, token: str) -> HttpResponse:
    """The live part of the page while the file is judged; at the end the page is loaded anew."""
    try:
        cleaning, about = find_cleaning(token, request.workspace, request.user)
        report = cleaning.report()
    except CleaningGone:
        # Deleted in another window, or for good: the page must not go on asking.
        return HttpResponse(status=404, headers={"HX-Redirect": f"{reverse('cleaning_upload')}?gone=1"})
    context = {"cleaning": cleaning, "report": report} | describe_progress(about, report)
    response = render(request, "cleaning/_progress.html", context)
    if report and report.is_over:
        response["HX-Redirect"] = reverse("cleaning_detail", args=[token])
    return response


def describe_progress(about: About, report: Report | None) -> dict[str, object]:
    """Return how many rows of each flaw were found so far, and about how many rows there are."""
    groups = split_rows(report, list(Flaw)).groups if report else []
    rows = max(about.rows, report.rows if report else 0)
    return {"groups": [group for group in groups if group.number], "rows": rows}


@require_safe
@member_required(Role.EDITOR)
@hide_gone
def clean_file(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """Download the file without the rows that are taken out."""
    cleaning, about = find_finished(request, token)
    stem, dot, ending = about.filename.rpartition(".")
    name = _("%s_クリーニング済み") % (stem or about.filename)
    name += ".csv" if about.sheet or not dot else f".{ending}"
    pieces = clean_pieces(cleaning, about, ChoiceForm(request.GET).flaws())
    return stream(pieces, name, "text/csv")


@require_safe
@member_required(Role.EDITOR)
@hide_gone
def excluded_file(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """Download the rows that are taken out, with the reasons; ?encoding=cp932 for Shift_JIS."""
    cleaning, about = find_finished(request, token)
    encoding = request.GET.get("encoding", "")
    encoding = encoding if encoding in CHARSETS else "utf-8-sig"
    name = _("%s_除外した行.csv") % (about.filename.rpartition(".")[0] or about.filename)
    pieces = encode_csv(excluded_rows(cleaning, about, ChoiceForm(request.GET).flaws()), encoding)
    return stream(pieces, name, f"text/csv; charset={CHARSETS[encoding]}")


def find_finished(request: WorkspaceRequest, token: str) -> tuple[Cleaning, About]:
    """Return a cleaning whose result is there; raises CleaningGone, and 404 where it is not."""
    cleaning, about = find_cleaning(token, request.workspace, request.user)
    report = cleaning.report()
    if report is None or not report.is_over or report.problem:
        raise Http404(_("まだ結果がありません。"))
    return cleaning, about


def stream(pieces: Iterator[bytes], filename: str, content_type: str) -> StreamingHttpResponse:
    """Return a download."""
    response = StreamingHttpResponse(pieces, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, filename)
    return response


@require_POST
@member_required(Role.EDITOR)
@hide_gone
def delete(request: WorkspaceRequest, token: str) -> HttpResponse:
    """Delete the file and its result, whatever state it is in."""
    cleaning, _about = find_cleaning(token, request.workspace, request.user)
    cleaning.delete()
    messages.success(request, _("アップロードしたファイルと結果を削除しました。"))
    return redirect("cleaning_upload")
