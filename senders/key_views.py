"""Pages of the DKIM keys of a domain."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import audit
from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from senders.dkim_import import PemRefused, SelectorRefused, import_key
from senders.dkim_rotation import abandon, begin, is_seen, switch
from senders.dns import default_resolver
from senders.errors import SenderError
from senders.key_forms import KeyBeginForm, KeyImportForm, KeyStyleForm
from senders.key_pages import describe_keys, export_records, offers_cname
from senders.models import CheckKind, DkimKey, KeyAlgorithm, SenderDomain
from senders.pages import describe_domain
from senders.verification import claim_check, look_for_next_key

# The word of the button that switches.
SWITCH = gettext_lazy("レコードを確認して切り替える")


def fetch_domain(request: WorkspaceRequest, pk: int) -> SenderDomain:
    """Return a domain of the workspace, or raise 404."""
    domains = SenderDomain.objects.prefetch_related("checks", "dkim_keys")
    return get_object_or_404(domains, workspace=request.workspace, pk=pk)


def fetch_key(request: WorkspaceRequest, pk: int, key_id: int) -> DkimKey:
    """Return a key of a domain of the workspace, or raise 404."""
    keys = DkimKey.objects.filter(domain=pk, domain__workspace=request.workspace)
    return get_object_or_404(keys.select_related("domain"), pk=key_id)


@require_GET
@member_required()
def key_index(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show the keys of a domain and where each stands."""
    domain = fetch_domain(request, pk)
    context = {
        "row": describe_domain(domain),
        "page": describe_keys(domain, now=timezone.now()),
        "form": KeyStyleForm(initial={"key_as_cname": "1" if domain.key_as_cname else ""}),
    }
    return render(request, "senders/keys.html", context)


@require_GET
@never_cache
@member_required()
def key_export(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Hand out the public records of the keys in use as lines of a zone file."""
    domain = fetch_domain(request, pk)
    keys = sorted((key for key in domain.dkim_keys.all() if key.retired_at is None), key=lambda key: key.pk)
    response = HttpResponse(export_records(keys), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="dkim-{domain.name}.txt"'
    return response


@require_POST
@member_required(Role.ADMIN)
def key_begin(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Make a new key that waits to take the place of the one that signs."""
    domain = fetch_domain(request, pk)
    form = KeyBeginForm(request.POST)
    if form.is_valid():
        try:
            begin(domain, KeyAlgorithm(form.cleaned_data["algorithm"]), actor=request.user)
        except SenderError as error:
            messages.warning(request, error.sentence)
        else:
            messages.success(
                request, _("新しい鍵を作りました。「設定する値」を DNS に登録してから「%s」を押してください。") % SWITCH
            )
    return redirect("key_index", pk=domain.pk)


@require_POST
@member_required(Role.ADMIN)
def key_switch(request: WorkspaceRequest, pk: int, key_id: int) -> HttpResponse:
    """Let a key that waits take the place of the one that signs, once its record is there."""
    key = fetch_key(request, pk, key_id)
    now = timezone.now()
    if not is_seen(key, now=now):
        if refusal := claim_check(key.domain, now=now, button=str(SWITCH)):
            messages.warning(request, refusal)
            return redirect("key_index", pk=pk)
        look_for_next_key(key, default_resolver(), now=timezone.now(), actor=request.user)
        key = fetch_key(request, pk, key_id)
    try:
        switch(key, actor=request.user, now=timezone.now())
    except SenderError as error:
        check = key.domain.checks.filter(kind=CheckKind.NEXT_KEY).first()
        messages.warning(request, f"{error.sentence}{check.advice if check else ''}")
    else:
        messages.success(request, _("鍵を切り替えました。これから始まる配信は、新しい鍵で署名します。"))
    return redirect("key_index", pk=pk)


@require_POST
@member_required(Role.ADMIN)
def key_abandon(request: WorkspaceRequest, pk: int, key_id: int) -> HttpResponse:
    """Delete a key that waits."""
    key = fetch_key(request, pk, key_id)
    try:
        is_gone = abandon(key, actor=request.user)
    except SenderError as error:
        messages.warning(request, error.sentence)
    else:
        if is_gone:
            messages.success(request, _("切り替えを取りやめました。登録したレコードがあれば、消してかまいません。"))
        else:
            messages.warning(request, _("この鍵は取りやめられません。最新の状態を確かめてください。"))
    return redirect("key_index", pk=pk)


@sensitive_post_parameters("pem")
@never_cache
@require_http_methods(["GET", "POST"])
@member_required(Role.ADMIN)
def key_import(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Take a key of another system."""
    domain = fetch_domain(request, pk)
    form = KeyImportForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and try_import(request, domain, form):
        messages.success(
            request, _("鍵を読み込みました。レコードを DNS に登録してから「%s」を押してください。") % SWITCH
        )
        return redirect("key_index", pk=domain.pk)
    return render(request, "senders/key_import.html", {"row": describe_domain(domain), "form": form})


def try_import(request: WorkspaceRequest, domain: SenderDomain, form: KeyImportForm) -> bool:
    """Import the key of a valid form; where that is refused, put the reason on the form and return False."""
    try:
        import_key(domain, form.cleaned_data["selector"], form.cleaned_data["pem"], actor=request.user)
    except SelectorRefused as error:
        form.add_error("selector", error.sentence)
    except PemRefused as error:
        form.add_error("pem", error.sentence)
    except SenderError as error:
        form.add_error(None, error.sentence)
    return form.is_valid()


@require_POST
@member_required(Role.ADMIN)
def key_style(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Choose between TXT records and CNAMEs into the installation's zone."""
    domain = fetch_domain(request, pk)
    form = KeyStyleForm(request.POST)
    if form.is_valid() and offers_cname(domain):
        as_cname = bool(form.cleaned_data["key_as_cname"])
        others = SenderDomain.objects.filter(pk=domain.pk).exclude(key_as_cname=as_cname)
        if others.update(key_as_cname=as_cname, had_cnames=not as_cname):
            style = "CNAME" if as_cname else "TXT"
            audit.record(request.workspace, request.user, "sender_domain.key_style", domain.name, after=style)
            messages.success(
                request,
                _(
                    "登録の方法を変えました。登録済みのレコードは、今のままでも使えます。これから登録する鍵は、新しい「設定する値」を登録してください。"
                ),
            )
    return redirect("key_index", pk=domain.pk)
