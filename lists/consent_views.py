"""Pages of the ledger of consents: searched, and exported."""

from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.numbers import read_number
from accounts.requests import WorkspaceRequest
from lists.consent_ledger import ENDED, LIVE, FoundConsents, LedgerSearch, find_consents, ledger_table
from lists.export_views import Subject, answer
from lists.models import MailingList

STATES = ((LIVE, gettext_lazy("登録中")), (ENDED, gettext_lazy("終了")))


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
        "export_url": address_of("consent_export", search),
        "may_export": request.membership.role == Role.ADMIN,
    }
    return render(request, "lists/consent_index.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
def export(request: WorkspaceRequest) -> HttpResponseBase:
    """Offer what the search in the page's address finds as a file."""
    search = read_search(request)
    words = describe_search(request, search)
    target = "、".join(text for _label, text in words)
    words = words or [(_("同意の記録"), _("このワークスペースの記録すべて"))]
    subject = Subject(
        ledger_table(request.workspace, search),
        "consent.export",
        target,
        words,
        address_of("consent_index", search),
        _("同意の記録"),
        may_hold_stopped=False,
        is_importable=False,
    )
    return answer(request, subject)


def describe_search(request: WorkspaceRequest, search: LedgerSearch) -> list[tuple[str, str]]:
    """Return what is searched for in words; nothing where it is everything."""
    words = [(_("メールアドレス(先頭から)"), search.address)] if search.address else []
    if search.list_id is not None:
        name = MailingList.everything.get(workspace=request.workspace, pk=search.list_id).name
        words.append((_("リスト"), name))
    return words + [(_("いまの状態"), str(label)) for state, label in STATES if state == search.state]


def read_search(request: WorkspaceRequest) -> LedgerSearch:
    """Return what the page's address asks for; raises 404 for a list that the workspace does not have."""
    search = LedgerSearch.from_query(request.GET)
    lists = MailingList.everything.filter(workspace=request.workspace)
    if search.list_id is not None and not lists.filter(pk=search.list_id).exists():
        raise Http404
    return search


def read_before(request: WorkspaceRequest) -> int | None:
    """Return where the page begins, None for the first one."""
    return read_number(request.GET.get("before"))


def next_url(search: LedgerSearch, found: FoundConsents) -> str:
    """Return the address of the next page, "" where there is none."""
    if found.next_before is None:
        return ""
    return address_of("consent_index", search, before=str(found.next_before))


def address_of(page: str, search: LedgerSearch, **more: str) -> str:
    """Return the address of a page with a search."""
    query = QueryDict(mutable=True)
    query.update(search.as_query() | more)
    return f"{reverse(page)}?{query.urlencode()}" if query else reverse(page)
