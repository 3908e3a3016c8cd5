"""Pages of 承認: the rule, what waits, and the word on one mailing."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns import approvals
from campaigns.approval_forms import ApprovalRuleForm, AskForm, DecisionForm
from campaigns.models import ApprovalState, Campaign
from campaigns.sendable import CampaignError
from campaigns.views import change_state, find_campaign

# So many of what waits are shown; older ones first.
SHOWN = 100
# Earlier decisions that the check page tells of.
EARLIER = 5


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.ADMIN)
def approval_settings(request: WorkspaceRequest) -> HttpResponse:
    """Show or change whose mailings need another person's approval."""
    rule = approvals.rule_of(request.workspace)
    form = ApprovalRuleForm(request.POST if request.method == "POST" else None, instance=rule)
    if request.method == "POST" and form.is_valid():
        approvals.save_rule(form.instance, actor=request.user)
        messages.success(request, _("承認の設定を保存しました。"))
        return redirect("approval_settings")
    return render(request, "campaigns/approval_settings.html", {"form": form})


@require_safe
@member_required()
def approval_index(request: WorkspaceRequest) -> HttpResponse:
    """List the mailings that wait for a decision, the oldest first."""
    people = ("campaign__sender", "asked_by")
    waiting = list(approvals.waiting_approvals(request.workspace).select_related(*people)[: SHOWN + 1])
    context = {"waiting": waiting[:SHOWN], "is_capped": len(waiting) > SHOWN}
    return render(request, "campaigns/approval_index.html", context)


def approval_context(request: WorkspaceRequest, campaign: Campaign) -> dict[str, Any]:
    """Return what the check page of a draft shows of its approval; empty where nothing is to be said."""
    if not campaign.is_editable():
        return {}
    is_needed = approvals.needs_approval(campaign.workspace, request.user)
    earlier = list(campaign.approvals.select_related("asked_by", "decided_by").order_by("-pk")[:EARLIER])
    if not (is_needed or earlier):
        return {}
    live = approvals.live_approval(campaign)
    may_decide = (
        live is not None
        and live.state == ApprovalState.ASKED
        and request.user in approvals.deciders(campaign, live.asked_by)
    )
    newest = earlier[0] if earlier else None
    refusal = newest if newest is not None and newest.state == ApprovalState.REFUSED else None
    return {
        "is_needed": is_needed,
        "live": live,
        "refusal": refusal,
        # A row that is live and of another content is void, whether anybody noted it or not.
        "earlier": [row for row in earlier if row not in (live, refusal)],
        "may_decide": may_decide,
        "ask_form": AskForm(),
        "decision_form": DecisionForm(initial={"approval": live.pk}) if live and may_decide else None,
    }


@require_POST
@member_required(Role.EDITOR)
def ask_approval(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Ask the administrators for their approval."""
    form = AskForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
        return redirect("campaign_preview", pk=find_campaign(request.workspace, pk).pk)
    message = form.cleaned_data["message"]
    return change_state(
        request,
        pk,
        lambda campaign: approvals.ask(campaign, actor=request.user, now=timezone.now(), message=message),
        _("承認を依頼しました。決まるとメールでお知らせします。"),
        target="campaign_preview",
    )


@require_POST
@member_required(Role.ADMIN)
def grant_approval(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Approve the mailing as it was asked about."""
    return decide(request, pk, ApprovalState.GRANTED, _("承認しました。依頼した人にメールで知らせます。"))


@require_POST
@member_required(Role.ADMIN)
def refuse_approval(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Give the mailing back, with what is to be mended."""
    return decide(request, pk, ApprovalState.REFUSED, _("差し戻しました。依頼した人にメールで知らせます。"))


def decide(request: WorkspaceRequest, pk: int, decision: ApprovalState, done: str) -> HttpResponse:
    """Take down a decision and show the mailing again."""
    campaign = find_campaign(request.workspace, pk)
    form = DecisionForm(request.POST, must_say_why=decision == ApprovalState.REFUSED)
    if not form.is_valid():
        messages.error(request, str(next(iter(form.errors.values()))[0]))
        return redirect("campaign_preview", pk=campaign.pk)
    note, asked = form.cleaned_data["note"], form.cleaned_data["approval"]
    try:
        approvals.decide(campaign, asked, decision, actor=request.user, now=timezone.now(), note=note)
    except CampaignError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, done)
    return redirect("campaign_preview", pk=campaign.pk)
