"""版の一覧 of a draft, and the way back to one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import member_required
from accounts.audit import record
from accounts.models import Role
from accounts.numbers import FEW, read_number
from accounts.requests import WorkspaceRequest
from campaigns.draft_parts import Content, read_content
from campaigns.drafts import Stale, restore
from campaigns.models import DraftVersion
from campaigns.views import find_campaign
from designs.models import BodyKind

# Letters of the text part that the page shows of each version.
EXCERPT = 400


@require_safe
@member_required(Role.EDITOR)
def versions(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Every version of a draft, newest first."""
    campaign = find_campaign(request.workspace, pk)
    stored = DraftVersion.objects.filter(campaign=campaign).select_related("saved_by").order_by("-pk")
    rows = [row_of(version, read_content(version.content)) for version in stored]
    return render(request, "campaigns/version_index.html", {"campaign": campaign, "rows": rows})


def row_of(version: DraftVersion, content: Content) -> dict[str, object]:
    """Return what the page shows of a version, without its whole content."""
    return {
        "version": version,
        "subject": content.subject,
        "kind": BodyKind(content.kind).label,
        "excerpt": content.text[:EXCERPT],
        "is_cut": len(content.text) > EXCERPT,
    }


@require_POST
@member_required(Role.EDITOR)
def restore_version(request: WorkspaceRequest, pk: int, version: int) -> HttpResponse:
    """Make a version the content of the draft again."""
    campaign = find_campaign(request.workspace, pk)
    found = get_object_or_404(DraftVersion.objects.select_related("campaign__workspace"), campaign=campaign, pk=version)
    revision = read_number(request.POST.get("revision"), FEW) or 0
    result = restore(found, revision=revision, actor=request.user, now=timezone.now())
    if not isinstance(result, Stale):
        record(request.workspace, request.user, "draft.restore", str(pk), saved_at=found.saved_at.isoformat())
        messages.success(request, _("この版に戻しました。戻す前の内容も版の一覧に残っています。"))
        return redirect("campaign_edit", pk=pk)
    if result.is_closed:
        messages.error(request, _("予約または配信されたメールは、版に戻せません。"))
        return redirect("campaign_detail", pk=pk)
    messages.error(request, _("開いている間に別の人が保存しました。最新の一覧を確かめて、もう一度お試しください。"))
    return redirect("campaign_versions", pk=pk)
