"""The page that erases one subscriber. It stands here, below nothing that keeps addresses."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from bounces.erasing import erase_people
from bounces.erasing_forms import EraseForm
from lists.import_leftovers import last_file_goes
from lists.models import Subscriber


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def erase_subscriber(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Say what goes and what stays, ask, then erase the subscriber."""
    subscriber = get_object_or_404(Subscriber, workspace=request.workspace, pk=pk)
    form = EraseForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"subscriber": subscriber, "form": form, "files_until": last_file_goes(request.workspace)}
        return render(request, "bounces/subscriber_erase.html", context)
    why = form.cleaned_data["why"]
    erase_people([pk], workspace=request.workspace, actor=request.user, now=timezone.now(), why=why)
    # Without the address: the message may be kept in the session.
    messages.success(request, _("購読者の個人情報を消去しました。"))
    return redirect("subscriber_index")
