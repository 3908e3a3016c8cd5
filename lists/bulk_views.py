"""Pages of bulk actions: what to do with all whom a search finds, how many these are, progress, result, cancel."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.bulk import cancel_bulk, newest_id, queue_bulk
from lists.bulk_claims import OPEN
from lists.bulk_counts import Slice, count_slice
from lists.bulk_forms import FORMS, BulkForm
from lists.finding import Search
from lists.models import BulkAction, BulkJob, MailingList
from lists.search_words import Words, describe_attribute, describe_search, require_known
from lists.segments import SegmentRefused

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
        gettext_lazy("これからの配信はこの人たちに送られません。すでに配信停止の人は、そのままです。"),
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


def offers_for(request: WorkspaceRequest) -> list[Offer]:
    """Return what the member may do; erasing is for administrators."""
    may_erase = request.membership.role == Role.ADMIN
    return [offer for offer in OFFERS if may_erase or offer.action != BulkAction.ERASE]


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Offer the actions; once one is chosen (?action=) say how many it is about and ask; then queue it."""
    search = Search.from_query(request.GET)
    try:
        require_known(request.workspace, search)
    except SegmentRefused as error:
        messages.error(request, error.sentence)
        return redirect("subscriber_index")
    if "action" in request.GET or request.method == "POST":
        return confirm(request, search, find_offer(request))
    last_id = newest_id()
    jobs = BulkJob.objects.filter(workspace=request.workspace).select_related("created_by").order_by("-pk")
    context = count_context(request, search, Slice(), last_id) | {
        "offers": [(offer, with_action(search, offer.action)) for offer in offers_for(request)],
        "words": describe_search(request.workspace, search),
        "jobs": jobs[:JOBS_SHOWN],
    }
    return render(request, "lists/bulk_choose.html", context)


def find_offer(request: WorkspaceRequest) -> Offer:
    """Return the action of the page's address; raises 404 for none, PermissionDenied for one that is not for him."""
    for offer in OFFERS:
        if offer.action == request.GET.get("action"):
            if offer in offers_for(request):
                return offer
            raise PermissionDenied(_("この操作を行う権限がありません。ワークスペースの管理者に依頼してください。"))
    raise Http404


def with_action(search: Search, action: BulkAction | None) -> str:
    """Return the address of the page for a search, and for an action where one is named."""
    query = QueryDict(mutable=True)
    query.update(search.as_query() | ({"action": action.value} if action else {}))
    return f"{reverse('bulk_create')}?{query.urlencode()}" if query else reverse("bulk_create")


def confirm(request: WorkspaceRequest, search: Search, offer: Offer) -> HttpResponse:
    """Ask whether the action is to be done to so many people; queue it where the form says so."""
    newest = newest_id()
    initial: dict[str, int | None] = {"last_id": newest}
    if offer.action == BulkAction.REMOVE_FROM_LIST:
        initial |= {"mailing_list": search.list_id}
    data = request.POST if request.method == "POST" else None
    form = FORMS[offer.action](data, workspace=request.workspace, initial=initial)
    if form.is_valid():
        return begin(request, search, offer, form)
    last_id = posted_id(form, newest)
    context = count_context(request, search, Slice(), last_id) | {
        "form": form,
        "offer": offer,
        "words": describe_search(request.workspace, search),
        "back_url": with_action(search, None),
    }
    return render(request, "lists/bulk_confirm.html", context)


def posted_id(form: BulkForm, newest: int) -> int:
    """Return up to which subscriber the person looked: never beyond those who are there."""
    posted = getattr(form, "cleaned_data", {}).get("last_id")
    return newest if posted is None else min(int(posted), newest)


def begin(request: WorkspaceRequest, search: Search, offer: Offer, form: BulkForm) -> HttpResponse:
    """Queue the action and show its progress."""
    job = queue_bulk(
        request.workspace,
        search,
        offer.action,
        actor=request.user,
        last_id=posted_id(form, newest_id()),
        why=form.why(),
        argument=form.argument(),
    )
    return redirect("bulk_detail", job.pk)


def count_context(request: WorkspaceRequest, search: Search, counted: Slice, last_id: int) -> dict[str, Any]:
    """Count for a moment; return what the part of the page with the number needs to show it, and to count on."""
    counted = count_slice(request.workspace, search, counted, last_id=last_id, now=timezone.now())
    query = QueryDict(mutable=True)
    query.update(search.as_query() | {"after": str(counted.after), "found": str(counted.found), "last": str(last_id)})
    return {"counted": counted, "count_url": f"{reverse('bulk_count')}?{query.urlencode()}"}


@require_safe
@member_required(Role.EDITOR)
def count(request: WorkspaceRequest) -> HttpResponse:
    """Count on where the page stopped: the part of the page with the number."""
    search = Search.from_query(request.GET)
    try:
        require_known(request.workspace, search)
    except SegmentRefused as error:
        raise Http404 from error
    counted = Slice(read_number(request, "found"), read_number(request, "after"))
    last_id = min(read_number(request, "last"), newest_id())
    return render(request, "lists/_bulk_count.html", count_context(request, search, counted, last_id))


def read_number(request: WorkspaceRequest, name: str) -> int:
    """Return a number of the page's address, 0 where it is none."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


@require_safe
@member_required()
def detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Progress while the action waits or runs, then its result."""
    job = fetch_job(request, pk)
    search = Search.from_json(job.search)
    context = job_context(job) | {
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
