"""Who works on a bulk action: claims, heartbeats, hints, and taking over from a process that died."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.translation import gettext as _

from lists.exceptions import ClaimLost
from lists.models import BulkJob, BulkState
from lists.people_states import is_held
from lists.row_holding import hold_row

logger = logging.getLogger(__name__)

# A piece takes a second at most; a merge of the same workspace may hold its subscribers for a minute.
DEAD_AFTER = timedelta(minutes=3)
# For so long a task that was asked for is waited for before it is asked for again.
HINT_FOR = timedelta(seconds=15)
HINTS = 20
# After so many turns in a row that did nothing a job is given up.
MAX_TRIES = 5
OPEN = (BulkState.QUEUED, BulkState.RUNNING)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a bulk action; it ends when another process claims it."""

    job_id: int
    attempt: int

    def hold(self) -> None:
        """Keep others from taking over until the present transaction ends; raises ClaimLost where one did.

        At the beginning of each piece, so a process that lost its claim writes nothing. The job can still be marked
        as to be cancelled.
        """
        if not hold_row(self._held()):
            self._raise_lost()

    def renew(self, *, now: datetime, **fields: Any) -> None:
        """Write the heartbeat and other fields of the job; raises ClaimLost where it was taken over."""
        if not self._held().update(**{"heartbeat_at": now} | fields):
            self._raise_lost()

    def _held(self) -> QuerySet[BulkJob]:
        return BulkJob.objects.filter(pk=self.job_id, state=BulkState.RUNNING, attempt=self.attempt)

    def _raise_lost(self) -> NoReturn:
        raise ClaimLost(_("この一括操作は別のプロセスが引き継ぎました。"), self.job_id)


def waiting_jobs(*, now: datetime) -> QuerySet[BulkJob]:
    """Return the jobs that may be claimed: those of one workspace go one after the other, in the order of asking.

    None while the start of a campaign holds the workspace's people.
    """
    older = BulkJob.objects.filter(workspace=OuterRef("workspace"), pk__lt=OuterRef("pk"), state__in=OPEN)
    return BulkJob.objects.filter(~Exists(older), ~is_held("workspace", now=now), state=BulkState.QUEUED)


def claim_job(job_id: int, *, now: datetime) -> Claim | None:
    """Take a waiting job from QUEUED to RUNNING; None where it does not wait, or not yet."""
    claimed = waiting_jobs(now=now).filter(pk=job_id)
    counts = {"attempt": F("attempt") + 1, "tries": F("tries") + 1}
    if not claimed.update(state=BulkState.RUNNING, heartbeat_at=now, **counts):
        return None
    return Claim(job_id, BulkJob.objects.values_list("attempt", flat=True).get(pk=job_id))


def take_bulk_hints(now: datetime, actions: Collection[str]) -> Iterator[int]:
    """Yield the ids of the jobs of these actions that a task should be asked for now, oldest first."""
    waiting = waiting_jobs(now=now).filter(action__in=actions).exclude(hinted_until__gt=now)
    for job_id in list(waiting.order_by("pk").values_list("pk", flat=True)[:HINTS]):
        if waiting.filter(pk=job_id).update(hinted_until=now + HINT_FOR):
            yield job_id


def requeue_dead_jobs(now: datetime) -> int:
    """Let jobs wait again whose process was silent for too long; return how many.

    Their next turn goes on where it stopped, or ends what is to be cancelled or was tried too often.
    """
    dead = BulkJob.objects.filter(state=BulkState.RUNNING, heartbeat_at__lt=now - DEAD_AFTER)
    # Asked first without a lock: nearly always there is none.
    if not dead.exists():
        return 0
    with transaction.atomic():
        # A row that is locked is within a piece just now: its process lives.
        ids = list(dead.select_for_update(skip_locked=True).values_list("pk", flat=True))
        requeued = dead.filter(pk__in=ids).update(state=BulkState.QUEUED, hinted_until=None)
    if ids:
        logger.warning("bulk actions %s were silent and wait again", ids)
    return requeued
