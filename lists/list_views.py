"""Pages of lists: index, one list with its subscribers, create, edit, delete."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.exceptions import ListsError
from lists.finding import Search
from lists.growth import growth_context
from lists.headcounts import counts_of
from lists.limits import preview_list_limit
from lists.list_deletion import delete_list
from lists.list_forms import LimitForm, MailingListForm
from lists.mailing_lists import ListNameTaken, save_list
from lists.models import MailingList
from lists.search_pages import PART, read_results, search_context

NEWEST_IMPORTS = 5


@require_safe
@member_required()
def index(request: WorkspaceRequest) -> HttpResponse:
    """Every list with its counts."""
    mailing_lists = list(MailingList.objects.filter(workspace=request.workspace).order_by("name"))
    counts = counts_of(mailing_lists)
    rows = [(mailing_list, counts[mailing_list.pk]) for mailing_list in mailing_lists]
    return render(request, "lists/index.html", {"rows": rows})


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """One list: counts, newest imports, its subscribers."""
    mailing_list = get_object_or_404(MailingList, workspace=request.workspace, pk=pk)
    search = Search.from_query(request.GET, list_id=pk)
    results = read_results(request.workspace, search, request.GET, now=timezone.now())
    if PART in request.GET:
        return render(request, "lists/_found_rows.html", {"results": results})
    context = search_context(request.workspace, search, is_list=True) | {
        "mailing_list": mailing_list,
        "counts": counts_of([mailing_list])[pk],
        "results": results,
        **growth_context(request.workspace, mailing_list, request.GET, now=timezone.now()),
        "imports": mailing_list.csv_imports.select_related("created_by").order_by("-pk")[:NEWEST_IMPORTS],
    }
    return render(request, "lists/detail.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Make a list, then go on to its first file."""
    data = request.POST if request.method == "POST" else None
    form = MailingListForm(data, instance=MailingList(workspace=request.workspace))
    if form.is_valid() and try_saving(request, form) is not None:
        messages.success(request, _("リストを作成しました。続けてCSVやExcelのファイルを取り込めます。"))
        return redirect("import_upload", form.instance.pk)
    return render(request, "lists/form.html", {"form": form})


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a list's name and limit; where the limit would stop addresses, their number is asked about first (A7)."""
    mailing_list = get_object_or_404(MailingList, workspace=request.workspace, pk=pk)
    form = MailingListForm(request.POST if request.method == "POST" else None, instance=mailing_list)
    # The form wrote the new name into the instance; the page's heading shows the stored one.
    stored = MailingList.objects.only("name").get(pk=pk)
    if not form.is_valid():
        return render(request, "lists/form.html", {"form": form, "mailing_list": stored})
    if "confirmed" not in request.POST and (would_stop := preview_list_limit(mailing_list, mailing_list.error_limit)):
        context = {"form": form, "mailing_list": stored, "would_stop": would_stop}
        return render(request, "lists/limit_confirm.html", context)
    stopped = try_saving(request, form)
    if stopped is None:
        return render(request, "lists/form.html", {"form": form, "mailing_list": stored})
    messages.success(request, _("リストを保存しました。"))
    if stopped:
        sentence = ngettext(
            "エラー停止の回数に達していた%d件を配信停止にしました。",
            "エラー停止の回数に達していた%d件を配信停止にしました。",
            stopped,
        )
        messages.warning(request, sentence % stopped)
    return redirect("list_detail", pk)


def try_saving(request: WorkspaceRequest, form: MailingListForm) -> int | None:
    """Save the list of a valid form, return how many its limit stopped; None where it cannot be: the form says why."""
    try:
        return save_list(form.instance, actor=request.user, now=timezone.now())
    except ListNameTaken as error:
        form.add_error("name", error.sentence)
    return None


@require_safe
@member_required(Role.EDITOR)
def limit_preview(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Say how many addresses a list's new limit would stop at once; asked for while it is being typed (A7)."""
    mailing_list = get_object_or_404(MailingList, workspace=request.workspace, pk=pk)
    form = LimitForm(request.GET)
    limit = form.cleaned_data["error_limit"] if form.is_valid() else None
    would_stop = preview_list_limit(mailing_list, limit) if form.is_valid() else 0
    context = {"is_valid": form.is_valid(), "would_stop": would_stop}
    return render(request, "lists/_limit_preview.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ask, then delete the list."""
    mailing_list = get_object_or_404(MailingList, workspace=request.workspace, pk=pk)
    if request.method == "POST":
        try:
            delete_list(mailing_list, actor=request.user, now=timezone.now())
        except ListsError as error:
            messages.error(request, error.sentence)
            return redirect("list_detail", pk=pk)
        except MailingList.DoesNotExist:
            # A second click waited for the first one.
            return redirect("list_index")
        messages.success(request, _("リスト「%s」を削除しました。") % mailing_list.name)
        return redirect("list_index")
    counts = counts_of([mailing_list])[pk]
    return render(request, "lists/delete.html", {"mailing_list": mailing_list, "counts": counts})
