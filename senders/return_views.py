"""The page where a customer chooses a return domain of its own."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from senders.errors import AddressRefused
from senders.forms import ReturnForm
from senders.models import SenderDomain
from senders.pages import describe_domain
from senders.return_domain import return_domain_of, set_return_name


@require_http_methods(["GET", "POST"])
@member_required(Role.EDITOR)
def domain_return(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Choose the domain that errors return to; where that is not offered, say so on the domain's page."""
    domain = get_object_or_404(SenderDomain, workspace=request.workspace, pk=pk)
    if not settings.OWN_RETURN_DOMAINS:
        sentence = _("エラーメールの戻り先は変更できません。ご希望のときは、システム管理者にお問い合わせください。")
        messages.error(request, sentence)
        return redirect("domain_detail", pk=domain.pk)
    form = ReturnForm(domain, request.POST or None, initial={"name": domain.return_name})
    if request.method == "POST" and form.is_valid() and save(request, domain, form):
        return redirect(f"{reverse('domain_detail', args=[domain.pk])}{'#return' if domain.return_name else ''}")
    context = {
        "row": describe_domain(domain),
        "form": form,
        "return_domain": settings.RETURN_DOMAIN,
        "used": return_domain_of(domain),
    }
    return render(request, "senders/return_form.html", context)


def save(request: WorkspaceRequest, domain: SenderDomain, form: ReturnForm) -> bool:
    """Store what a valid form says; where that is refused by now, put the reason on the form and return False."""
    before = domain.return_name
    try:
        changed = set_return_name(domain, form.cleaned_data["name"], actor=request.user)
    except AddressRefused as error:
        form.add_error("name", error.sentence)
        return False
    if domain.return_name:
        sentence = _("戻り先ドメインを保存しました。下のレコードを DNS に登録して、「確認する」を押してください。")
        messages.success(request, sentence)
    elif changed:
        messages.success(request, _("エラーメールは、次の配信から当サービスのドメインに戻ります。"))
    if changed and before:
        messages.warning(request, explain_old_records(before))
    return True


def explain_old_records(name: str) -> str:
    """Return for how long the records of a return domain that is given up must stay.

    Mailings keep the one that they began with (campaigns/authors.py); a server that takes a mail may send an error for some
    days yet (RFC 5321 section 4.5.4.1).
    """
    sentence = _(
        "%(name)s に戻す設定で始まった配信(一時停止中を含む)があるときは、"
        "それらがすべて終わって1週間たつまで、%(name)s の DNS のレコードを消さないでください。"
        "先に消すと、メールが受信側に断られたり、エラーメールが届かなくなったりします。"
    )
    return sentence % {"name": name}
