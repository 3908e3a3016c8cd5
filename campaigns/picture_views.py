"""The page of one picture: it says which mailings show it, so it stands above both apps."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.models import Campaign, CampaignState, Draft, Variant
from designs.models import Picture
from designs.picture_encoding import PictureRefused
from designs.picture_forms import PictureForm
from designs.pictures import Use, delete_picture, file_of, find_uses, holds_picture

# Enough to see where it is used.
SHOWN: Final = 20


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Role.EDITOR)
def picture_detail(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Show a picture and where it is used; change what it shows in words."""
    picture = get_object_or_404(Picture.objects.select_related("uploaded_by"), workspace=request.workspace, pk=pk)
    form = PictureForm(request.POST if request.method == "POST" else None, instance=picture)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("代替テキストを保存しました。"))
        return redirect("picture_detail", pk)
    uses = [*find_uses(picture), *find_mailings(picture)]
    return render(request, "designs/picture_detail.html", {"picture": picture, "form": form, "uses": uses})


@require_POST
@member_required(Role.EDITOR)
def picture_delete(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Delete a picture that nothing shows."""
    picture = get_object_or_404(Picture, workspace=request.workspace, pk=pk)
    try:
        delete_picture(picture, actor=request.user, find_more=find_mailings)
    except PictureRefused as error:
        messages.error(request, error.sentence)
        return redirect("picture_detail", pk)
    messages.success(request, _("画像を削除しました。"))
    return redirect("picture_index")


def find_mailings(picture: Picture) -> list[Use]:
    """Return mailings that show a picture, newest first, at most SHOWN; sent ones are opened for years."""
    # Read through without an index: half a second where a workspace has 5,000 mailings of 20 kB, for a page that is
    # seldom opened (SQLite and PostgreSQL 15 alike), and nothing to keep at each save.
    mailings = Campaign.objects.filter(workspace=picture.workspace_id)
    found = mailings.filter(html__contains=file_of(picture)).order_by("-pk").values_list("pk", "subject", "state")
    uses = [use_of(*one) for one in found[:SHOWN]]
    variants = Variant.objects.filter(campaign__workspace=picture.workspace_id).order_by("-campaign")
    shown = variants.filter(html__contains=file_of(picture)).values_list(
        "campaign", "campaign__subject", "campaign__state"
    )
    uses += [use_of(*one) for one in shown[:SHOWN]]
    # A draft that cannot be written at the moment has no HTML, but its blocks.
    unwritten = Draft.objects.filter(campaign__workspace=picture.workspace_id, campaign__html="")
    drafts = unwritten.filter(campaign__state=CampaignState.DRAFT).exclude(blocks={}).select_related("campaign")
    for draft in drafts.only("blocks", "campaign__subject", "campaign__state").iterator():
        if holds_picture(draft.blocks, picture):
            uses.append(use_of(draft.campaign_id, draft.campaign.title, draft.campaign.state))
    for variant in variants.filter(html="").exclude(body={}).select_related("campaign"):
        if holds_picture(variant.body.get("blocks") or {}, picture):
            uses.append(use_of(variant.campaign_id, variant.campaign.title, variant.campaign.state))
    return list(dict.fromkeys(uses))


def use_of(pk: int, subject: str, state: str) -> Use:
    """Return a mailing as a place that shows a picture."""
    page = "campaign_edit" if state == CampaignState.DRAFT else "campaign_detail"
    return Use(_("メール(%s)") % CampaignState(state).label, subject or _("(件名なし)"), reverse(page, args=[pk]))
