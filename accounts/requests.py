"""The request as our views see it: with its workspace, role and htmx details."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import Membership, User, Workspace


class WorkspaceRequest(HttpRequest):
    """A request of a member, after `WorkspaceMiddleware` and `member_required`."""

    user: User
    workspace: Workspace
    membership: Membership
    htmx: HtmxDetails


class OperatorRequest(HttpRequest):
    """A request of the installation's operator, after `operator_required`."""

    user: User
    # Set by `operator_required`: the page is not about a workspace, and names the zone of its times.
    is_of_installation: bool
