"""Tells that many subscribers of a workspace changed, to whoever freezes recipients, and lets him have his turn."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Exists, F, OuterRef

from accounts.models import Workspace
from lists.models import CsvImport, PeopleState

# A hold that is not renewed is over then. Counting the recipients of a large segment takes some seconds.
HOLD: Final = timedelta(minutes=1)


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


def forget_comparisons(workspace_id: int) -> None:
    """Note that an address, a name or attributes changed: what waits to be imported is compared anew before it comes in.

    Called in the transaction of the change. PostgreSQL compares in any case (lists.import_matching.is_matched).
    """
    if connection.vendor == "sqlite":
        CsvImport.objects.filter(workspace=workspace_id, is_matched=True).update(is_matched=False)


def hold_people(workspace_id: int, *, now: datetime) -> None:
    """Let no import and no bulk action of a workspace begin for a minute; those that run go on."""
    PeopleState.objects.bulk_create([PeopleState(workspace_id=workspace_id)], ignore_conflicts=True)
    PeopleState.objects.filter(pk=workspace_id).update(held_until=now + HOLD)


def renew_hold(workspace_id: int, *, now: datetime) -> None:
    """Hold on for another minute where there is a hold."""
    PeopleState.objects.filter(pk=workspace_id, held_until__isnull=False).update(held_until=now + HOLD)


def release_people(workspace_id: int) -> None:
    """Let imports and bulk actions begin again. Another campaign that needs the hold takes it with its next chunk."""
    PeopleState.objects.filter(pk=workspace_id, held_until__isnull=False).update(held_until=None)


def is_held(workspace: str, *, now: datetime) -> Exists:
    """Return the condition that the workspace in a field of the queried rows is held."""
    return Exists(PeopleState.objects.filter(workspace=OuterRef(workspace), held_until__gt=now))
