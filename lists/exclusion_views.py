"""Pages of the 除外リスト: a workspace's for its members, and the installation's for its operator."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import audit
from accounts.access import member_required, operator_required
from accounts.models import Role, User
from accounts.requests import OperatorRequest, WorkspaceRequest
from lists.csv_writing import CHARSETS, stream_csv
from lists.exceptions import UnreadableFile
from lists.exclusion_entries import add_entries, of_scope, remove_entry, remove_found, save_entries
from lists.exclusion_files import export_rows, read_exclusions
from lists.exclusion_forms import EntriesForm, ExclusionFileForm
from lists.exclusion_pages import ExclusionPaginator, Scope, Shown, describe, find_entries, judge
from lists.models import Exclusion, ExclusionKind
from lists.uploads import refuse_large_uploads


def of_workspace(request: WorkspaceRequest) -> Scope:
    """Return the workspace's 除外リスト."""
    return Scope(request.workspace, "exclusion")


OF_INSTALLATION = Scope(None, "operator_exclusion")


@require_safe
@member_required()
def index(request: WorkspaceRequest) -> HttpResponse:
    """The workspace's entries, and whether an address that is searched for is excluded."""
    return show_index(request, of_workspace(request), may_change=request.membership.can_edit())


@require_safe
@operator_required
def operator_index(request: OperatorRequest) -> HttpResponse:
    """The installation's entries."""
    return show_index(request, OF_INSTALLATION, may_change=True)


def show_index(request: HttpRequest, scope: Scope, *, may_change: bool) -> HttpResponse:
    """Show a page of entries."""
    now = timezone.now()
    shown = Shown.read(request.GET.dict())
    page = ExclusionPaginator(find_entries(scope, shown, now=now)).get_page(request.GET.get("page"))
    context = {
        "scope": scope,
        "urls": scope.urls(),
        "delete_name": f"{scope.names}_delete",
        "may_change": may_change,
        "shown": shown,
        "kinds": ExclusionKind.choices,
        "page": page,
        "rows": describe(list(page.object_list), now=now),
        "verdict": judge(scope, shown.q, now=now),
        "is_empty": shown.is_all() and not page.object_list,
    }
    return render(request, "lists/exclusion_index.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Add entries to the workspace's list."""
    return take_entries(request, of_workspace(request), request.user)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def operator_create(request: OperatorRequest) -> HttpResponse:
    """Add entries to the installation's list."""
    return take_entries(request, OF_INSTALLATION, request.user)


def take_entries(request: HttpRequest, scope: Scope, actor: User) -> HttpResponse:
    """Show the form, and add what it names."""
    form = EntriesForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "lists/exclusion_form.html", {"form": form, "scope": scope, "urls": scope.urls()})
    saved = add_entries(scope.workspace, form.entries(), actor=actor, now=timezone.now())
    if saved.new:
        messages.success(request, _("除外リストに%d件を登録しました。") % saved.new)
    if saved.changed:
        messages.success(request, _("登録済みの%d件の理由と期限を変更しました。") % saved.changed)
    if saved.same and not saved.new and not saved.changed:
        messages.info(request, _("すでに同じ内容で登録されています。"))
    return redirect(scope.url("index"))


@require_POST
@member_required(Role.EDITOR)
def delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete an entry of the workspace's list."""
    return drop_entry(request, of_workspace(request), pk, request.user)


@require_POST
@operator_required
def operator_delete(request: OperatorRequest, entry_id: int) -> HttpResponse:
    """Delete an entry of the installation's list."""
    return drop_entry(request, OF_INSTALLATION, entry_id, request.user)


def drop_entry(request: HttpRequest, scope: Scope, pk: int, actor: User) -> HttpResponse:
    """Delete an entry and say so."""
    entry: Exclusion = get_object_or_404(of_scope(scope.workspace), pk=pk)
    if remove_entry(entry, actor=actor):
        messages.success(request, _("%s を除外リストから削除しました。次の配信から送られます。") % entry.value)
    return redirect(scope.url("index"))


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def clear(request: WorkspaceRequest) -> HttpResponse:
    """Ask, and then delete all entries of a search."""
    return drop_found(request, of_workspace(request), request.user)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def operator_clear(request: OperatorRequest) -> HttpResponse:
    """The same for the installation's list."""
    return drop_found(request, OF_INSTALLATION, request.user)


def drop_found(request: HttpRequest, scope: Scope, actor: User) -> HttpResponse:
    """Show how many entries a search finds, and delete them after the answer."""
    shown = Shown.read((request.POST if request.method == "POST" else request.GET).dict())
    found = find_entries(scope, shown, now=timezone.now())
    if request.method != "POST":
        context = {"scope": scope, "urls": scope.urls(), "shown": shown, "number": found.count()}
        return render(request, "lists/exclusion_clear.html", context)
    number = remove_found(scope.workspace, found, actor=actor, shown=shown.words())
    messages.success(request, _("除外リストから%d件を削除しました。") % number)
    return redirect(scope.url("index"))


# The size has to be known before the form's token is read out of the body: so the protection against
# forgery, which the middleware would do first, is done by the innermost decorator.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
@refuse_large_uploads
@csrf_protect
def upload(request: WorkspaceRequest) -> HttpResponseBase:
    """Add the entries of a file to the workspace's list."""
    return take_file(request, of_workspace(request), request.user)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def operator_upload(request: OperatorRequest) -> HttpResponseBase:
    """Add the entries of a file to the installation's list."""
    return take_file(request, OF_INSTALLATION, request.user)


def take_file(request: HttpRequest, scope: Scope, actor: User) -> HttpResponse:
    """Show the form; add what its file names, and tell the lines that were refused."""
    form = ExclusionFileForm(request.POST, request.FILES) if request.method == "POST" else ExclusionFileForm()
    context = {"form": form, "scope": scope, "urls": scope.urls()}
    if not form.is_valid():
        return render(request, "lists/exclusion_import.html", context)
    now = timezone.now()
    file = form.cleaned_data["file"]
    try:
        reading = read_exclusions(file.file, reason=form.cleaned_data["reason"], expires_at=form.expires_at(), now=now)
    except UnreadableFile as error:
        form.add_error("file", error.sentence)
        return render(request, "lists/exclusion_import.html", context)
    saved = save_entries(scope.workspace, reading.entries.values(), actor=actor, now=now)
    audit.record(
        scope.workspace, actor, "exclusion.import", file.name, rows=saved.new + saved.changed,
        rejected=reading.rejected_count,
    )  # fmt: skip
    context |= {"reading": reading, "saved": saved, "filename": file.name}
    return render(request, "lists/exclusion_result.html", context)


@require_safe
@member_required(Role.EDITOR)
def export(request: WorkspaceRequest) -> HttpResponseBase:
    """Download the workspace's entries as CSV; ?encoding=cp932 for Shift_JIS."""
    return send_file(request, of_workspace(request), _("除外リスト.csv"))


@require_safe
@operator_required
def operator_export(request: OperatorRequest) -> HttpResponseBase:
    """Download the installation's entries as CSV."""
    return send_file(request, OF_INSTALLATION, _("除外リスト_全体.csv"))


def send_file(request: HttpRequest, scope: Scope, filename: str) -> HttpResponseBase:
    """Return the entries that the page shows as a download."""
    encoding = request.GET.get("encoding", "")
    shown = Shown.read(request.GET.dict())
    entries = find_entries(scope, shown, now=timezone.now())
    return stream_csv(export_rows(entries), filename, encoding if encoding in CHARSETS else "utf-8-sig")
