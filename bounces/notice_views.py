"""Pages of the mails that came back."""

import zlib

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import audit
from accounts.access import member_required
from accounts.models import Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from bounces.assigning import ASSIGNABLE, assign, find_candidates
from bounces.models import Door, NoticeState, RawNotice
from bounces.notice_forms import AssignForm, NoticeFilterForm
from bounces.notice_lists import REPORTS, count_chips, list_notices, visible_sources
from bounces.pages import explain, show_raw, visible_notices
from bounces.processing import process, unpack
from bounces.rereading import AT_ONCE, REREADABLE, count_outdated, read_again, read_outdated_again
from bounces.rule_digest import CURRENT
from bounces.rule_words import explain_reading
from campaigns.models import Delivery


@require_GET
@member_required()
def notice_index(request: WorkspaceRequest) -> HttpResponse:
    """Show the mails that came back, among them those that fit no delivery (未照合)."""
    form = NoticeFilterForm(request.GET)
    chosen = form.chosen()
    found = list_notices(
        request.membership, chosen, before=read_place(request, "before"), after=read_place(request, "after")
    )
    context = {
        "form": form,
        "page": found.rows,
        "newer": found.newer,
        "older": found.older,
        "chips": count_chips(request.membership),
        "chosen": chosen,
        "is_reports": chosen.state == REPORTS,
        "outdated": count_outdated(visible_sources(request.membership)),
        "keep_days": settings.NOTICE_KEEP_DAYS,
        "count_addresses": settings.COUNT_ADDRESS_MATCHES,
    }
    return render(request, "bounces/notice_index.html", context)


def read_place(request: WorkspaceRequest, name: str) -> int | None:
    """Return the number in the query at which a page begins; None for anything that is none."""
    return read_number(request.GET.get(name))


@require_GET
@member_required()
def notice_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show one mail as text, what was read in it and which rule decided."""
    notice = get_object_or_404(visible_notices(request.membership).select_related("assigned_by"), pk=pk)
    context = {
        "notice": notice,
        "reading": explain_reading(notice.reading),
        "explanation": explain(notice),
        "raw": show_raw(notice),
        "is_assignable": notice.state in ASSIGNABLE,
        "is_rereadable": notice.state in REREADABLE,
        "is_outdated": notice.state in REREADABLE and notice.rules != CURRENT,
    }
    return render(request, "bounces/notice_detail.html", context)


@require_safe
@member_required()
def notice_download(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Hand out a stored mail as it came in. It is a file to be kept; no browser shows it."""
    notice = get_object_or_404(visible_notices(request.membership), pk=pk)
    try:
        content = unpack(notice.content)
    except zlib.error as error:
        raise Http404 from error
    is_event = notice.door == Door.WEBHOOK
    response = HttpResponse(content, content_type="application/json" if is_event else "message/rfc822")
    response["Content-Disposition"] = f'attachment; filename="notice-{notice.pk}.{"json" if is_event else "eml"}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
@member_required(Role.EDITOR)
def notice_candidates(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the deliveries that a notice could be about."""
    notice = get_object_or_404(visible_notices(request.membership), pk=pk)
    query = request.GET.get("q", "")[:320]
    context = {
        "notice": notice,
        "query": query,
        "is_assignable": notice.state in ASSIGNABLE,
        "candidates": find_candidates(Delivery.objects.for_workspace(request.workspace), notice, query),
    }
    return render(request, "bounces/notice_candidates.html", context)


@require_POST
@member_required(Role.EDITOR)
def notice_assign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Assign a delivery to a notice; asks first."""
    notice = get_object_or_404(visible_notices(request.membership), pk=pk)
    form = AssignForm(request.POST)
    own = Delivery.objects.for_workspace(request.workspace).select_related("campaign")
    delivery = own.filter(pk=form.cleaned_data["delivery"]).first() if form.is_valid() else None
    if delivery is None:
        messages.error(request, _("配信先を選んでください。"))
        return redirect("notice_candidates", pk)
    if "confirmed" not in request.POST:
        return render(request, "bounces/notice_assign.html", {"notice": notice, "delivery": delivery})
    if assign(notice, delivery, actor=request.user, now=timezone.now()):
        tell_result(request, notice)
    else:
        messages.info(request, _("このメールは、ほかの操作ですでに処理されています。"))
    return redirect("notice_detail", pk)


@require_POST
@member_required(Role.EDITOR)
def notice_reread(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Read one notice again by today's rules."""
    notice = get_object_or_404(visible_notices(request.membership), pk=pk)
    if read_again(RawNotice.objects.filter(pk=notice.pk), at_most=1):
        process(notice.pk, now=timezone.now())
        tell_result(request, notice)
    else:
        messages.info(request, _("このメールはすでに処理されているため、読み直しませんでした。"))
    return redirect("notice_detail", pk)


@require_POST
@member_required(Role.EDITOR)
def notice_reread_all(request: WorkspaceRequest) -> HttpResponse:
    """Let everything be read again that older rules read and that counted nothing."""
    number = read_outdated_again(visible_sources(request.membership))
    if number:
        audit.record(request.workspace, request.user, "notice.reread", changed=number)
        told = ngettext("%(number)d件をもう一度読みます。", "%(number)d件をもう一度読みます。", number)
        messages.success(request, told % {"number": number})
        if number >= AT_ONCE:
            messages.info(request, _("まだ残っています。終わったら、もう一度押してください。"))
    else:
        messages.info(request, _("以前の規則で読んだメールはありません。"))
    return redirect("notice_index")


def tell_result(request: WorkspaceRequest, notice: RawNotice) -> None:
    """Say what became of a notice that has just been processed."""
    notice.refresh_from_db(fields=["state"])
    if notice.state == NoticeState.NEW:
        messages.info(request, _("配信の結果が決まりしだい反映します。"))
    elif notice.bounces.filter(applied=True).exists():
        messages.success(request, _("配信の結果に反映しました。"))
    elif notice.state == NoticeState.PROCESSED:
        messages.info(request, _("この配信のエラーはすでに記録されているため、新しくは数えませんでした。"))
    else:
        messages.info(request, _("読み直しました。状態は「%s」です。") % notice.get_state_display())
