"""The page 配信診断, to be read and printed."""

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import member_required
from accounts.requests import WorkspaceRequest
from bounces.diagnosis import read_diagnosis
from senders.domain_names import display_domain
from senders.models import Sender

# More are hardly chosen from a row of buttons.
SENDERS_SHOWN = 50


@require_GET
@member_required()
def diagnosis(request: WorkspaceRequest) -> HttpResponse:
    """Show the diagnosis of the newest sender in use."""
    return show(request, find_senders(request).order_by("-pk").first())


@require_GET
@member_required()
def diagnosis_sender(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the diagnosis of one sender."""
    sender = find_senders(request).filter(pk=pk).first()
    if sender is None:
        raise Http404(_("送信元が見つかりません。"))
    return show(request, sender)


def find_senders(request: WorkspaceRequest) -> QuerySet[Sender]:
    """Return the senders in use, with what a diagnosis reads of them."""
    senders = Sender.objects.filter(workspace=request.workspace, archived_at=None)
    return senders.select_related("domain", "workspace").prefetch_related("domain__checks", "domain__dkim_keys")


def show(request: WorkspaceRequest, sender: Sender | None) -> HttpResponse:
    """Show a diagnosis, or where there is no sender, that one is needed."""
    now = timezone.now()
    others = Sender.objects.filter(workspace=request.workspace, archived_at=None).order_by("-pk")[:SENDERS_SHOWN]
    context = {
        "diagnosis": read_diagnosis(request.workspace, sender, now=now) if sender else None,
        "domain_name": display_domain(sender.domain.name) if sender else "",
        "senders": others,
        "now": now,
        "ips": settings.SENDING_IPS,
    }
    return render(request, "bounces/diagnosis.html", context)
