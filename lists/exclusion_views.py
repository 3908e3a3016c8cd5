"""Pages of the 除外リスト: a workspace's for its members, and the installation's for its operator."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required, operator_required
from accounts.models import Role, User
from accounts.numbers import read_number
from accounts.requests import OperatorRequest, WorkspaceRequest
from lists.exclusion_entries import add_entries, of_scope, remove_entry, remove_found
from lists.exclusion_files import exclusion_table
from lists.exclusion_forms import EntriesForm
from lists.exclusion_pages import (
    OF_INSTALLATION,
    STATES,
    ExclusionPaginator,
    Scope,
    Shown,
    count_concerned,
    describe,
    find_entries,
    judge,
    of_workspace,
)
from lists.export_views import Subject, answer_for
from lists.models import Exclusion, ExclusionKind
from lists.segment_counts import mark_of


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
        "states": STATES.items(),
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
    """Show the form, and add what it names; where a domain concerns subscribers, after a question."""
    form = EntriesForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "scope": scope, "urls": scope.urls()}
    if not form.is_valid():
        return render(request, "lists/exclusion_form.html", context)
    domains = sorted(entry.value for entry in form.entries() if entry.kind == ExclusionKind.DOMAIN)
    mark = mark_of(domains)
    # A domain as co.jp is written in a moment, and reaches many.
    if domains and request.POST.get("confirmed") != mark:
        concerned = count_concerned(scope.workspace, domains)
        if concerned.found:
            return render(request, "lists/exclusion_form.html", context | {"concerned": concerned, "mark": mark})
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
    number = read_number(request.POST.get("number"))
    if number is None or not remove_found(scope.workspace, found, actor=actor, shown=shown.words(), expected=number):
        messages.error(request, _("表示したあとで件数が変わったため、削除していません。もう一度確認してください。"))
        return redirect(f"{scope.url('clear')}?{urlencode(shown.words())}")
    messages.success(request, _("除外リストから%d件を削除しました。") % number)
    return redirect(scope.url("index"))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def export(request: WorkspaceRequest) -> HttpResponseBase:
    """Offer the workspace's entries that a page shows as a file."""
    return send_file(request, of_workspace(request), request.user, _("除外リスト"))


@require_http_methods(["GET", "POST"])
@operator_required
def operator_export(request: OperatorRequest) -> HttpResponseBase:
    """Offer the installation's entries as a file."""
    return send_file(request, OF_INSTALLATION, request.user, _("除外リスト(全体)"))


def send_file(request: HttpRequest, scope: Scope, actor: User, name: str) -> HttpResponseBase:
    """Ask for columns and format, then return the entries that the page in the address shows."""
    shown = Shown.read(request.GET.dict())
    words = shown.describe()
    table = exclusion_table(find_entries(scope, shown, now=timezone.now()), name)
    back_url = scope.url("index") + (f"?{request.GET.urlencode()}" if request.GET else "")
    target = "、".join(text for _label, text in words)
    words = words or [(name, _("すべての登録"))]
    subject = Subject(table, "exclusion.export", target, words, back_url, name, may_hold_stopped=False)
    return answer_for(request, scope.workspace, actor, subject)
