"""A draft is begun once, however often the page on which it is begun is sent."""

from __future__ import annotations

from uuid import UUID, uuid4

from accounts.numbers import FEW, read_number
from accounts.requests import WorkspaceRequest
from campaigns.drafts import Page
from campaigns.models import Campaign


class BegunMeanwhile(Exception):
    """Another request with the same key stored the draft first; asked again, `begun_campaign` finds it."""


def begun_campaign(request: WorkspaceRequest) -> Campaign:
    """Return the draft that this page began already, or a new one that is not stored.

    The page bears a random key (`form_key`), which counts for the workspace and the person alone.
    """
    key = read_key(request.POST.get("form_key", ""))
    begun = find_begun(request, key) if key else None
    return begun or Campaign(workspace=request.workspace, created_by=request.user, form_key=key or uuid4())


def begun_again(request: WorkspaceRequest, page: Page) -> Campaign:
    """Return the draft that a page makes in the place of a deleted one, or a new one that is not stored."""
    begun = find_begun(request, page.key)
    return begun or Campaign(workspace=request.workspace, created_by=request.user, form_key=page.key)


def find_begun(request: WorkspaceRequest, key: UUID) -> Campaign | None:
    """Return the mailing that this person began by a key."""
    own = Campaign.objects.for_workspace(request.workspace)
    return own.filter(created_by=request.user, form_key=key).first()


def read_key(posted: str) -> UUID | None:
    """Return the key of a page, None for what no page of ours wrote."""
    try:
        return UUID(posted)
    except ValueError:
        return None


def page_of(request: WorkspaceRequest) -> Page | None:
    """Return the page that was sent; None for what no page of ours wrote."""
    key = read_key(request.POST.get("page", ""))
    turn = read_number(request.POST.get("turn"), FEW) or 0
    return Page(key, turn, read_key(request.POST.get("page_before", ""))) if key else None


def is_elsewhere(request: WorkspaceRequest) -> bool:
    """Say whether what was sent was written in another workspace than the one that is chosen by now, in another tab say."""
    return request.POST.get("workspace", "") not in ("", str(request.workspace.pk))
