"""The sandbox's pages: what arrived there, for members, and only where the sandbox is switched on."""

from functools import wraps
from typing import ParamSpec

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.access import View, member_required
from accounts.requests import WorkspaceRequest
from mta.sandbox.forms import SearchForm
from mta.sandbox.links import link_urls, open_in_new_tab
from mta.sandbox.reading import read_mail
from mta.sandbox.store import Store, Stored

P = ParamSpec("P")
PER_PAGE = 50
# A page shows this much of the source; the browser suffers from more.
SOURCE_SHOWN = 500_000
TABS = ("html", "text", "headers", "source")

# The mail is somebody else's HTML: no script, no form, nothing loaded from elsewhere, an origin of its own.
# Its links open in a new tab that is free of all this, so that e.g. the form of an unsubscribe page works there.
# django-csp keeps what is not named here, so all that the site's policy allows is named.
MAIL_POLICY = {
    "default-src": [NONE],
    "script-src": [NONE],
    "frame-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "img-src": [SELF, "data:", *settings.PICTURE_HOSTS],
    "frame-ancestors": [SELF],
    "base-uri": [NONE],
    "form-action": [NONE],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}


class Messages:
    """The matching messages of a store as Django's paginator wants them: counted and sliced."""

    # The paginator asks whether a list is ordered; ours always is, newest first.
    ordered = True

    def __init__(self, store: Store, search: str) -> None:
        self.store = store
        self.search = search

    def __len__(self) -> int:
        return self.store.count(self.search)

    def __getitem__(self, part: slice) -> list[Stored]:
        return self.store.list_newest(self.search, part.start, part.stop - part.start)


def sandbox_only(view: View[P]) -> View[P]:
    """Answer 404 unless the sandbox is switched on."""

    @wraps(view)
    def guarded(request: WorkspaceRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not settings.SANDBOX:
            raise Http404(_("サンドボックスは有効になっていません。"))
        return view(request, *args, **kwargs)

    return guarded


@member_required()
@require_safe
@sandbox_only
def sandbox_index(request: WorkspaceRequest) -> HttpResponse:
    """List what arrived, newest first."""
    form = SearchForm(request.GET)
    search = form.cleaned_data["q"] if form.is_valid() else ""
    with Store.open() as store:
        paginator: Paginator[Stored] = Paginator(Messages(store, search), PER_PAGE)  # type: ignore[arg-type]
        page = paginator.get_page(request.GET.get("page"))
        messages = list(page.object_list)
    return render(request, "mta/sandbox_index.html", {"form": form, "page": page, "mails": messages, "search": search})


@member_required()
@require_safe
@sandbox_only
def sandbox_message(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Show one mail; `tab` chooses between its HTML, text, headers and source."""
    stored, content = find_message(number)
    mail = read_mail(content)
    tab = request.GET.get("tab", "")
    if tab not in TABS:
        tab = "html" if mail.html else "text"
    return render(
        request,
        "mta/sandbox_message.html",
        {
            "stored": stored,
            "mail": mail,
            "text": link_urls(mail.text) if tab == "text" else "",
            "tab": tab,
            "sender": mail.header("From"),
            "recipient": mail.header("To"),
            "signature": mail.header("DKIM-Signature"),
            "source": content[:SOURCE_SHOWN].decode("utf-8", "replace") if tab == "source" else "",
            "is_cut": len(content) > SOURCE_SHOWN,
        },
    )


@member_required()
@require_safe
@sandbox_only
@csp_replace(MAIL_POLICY)  # type: ignore[arg-type]
def sandbox_html(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Return the HTML part of a mail for the frame of its page, locked up by its own policy."""
    return HttpResponse(open_in_new_tab(read_mail(find_message(number)[1]).html))


def find_message(number: int) -> tuple[Stored, bytes]:
    """Return a message and its bytes. Raises Http404."""
    with Store.open() as store:
        found = store.get(number)
    if found is None:
        raise Http404(_("このメールはもう保管されていません。サンドボックスは新しいメールだけを残します。"))
    return found
