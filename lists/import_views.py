"""Pages of the first half of an import: upload, and what the columns of the file are."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.forms import BoundField
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.columns import ADDRESS, importable_columns
from lists.csv_columns import guess_columns
from lists.csv_import import (
    create_import,
    describe_size_limit,
    format_of,
    preview_import,
    queue_import,
    sheets_of,
)
from lists.csv_reading import Format, Preview
from lists.exceptions import ListsError, UnreadableFile
from lists.import_forms import ColumnsForm, FormatForm, SheetForm, UploadForm
from lists.import_leftovers import delete_file, give_up
from lists.import_reasons import RejectReason
from lists.models import CsvImport, FileKind, ImportMode, ImportState, MailingList
from lists.uploads import refuse_large_uploads

PREVIEW_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """One column on the page: what it is, kind and label where it becomes a new attribute, some of its values."""

    target: BoundField
    kind: BoundField | None
    label: BoundField | None
    values: list[str]


# The size has to be known before the form's token is read out of the body: so the protection against
# forgery, which the middleware would do first, is done by the innermost decorator.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
@refuse_large_uploads
@csrf_protect
def upload_csv(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Take a file for a list and go on to its columns."""
    mailing_list = get_object_or_404(MailingList, workspace=request.workspace, pk=pk)
    form = UploadForm(initial={"mode": request.GET.get("mode", "")})
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            csv_import = create_import(mailing_list, form.cleaned_data["file"], request.user, form.cleaned_data["mode"])
        except UnreadableFile as error:
            form.add_error("file", error.sentence)
        else:
            return redirect("import_columns", csv_import.pk)
    context = {
        "form": form,
        "mailing_list": mailing_list,
        "max_bytes": settings.UPLOAD_MAX_BYTES,
        "too_large": describe_size_limit(),
    }
    return render(request, "lists/import_upload.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def choose_columns(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show how the file is read and take what its columns are; the format is chosen by GET."""
    csv_import = fetch_import(request, pk)
    if csv_import.state != ImportState.UPLOADED:
        return redirect("import_detail", pk)
    context: dict[str, Any] = {"csv_import": csv_import}
    try:
        layout, context["format_form"] = read_format(request, csv_import)
        preview = preview_import(csv_import, layout)
    except UnreadableFile as error:
        return render(request, "lists/import_columns.html", {**context, "unreadable": error.sentence})
    columns = guess_columns(csv_import.mailing_list, preview)
    if layout == format_of(csv_import):
        columns = csv_import.columns
    form = ColumnsForm(
        request.POST if request.method == "POST" else None,
        preview=preview,
        columns=columns,
        known=importable_columns(request.workspace, {}),
        kinds=csv_import.kinds,
        labels=csv_import.labels,
        initial={"mode": csv_import.mode, "text_version": csv_import.text_version},
    )
    if form.is_valid():
        try:
            queue_import(csv_import, form.choice(layout), request.user)
        except ListsError as error:
            form.add_error(None, error.sentence)
        else:
            return redirect("import_detail", pk)
    context |= describe_file(preview, layout) | {
        "form": form,
        "columns": describe_columns(form, preview),
        "has_guess": ADDRESS in columns.values(),
    }
    return render(request, "lists/import_columns.html", context)


@require_POST
@member_required(Role.EDITOR)
def discard(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Throw the uploaded file away and ask for another one, to be imported in the same way."""
    csv_import = fetch_import(request, pk)
    if not give_up(csv_import, now=timezone.now()):
        return redirect("import_detail", pk)
    delete_file(csv_import)
    mode = request.POST.get("mode", "")
    query = urlencode({"mode": mode if mode in ImportMode.values else csv_import.mode})
    return redirect(f"{reverse('import_upload', args=[csv_import.mailing_list_id])}?{query}")


def fetch_import(request: WorkspaceRequest, pk: int) -> CsvImport:
    """Return an import of the workspace, or raise 404."""
    imports = CsvImport.objects.filter(workspace=request.workspace).select_related("mailing_list", "created_by")
    return get_object_or_404(imports, pk=pk)


def read_format(request: WorkspaceRequest, csv_import: CsvImport) -> tuple[Format, FormatForm | SheetForm]:
    """Return the format that the request chose, or the guessed one, with its form; raises UnreadableFile."""
    stored = format_of(csv_import)
    values = request.POST if request.method == "POST" else request.GET
    form: FormatForm | SheetForm
    if csv_import.kind == FileKind.XLSX:
        sheets = sheets_of(csv_import)
        form = SheetForm(values if "sheet" in values else SheetForm.initial_for(stored), sheets=sheets)
    else:
        form = FormatForm(values if "encoding" in values else FormatForm.initial_for(stored))
    return (form.layout() if form.is_valid() else stored), form


def describe_file(preview: Preview, layout: Format) -> dict[str, Any]:
    """Return what the page shows of the file, read as `layout` says."""
    return {
        "chosen": describe_format(layout),
        "preview": preview,
        "rows": preview.rows[:PREVIEW_SHOWN],
        "repeated": find_repeated(preview.headers) if layout.has_header else [],
        "damaged": sum(row.code == RejectReason.ENCODING for row in preview.rows),
    }


def describe_format(layout: Format) -> list[tuple[str, str]]:
    """Return the hidden controls by which the columns are sent together with the format they were chosen for."""
    values = SheetForm.initial_for(layout) if layout.sheet else FormatForm.initial_for(layout)
    values["has_header"] = "on" if layout.has_header else ""
    return [(name, value) for name, value in values.items() if value]


def describe_columns(form: ColumnsForm, preview: Preview) -> list[ShownColumn]:
    """Return the controls of each column with a few of the column's values."""
    shown = []
    for number in range(len(preview.headers)):
        values = (row.cells[number].strip() for row in preview.rows if number < len(row.cells))
        kind, label = (form[name] if name in form.fields else None for name in (f"kind_{number}", f"label_{number}"))
        shown.append(ShownColumn(form[f"column_{number}"], kind, label, [value for value in values if value][:3]))
    return shown


def find_repeated(headers: list[str]) -> list[str]:
    """Return the headers that more than one column has."""
    return [header for header, number in Counter(headers).items() if number > 1]
