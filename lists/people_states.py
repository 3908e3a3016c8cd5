"""Tells that many subscribers of a workspace changed, to whoever freezes a segment's people."""

from django.db.models import F

from accounts.models import Workspace
from lists.models import PeopleState


def lock_people(workspace_id: int) -> int:
    """Return the generation of a workspace's people, locked to the end of the transaction.

    Whoever locks lists as well does that afterwards: Campaign, PeopleState, MailingList.
    """
    PeopleState.objects.bulk_create([PeopleState(workspace_id=workspace_id)], ignore_conflicts=True)
    return PeopleState.objects.select_for_update(no_key=True).get(pk=workspace_id).generation


def raise_people(workspace: Workspace) -> None:
    """Note that many subscribers changed, or what a segment means."""
    PeopleState.objects.bulk_create([PeopleState(workspace=workspace)], ignore_conflicts=True)
    PeopleState.objects.filter(pk=workspace.pk).update(generation=F("generation") + 1)
