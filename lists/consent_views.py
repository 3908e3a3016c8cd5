"""Pages of the ledger of consents: searched, and exported."""

from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from lists.consent_ledger import ENDED, LIVE, FoundConsents, LedgerSearch, find_consents, ledger_table
from lists.exporting import CSV, FORMATS, stream
from lists.models import MailingList

STATES = ((LIVE, _("登録中")), (ENDED, _("終了")))


@require_safe
@member_required()
def index(request: WorkspaceRequest) -> HttpResponse:
    """Who agreed to be on which list, when and how; the newest first."""
    search = read_search(request)
    found = find_consents(request.workspace, search, before=read_before(request))
    context = {
        "found": found,
        "search": search,
        "is_searched": bool(search.as_query()),
        "next_url": next_url(search, found),
        "mailing_lists": MailingList.objects.filter(workspace=request.workspace).order_by("name"),
        "states": STATES,
        "formats": FORMATS.items(),
        "may_export": request.membership.role == Role.ADMIN,
    }
    return render(request, "lists/consent_index.html", context)


@require_safe
@member_required(Role.ADMIN)
def export(request: WorkspaceRequest) -> StreamingHttpResponse:
    """Download what the search finds; ?format= one of FORMATS."""
    kind = request.GET.get("format", "")
    return stream(ledger_table(request.workspace, read_search(request)), (), kind if kind in FORMATS else CSV)


def read_search(request: WorkspaceRequest) -> LedgerSearch:
    """Return what the page's address asks for; raises 404 for a list that the workspace does not have."""
    search = LedgerSearch.from_query(request.GET)
    lists = MailingList.everything.filter(workspace=request.workspace)
    if search.list_id is not None and not lists.filter(pk=search.list_id).exists():
        raise Http404
    return search


def read_before(request: WorkspaceRequest) -> int | None:
    """Return where the page begins, None for the first one."""
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def next_url(search: LedgerSearch, found: FoundConsents) -> str:
    """Return the address of the next page, "" where there is none."""
    if found.next_before is None:
        return ""
    query = QueryDict(mutable=True)
    query.update(search.as_query() | {"before": str(found.next_before)})
    return f"{reverse('consent_index')}?{query.urlencode()}"
