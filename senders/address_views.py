"""Pages of address proofs: the button that asks for a link, and the page behind the link. GET changes nothing."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from senders.address_proofs import ask, confirm, find_open
from senders.dns import default_resolver
from senders.errors import SenderError
from senders.lights import tell_address_only
from senders.models import Sender
from senders.tasks import hint_address


@require_POST
@member_required(Role.EDITOR)
def sender_prove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Mail a link to the address of a sender."""
    senders = Sender.objects.select_related("domain", "workspace")
    sender = get_object_or_404(senders, workspace=request.workspace, pk=pk)
    try:
        proof = ask(sender, default_resolver(), actor=request.user, now=timezone.now())
    except SenderError as error:
        messages.error(request, error.sentence)
    else:
        hint_address(proof.pk)
        messages.success(
            request,
            _("%(address)s へ確認メールを送ります。届いたメールのリンクを開いて「確認する」を押してもらってください。")
            % {"address": sender.address},
        )
    return redirect(reverse("domain_detail", args=[sender.domain_id]) + "#address")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def address_proof(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is asked of the reader of a mailed link; on POST confirm it, once."""
    now = timezone.now()
    proof = find_open(token, now=now)
    done = request.method == "POST" and proof is not None and confirm(proof, now=now)
    if proof is None or (request.method == "POST" and not done):
        return render(request, "senders/address_proof_unknown.html", status=404)
    context = {"proof": proof, "sender": proof.sender, "done": done, "warning": tell_address_only(proof.sender.domain)}
    with proof.sender.workspace.in_zone():
        return render(request, "senders/address_proof.html", context)
