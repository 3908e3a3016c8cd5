"""Does bulk actions in turns: piece by piece, each a transaction, until they are done, cancelled or taken over."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from lists.bulk import revision_of
from lists.bulk_actions import ACTS, Act
from lists.bulk_claims import Claim, claim_job
from lists.exceptions import ClaimLost
from lists.finding import Search, people_found
from lists.headcounts import mark_due
from lists.list_deletion import empty_list
from lists.models import (
    BulkAction,
    BulkJob,
    BulkState,
    MailingList,
    PeopleState,
    Subscriber,
    SubscriberQuerySet,
)
from lists.segments import SegmentRefused
from lists.transactions import retry_transaction

# A task works for so many seconds, then others get their turn.
TURN = 10.0
# Subscribers of the workspace that one transaction looks at. Erasing reaches into all their mails.
PIECE = 1000
ERASED_AT_ONCE = 200
# What changes who is on a list.
CHANGES_PLACES = (BulkAction.ADD_TO_LIST, BulkAction.REMOVE_FROM_LIST)

Clock = Callable[[], float]


def run_bulk(job_id: int, *, now: datetime, acts: Mapping[str, Act] = ACTS, clock: Clock = time.monotonic) -> bool:
    """Work on a waiting job for a turn; True where work is left for another one.

    Each piece is one transaction with the place where it ended, so a process that takes over does nothing twice.
    """
    claim = claim_job(job_id, now=now)
    if claim is None:
        return False
    job = BulkJob.objects.select_related("workspace", "created_by").get(pk=job_id)
    until = clock() + TURN
    try:
        if job.found is None and not is_outdated(job):
            # Outside of the pieces' transactions: it may take a second.
            claim.renew(now=now, found=people_of(job).count())
        while True:
            # An import may be writing about the same people: who is erased then has rows that were not to be seen.
            if not retry_transaction(lambda: take_piece(job, claim, acts[job.action]), also=(IntegrityError,)):
                return False
            if clock() >= until:
                tell_others(job, now=timezone.now())
                claim.renew(now=now, state=BulkState.QUEUED)
                return True
    except ClaimLost:
        return False


@transaction.atomic
def take_piece(job: BulkJob, claim: Claim, act: Act) -> bool:
    """Do the next piece; False where the job is over with it. Raises ClaimLost."""
    now = timezone.now()
    claim.renew(now=now)
    job.refresh_from_db(fields=["cursor", "cancel_asked_at"])
    if job.cancel_asked_at is not None or is_outdated(job):
        end_job(job, claim, BulkState.CANCELLED, now)
        return False
    if job.cursor >= job.last_id:
        if job.action == BulkAction.DELETE_LIST and not empty_list(job.argument["list"]):
            return True
        end_job(job, claim, BulkState.DONE, now)
        return False
    upper = next_bound(job)
    ids = list(people_of(job).filter(pk__gt=job.cursor, pk__lte=upper).order_by("pk").values_list("pk", flat=True))
    changed = act(job, ids, now) if ids else 0
    claim.renew(now=now, cursor=upper, done=F("done") + len(ids), changed=F("changed") + changed)
    return True


def next_bound(job: BulkJob) -> int:
    """Return the id up to which the next piece goes: PIECE subscribers of the workspace further."""
    size = ERASED_AT_ONCE if job.action == BulkAction.ERASE else PIECE
    people = Subscriber.objects.filter(workspace=job.workspace_id, pk__gt=job.cursor, pk__lte=job.last_id)
    found = people.order_by("pk").values_list("pk", flat=True)[size - 1 : size]
    return next(iter(found), job.last_id)


def end_job(job: BulkJob, claim: Claim, state: BulkState, now: datetime) -> None:
    """Write down that the job is over, and tell whoever reads what it changed."""
    claim.renew(now=now, state=state, finished_at=now)
    tell_others(job, now=now)


def tell_others(job: BulkJob, *, now: datetime) -> None:
    """Let campaigns that are starting see that the people changed, and have figures counted anew.

    In the order in which imports lock these rows.
    """
    list_ids = [job.argument["list"]] if job.action in CHANGES_PLACES else []
    with transaction.atomic():
        PeopleState.objects.get_or_create(workspace=job.workspace)
        PeopleState.objects.filter(workspace=job.workspace).update(generation=F("generation") + 1)
        MailingList.objects.filter(workspace=job.workspace, pk__in=list_ids).update(generation=F("generation") + 1)
    counted = list_ids or list(MailingList.objects.filter(workspace=job.workspace).values_list("pk", flat=True))
    transaction.on_commit(lambda: mark_due(job.workspace_id, counted, now=now))


def people_of(job: BulkJob) -> SubscriberQuerySet:
    """Return whom the job is about, in no order. What depends on the time is as it was when the job was asked for."""
    if job.action == BulkAction.DELETE_LIST:
        people = Subscriber.objects.filter(workspace=job.workspace_id, subscriptions__mailing_list=job.argument["list"])
    else:
        people = people_found(job.workspace, Search.from_json(job.search), now=job.created_at)
    return people.filter(pk__lte=job.last_id)


def is_outdated(job: BulkJob) -> bool:
    """Say whether the segment of the search was changed since: its people are not those who were counted then."""
    if job.action == BulkAction.DELETE_LIST:
        return False
    if revision_of(job.workspace, Search.from_json(job.search)) != job.argument.get("revision"):
        return True
    try:
        people_of(job)
    except SegmentRefused:
        # What its conditions name is gone.
        return True
    return False
