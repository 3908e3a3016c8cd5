"""Pages of the first half of an import: upload, and what the columns of the file are."""

from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.csv_columns import guess_columns
from lists.csv_import import create_import, preview_import, queue_import
from lists.csv_reading import Format, Preview
from lists.exceptions import ListsError, UnreadableFile
from lists.forms import ColumnsForm, FormatForm, UploadForm
from lists.import_leftovers import delete_file, give_up
from lists.models import CsvImport, ImportMode, ImportState, MailingList
from lists.uploads import refuse_large_uploads

PREVIEW_SHOWN = 5


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
    return render(request, "lists/import_upload.html", {"form": form, "mailing_list": mailing_list})


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def choose_columns(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show how the file is read and take what its columns are; the format is chosen by GET."""
    csv_import = fetch_import(request, pk)
    if csv_import.state != ImportState.UPLOADED:
        return redirect("import_detail", pk)
    layout, format_form = read_format(request, csv_import)
    try:
        preview = preview_import(csv_import, layout)
    except UnreadableFile as error:
        context = {"csv_import": csv_import, "format_form": format_form, "unreadable": error.sentence}
        return render(request, "lists/import_columns.html", context)
    stored = Format(csv_import.encoding, csv_import.separator, csv_import.has_header)
    columns = csv_import.columns if layout == stored else guess_columns(csv_import.mailing_list, preview)
    data = request.POST if request.method == "POST" else None
    form = ColumnsForm(data, preview=preview, columns=columns, initial={"mode": csv_import.mode})
    if form.is_valid():
        try:
            queue_import(csv_import, form.choice(layout), request.user)
        except ListsError as error:
            form.add_error(None, error.sentence)
        else:
            return redirect("import_detail", pk)
    context = {
        "csv_import": csv_import,
        "format_form": format_form,
        "form": form,
        "preview": preview,
        "rows": preview.rows[:PREVIEW_SHOWN],
        "columns": describe_columns(form, preview),
        "has_guess": "address" in columns.values(),
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


def read_format(request: WorkspaceRequest, csv_import: CsvImport) -> tuple[Format, FormatForm]:
    """Return the format that the request chose, or the guessed one, with its form."""
    stored = Format(csv_import.encoding, csv_import.separator, csv_import.has_header)
    values = request.POST if request.method == "POST" else request.GET
    if "encoding" not in values:
        return stored, FormatForm(FormatForm.initial_for(stored))
    form = FormatForm(values)
    if form.is_valid():
        return form.layout(), form
    return stored, form


def describe_columns(form: ColumnsForm, preview: Preview) -> list[tuple[object, list[str]]]:
    """Return the control of each column with a few of the column's values."""
    described: list[tuple[object, list[str]]] = []
    for number in range(len(preview.headers)):
        values = (row.cells[number].strip() for row in preview.rows if number < len(row.cells))
        described.append((form[f"column_{number}"], [value for value in values if value][:3]))
    return described
