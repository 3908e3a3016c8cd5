"""What becomes of a sender that mailings need."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.models import PLANNED, Campaign, Recurrence
from senders.models import Sender
from senders.registry import archive_sender

# So many mailings are named.
NAMED = 3


@require_POST
@member_required(Role.EDITOR)
def sender_archive(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take a sender out of use, unless a planned mailing would lose its sender."""
    sender = get_object_or_404(Sender, workspace=request.workspace, pk=pk)
    if refusal := find_need(sender):
        messages.error(request, refusal)
        return redirect("sender_edit", pk=pk)
    if archive_sender(sender, now=timezone.now(), actor=request.user):
        messages.success(request, _("「%(sender)s」の使用を終了しました。") % {"sender": sender})
    return redirect("sender_index")


def find_need(sender: Sender) -> str:
    """Return why a sender cannot go out of use, or nothing. One that is scheduled at this moment is sent back at its start."""
    own = Campaign.objects.filter(workspace=sender.workspace_id, sender=sender).order_by("pk")
    subjects = list(own.filter(state__in=PLANNED).values_list("subject", flat=True)[:NAMED])
    if not subjects:
        repeated = own.filter(pk__in=Recurrence.objects.filter(stopped_at=None).values("master"))
        subjects = list(repeated.values_list("subject", flat=True)[:NAMED])
        sentence = _(
            "繰り返しの「%s」で使われているため、使用を終了できません。元のメールの送信元を変えるか、繰り返しを終了してからお試しください。"
        )
        return sentence % "」「".join(subjects) if subjects else ""
    sentence = _(
        "予約中または配信中の「%s」で使われているため、使用を終了できません。予約を取り消すか、配信が終わってからお試しください。"
    )
    return sentence % "」「".join(subjects)
