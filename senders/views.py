"""Pages of senders."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from senders.domains import add_ed25519_key
from senders.errors import AddressRefused, SenderError
from senders.forms import SenderDetailsForm, SenderForm
from senders.models import Sender, SenderDomain
from senders.pages import ask_about, list_senders
from senders.registry import create_sender, restore_sender, update_sender


@require_GET
@member_required()
def sender_index(request: WorkspaceRequest) -> HttpResponse:
    """Show the senders and domains with their lights."""
    context = {"index": list_senders(request.workspace), "checks_required": settings.REQUIRE_VERIFIED_SENDERS}
    return render(request, "senders/sender_index.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Add a sender, and its domain where it is new; a domain that looks like another is asked about once."""
    form = SenderForm(request.workspace, request.POST or None)
    context: dict[str, object] = {"form": form, "sender": None}
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["address"].rpartition("@")[2]
        if question := ask_about(request.workspace, name, seen=request.POST.get("seen", "")):
            context |= question
        elif sender := try_create(request, form):
            if settings.REQUIRE_VERIFIED_SENDERS and not sender.domain.is_verified():
                messages.success(
                    request, _("送信元を追加しました。続けて、配信に必要な DNS の設定を確認してください。")
                )
                return redirect("domain_detail", pk=sender.domain_id)
            messages.success(request, _("送信元を追加しました。"))
            return redirect("sender_index")
    return render(request, "senders/sender_form.html", context)


def try_create(request: WorkspaceRequest, form: SenderForm) -> Sender | None:
    """Create the sender of a valid form; where that is refused, put the reason on the form and return None."""
    try:
        return create_sender(request.workspace, form.cleaned_data["address"], form.details(), actor=request.user)
    except AddressRefused as error:
        form.add_error("address", error.sentence)
    except SenderError as error:
        form.add_error(None, error.sentence)
    return None


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def edit(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change what may be changed of a sender."""
    sender = get_object_or_404(Sender, workspace=request.workspace, pk=pk)
    initial = {name: getattr(sender, name) for name in SenderDetailsForm.base_fields}
    form = SenderDetailsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        update_sender(sender, form.details(), actor=request.user)
        messages.success(request, _("送信元を保存しました。"))
        return redirect("sender_index")
    return render(request, "senders/sender_form.html", {"form": form, "sender": sender})


@require_POST
@member_required(Role.EDITOR)
def restore(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Bring a sender back into use."""
    sender = get_object_or_404(Sender, workspace=request.workspace, pk=pk)
    if restore_sender(sender, now=timezone.now(), actor=request.user):
        messages.success(request, _("「%(sender)s」を再び使えるようにしました。") % {"sender": sender})
    return redirect("sender_index")


@require_POST
@member_required(Role.EDITOR)
def add_ed25519(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Give a domain a second DKIM key, of Ed25519."""
    domain = get_object_or_404(SenderDomain, workspace=request.workspace, pk=pk)
    try:
        added = add_ed25519_key(domain, actor=request.user)
    except SenderError as error:
        messages.error(request, error.sentence)
        return redirect("domain_detail", pk=domain.pk)
    if added:
        sentence = _("Ed25519の鍵を追加しました。下の「DKIM(Ed25519)」の値を DNS に登録してください。")
        messages.success(request, sentence)
    else:
        messages.info(request, _("Ed25519の鍵はすでにあります。"))
    return redirect("domain_detail", pk=domain.pk)
