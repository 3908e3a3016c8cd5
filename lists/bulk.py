"""Actions on many subscribers at once, as people ask for them, cancel them and let them go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts import audit
from accounts.models import User, Workspace
from lists.bulk_claims import OPEN
from lists.finding import Search
from lists.models import BulkAction, BulkJob, BulkState, Segment, Subscriber


def newest_id() -> int:
    """Return the highest id of all subscribers: whoever comes later is left alone by what is asked for now."""
    return Subscriber.objects.aggregate(newest=Max("pk"))["newest"] or 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whom a person asks for: all whom the search found when their number was shown."""

    search: Search
    # Whoever came later is left alone.
    last_id: int
    # That of the segment which the search names; None where it names none, or one that is gone.
    revision: int | None = None


def look(workspace: Workspace, search: Search) -> Chosen:
    """Return whom the search finds now."""
    return Chosen(search, newest_id(), revision_of(workspace, search))


def queue_bulk(
    workspace: Workspace,
    chosen: Chosen,
    action: BulkAction,
    *,
    actor: User | None,
    why: str = "",
    argument: Mapping[str, Any] | None = None,
) -> BulkJob:
    """Have the action done to all who were chosen, in the background.

    `argument` names what the action needs: {"list": id} and for a new place {"text_version": …}, {"attribute": name,
    "value": value}, or {"own_will": True} where people who refused are to be resumed as well.
    """
    with transaction.atomic():
        job = BulkJob.objects.create(
            workspace=workspace,
            created_by=actor,
            action=action,
            search=chosen.search.as_json(),
            revision=chosen.revision,
            argument=dict(argument or {}),
            why=why,
            last_id=chosen.last_id,
        )
        audit.record(workspace, actor, f"bulk.{action.value}", f"#{job.pk}", why=why)
    return job


def revision_of(workspace: Workspace, search: Search) -> int | None:
    """Return the revision of the segment that a search names, None where it names none, or one that is gone."""
    if search.segment_id is None:
        return None
    segments = Segment.objects.filter(workspace=workspace, pk=search.segment_id)
    return segments.values_list("revision", flat=True).first()


def cancel_bulk(job: BulkJob, *, actor: User, now: datetime) -> bool:
    """Stop a job after the piece it is at; False where it is over already. What is done stays done.

    The deletion of a list cannot be cancelled: the list is gone.
    """
    rows = BulkJob.objects.filter(pk=job.pk)
    with transaction.atomic():
        waits = rows.filter(state__in=OPEN, cancel_asked_at=None).exclude(action=BulkAction.DELETE_LIST)
        asked = waits.update(cancel_asked_at=now)
        # Nothing was done yet. One that was begun is ended by its next turn, which tells others what it changed.
        unbegun = rows.filter(state=BulkState.QUEUED, attempt=0, cancel_asked_at=now)
        unbegun.update(state=BulkState.CANCELLED, finished_at=now)
        if asked:
            audit.record(job.workspace, actor, "bulk.cancel", f"#{job.pk}")
    job.refresh_from_db()
    return asked == 1


def restart_bulk(job: BulkJob, *, actor: User) -> bool:
    """Let a job that was given up go on where it ended; False where it was not."""
    with transaction.atomic():
        failed = BulkJob.objects.filter(pk=job.pk, state=BulkState.FAILED)
        restarted = failed.update(state=BulkState.QUEUED, tries=0, hinted_until=None, finished_at=None)
        if restarted:
            audit.record(job.workspace, actor, "bulk.restart", f"#{job.pk}")
    return restarted == 1
