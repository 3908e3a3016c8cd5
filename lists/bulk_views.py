"""Pages of bulk actions: what to do with all whom a search finds, how many these are, progress, result, cancel."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from lists.bulk import Chosen, cancel_bulk, look, queue_bulk, restart_bulk
from lists.bulk_claims import OPEN
from lists.bulk_forms import FORMS
from lists.exceptions import ListsError
from lists.finding import Search, condition_of
from lists.import_leftovers import last_file_goes
from lists.models import BulkAction, BulkJob, BulkState, MailingList
from lists.search_words import Words, describe_attribute, describe_search, read_search
from lists.segment_counts import BUDGET, FIRST_WINDOW, Slice, count_slice, mark_of, read_slice

JOBS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Offer:
    """A bulk action as the page offers it."""

    action: BulkAction
    icon: str
    # What it does, and whom it leaves alone.
    text: Any
    is_danger: bool = False


OFFERS = (
    Offer(
        BulkAction.STOP,
        "circle-pause",
        gettext_lazy(
            "これからの配信はこの人たちに送られません。すでに配信停止の人は、停止の理由も含めて、そのままです。"
        ),
        True,
    ),
    Offer(
        BulkAction.RESUME,
        "circle-play",
        gettext_lazy(
            "配信停止の人への配信を再開し、エラー回数を0に戻します。購読解除と苦情の人は、ふつうは再開しません。"
        ),
    ),
    Offer(
        BulkAction.ADD_TO_LIST,
        "list-plus",
        gettext_lazy("選んだリストに入れ、配信への同意を記録します。すでに入っている人は、そのままです。"),
    ),
    Offer(
        BulkAction.REMOVE_FROM_LIST,
        "list-minus",
        gettext_lazy("選んだリストから外します。購読者と、配信の記録は残ります。"),
    ),
    Offer(
        BulkAction.SET_ATTRIBUTE,
        "pencil",
        gettext_lazy("差し込み項目の値を、全員同じ値に変えます。前の値は残りません。"),
    ),
    Offer(
        BulkAction.ERASE,
        "eraser",
        gettext_lazy(
            "配信の記録も含めて個人情報を消します。元に戻せません。誤って取り込まないための照合用の値だけが残ります。"
        ),
        True,
    ),
)


def may_ask(request: WorkspaceRequest, action: str) -> bool:
    """Say whether the member may have the action done; erasing is for administrators."""
    return action != BulkAction.ERASE or request.membership.role == Role.ADMIN


def require_right(request: WorkspaceRequest, action: str) -> None:
    """Raise PermissionDenied where the action is not for the member."""
    if not may_ask(request, action):
        raise PermissionDenied(_("この操作を行う権限がありません。ワークスペースの管理者に依頼してください。"))


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Offer the actions; once one is chosen (?action=) say how many it is about and ask; then queue it."""
    try:
        search = read_search(request.workspace, request.GET)
    except ListsError as error:
        messages.error(request, error.sentence)
        return redirect("subscriber_index")
    if "action" in request.GET or request.method == "POST":
        return confirm(request, search, find_offer(request))
    jobs = BulkJob.objects.filter(workspace=request.workspace).select_related("created_by").order_by("-pk")
    offers = [offer for offer in OFFERS if may_ask(request, offer.action)]
    context = count_context(request, look_on(request, search)) | {
        "offers": [(offer, with_action(search, offer.action)) for offer in offers],
        "words": describe_search(request.workspace, search),
        "page": Paginator(jobs, JOBS_SHOWN).get_page(request.GET.get("page")),
    }
    return render(request, "lists/bulk_choose.html", context)


def find_offer(request: WorkspaceRequest) -> Offer:
    """Return the action of the page's address; raises 404 for none, PermissionDenied for one that is not for him."""
    for offer in OFFERS:
        if offer.action == request.GET.get("action"):
            require_right(request, offer.action)
            return offer
    raise Http404


def with_action(search: Search, action: str, **others: str) -> str:
    """Return the address of the page for a search, and for an action where one is named."""
    query = search.as_query() | ({"action": action} if action else {}) | others
    return f"{reverse('bulk_create')}?{urlencode(query)}" if query else reverse("bulk_create")


def confirm(request: WorkspaceRequest, search: Search, offer: Offer) -> HttpResponse:
    """Ask whether the action is to be done to so many people; queue it where the form says so."""
    chosen = look_on(request, search)
    initial = {"mailing_list": search.list_id} if offer.action == BulkAction.REMOVE_FROM_LIST else {}
    data = request.POST if request.method == "POST" else None
    form = FORMS[offer.action](data, workspace=request.workspace, initial=initial)
    if data is not None:
        seen = read_seen(data, chosen)
        if form.is_valid() and seen is not None:
            why, argument = form.why(), form.argument()
            job = queue_bulk(request.workspace, seen, offer.action, actor=request.user, why=why, argument=argument)
            return redirect("bulk_detail", job.pk)
        if seen is None:
            form.add_error(None, _("対象が変わったため、人数を数え直しました。確かめて、もう一度実行してください。"))
        chosen = seen or chosen
    context = count_context(request, chosen) | {
        "form": form,
        "offer": offer,
        "words": describe_search(request.workspace, search),
        "back_url": with_action(search, ""),
    }
    if offer.action == BulkAction.ERASE:
        context |= {"is_erasing": True, "files_until": last_file_goes(request.workspace)}
    return render(request, "lists/bulk_confirm.html", context)


def look_on(request: WorkspaceRequest, search: Search) -> Chosen:
    """Return whom the search finds, up to where a count that the page's address goes on with began."""
    chosen = look(request.workspace, search)
    last_id = read_number(request.GET.get("last"))
    return chosen if last_id is None else replace(chosen, last_id=min(last_id, chosen.last_id))


def read_seen(data: QueryDict, chosen: Chosen) -> Chosen | None:
    """Return whose number the person saw who sends the form; None where the search means others by now."""
    last_id, revision = read_number(data.get("last_id")), read_number(data.get("revision"))
    if last_id is None or revision != chosen.revision:
        return None
    return replace(chosen, last_id=min(last_id, chosen.last_id))


def count_context(
    request: WorkspaceRequest, chosen: Chosen, *, budget: float = BUDGET, size: int = FIRST_WINDOW
) -> dict[str, Any]:
    """Count on for a moment; return what the part of the page with the number needs to show it, and to go on."""
    mark = mark_of([chosen.search.as_json(), chosen.last_id, chosen.revision])
    # A count that was begun for others is not gone on with.
    begun = read_slice(request.GET) if request.GET.get("mark") == mark else Slice()
    condition = condition_of(request.workspace, chosen.search, now=timezone.now()) & Q(pk__lte=chosen.last_id)
    counted = count_slice(request.workspace, condition, begun, budget=budget, size=size)
    numbers = {"found": counted.found, "active": counted.active, "after": counted.after, "last": chosen.last_id}
    place = {name: str(number) for name, number in numbers.items()} | {"mark": mark}
    return {
        "chosen": chosen,
        "counted": counted,
        "count_url": f"{reverse('bulk_count')}?{urlencode(chosen.search.as_query() | place)}",
        # For who has no scripts.
        "page_url": with_action(chosen.search, request.GET.get("action", ""), **place),
    }


@require_safe
@member_required(Role.EDITOR)
def count(request: WorkspaceRequest) -> HttpResponse:
    """Count on where the page stopped: the part of the page with the number, or why it cannot be counted any more."""
    try:
        search = read_search(request.workspace, request.GET)
        context = count_context(request, look_on(request, search))
    except Http404:
        context = {"problem": _("検索条件のリストかセグメントが削除されました。もう一度検索してください。")}
    except ListsError as error:
        context = {"problem": error.sentence}
    return render(request, "lists/_bulk_count.html", context)


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Progress while the action waits or runs, then its result."""
    job = fetch_job(request, pk)
    search = Search.from_json(job.search)
    context = job_context(job) | {
        "may_restart": job.state == BulkState.FAILED and request.membership.can_edit() and may_ask(request, job.action),
        "words": [] if job.action == BulkAction.DELETE_LIST else describe_search(request.workspace, search),
        "is_everybody": job.action != BulkAction.DELETE_LIST and not search,
        "argument": describe_argument(job),
    }
    return render(request, "lists/bulk_detail.html", context)


@require_safe
@member_required()
def progress(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The live part of the page; once the action is over the page is loaded anew."""
    job = fetch_job(request, pk)
    response = render(request, "lists/_bulk_progress.html", job_context(job))
    if job.state not in OPEN:
        response["HX-Redirect"] = reverse("bulk_detail", args=[pk])
    return response


@require_POST
@member_required(Role.EDITOR)
def cancel(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Stop the action; what is done stays done."""
    job = fetch_job(request, pk)
    if cancel_bulk(job, actor=request.user, now=timezone.now()):
        messages.success(request, _("取り消しました。すでに終わった分は、元に戻りません。"))
    else:
        messages.info(request, _("この一括操作は取り消せません。すでに終わったか、取り消しを待っています。"))
    return redirect("bulk_detail", pk)


@require_POST
@member_required(Role.EDITOR)
def restart(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Let an action that failed go on where it stopped."""
    job = fetch_job(request, pk)
    require_right(request, job.action)
    if not restart_bulk(job, actor=request.user):
        messages.info(request, _("この一括操作は、すでに続きを始めています。"))
    return redirect("bulk_detail", pk)


def fetch_job(request: WorkspaceRequest, pk: int) -> BulkJob:
    """Return a bulk action of the workspace, or raise 404."""
    jobs = BulkJob.objects.filter(workspace=request.workspace).select_related("created_by", "workspace")
    return get_object_or_404(jobs, pk=pk)


def job_context(job: BulkJob) -> dict[str, Any]:
    """Return what the live part of the page shows."""
    return {
        "job": job,
        "is_over": job.state not in OPEN,
        "unchanged": max(job.done - job.changed, 0),
        "may_cancel": job.state in OPEN and job.cancel_asked_at is None and job.action != BulkAction.DELETE_LIST,
    }


def describe_argument(job: BulkJob) -> Words:
    """Return what the action was given: a list, or an attribute and its value."""
    if job.action == BulkAction.DELETE_LIST:
        return [(_("リスト"), str(job.argument.get("name", "")))]
    if "list" in job.argument:
        named = MailingList.everything.filter(workspace=job.workspace_id, pk=job.argument["list"]).first()
        return [(_("対象のリスト"), named.name if named else _("(削除されたリスト)"))]
    if "attribute" in job.argument:
        label = describe_attribute(job.workspace, job.argument["attribute"])
        value = job.argument["value"]
        return [(_("項目"), label), (_("新しい値"), str(value) if value != "" else _("(値を消す)"))]
    if job.argument.get("own_will"):
        return [(_("購読解除・苦情の人"), _("再開する"))]
    return []
