"""The operator's pages of 配信経路: the list, one route, its form, and its 接続テスト."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import operator_required
from accounts.requests import OperatorRequest
from mta.models import MailRoute, RouteKind
from mta.route_changes import RouteTaken, create_route, set_default, try_soon, update_route
from mta.route_checks import ask_for_check
from mta.route_forms import ReceiverForm, RouteForm
from mta.route_pages import RoutePage, describe_check, find_route, list_changes, list_routes
from mta.secrets import SecretError


def require_page(key: str) -> RoutePage:
    """Return a route as it is shown. Raises Http404."""
    page = find_route(key)
    if page is None:
        raise Http404(_("この配信経路はありません。"))
    return page


def require_row(key: str) -> MailRoute:
    """Return a route of the database. Raises Http404, for the relay of the settings too."""
    row = require_page(key).row
    if row is None:
        raise Http404(_("環境変数の経路は、この画面では変えられません。"))
    return row


@require_safe
@operator_required
def route_index(request: OperatorRequest) -> HttpResponse:
    """All routes in the order in which they are looked at, that of the settings first."""
    return render(request, "mta/route_index.html", {"pages": list_routes()})


@require_safe
@operator_required
def route_detail(request: OperatorRequest, route_key: str) -> HttpResponse:
    """One route: its state, its newest check, what it is for and who changed it."""
    return show_route(request, require_page(route_key))


def show_route(request: OperatorRequest, page: RoutePage, form: ReceiverForm | None = None) -> HttpResponse:
    """Show a route, with a form that was refused where there is one."""
    context = check_context(page) | {
        "page": page,
        "changes": list_changes(page.key),
        "form": form or ReceiverForm(),
        "is_direct": is_direct(page),
        "ehlo_name": settings.EHLO_NAME,
    }
    return render(request, "mta/route_detail.html", context)


def check_context(page: RoutePage) -> dict[str, Any]:
    """Return what the report of the newest check shows."""
    return describe_check(page.key, now=timezone.now()) | {"route_key": page.key}


def is_direct(page: RoutePage) -> bool:
    """Say whether a route leads to the receivers' own servers."""
    return page.row is not None and page.row.kind == RouteKind.DIRECT


@require_http_methods(["GET", "POST"])
@operator_required
def route_create(request: OperatorRequest) -> HttpResponse:
    """Add a route."""
    form = RouteForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (row := try_save(request, form)):
        messages.success(request, _("配信経路を追加しました。「接続テスト」で設定を確かめられます。"))
        return redirect("route_detail", route_key=row.key())
    return render(request, "mta/route_form.html", {"form": form, "row": None})


@require_http_methods(["GET", "POST"])
@operator_required
def route_edit(request: OperatorRequest, route_key: str) -> HttpResponse:
    """Change a route."""
    row = require_row(route_key)
    form = RouteForm(request.POST or None, row=row)
    if request.method == "POST" and form.is_valid() and try_save(request, form):
        messages.success(request, _("配信経路を保存しました。"))
        return redirect("route_detail", route_key=route_key)
    return render(request, "mta/route_form.html", {"form": form, "row": row})


def try_save(request: OperatorRequest, form: RouteForm) -> MailRoute | None:
    """Store what a valid form says; where that is refused, put the reason on the form and return None."""
    password = form.cleaned_data["password"]
    try:
        if form.row is None:
            return create_route(form.details(), password, actor=request.user)
        if update_route(form.row, form.details(), password, actor=request.user):
            try_soon(form.row.key(), now=timezone.now())
    except RouteTaken:
        form.add_error(
            None,
            _("ちょうど別の経路が保存されました。経路名と「通常の経路にする」を確かめて、もう一度保存してください。"),
        )
        return None
    except SecretError as error:
        form.add_error("password", error.sentence)
        return None
    return form.row


@require_POST
@operator_required
def route_check(request: OperatorRequest, route_key: str) -> HttpResponse:
    """Ask for a 接続テスト; a process that sends does it, and the page waits for the report."""
    page = require_page(route_key)
    form = ReceiverForm(request.POST)
    if is_direct(page) and not form.is_valid():
        return show_route(request, page, form)
    domain = form.cleaned_data["domain"] if is_direct(page) else ""
    if not ask_for_check(page.key, domain=domain, now=timezone.now()):
        messages.info(request, _("接続テストは、いま行っているところです。"))
    return redirect("route_detail", route_key=route_key)


@require_safe
@operator_required
def route_report(request: OperatorRequest, route_key: str) -> HttpResponse:
    """The report of the newest check, asked for while one is on its way."""
    return render(request, "mta/_route_report.html", check_context(require_page(route_key)))


@require_POST
@operator_required
def route_default(request: OperatorRequest, route_key: str) -> HttpResponse:
    """Make a route the normal one: everything that no other route takes goes by it from now on."""
    page = require_page(route_key)
    if page.row is not None and page.row.disabled_at is not None:
        messages.error(request, _("無効な経路は、通常の経路にできません。先に有効にしてください。"))
    elif set_default(page.row, actor=request.user):
        messages.success(
            request, _("「%(name)s」を通常の経路にしました。これから始まる配信に使います。") % {"name": page.name}
        )
    return redirect("route_detail", route_key=route_key)
