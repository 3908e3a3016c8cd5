"""A draft is begun once, however often the page on which it is begun is sent."""

from __future__ import annotations

from uuid import UUID, uuid4

from accounts.requests import WorkspaceRequest
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


def begun_again(request: WorkspaceRequest) -> Campaign:
    """Return the draft that a page makes in the place of a deleted one, or a new one that is not stored."""
    key = pages_of(request)[0]
    begun = find_begun(request, key)
    return begun or Campaign(workspace=request.workspace, created_by=request.user, form_key=key)


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


def pages_of(request: WorkspaceRequest) -> list[UUID]:
    """Return the keys of the page that was sent, and of the one whose unsaved copy it goes on with."""
    keys = (read_key(request.POST.get(name, "")) for name in ("page", "page_before"))
    return [key for key in keys if key is not None]
