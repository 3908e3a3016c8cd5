"""Puts the member's workspace on the request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from accounts.models import Membership

SESSION_KEY = "workspace"


class WorkspaceMiddleware:
    """Sets `request.workspace` and `request.membership`, both None for strangers.

    The session names the workspace; without a valid name it is the member's oldest one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        membership = find_membership(request)
        request.membership = membership  # type: ignore[attr-defined]
        request.workspace = membership.workspace if membership else None  # type: ignore[attr-defined]
        return self.get_response(request)


def find_membership(request: HttpRequest) -> Membership | None:
    """Return the membership that this request works under, or None."""
    if not request.user.is_authenticated:
        return None
    memberships = Membership.objects.filter(user=request.user).select_related("workspace").order_by("pk")
    chosen = request.session.get(SESSION_KEY)
    if chosen is not None and (membership := memberships.filter(workspace_id=chosen).first()):
        return membership
    return memberships.first()
