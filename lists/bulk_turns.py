"""Does bulk actions in turns: piece by piece, each a transaction, until they are done, cancelled or taken over."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from lists.bulk import revision_of
from lists.bulk_actions import ACTS, Act
from lists.bulk_claims import MAX_TRIES, Claim, claim_job
from lists.exceptions import ClaimLost, ListsError
from lists.finding import Search, people_found
from lists.headcounts import mark_due
from lists.list_deletion import empty_list
from lists.models import (
    BulkAction,
    BulkJob,
    BulkState,
    MailingList,
    Subscriber,
    SubscriberQuerySet,
)
from lists.people_states import raise_people
from lists.transactions import retry_transaction

# A task works for so many seconds, then others get their turn.
TURN = 10.0
# Subscribers of the workspace that one transaction looks at.
PIECE = 1000
# What changes who is on a list.
CHANGES_PLACES = (BulkAction.ADD_TO_LIST, BulkAction.REMOVE_FROM_LIST)

Clock = Callable[[], float]


def run_bulk(
    job_id: int,
    *,
    now: datetime,
    acts: Mapping[str, Act] = ACTS,
    piece: int = PIECE,
    clock: Clock = time.monotonic,
) -> bool:
    """Work on a waiting job for a turn; True where work is left for another one.

    Each piece is one transaction with the place where it ended, so a process that takes over does nothing twice.
    """
    claim = claim_job(job_id, now=now)
    if claim is None:
        return False
    job = BulkJob.objects.select_related("workspace", "created_by").get(pk=job_id)
    until = clock() + TURN
    try:
        if end_early(job, claim, now):
            return False
        if job.found is None:
            # Outside of the pieces' transactions: it may take a second.
            claim.renew(now=now, found=people_of(job).count())
        # An import may be writing about the same people: who is erased then has rows that were not to be seen.
        while retry_transaction(lambda: take_piece(job, claim, acts[job.action], piece), also=(IntegrityError,)):
            if clock() >= until:
                claim.renew(now=timezone.now(), state=BulkState.QUEUED)
                return True
    except ClaimLost:
        # Whoever took over goes on.
        pass
    return False


@transaction.atomic
def take_piece(job: BulkJob, claim: Claim, act: Act, size: int) -> bool:
    """Do the next piece; False where the job is over with it. Raises ClaimLost."""
    now = timezone.now()
    claim.hold()
    job.refresh_from_db(fields=["cursor", "cancel_asked_at"])
    if end_early(job, claim, now):
        return False
    if job.cursor >= job.last_id:
        if job.action == BulkAction.DELETE_LIST and not empty_list(job.argument["list"]):
            claim.renew(now=now, tries=0)
            return True
        end_job(job, claim, BulkState.DONE, now)
        return False
    upper = next_bound(job, size)
    ids = list(people_of(job).filter(pk__gt=job.cursor, pk__lte=upper).order_by("pk").values_list("pk", flat=True))
    changed = act(job, ids, now) if ids else 0
    claim.renew(now=now, tries=0, cursor=upper, done=F("done") + len(ids), changed=F("changed") + changed)
    return True


def next_bound(job: BulkJob, size: int) -> int:
    """Return the id up to which the next piece goes: `size` subscribers of the workspace further."""
    people = Subscriber.objects.filter(workspace=job.workspace_id, pk__gt=job.cursor, pk__lte=job.last_id)
    found = people.order_by("pk").values_list("pk", flat=True)[size - 1 : size]
    return next(iter(found), job.last_id)


@transaction.atomic
def end_early(job: BulkJob, claim: Claim, now: datetime) -> bool:
    """End a job that is not to go on, and say whether it was one."""
    if job.cancel_asked_at is not None:
        end_job(job, claim, BulkState.CANCELLED, now)
    elif job.tries > MAX_TRIES:
        end_job(job, claim, BulkState.FAILED, now)
    elif problem := find_problem(job):
        end_job(job, claim, BulkState.CANCELLED, now, message=problem)
    else:
        return False
    return True


def end_job(job: BulkJob, claim: Claim, state: BulkState, now: datetime, *, message: str = "") -> None:
    """Write down that the job is over, and tell whoever reads what it changed.

    Campaigns that are starting see that the people changed, and begin anew: once, not after each turn.
    """
    claim.renew(now=now, state=state, message=message, finished_at=now)
    list_ids = [job.argument["list"]] if job.action in CHANGES_PLACES else []
    # In the order in which imports lock these rows.
    raise_people(job.workspace)
    MailingList.objects.filter(workspace=job.workspace, pk__in=list_ids).update(generation=F("generation") + 1)
    if job.action != BulkAction.SET_ATTRIBUTE:
        counted = list_ids or list(MailingList.objects.filter(workspace=job.workspace).values_list("pk", flat=True))
        transaction.on_commit(lambda: mark_due(job.workspace_id, counted, now=now))


def people_of(job: BulkJob) -> SubscriberQuerySet:
    """Return whom the job is about, in no order. What depends on the time is as it was when the job was asked for."""
    if job.action == BulkAction.DELETE_LIST:
        people = Subscriber.objects.filter(workspace=job.workspace_id, subscriptions__mailing_list=job.argument["list"])
    else:
        people = people_found(job.workspace, Search.from_json(job.search), now=job.created_at)
    return people.filter(pk__lte=job.last_id)


def find_problem(job: BulkJob) -> str:
    """Return why the job cannot go on: its people are not those who were counted, or its list is gone; "" for no reason."""
    if job.action == BulkAction.DELETE_LIST:
        return ""
    search = Search.from_json(job.search)
    revision = revision_of(job.workspace, search)
    if revision != job.revision:
        return _("セグメントが削除されました。") if revision is None else _("セグメントの条件が変わりました。")
    named = {int(pk) for pk in (search.list_id, job.argument.get("list")) if pk is not None}
    if MailingList.objects.filter(workspace=job.workspace, pk__in=named).count() < len(named):
        return _("リストが削除されました。")
    try:
        people_of(job)
    except ListsError as error:
        # What the segment's conditions name is gone.
        return error.sentence
    return ""
