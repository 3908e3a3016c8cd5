"""Pages of the mails that came back."""

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from bounces.forms import NoticeFilterForm
from bounces.models import NoticeState
from bounces.pages import count_notices, describe_reading, show_raw, visible_notices
from bounces.reports import make_chips
from bounces.rule_words import rule_source

PAGE_SIZE = 50


@require_GET
@member_required()
def notice_index(request: WorkspaceRequest) -> HttpResponse:
    """Show the mails that came back, among them those that fit no delivery (未照合)."""
    notices = visible_notices(request.membership)
    form = NoticeFilterForm(request.GET)
    state = form.cleaned_data["state"] if form.is_valid() else ""
    counts = count_notices(notices)
    listed = notices.filter(state=state) if state else notices
    listed = listed.defer("content").prefetch_related("bounces").order_by("-pk")
    context = {
        "page": Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page")),
        "chips": make_chips(counts, dict(NoticeState.choices), state),
        "total": sum(counts.values()),
        "state": state,
        "keep_days": settings.NOTICE_KEEP_DAYS,
    }
    return render(request, "bounces/notice_index.html", context)


@require_GET
@member_required()
def notice_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show one mail as text, what was read in it and which rule decided."""
    notice = get_object_or_404(visible_notices(request.membership), pk=pk)
    bounces = notice.bounces.select_related("delivery__campaign").order_by("pk")
    context = {
        "notice": notice,
        "reading": describe_reading(notice),
        "bounces": [(bounce, rule_source(bounce.rule)) for bounce in bounces],
        "raw": show_raw(notice),
    }
    return render(request, "bounces/notice_detail.html", context)
