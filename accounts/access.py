"""Decorators that say who may call a view."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Role
from accounts.requests import OperatorRequest, WorkspaceRequest
from accounts.time_zones import keep_zone, system_zone

P = ParamSpec("P")
View = Callable[Concatenate[WorkspaceRequest, P], HttpResponseBase]
PlainView = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

RANK = {Role.VIEWER: 0, Role.EDITOR: 1, Role.ADMIN: 2}


def member_required(role: Role = Role.VIEWER) -> Callable[[View[P]], PlainView[P]]:
    """Allow a view to members of the current workspace who have at least `role`.

    A stranger is sent to the login page; a member without the role gets 403 with a sentence.
    """

    def decorate(view: View[P]) -> PlainView[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            member = cast(WorkspaceRequest, request)
            if member.membership is None:
                raise PermissionDenied(_("どのワークスペースにも参加していません。管理者に招待を依頼してください。"))
            if RANK[Role(member.membership.role)] < RANK[role]:
                raise PermissionDenied(_("この操作を行う権限がありません。ワークスペースの管理者に依頼してください。"))
            return view(member, *args, **kwargs)

        return cast(PlainView[P], login_required(guarded))

    return decorate


def operator_required(view: Callable[Concatenate[OperatorRequest, P], HttpResponseBase]) -> PlainView[P]:
    """Allow a view to the operator of the installation (a superuser), whatever workspaces he works in.

    Times are in the zone of the installation there, which the page says. A stranger is sent to the login page; anybody else gets 403 with a sentence.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        operator = cast(OperatorRequest, request)
        if not operator.user.is_superuser:
            raise PermissionDenied(_("この画面は、このシステムの運営者だけが開けます。"))
        operator.is_of_installation = True
        with timezone.override(system_zone()):
            response = view(operator, *args, **kwargs)
        keep_zone(response, system_zone())
        return response

    return cast(PlainView[P], login_required(guarded))
