"""Pages of files for the 除外リスト: upload, progress, result, refused lines."""

from collections.abc import Iterator, Sequence
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member_required, operator_required
from accounts.models import Role, User
from accounts.requests import OperatorRequest, WorkspaceRequest
from lists.csv_writing import CHARSETS, stream_csv
from lists.exclusion_forms import MAX_FILE_BYTES, TOO_LARGE, ExclusionFileForm
from lists.exclusion_imports import imports_of, queue_exclusions
from lists.exclusion_pages import OF_INSTALLATION, Scope, of_workspace
from lists.models import ExclusionImport, ExclusionImportState
from lists.uploads import refuse_uploads_above

REFUSED_SHOWN: Final = 20


# The size has to be known before the form's token is read out of the body: so the protection against
# forgery, which the middleware would do first, is done by the innermost decorator.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
@refuse_uploads_above(MAX_FILE_BYTES, TOO_LARGE)
@csrf_protect
def upload(request: WorkspaceRequest) -> HttpResponseBase:
    """Take a file for the workspace's list."""
    return take_file(request, of_workspace(request), request.user)


# Here even before the person: what is too large is not to be stored for anybody.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@refuse_uploads_above(MAX_FILE_BYTES, TOO_LARGE)
@csrf_protect
@operator_required
def operator_upload(request: OperatorRequest) -> HttpResponseBase:
    """Take a file for the installation's list."""
    return take_file(request, OF_INSTALLATION, request.user)


def take_file(request: HttpRequest, scope: Scope, actor: User) -> HttpResponse:
    """Show the form; keep its file until a process reads it."""
    form = ExclusionFileForm(request.POST, request.FILES) if request.method == "POST" else ExclusionFileForm()
    if form.is_valid():
        chosen = form.cleaned_data
        job = queue_exclusions(
            scope.workspace, chosen["file"], actor, reason=chosen["reason"], expires_at=form.expires_at()
        )
        return redirect(scope.url("import_detail", job.pk))
    context = {
        "form": form,
        "scope": scope,
        "urls": scope.urls(),
        "max_bytes": MAX_FILE_BYTES,
        "too_large": TOO_LARGE,
    }
    return render(request, "lists/exclusion_import.html", context)


@require_safe
@member_required(Role.EDITOR)
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Progress of a file of the workspace, then its result."""
    return show_import(request, of_workspace(request), pk)


@require_safe
@operator_required
def operator_detail(request: OperatorRequest, import_id: int) -> HttpResponse:
    """Progress of a file of the installation, then its result."""
    return show_import(request, OF_INSTALLATION, import_id)


def show_import(request: HttpRequest, scope: Scope, pk: int) -> HttpResponse:
    """Show how far a file is, or what became of it."""
    job = find_import(scope, pk)
    context = describe_import(scope, job)
    if is_over(job):
        context["refused"] = job.refused[:REFUSED_SHOWN]
        context["has_more"] = job.rows_refused > REFUSED_SHOWN
        context["has_all"] = job.rows_refused == len(job.refused)
    return render(request, "lists/exclusion_result.html", context)


@require_safe
@member_required(Role.EDITOR)
def progress(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The live part of the page of a file of the workspace."""
    return show_progress(request, of_workspace(request), pk)


@require_safe
@operator_required
def operator_progress(request: OperatorRequest, import_id: int) -> HttpResponse:
    """The live part of the page of a file of the installation."""
    return show_progress(request, OF_INSTALLATION, import_id)


def show_progress(request: HttpRequest, scope: Scope, pk: int) -> HttpResponse:
    """Show how far a file is; at the end its page is loaded anew."""
    job = find_import(scope, pk)
    response = render(request, "lists/_exclusion_progress.html", describe_import(scope, job))
    if is_over(job):
        response["HX-Redirect"] = scope.url("import_detail", pk)
    return response


@require_safe
@member_required(Role.EDITOR)
def refused_file(request: WorkspaceRequest, pk: int) -> HttpResponseBase:
    """Download the refused lines of a file of the workspace; ?encoding=cp932 for Shift_JIS."""
    return send_refused(request, of_workspace(request), pk)


@require_safe
@operator_required
def operator_refused_file(request: OperatorRequest, import_id: int) -> HttpResponseBase:
    """Download the refused lines of a file of the installation."""
    return send_refused(request, OF_INSTALLATION, import_id)


def send_refused(request: HttpRequest, scope: Scope, pk: int) -> HttpResponseBase:
    """Return the refused lines as CSV."""
    job = find_import(scope, pk)
    encoding = request.GET.get("encoding", "")
    filename = _("登録できなかった行_%s.csv") % (job.filename.rpartition(".")[0] or job.filename)
    return stream_csv(refused_rows(job), filename, encoding if encoding in CHARSETS else "utf-8-sig")


def refused_rows(job: ExclusionImport) -> Iterator[Sequence[object]]:
    """Yield the header and the refused lines in the order of the file, as far as they were kept."""
    yield [_("行"), _("値"), _("理由")]
    yield from job.refused
    if left := job.rows_refused - len(job.refused):
        yield ["", "", _("ほかに%d行あります。直してもう一度アップロードすると、残りが表示されます。") % left]


def find_import(scope: Scope, pk: int) -> ExclusionImport:
    """Return a file, or raise 404."""
    job: ExclusionImport = get_object_or_404(imports_of(scope.workspace), pk=pk)
    return job


def is_over(job: ExclusionImport) -> bool:
    """Say whether nothing will change any more."""
    return job.state in (ExclusionImportState.DONE, ExclusionImportState.FAILED)


def describe_import(scope: Scope, job: ExclusionImport) -> dict[str, object]:
    """Return what the pages of a file show."""
    return {
        "scope": scope,
        "urls": scope.urls() | {page: scope.url(f"import_{page}", job.pk) for page in ("progress", "refused")},
        "job": job,
        "is_over": is_over(job),
    }
