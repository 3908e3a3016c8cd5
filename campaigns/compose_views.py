"""Pages on which a draft is written, looked at and tested."""

from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns import closed_times
from campaigns.audiences import copy_audience, set_parts
from campaigns.forms import CampaignForm
from campaigns.merge_tags import offer_tags
from campaigns.models import Campaign, CampaignState, QuietMode
from campaigns.quiet_forms import RulesForm
from campaigns.quiet_hours import Rules
from campaigns.quiet_words import rules_words
from campaigns.views import find_campaign
from lists.models import MailingList
from senders.models import Sender


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def create_campaign(request: WorkspaceRequest) -> HttpResponse:
    """Write a new draft."""
    campaign = Campaign(workspace=request.workspace, created_by=request.user)
    if missing := first_steps_missing(request):
        return render(request, "campaigns/first_steps.html", missing)
    return edit(request, campaign)


def first_steps_missing(request: WorkspaceRequest) -> dict[str, bool]:
    """Return what must be there before a mailing can be written; empty when all is there."""
    has_list = MailingList.objects.filter(workspace=request.workspace).exists()
    has_sender = Sender.objects.filter(workspace=request.workspace, archived_at__isnull=True).exists()
    return {} if has_list and has_sender else {"has_list": has_list, "has_sender": has_sender}


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def edit_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a draft; what has been scheduled or sent is not changed any more."""
    campaign = find_campaign(request.workspace, pk)
    if not campaign.is_editable():
        messages.warning(
            request, _("予約または配信されたメールは編集できません。予約を取り消すか、複製して編集してください。")
        )
        return redirect("campaign_detail", pk=pk)
    return edit(request, campaign)


def edit(request: WorkspaceRequest, campaign: Campaign) -> HttpResponse:
    """Show the form, or save it and go on."""
    form = CampaignForm(request.POST or None, instance=campaign, workspace=request.workspace)
    rules_form = own_rules_form(request, campaign)
    if request.method == "POST" and form.is_valid() and (not rules_form.must_forbid or rules_form.is_valid()):
        saved = save_draft(form, rules_form.rules() if rules_form.must_forbid else None)
        if saved is not None:
            messages.success(request, _("下書きを保存しました。"))
            return redirect("campaign_edit" if "stay" in request.POST else "campaign_preview", pk=saved.pk)
        form.add_error(
            None,
            _(
                "この下書きは別の画面で変更されました。入力した内容はこの画面に残っています。必要な部分を控えてから、開き直してください。"
            ),
        )
    shared = closed_times.rules_in(closed_times.workspace_hours(request.workspace.pk).first())
    context = {
        "form": form,
        "rules_form": rules_form,
        "workspace_rules": rules_words(shared),
        "campaign": campaign,
        "tags": offer_tags(request.workspace),
    }
    return render(request, "campaigns/edit.html", context)


def own_rules_form(request: WorkspaceRequest, campaign: Campaign) -> RulesForm:
    """Return the form for the draft's own 配信禁止時間, which counts only where that was chosen."""
    has_own = campaign.pk is not None and campaign.quiet_mode == QuietMode.OWN
    rules = closed_times.rules_for(campaign) if has_own else Rules()
    chosen = request.POST.get("quiet_mode", campaign.quiet_mode)
    return RulesForm(request.POST or None, rules=rules, must_forbid=chosen == QuietMode.OWN, prefix="quiet")


def save_draft(form: CampaignForm, own_rules: Rules | None) -> Campaign | None:
    """Store the draft; None where somebody else saved it, or sent it, since the form was opened."""
    campaign = form.instance
    with transaction.atomic():
        if campaign.pk is None:
            form.save()
            set_parts(campaign, form.parts())
            closed_times.save_own_rules(campaign, own_rules)
            return campaign
        unchanged = Campaign.objects.filter(
            pk=campaign.pk, state=CampaignState.DRAFT, revision=form.cleaned_data["revision"]
        )
        if not unchanged.update(revision=F("revision") + 1):
            return None
        form.save(commit=False)
        fields = ["subject", "sender", "text", "html", "doubt_policy", "quiet_mode", "late_tolerance", "updated_at"]
        campaign.save(update_fields=fields)
        form.save_m2m()
        set_parts(campaign, form.parts())
        closed_times.save_own_rules(campaign, own_rules)
    return campaign


@require_POST
@member_required(Role.EDITOR)
def copy_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Make a new draft with the content and audience of a campaign."""
    source = find_campaign(request.workspace, pk)
    with transaction.atomic():
        copy = Campaign.objects.create(
            workspace=request.workspace,
            subject=source.subject,
            text=source.text,
            html=source.html,
            sender=source.sender,
            doubt_policy=source.doubt_policy,
            quiet_mode=source.quiet_mode,
            late_tolerance=source.late_tolerance,
            created_by=request.user,
        )
        closed_times.copy_own_rules(source, copy)
        copy_audience(source, copy)
    messages.success(request, _("複製して新しい下書きを作りました。"))
    return redirect("campaign_edit", pk=copy.pk)


@require_POST
@member_required(Role.EDITOR)
def delete_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a draft."""
    campaign = find_campaign(request.workspace, pk)
    drafts = Campaign.objects.for_workspace(request.workspace).filter(pk=campaign.pk, state=CampaignState.DRAFT)
    deleted, _rows = drafts.delete()
    if deleted:
        messages.success(request, _("下書きを削除しました。"))
    else:
        messages.error(request, _("下書きではないため、削除できません。"))
    return redirect("campaign_index")
