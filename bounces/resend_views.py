"""Asks about 失敗分に再送 and makes its draft."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from bounces.failure_views import tell_errors
from bounces.forms import ResendForm
from bounces.resending import look_ahead, make_resend, may_resend
from campaigns.views import find_campaign


@require_POST
@member_required(Role.EDITOR)
def failed_addresses_resend(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ask, and after the answer make a draft for those who were not reached; nothing is sent here."""
    campaign = find_campaign(request.workspace, pk)
    form = ResendForm(request.POST)
    if not may_resend(campaign):
        messages.error(request, _("配信が終わってから再送できます。"))
        return redirect("failed_addresses", pk=pk)
    if not form.is_valid():
        tell_errors(request, form, _("再送する理由を選び直してください。"))
        return redirect("failed_addresses", pk=pk)
    if "confirmed" not in request.POST:
        context = {"campaign": campaign, "form": form, "outlook": look_ahead(campaign, form.selection())}
        return render(request, "bounces/confirm_resend.html", context)
    resend = make_resend(campaign, form.selection(), actor=request.user)
    if resend is None:
        messages.info(request, _("再送できる宛先はありませんでした。"))
        return redirect("failed_addresses", pk=pk)
    if resend.is_new:
        sentence = ngettext(
            "%d件に再送する下書きを作りました。件名と内容を確かめてから配信してください。",
            "%d件に再送する下書きを作りました。件名と内容を確かめてから配信してください。",
            resend.number,
        )
        messages.success(request, sentence % resend.number)
    else:
        messages.info(request, _("選ばれた宛先への再送は、すでに作られています。"))
    return redirect("campaign_detail" if not resend.draft.is_editable() else "campaign_edit", pk=resend.draft.pk)
