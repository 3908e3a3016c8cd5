"""Actions on many subscribers at once, as people ask for them and cancel them."""

from collections.abc import Mapping
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


def queue_bulk(
    workspace: Workspace,
    search: Search,
    action: BulkAction,
    *,
    actor: User,
    last_id: int,
    why: str = "",
    argument: Mapping[str, Any] | None = None,
) -> BulkJob:
    """Have the action done to all whom the search finds, up to the subscriber `last_id`, in the background.

    `argument` names what the action needs: {"list": id} and for a new place {"text_version": …}, {"attribute": name,
    "value": value}, or {"own_will": True} where people who refused are to be resumed as well.
    """
    with transaction.atomic():
        job = BulkJob.objects.create(
            workspace=workspace,
            created_by=actor,
            action=action,
            search=search.as_json(),
            argument=dict(argument or {}) | {"revision": revision_of(workspace, search)},
            why=why,
            last_id=last_id,
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
    waits = BulkJob.objects.filter(pk=job.pk, state__in=OPEN, cancel_asked_at=None)
    with transaction.atomic():
        asked = waits.exclude(action=BulkAction.DELETE_LIST).update(cancel_asked_at=now)
        BulkJob.objects.filter(pk=job.pk, state=BulkState.QUEUED, cancel_asked_at=now).update(
            state=BulkState.CANCELLED, finished_at=now
        )
        if asked:
            audit.record(job.workspace, actor, "bulk.cancel", f"#{job.pk}")
    job.refresh_from_db()
    return asked == 1
