"""Pages of senders and their domains."""

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
from senders.dkim_keys import active_key
from senders.dns import default_resolver
from senders.domains import add_ed25519_key
from senders.errors import AddressRefused, SenderError
from senders.forms import SenderDetailsForm, SenderForm
from senders.models import KeyAlgorithm, Sender, SenderDomain
from senders.pages import describe_domain, list_records, list_senders
from senders.registry import archive_sender, create_sender, restore_sender, update_sender
from senders.verification import claim_check, explain_missing, verify_domain


@require_GET
@member_required()
def sender_index(request: WorkspaceRequest) -> HttpResponse:
    """Show the senders and domains with their lights."""
    context = {"index": list_senders(request.workspace), "checks_required": settings.REQUIRE_VERIFIED_SENDERS}
    return render(request, "senders/sender_index.html", context)


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def create(request: WorkspaceRequest) -> HttpResponse:
    """Add a sender, and its domain where it is new."""
    form = SenderForm(request.workspace, request.POST or None)
    if request.method == "POST" and form.is_valid() and (sender := try_create(request, form)):
        if settings.REQUIRE_VERIFIED_SENDERS and not sender.domain.is_verified():
            messages.success(request, _("送信元を追加しました。続けて、配信に必要な DNS の設定を確認してください。"))
            return redirect("domain_detail", pk=sender.domain_id)
        messages.success(request, _("送信元を追加しました。"))
        return redirect("sender_index")
    return render(request, "senders/sender_form.html", {"form": form, "sender": None})


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
def archive(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take a sender out of use."""
    sender = get_object_or_404(Sender, workspace=request.workspace, pk=pk)
    if archive_sender(sender, now=timezone.now(), actor=request.user):
        messages.success(request, _("「%(sender)s」の使用を終了しました。") % {"sender": sender})
    return redirect("sender_index")


@require_POST
@member_required(Role.EDITOR)
def restore(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Bring a sender back into use."""
    sender = get_object_or_404(Sender, workspace=request.workspace, pk=pk)
    if restore_sender(sender, actor=request.user):
        messages.success(request, _("「%(sender)s」を再び使えるようにしました。") % {"sender": sender})
    return redirect("sender_index")


@require_GET
@member_required()
def domain_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the records to set for a domain and what was found."""
    domains = SenderDomain.objects.prefetch_related("checks", "dkim_keys", "senders")
    domain = get_object_or_404(domains, workspace=request.workspace, pk=pk)
    context = {
        "row": describe_domain(domain),
        "records": list_records(domain),
        "checked_at": max((check.checked_at for check in domain.checks.all()), default=None),
        "checks_required": settings.REQUIRE_VERIFIED_SENDERS,
        "has_ed25519": active_key(domain, KeyAlgorithm.ED25519) is not None,
    }
    return render(request, "senders/domain_detail.html", context)


@require_POST
@member_required(Role.EDITOR)
def check_domain(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Check a domain now, live."""
    domain = get_object_or_404(SenderDomain, workspace=request.workspace, pk=pk)
    now = timezone.now()
    if not claim_check(domain, now=now):
        messages.warning(request, _("確認したばかりです。10秒ほど待ってから、もう一度「確認する」を押してください。"))
    elif verify_domain(domain, default_resolver(), now=now, actor=request.user):
        messages.success(request, _("確認しました。このドメインから配信できます。"))
    else:
        messages.warning(request, _("確認しました。%(missing)s") % {"missing": explain_missing(domain)})
    return redirect("domain_detail", pk=domain.pk)


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
