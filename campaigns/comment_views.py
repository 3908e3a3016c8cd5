"""Comments on a mailing: written and resolved on its check page; nobody is mailed about them."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.access import member_required
from accounts.models import Role
from accounts.requests import WorkspaceRequest
from campaigns.models import Campaign, Comment
from campaigns.views import find_campaign

# The newest ones that the check page shows.
SHOWN = 50


class CommentForm(forms.Form):
    """What is said."""

    comment = forms.CharField(
        label=gettext_lazy("コメントを書く"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": gettext_lazy("コメントを入力してください。")},
    )


def comments_of(campaign: Campaign) -> list[Comment]:
    """Return the newest comments, those that are not resolved first."""
    found = campaign.comments.select_related("author", "resolved_by").order_by("-pk")[:SHOWN]
    return sorted(found, key=lambda comment: comment.resolved_at is not None)


@require_POST
@member_required(Role.EDITOR)
def comment_create(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Say something about a mailing."""
    campaign = find_campaign(request.workspace, pk)
    form = CommentForm(request.POST)
    if form.is_valid():
        Comment.objects.create(
            campaign=campaign, author=request.user, text=form.cleaned_data["comment"], at=timezone.now()
        )
    else:
        messages.error(request, str(form.errors["comment"][0]))
    return redirect("campaign_preview", pk=pk)


@require_POST
@member_required(Role.EDITOR)
def comment_resolve(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Note that a comment was seen to; a second click changes nothing."""
    comment = get_object_or_404(Comment, campaign__workspace=request.workspace, pk=pk)
    open_one = Comment.objects.filter(pk=comment.pk, resolved_at=None)
    if open_one.update(resolved_at=timezone.now(), resolved_by=request.user):
        messages.success(request, _("コメントを解決済みにしました。"))
    return redirect("campaign_preview", pk=comment.campaign_id)
