"""Stores a draft while it is written; the page learns what was stored, or who was quicker."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import Http404, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_POST

from accounts.access import member_required
from accounts.models import Role, User
from accounts.requests import WorkspaceRequest
from campaigns.block_views import pictures_of
from campaigns.compose_views import own_rules_form, save_draft
from campaigns.draft_beginning import BegunMeanwhile, begun_campaign, is_elsewhere, page_of
from campaigns.draft_parts import content_of
from campaigns.draft_words import closed_sentence, deleted_sentence, elsewhere_sentence, refusal_of, stale_sentence
from campaigns.drafts import Saved, Stale
from campaigns.forms import CampaignForm, refused
from campaigns.models import Campaign
from campaigns.views import find_campaign
from designs.draft_editing import read_posted
from designs.exceptions import DesignRefused

CONFLICT = 409


@require_POST
@member_required(Role.EDITOR)
def autosave(request: WorkspaceRequest, pk: int | None = None) -> HttpResponse:
    """Store what the form holds, checked or not; what cannot be stored keeps its value and is told.

    200 `{"revision", "saved_at", "text", "problems": [{"place", "sentence"}], "draft", "urls"}`; 409 `{"by", "at", "revision",
    "fields", "version", "sentence"}` where somebody was quicker, `{"closed", "is_apart", "is_elsewhere"}` where it is no
    draft any more, is deleted, or is of another workspace than the chosen one; 422 `{"refused"}` for blocks that no page of ours wrote.
    """
    if is_elsewhere(request):
        return JsonResponse({"closed": elsewhere_sentence(), "is_apart": True, "is_elsewhere": True}, status=CONFLICT)
    try:
        return store_posted(request, pk)
    except BegunMeanwhile:
        return store_posted(request, pk)
    except (Http404, Campaign.DoesNotExist):
        if page_of(request) is None:
            raise
        return JsonResponse({"closed": deleted_sentence(), "is_apart": True}, status=CONFLICT)


def store_posted(request: WorkspaceRequest, pk: int | None) -> HttpResponse:
    """Store what was sent and return the answer of `autosave`. Raises BegunMeanwhile."""
    campaign = begun_campaign(request) if pk is None else find_campaign(request.workspace, pk)
    try:
        edited = read_posted(request.POST, pictures=pictures_of(request.workspace), workspace=request.workspace)
    except DesignRefused as error:
        return JsonResponse({"refused": error.sentence}, status=422)
    form = CampaignForm(
        request.POST, instance=campaign, workspace=request.workspace, content=content_of(campaign), auto_id=False
    )
    form.is_valid()
    rules_form = own_rules_form(request, campaign)
    saved = save_draft(request, form, rules_form, edited)
    if isinstance(saved, Stale):
        answer = {"closed": closed_sentence()} if saved.is_closed else stale_answer(saved, request.user)
        return JsonResponse(answer, status=CONFLICT)
    told = [*edited.errors, *refused(form), *(refused(rules_form) if rules_form.must_forbid else ())]
    return JsonResponse(saved_answer(campaign, saved, told))


def saved_answer(campaign: Campaign, saved: Saved, told: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what the page shows once a draft is stored, with what is told at which place."""
    problems = [{"place": place, "sentence": sentence} for place, sentence in told]
    if saved.parts.problem:
        problems.append({"place": "", "sentence": refusal_of(saved.parts)})
    return {
        "revision": saved.revision,
        "saved_at": date_format(timezone.localtime(), "H:i"),
        "text": saved.parts.text,
        "problems": problems,
        "draft": str(campaign.pk),
        "urls": urls_of(campaign),
    }


def urls_of(campaign: Campaign) -> dict[str, str]:
    """Return where the page of a draft goes on, which a new mail learns when it is stored first."""
    names = {
        "edit": "campaign_edit",
        "autosave": "campaign_autosave",
        "frame": "campaign_preview_frame",
        "inbox": "campaign_inbox",
        "check": "campaign_check",
        "versions": "campaign_versions",
        "template": "campaign_save_template",
    }
    return {key: reverse(name, args=[campaign.pk]) for key, name in names.items()}


def stale_answer(stale: Stale, reader: User) -> dict[str, Any]:
    """Return who saved what and when."""
    at = date_format(timezone.localtime(stale.at), "H:i")
    return {
        "by": str(stale.by or ""),
        "at": at,
        "revision": stale.revision,
        "fields": stale.fields,
        "version": stale.version,
        "sentence": stale_sentence(stale, reader),
    }
