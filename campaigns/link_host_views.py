"""The page of リンクのドメイン: a workspace's own host for the links in its mails."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.link_checking import make_asker
from campaigns.link_hosts import check
from senders.domain_names import clean_domain, display_domain
from senders.errors import AddressRefused
from senders.freemail import is_freemail
from tracking.hosts import HostRefused, our_host, save_host
from tracking.models import LinkHost


class HostForm(forms.Form):
    """A host by name, empty for none."""

    name = forms.CharField(
        label=gettext_lazy("リンクのドメイン"),
        required=False,
        # Far above what a domain may have: that is refused with a sentence of its own.
        max_length=1000,
        widget=forms.TextInput(attrs={"placeholder": "link.example.co.jp", "inputmode": "url", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "お持ちのドメインのサブドメイン(例: link.example.co.jp)。空欄にすると、このシステムのドメインを使います。"
        ),
    )

    def clean_name(self) -> str:
        """Return the host as it is stored."""
        text: str = self.cleaned_data["name"]
        try:
            name = clean_domain(text) if text else ""
        except AddressRefused as error:
            raise forms.ValidationError(error.sentence) from error
        if name and is_freemail(name):
            raise forms.ValidationError(
                _("フリーメールや携帯会社のドメインは使えません。お持ちのドメインを入力してください。")
            )
        return name


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def link_host(request: WorkspaceRequest) -> HttpResponse:
    """Show the host and what its DNS needs, or store another and ask it at once."""
    host = LinkHost.objects.filter(workspace=request.workspace).first()
    initial = {"name": display_domain(host.name) if host else ""}
    form = HostForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            saved = save_host(request.workspace, form.cleaned_data["name"], actor=request.user, now=timezone.now())
        except HostRefused as error:
            form.add_error("name", error.sentence)
        else:
            look(request, saved)
            return redirect("link_host")
    shown = {"host": host, "host_name": display_domain(host.name) if host else "", "our_host": our_host()}
    return render(request, "campaigns/link_host.html", {"form": form, **shown})


@require_POST
@member_required(Role.ADMIN)
def link_host_check(request: WorkspaceRequest) -> HttpResponse:
    """Ask the host again."""
    look(request, LinkHost.objects.filter(workspace=request.workspace).first())
    return redirect("link_host")


def look(request: WorkspaceRequest, host: LinkHost | None) -> None:
    """Ask a host and say what came of it."""
    if host is None:
        messages.success(request, _("このシステムのドメインを使います。"))
        return
    check(host, make_asker(), now=timezone.now())
    host.refresh_from_db()
    if host.is_good:
        messages.success(request, _("リンクのドメインを確認できました。これから配信を始めるメールに使います。"))
    else:
        problem = host.problem or _("いまは確認できませんでした。しばらくして自動でもう一度確認します。")
        messages.warning(request, problem)
