"""Pages of sender domains: adding one, its guided page, its check, its history, the verified ones."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from mta.models import MailRoute
from senders.address_proofs import list_addresses
from senders.allow_links import allow_url, senders_to_allow
from senders.check_store import HISTORY_KEPT
from senders.dkim_keys import active_key
from senders.dns import default_resolver
from senders.domain_names import display_domain
from senders.domain_registry import add_domain, remove_domain
from senders.errors import AddressRefused, SenderError
from senders.forms import DomainForm
from senders.key_pages import has_old_key
from senders.lights import light_of, warn_address_only
from senders.models import CheckResult, DnsPanel, KeyAlgorithm, SenderDomain
from senders.pages import ask_about, describe_domain, describe_page
from senders.shown_checks import show_change
from senders.verification import claim_check, explain_missing, verify_domain

HISTORY_PAGE = 50


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def domain_create(request: WorkspaceRequest) -> HttpResponse:
    """Register a domain by itself, look at it, and lead to its page; one that looks like another is asked about once."""
    form = DomainForm(request.workspace, request.POST or None)
    context: dict[str, object] = {"form": form}
    if request.method == "POST" and form.is_valid():
        name = form.cleaned_data["name"]
        if question := ask_about(request.workspace, name, seen=request.POST.get("seen", "")):
            context |= question
        elif domain := try_add(request, form):
            return redirect("domain_detail", pk=domain.pk)
    return render(request, "senders/domain_form.html", context)


def try_add(request: WorkspaceRequest, form: DomainForm) -> SenderDomain | None:
    """Add the domain of a valid form and look at it; where that is refused, put the reason on the form and return None."""
    try:
        domain, is_new = add_domain(request.workspace, form.cleaned_data["name"], actor=request.user)
    except AddressRefused as error:
        form.add_error("name", error.sentence)
        return None
    except SenderError as error:
        form.add_error(None, error.sentence)
        return None
    name = display_domain(domain.name)
    if not is_new:
        messages.info(request, _("「%(name)s」はすでに登録されています。") % {"name": name})
        return domain
    messages.success(request, _("「%(name)s」を追加しました。設定する値をご確認ください。") % {"name": name})
    # The values to set depend on what the domain has. Where it is not its turn, the page asks for the press.
    if not claim_check(domain, now=timezone.now()):
        look(request, domain)
    return domain


@require_GET
@member_required()
def domain_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the records to set for a domain and what was found."""
    domains = SenderDomain.objects.prefetch_related("checks", "dkim_keys", "senders")
    domain = get_object_or_404(domains, workspace=request.workspace, pk=pk)
    now = timezone.now()
    page = describe_page(domain, now=now)
    context = {
        "page": page,
        "row": page.row,
        "panels": DnsPanel.choices,
        "checks_required": settings.REQUIRE_VERIFIED_SENDERS,
        "has_ed25519": active_key(domain, KeyAlgorithm.ED25519) is not None,
        "has_old_key": has_old_key(domain, now=now),
        "addresses": list_addresses(domain, now=now),
        "address_warning": warn_address_only(domain),
        "allow_link": allow_url(domain.pk) if senders_to_allow(domain) else "",
    }
    return render(request, "senders/domain_detail.html", context)


@require_GET
@member_required()
def domain_history(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show how the checks of a domain came out, where that changed."""
    domain = get_object_or_404(SenderDomain, workspace=request.workspace, pk=pk)
    changes = domain.check_changes.select_related("by").order_by("-pk")
    page = Paginator(changes, HISTORY_PAGE).get_page(request.GET.get("page"))
    context = {
        "row": describe_domain(domain),
        "page": page,
        "rows": [show_change(change) for change in page],
        "kept_days": HISTORY_KEPT.days,
    }
    return render(request, "senders/domain_history.html", context)


@require_POST
@member_required(Role.EDITOR)
def check_domain(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Check a domain now, live, and return to the page that asked for it: the domain's, or the 配信診断 of a sender."""
    domain = get_object_or_404(SenderDomain, workspace=request.workspace, pk=pk)
    if refusal := claim_check(domain, now=timezone.now()):
        messages.warning(request, refusal)
    elif look(request, domain):
        if domain.checks.filter(kind__in=settings.REQUIRED_CHECKS).exclude(result=CheckResult.OK).exists():
            messages.warning(request, light_of(domain).sentence)
        else:
            messages.success(request, _("確認しました。このドメインから配信できます。"))
    else:
        messages.warning(request, _("確認しました。%(missing)s") % {"missing": explain_missing(domain)})
    diagnosed = request.POST.get("diagnosis", "")
    if diagnosed in map(str, domain.senders.values_list("pk", flat=True)):
        return redirect("diagnosis_sender", pk=diagnosed)
    return redirect("domain_detail", pk=domain.pk)


def look(request: WorkspaceRequest, domain: SenderDomain) -> bool:
    """Check a domain whose turn was taken; return whether it may send. Raises Http404 where it was removed meanwhile."""
    try:
        return verify_domain(domain, default_resolver(), now=timezone.now(), actor=request.user)
    except SenderDomain.DoesNotExist as error:
        raise Http404 from error


@require_POST
@member_required(Role.EDITOR)
def choose_panel(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Keep whose DNS panel the people of this domain use; the page then speaks its language."""
    domain = get_object_or_404(SenderDomain, workspace=request.workspace, pk=pk)
    panel = request.POST.get("panel", "")
    if panel in DnsPanel.values:
        SenderDomain.objects.filter(pk=domain.pk).update(panel=panel)
    return redirect(f"{reverse('domain_detail', kwargs={'pk': domain.pk})}#panel")


@require_POST
@member_required(Role.EDITOR)
def remove(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take a domain off the list that no sender ever used."""
    domain = get_object_or_404(SenderDomain, workspace=request.workspace, pk=pk)
    name = display_domain(domain.name)
    if remove_domain(domain, actor=request.user):
        messages.success(request, _("ドメイン「%(name)s」を削除しました。") % {"name": name})
        return redirect("sender_index")
    messages.error(request, _("「%(name)s」は送信元が使っているため、削除できません。") % {"name": name})
    return redirect("domain_detail", pk=pk)


@require_GET
@member_required()
def verified(request: WorkspaceRequest) -> HttpResponse:
    """Show the 検証済み配信元メールドメイン (E3): filled in by verification, read only for everybody."""
    domains = SenderDomain.objects.filter(workspace=request.workspace, verified_at__isnull=False).order_by("name")
    context = {
        "domains": [{"domain": domain, "name": display_domain(domain.name)} for domain in domains],
        "has_route": MailRoute.objects.filter(disabled_at=None, for_verified=True).exists(),
    }
    return render(request, "senders/verified_domains.html", context)
