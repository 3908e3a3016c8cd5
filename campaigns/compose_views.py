"""Pages on which a draft is written, looked at and tested."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.forms import CampaignForm, ScheduleForm, TestMailForm
from campaigns.legal import missing_items
from campaigns.merge_tags import offer_tags
from campaigns.models import Campaign, CampaignState, TestMail
from campaigns.rendering import preview
from campaigns.scheduling import CampaignError, require_sendable
from campaigns.views import find_campaign
from lists.audience import recipients
from lists.models import MailingList, Subscriber
from senders.models import Sender

# What a preview of foreign HTML may do: show itself. No script, no form, no frame, no navigation of ours.
PREVIEW_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data: https: http:; font-src data:; sandbox"
# How many subscribers the preview offers to choose from; any other one is found by address.
CHOICES = 20


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
    if request.method == "POST" and form.is_valid():
        saved = save_draft(form)
        if saved is not None:
            messages.success(request, _("下書きを保存しました。"))
            return redirect("campaign_edit" if "stay" in request.POST else "campaign_preview", pk=saved.pk)
        form.add_error(
            None,
            _(
                "この下書きは別の画面で変更されました。入力した内容はこの画面に残っています。必要な部分を控えてから、開き直してください。"
            ),
        )
    context = {"form": form, "campaign": campaign, "tags": offer_tags(request.workspace)}
    return render(request, "campaigns/edit.html", context)


def save_draft(form: CampaignForm) -> Campaign | None:
    """Store the draft; None where somebody else saved it, or sent it, since the form was opened."""
    campaign = form.instance
    with transaction.atomic():
        if campaign.pk is None:
            form.save()
            return campaign
        unchanged = Campaign.objects.filter(
            pk=campaign.pk, state=CampaignState.DRAFT, revision=form.cleaned_data["revision"]
        )
        if not unchanged.update(revision=F("revision") + 1):
            return None
        form.save(commit=False)
        campaign.save(update_fields=["subject", "sender", "text", "html", "doubt_policy", "updated_at"])
        form.save_m2m()
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
            created_by=request.user,
        )
        copy.mailing_lists.set(source.mailing_lists.all())
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


def people_of(campaign: Campaign) -> QuerySet[Subscriber]:
    """Return those whom a draft would go to."""
    return recipients(list(campaign.mailing_lists.values_list("pk", flat=True)))


def chosen_person(request: WorkspaceRequest, people: QuerySet[Subscriber]) -> Subscriber | None:
    """Return the subscriber named by `subscriber` (id) or `q` (beginning of the address), else the first one."""
    if (chosen := request.GET.get("subscriber", "")).isdecimal():
        return get_object_or_404(Subscriber, workspace=request.workspace, pk=int(chosen))
    if query := request.GET.get("q", "").strip().lower():
        return people.filter(address_key__startswith=query).order_by("address_key").first()
    return people.order_by("pk").first()


@require_safe
@member_required()
def preview_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Check a mailing before it is sent: as a real subscriber gets it, test mail, schedule or send."""
    campaign = find_campaign(request.workspace, pk)
    people = people_of(campaign)
    person = chosen_person(request, people)
    obstacle = ""
    try:
        require_sendable(campaign)
    except CampaignError as error:
        obstacle = error.sentence
    offered = people.order_by("pk")[:CHOICES]
    context: dict[str, Any] = {
        "campaign": campaign,
        "person": person,
        "not_found": bool(request.GET.get("q")) and person is None,
        "query": request.GET.get("q", ""),
        "people": offered,
        "content": preview(campaign, person),
        "audience": people.count(),
        "obstacle": obstacle,
        "footer_added": bool(missing_items(campaign.text)),
        "schedule_form": ScheduleForm(),
        "test_form": TestMailForm(people=people, initial={"address": request.user.email}),
        "test_mails": campaign.test_mails.order_by("-pk")[:5],
    }
    return render(request, "campaigns/preview.html", context)


@require_safe
@member_required()
def preview_frame(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The HTML part alone, for a sandboxed frame under a policy of its own."""
    campaign = find_campaign(request.workspace, pk)
    person = chosen_person(request, people_of(campaign))
    return HttpResponse(preview(campaign, person).html, headers={"Content-Security-Policy": PREVIEW_POLICY})


@require_POST
@member_required(Role.EDITOR)
def send_test(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Queue a test mail; its result appears on the check page."""
    campaign = find_campaign(request.workspace, pk)
    people = Subscriber.objects.for_workspace(request.workspace)
    form = TestMailForm(request.POST, people=people)
    if campaign.sender is None:
        messages.error(request, _("送信元が選ばれていません。編集画面で送信元を選んでください。"))
    elif form.is_valid():
        TestMail.objects.create(
            campaign=campaign, address=form.cleaned_data["address"], subscriber=form.cleaned_data["subscriber"]
        )
        messages.success(
            request, _("%(address)s へテストメールを送ります。") % {"address": form.cleaned_data["address"]}
        )
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("campaign_preview", pk=pk)


@require_safe
@member_required()
def test_results(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """The newest test mails and what the server said, asked for while one is on its way."""
    campaign = find_campaign(request.workspace, pk)
    context = {"campaign": campaign, "test_mails": campaign.test_mails.order_by("-pk")[:5]}
    return render(request, "campaigns/_test_results.html", context)
