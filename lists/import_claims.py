"""Who works on an import: claims, heartbeats, and taking over from a process that died."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from lists.exceptions import ClaimLost
from lists.models import CsvImport, ImportState

logger = logging.getLogger(__name__)

# The merge of a million rows renews no heartbeat while it lasts.
DEAD_AFTER = timedelta(minutes=3)
# So often an import is begun anew; a file that kills its process every time is given up.
MAX_ATTEMPTS = 4
# For so long a task that was asked for is waited for before it is asked for again.
HINT_FOR = timedelta(seconds=15)
HINTS = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on an import; it ends when another process claims it."""

    import_id: int
    attempt: int

    def renew(self, **fields: Any) -> None:
        """Write the heartbeat and other fields of the import; raises ClaimLost where it was taken over.

        Called inside the transaction of each batch, so a process that lost its claim writes nothing.
        """
        held = CsvImport.objects.filter(pk=self.import_id, state=ImportState.RUNNING, attempt=self.attempt)
        if not held.update(heartbeat_at=timezone.now(), **fields):
            raise ClaimLost(_("この取り込みは別のプロセスが引き継ぎました。"), self.import_id)


def claim_import(import_id: int, *, now: datetime) -> Claim | None:
    """Take a waiting import from QUEUED to RUNNING; None where it does not wait or its list is busy."""
    busy = CsvImport.objects.filter(mailing_list=OuterRef("mailing_list"), state=ImportState.RUNNING)
    waiting = CsvImport.objects.filter(~Exists(busy), pk=import_id, state=ImportState.QUEUED)
    try:
        with transaction.atomic():
            claimed = waiting.update(state=ImportState.RUNNING, attempt=F("attempt") + 1, heartbeat_at=now)
    except IntegrityError:
        # Two imports of one list were claimed at the same moment: the constraint lets one through.
        return None
    if not claimed:
        return None
    return Claim(import_id, CsvImport.objects.values_list("attempt", flat=True).get(pk=import_id))


def take_hints(now: datetime) -> Iterator[int]:
    """Yield the ids of the imports that a task should be asked for now, oldest first."""
    busy = CsvImport.objects.filter(mailing_list=OuterRef("mailing_list"), state=ImportState.RUNNING)
    waiting = CsvImport.objects.filter(~Exists(busy), state=ImportState.QUEUED).exclude(hinted_until__gt=now)
    for import_id in list(waiting.order_by("pk").values_list("pk", flat=True)[:HINTS]):
        if waiting.filter(pk=import_id).update(hinted_until=now + HINT_FOR):
            yield import_id


def requeue_dead(now: datetime) -> int:
    """Let imports wait again whose process was silent for too long; return how many."""
    dead = CsvImport.objects.filter(state=ImportState.RUNNING, heartbeat_at__lt=now - DEAD_AFTER)
    # Asked first without a lock: nearly always there is none.
    if not dead.exists():
        return 0
    with transaction.atomic():
        # A row that is locked is being merged just now: its process lives.
        ids = list(dead.select_for_update(skip_locked=True).values_list("pk", flat=True))
        given_up = dead.filter(pk__in=ids, attempt__gte=MAX_ATTEMPTS).update(
            state=ImportState.FAILED,
            finished_at=now,
            message=_("処理が何度も中断されたため、取り込みを中止しました。リストは変わっていません。"),
        )
        requeued = dead.filter(pk__in=ids).update(state=ImportState.QUEUED, hinted_until=None)
    logger.warning("imports %s were silent: %d wait again, %d given up", ids, requeued, given_up)
    return requeued
