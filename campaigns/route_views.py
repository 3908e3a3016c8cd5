"""The operator's steps with a route that concern mailings under way: taking it out of use, and into use again."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import operator_required
from accounts.requests import OperatorRequest
from campaigns.route_usage import usage_of, wake_lanes
from mta.route_changes import disable_route, enable_route, try_soon
from mta.route_views import require_page, require_row


@require_http_methods(["GET", "POST"])
@operator_required
def route_disable(request: OperatorRequest, route_key: str) -> HttpResponse:
    """Ask, with what waits for the route, then take it out of use."""
    row = require_row(route_key)
    if request.method == "POST":
        if disable_route(row, actor=request.user, now=timezone.now()):
            messages.success(request, _("「%(name)s」を無効にしました。") % {"name": row.name})
        return redirect("route_detail", route_key=route_key)
    context = {"page": require_page(route_key), "usage": usage_of(route_key)}
    return render(request, "campaigns/route_disable.html", context)


@require_POST
@operator_required
def route_enable(request: OperatorRequest, route_key: str) -> HttpResponse:
    """Take a route into use again; what waited for it goes on at once."""
    row, now = require_row(route_key), timezone.now()
    if enable_route(row, actor=request.user, now=now):
        try_soon(route_key, now=now)
        wake_lanes(route_key)
        messages.success(
            request, _("「%(name)s」を有効にしました。待っていた配信はこの経路で再開します。") % {"name": row.name}
        )
    return redirect("route_detail", route_key=route_key)
