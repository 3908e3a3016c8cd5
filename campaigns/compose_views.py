"""Pages on which a draft is written, looked at and tested."""

from uuid import uuid4

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Membership, Role
from accounts.numbers import FEW, read_number
from accounts.requests import WorkspaceRequest
from campaigns import closed_times, content_checks, drafts
from campaigns.audiences import set_parts
from campaigns.block_views import blocks_context, edited_posted, pictures_of
from campaigns.draft_beginning import BegunMeanwhile, begun_again, begun_campaign, find_begun, is_elsewhere, page_of
from campaigns.draft_deleting import delete_draft
from campaigns.draft_parts import Content, content_of, write_parts
from campaigns.draft_words import closed_sentence, elsewhere_sentence, refusal_of, stale_sentence
from campaigns.drafts import Page, Saved, Stale, make_copy
from campaigns.forms import BODY_KINDS, CampaignForm, content_posted, refused
from campaigns.models import Campaign, QuietMode
from campaigns.preflight.check import check_content
from campaigns.preview_views import PREVIEWS
from campaigns.quiet_forms import RulesForm
from campaigns.quiet_hours import Rules
from campaigns.quiet_words import rules_words
from campaigns.recurrence_words import plan_context
from campaigns.sendable import CampaignError
from campaigns.showing import condition_words
from campaigns.views import AUDIENCE, find_campaign
from designs.blocks import Design
from designs.brands import look_of
from designs.draft_editing import EditedDesign, begin, read_posted
from designs.exceptions import DesignRefused
from designs.models import BodyKind
from lists.models import MailingList
from senders.models import Sender

# What the form stores beside the content, each column by itself.
SETTINGS = ("sender", "doubt_policy", "quiet_mode", "late_tolerance", "wants_tracking", "wants_seeds")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def create_campaign(request: WorkspaceRequest) -> HttpResponse:
    """Write a new draft."""
    if is_elsewhere(request):
        return refuse_elsewhere(request)
    if missing := first_steps_missing(request):
        return render(request, "campaigns/first_steps.html", missing)
    try:
        return edit(request, begun_campaign(request))
    except BegunMeanwhile:
        return edit(request, begun_campaign(request))


def first_steps_missing(request: WorkspaceRequest) -> dict[str, bool]:
    """Return what must be there before a mailing can be written; empty when all is there."""
    has_list = MailingList.objects.filter(workspace=request.workspace).exists()
    has_sender = Sender.objects.filter(workspace=request.workspace, archived_at__isnull=True).exists()
    return {} if has_list and has_sender else {"has_list": has_list, "has_sender": has_sender}


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def edit_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Change a draft; what has been scheduled or sent is not changed any more."""
    if is_elsewhere(request):
        return refuse_elsewhere(request)
    try:
        return edit_stored(request, find_campaign(request.workspace, pk))
    except (Http404, Campaign.DoesNotExist):
        page = page_of(request)
        if page is None:
            raise
        return keep_deleted(request, page)


def refuse_elsewhere(request: WorkspaceRequest) -> HttpResponse:
    """Store nothing of one workspace in another one, and say how to go on with it."""
    membership = Membership.objects.filter(user=request.user, workspace=read_number(request.POST.get("workspace")) or 0)
    context = {"sentence": elsewhere_sentence(), "membership": membership.select_related("workspace").first()}
    return render(request, "campaigns/elsewhere.html", context, status=409)


def edit_stored(request: WorkspaceRequest, campaign: Campaign) -> HttpResponse:
    """Show or save a draft that is there; raises Campaign.DoesNotExist where it is deleted meanwhile."""
    if not campaign.is_editable() and "fork" not in request.POST:
        messages.warning(
            request, _("予約または配信されたメールは編集できません。予約を取り消すか、複製して編集してください。")
        )
        return redirect("campaign_detail", pk=campaign.pk)
    return edit(request, campaign)


def keep_deleted(request: WorkspaceRequest, page: Page) -> HttpResponse:
    """Store what somebody still wrote of a draft that is deleted as a new one, once for each page."""
    messages.warning(request, _("この下書きは削除されていたため、入力した内容は新しい下書きになります。"))
    try:
        return edit(request, begun_again(request, page))
    except BegunMeanwhile:
        return edit(request, begun_again(request, page))


def edit(request: WorkspaceRequest, campaign: Campaign) -> HttpResponse:
    """Show the page, do what a button of the blocks says, or save it and go on."""
    campaign.workspace = request.workspace
    content = content_of(campaign) if campaign.pk else Content(kind=BodyKind.BLOCKS, text_by_hand=False)
    if request.method != "POST":
        form = CampaignForm(instance=campaign, workspace=request.workspace, content=content)
        return show_editor(request, form, stored_blocks(campaign, content))
    try:
        edited = edited_posted(request)
    except DesignRefused as error:
        form = CampaignForm(request.POST, instance=campaign, workspace=request.workspace, content=content)
        form.add_error(None, error.sentence)
        return show_editor(request, form, stored_blocks(campaign, content))
    is_saving = "do" not in request.POST
    # By this name the page keeps a copy in the browser, until a message says that it is stored.
    copy_name = "new" if "form_key" in request.POST else str(campaign.pk)
    form = CampaignForm(
        request.POST, instance=campaign, workspace=request.workspace, content=content, is_checked=is_saving
    )
    rules_form = own_rules_form(request, campaign)
    stays = not {"stay", "overwrite", "fork"}.isdisjoint(request.POST)
    if not is_saving or not can_save(form, rules_form, edited, is_unfinished=stays):
        return show_editor(request, form, edited)
    if "fork" in request.POST and campaign.pk:
        return fork(request, campaign.pk, edited)
    saved = save_draft(request, form, rules_form, edited)
    if isinstance(saved, Stale) and saved.is_closed:
        messages.error(request, closed_sentence())
        return redirect("campaign_detail", pk=campaign.pk)
    if isinstance(saved, Stale):
        return show_editor(request, form, edited, stale=saved)
    if saved.parts.problem:
        messages.error(request, refusal_of(saved.parts), extra_tags=copy_name)
        return redirect("campaign_edit", pk=campaign.pk)
    messages.success(request, _("下書きを保存しました。"), extra_tags=copy_name)
    content_checks.ask_quietly(campaign, now=timezone.now())
    return redirect("campaign_edit" if stays else "campaign_preview", pk=campaign.pk)


def can_save(form: CampaignForm, rules_form: RulesForm, edited: EditedDesign, *, is_unfinished: bool) -> bool:
    """Say whether all that was typed can be stored; what cannot is told at its place.

    Of a draft that is only kept (`is_unfinished`) something may be missing yet, as when it is stored by itself.
    """
    for _place, sentence in edited.errors:
        form.add_error(None, sentence)
    is_fit = form.is_valid() or (is_unfinished and not any(refused(form)))
    return is_fit and (not rules_form.must_forbid or rules_form.is_valid())


def stored_blocks(campaign: Campaign, content: Content) -> EditedDesign:
    """Return the blocks of a stored draft, or those that a new one begins with."""
    pictures = pictures_of(campaign.workspace)
    try:
        design = content.design() if content.blocks else begin(look_of(campaign.workspace))
    except DesignRefused as error:
        return EditedDesign(Design(), problem=error.sentence, pictures=pictures, workspace=campaign.workspace)
    return EditedDesign(design, pictures=pictures, workspace=campaign.workspace)


def show_editor(
    request: WorkspaceRequest, form: CampaignForm, edited: EditedDesign, *, stale: Stale | None = None
) -> HttpResponse:
    """Show the page on which a draft is written."""
    campaign = form.instance
    shared = closed_times.rules_in(closed_times.workspace_hours(request.workspace.pk).first())
    if campaign.pk:
        prefetch_related_objects([campaign], *AUDIENCE)
    context = {
        "form": form,
        "page": uuid4(),
        "rules_form": own_rules_form(request, campaign),
        "workspace_rules": rules_words(shared),
        "campaign": campaign,
        "audience_words": campaign.audience_words() if campaign.pk else "",
        "written_kind": dict(BODY_KINDS)[form.initial["kind"]],
        "stale": stale,
        "stale_words": stale_sentence(stale, request.user) if stale else "",
        "views": PREVIEWS,
        "region_words": condition_words(campaign).items(),
        **(plan_context(campaign) if campaign.pk else {}),
        **blocks_context(edited),
    }
    return render(request, "campaigns/edit.html", context)


def fork(request: WorkspaceRequest, pk: int, edited: EditedDesign) -> HttpResponse:
    """Keep all that came too late as a draft of its own, once for each page, with what the page does not show of the other."""
    page, source = page_of(request), find_campaign(request.workspace, pk)
    try:
        with transaction.atomic():
            copy = make_copy(source, created_by=request.user)
            Campaign.objects.filter(pk=copy.pk).update(form_key=page.key if page else uuid4())
            form = CampaignForm(request.POST, instance=copy, workspace=request.workspace, content=content_of(copy))
            form.is_valid()
            save_draft(request, form, own_rules_form(request, copy), edited, revision=copy.revision)
        kept = copy.pk
    except IntegrityError:
        begun = find_begun(request, page.key) if page else None
        if begun is None:
            raise
        kept = begun.pk
    messages.success(request, _("別の下書きとして保存しました。"), extra_tags=str(pk))
    return redirect("campaign_edit", pk=kept)


@require_POST
@member_required(Role.EDITOR)
def check_draft(request: WorkspaceRequest, pk: int | None = None) -> HttpResponse:
    """Check what is being written, as far as it can be read; stores nothing."""
    campaign = Campaign(workspace=request.workspace) if pk is None else find_campaign(request.workspace, pk)
    try:
        pictures = pictures_of(request.workspace)
        design = read_posted(request.POST, pictures=pictures, workspace=request.workspace).design
    except DesignRefused:
        design = Design()
    content = content_posted(request.POST, design, campaign)
    parts = write_parts(content, request.workspace)
    campaign.subject, campaign.text, campaign.html = content.subject, parts.text, parts.html
    campaign.conditions = list(parts.conditions)
    senders = Sender.objects.filter(workspace=request.workspace, archived_at__isnull=True).select_related("domain")
    campaign.sender = senders.filter(pk=read_number(request.POST.get("sender")) or 0).first()
    campaign.created_at = timezone.now()
    return render(request, "campaigns/_preflight.html", {"report": check_content(campaign)})


def own_rules_form(request: WorkspaceRequest, campaign: Campaign) -> RulesForm:
    """Return the form for the draft's own 配信禁止時間, which counts only where that was chosen."""
    has_own = campaign.pk is not None and campaign.quiet_mode == QuietMode.OWN
    rules = closed_times.rules_for(campaign) if has_own else Rules()
    chosen = request.POST.get("quiet_mode", campaign.quiet_mode)
    return RulesForm(request.POST or None, rules=rules, must_forbid=chosen == QuietMode.OWN, prefix="quiet")


def save_draft(
    request: WorkspaceRequest,
    form: CampaignForm,
    rules_form: RulesForm,
    edited: EditedDesign,
    *,
    revision: int | None = None,
) -> Saved | Stale:
    """Store what a form holds, written on a revision (the one that it names), as far as it could be read; Stale where
    somebody was quicker.

    Raises BegunMeanwhile for a new draft that the same page stored at the same moment.
    """
    campaign, read = form.instance, form.cleaned_data
    if revision is None:
        revision = read_number(request.POST.get("overwrite") or request.POST.get("revision", ""), FEW) or 0
    # Hours that cannot be read leave what was chosen before; none at all would be no 配信禁止時間.
    can_keep = not rules_form.must_forbid or rules_form.is_valid()
    own_rules = rules_form.rules() if rules_form.must_forbid and can_keep else None
    if not can_keep:
        campaign.quiet_mode = form.initial["quiet_mode"]

    def store_rest(stored: Campaign) -> None:
        if "mailing_lists" in read or form.has_error("mailing_lists", "required"):
            stored.mailing_lists.set(read.get("mailing_lists", ()))
        if all(name in read for name in form.PARTS):
            set_parts(stored, form.parts())
        if can_keep:
            closed_times.save_own_rules(stored, own_rules)

    try:
        return drafts.save(
            campaign,
            content_posted(request.POST, edited.design, campaign),
            revision=revision,
            actor=request.user,
            now=timezone.now(),
            columns=[name for name in SETTINGS if name in read],
            store_rest=store_rest,
            page=page_of(request),
        )
    except IntegrityError as error:
        if campaign.form_key and find_begun(request, campaign.form_key):
            raise BegunMeanwhile from error
        raise


@require_POST
@member_required(Role.EDITOR)
def copy_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Make a new draft with the content and audience of a campaign."""
    source = find_campaign(request.workspace, pk)
    with transaction.atomic():
        copy = make_copy(source, created_by=request.user)
    messages.success(request, _("複製して新しい下書きを作りました。"))
    return redirect("campaign_edit", pk=copy.pk)


@require_POST
@member_required(Role.EDITOR)
def delete_campaign(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a draft."""
    try:
        delete_draft(find_campaign(request.workspace, pk))
    except CampaignError as error:
        messages.error(request, error.sentence)
        return redirect(error.url or "campaign_index")
    messages.success(request, _("下書きを削除しました。"))
    return redirect("campaign_index")
