"""Puts the member's workspace on the request, and its clock on the wall."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import Membership
from accounts.time_zones import keep_zone, system_zone

SESSION_KEY = "workspace"


class WorkspaceMiddleware:
    """Sets `request.workspace` and `request.membership`, both None for strangers.

    The session names the workspace; without a valid name it is the member's oldest one. Times are shown and read in the
    workspace's zone, for strangers in the installation's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        membership = find_membership(request)
        request.membership = membership  # type: ignore[attr-defined]
        request.workspace = membership.workspace if membership else None  # type: ignore[attr-defined]
        zone = membership.workspace.zone if membership else system_zone()
        with timezone.override(zone):
            response = self.get_response(request)
        keep_zone(response, zone)
        return response


def find_membership(request: HttpRequest) -> Membership | None:
    """Return the membership that this request works under, or None."""
    if not request.user.is_authenticated:
        return None
    memberships = Membership.objects.filter(user=request.user).select_related("workspace").order_by("pk")
    chosen = request.session.get(SESSION_KEY)
    if chosen is not None and (membership := memberships.filter(workspace_id=chosen).first()):
        return membership
    return memberships.first()
