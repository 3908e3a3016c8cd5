"""Who works on an import: claims, heartbeats, and taking over from a process that died."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from lists.exceptions import ClaimLost, ImportCancelled
from lists.models import CsvImport, ImportState
from lists.people_states import is_held

logger = logging.getLogger(__name__)

# A statement renews no heartbeat while it lasts, and the longest comparison of rows takes a minute. During a merge the
# import's row is locked, by which it is known to live.
DEAD_AFTER = timedelta(minutes=3)
# A file that kills its process each time is given up after so many.
MAX_INTERRUPTIONS = 5
# For so long a task that was asked for is waited for before it is asked for again.
HINT_FOR = timedelta(seconds=15)
HINTS = 20

# What waits → what it is while a process works on it.
WORK = {ImportState.WAITING: ImportState.CHECKING, ImportState.QUEUED: ImportState.RUNNING}


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on an import; it ends when another process claims it. `state` is CHECKING or RUNNING."""

    import_id: int
    attempt: int
    state: ImportState

    def renew(self, **fields: Any) -> None:
        """Write the heartbeat and other fields of the import.

        Raises ClaimLost where it was taken over and ImportCancelled where somebody asked for that. Called inside the
        transaction of each batch, so a process that lost its claim writes nothing.
        """
        if not self._held().filter(cancel_asked_at=None).update(heartbeat_at=timezone.now(), **fields):
            self._raise_why()

    def hold(self) -> None:
        """Keep others from taking over until the present transaction ends; raises as `renew` does.

        The lock still lets the import be marked as to be cancelled. SQLite needs none: its writers are alone.
        """
        held = self._held().filter(cancel_asked_at=None).values_list("pk")
        sql, values = held.query.sql_with_params()
        if connection.vendor == "postgresql":
            sql += " FOR KEY SHARE"
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            if cursor.fetchone() is None:
                self._raise_why()

    def require(self) -> None:
        """Raise as `renew` does; writes nothing."""
        if not self._held().filter(cancel_asked_at=None).exists():
            self._raise_why()

    def end(self, **fields: Any) -> None:
        """Write the last fields of the import, also where its cancelling was asked for; raises ClaimLost."""
        if not self._held().update(**fields):
            raise ClaimLost(_("この取り込みは別のプロセスが引き継ぎました。"), self.import_id)

    def _held(self) -> QuerySet[CsvImport]:
        return CsvImport.objects.filter(pk=self.import_id, state=self.state, attempt=self.attempt)

    def _raise_why(self) -> None:
        if self._held().exists():
            raise ImportCancelled(_("取り込みは取り消されました。"), self.import_id)
        raise ClaimLost(_("この取り込みは別のプロセスが引き継ぎました。"), self.import_id)


def claim_check(import_id: int, *, now: datetime) -> Claim | None:
    """Take an import from WAITING to CHECKING; None where it does not wait to be checked."""
    return _claim(CsvImport.objects.filter(pk=import_id), import_id, ImportState.WAITING, now)


def claim_import(import_id: int, *, now: datetime) -> Claim | None:
    """Take a waiting import from QUEUED to RUNNING; None where it does not wait, its list is busy or a start holds it."""
    free = CsvImport.objects.filter(~_is_busy(), ~is_held("workspace", now=now), pk=import_id)
    return _claim(free, import_id, ImportState.QUEUED, now)


def _claim(rows: QuerySet[CsvImport], import_id: int, waits: ImportState, now: datetime) -> Claim | None:
    state = WORK[waits]
    try:
        with transaction.atomic():
            claimed = rows.filter(state=waits).update(state=state, attempt=F("attempt") + 1, heartbeat_at=now)
    except IntegrityError:
        # Two imports of one list were claimed at the same moment: the constraint lets one through.
        return None
    if not claimed:
        return None
    return Claim(import_id, CsvImport.objects.values_list("attempt", flat=True).get(pk=import_id), state)


def _is_busy() -> Exists:
    return Exists(CsvImport.objects.filter(mailing_list=OuterRef("mailing_list"), state=ImportState.RUNNING))


def take_hints(now: datetime) -> Iterator[int]:
    """Yield the ids of the imports that a task should be asked for now, oldest first."""
    checks = CsvImport.objects.filter(state=ImportState.WAITING)
    runs = CsvImport.objects.filter(~_is_busy(), ~is_held("workspace", now=now), state=ImportState.QUEUED)
    waiting = (checks | runs).exclude(hinted_until__gt=now)
    for import_id in list(waiting.order_by("pk").values_list("pk", flat=True)[:HINTS]):
        if waiting.filter(pk=import_id).update(hinted_until=now + HINT_FOR):
            yield import_id


def requeue_dead(now: datetime) -> int:
    """Let imports wait again whose process was silent for too long; return how many.

    One whose cancelling was asked for meanwhile is cancelled instead.
    """
    dead = CsvImport.objects.filter(state__in=WORK.values(), heartbeat_at__lt=now - DEAD_AFTER)
    # Asked first without a lock: nearly always there is none.
    if not dead.exists():
        return 0
    with transaction.atomic():
        # A row that is locked is being merged just now: its process lives.
        ids = list(dead.select_for_update(skip_locked=True).values_list("pk", flat=True))
        rows = dead.filter(pk__in=ids)
        rows.filter(cancel_asked_at__isnull=False).update(state=ImportState.CANCELLED, finished_at=now)
        rows.update(interruptions=F("interruptions") + 1)
        given_up = rows.filter(interruptions__gte=MAX_INTERRUPTIONS).update(
            state=ImportState.FAILED,
            finished_at=now,
            message=_("処理が何度も中断されたため、取り込みを中止しました。"),
        )
        requeued = sum(rows.filter(state=state).update(state=waits, hinted_until=None) for waits, state in WORK.items())
    logger.warning("imports %s were silent: %d wait again, %d given up", ids, requeued, given_up)
    return requeued
