"""Files for the 除外リスト in the background: claimed, read, written in one transaction, forgotten after a week."""

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Final, cast

from django.core.files.base import File
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User, Workspace
from accounts.time_zones import system_zone
from lists.exceptions import ClaimLost, UnreadableFile
from lists.exclusion_entries import Entry, save_entries
from lists.exclusion_files import Reading, read_exclusions
from lists.models import ExclusionImport, ExclusionImportState

logger = logging.getLogger(__name__)

# As those of lists.import_claims.
DEAD_AFTER: Final = timedelta(minutes=3)
HINT_FOR: Final = timedelta(seconds=15)
HINTS: Final = 20
MAX_ATTEMPTS: Final = 3
# Refused lines hold personal data; whoever corrects them does so within some days.
KEEP: Final = timedelta(days=7)
FORGOTTEN_A_TICK: Final = 20


def queue_exclusions(
    workspace: Workspace | None, file: File[Any], actor: User, *, reason: str, expires_at: datetime | None
) -> ExclusionImport:
    """Keep an uploaded file until a process takes it; of the installation without a workspace."""
    filename = (file.name or "upload.csv").rpartition("/")[2][-255:]
    return ExclusionImport.objects.create(
        workspace=workspace,
        created_by=actor,
        file=File(file.file, name=filename),
        filename=filename,
        reason=reason,
        expires_at=expires_at,
    )


def imports_of(workspace: Workspace | None) -> QuerySet[ExclusionImport]:
    """Return the files of a workspace, or of the installation."""
    return ExclusionImport.objects.filter(workspace=workspace)


def run_exclusions(import_id: int, *, now: datetime) -> bool:
    """Take a waiting file; False where it does not wait or another process took it over.

    What cannot be read ends in FAILED with a sentence and nothing taken. Any other error is raised and leaves the file
    to be claimed again.
    """
    waiting = ExclusionImport.objects.filter(pk=import_id, state=ExclusionImportState.QUEUED)
    if not waiting.update(state=ExclusionImportState.RUNNING, attempt=F("attempt") + 1, heartbeat_at=now):
        return False
    job = ExclusionImport.objects.select_related("workspace", "created_by").get(pk=import_id)
    try:
        # The last day of an entry is one of the workspace's, or of the installation's.
        with timezone.override(job.workspace.zone if job.workspace else system_zone()):
            write(job, read(job, now=now), now=now)
    except UnreadableFile as error:
        held(job).update(state=ExclusionImportState.FAILED, message=error.sentence, finished_at=now)
    except ClaimLost:
        logger.warning("file %d for the exclusion list was taken over", import_id)
        return False
    delete_file(job)
    return True


def held(job: ExclusionImport) -> QuerySet[ExclusionImport]:
    """Return the row of a file as long as this process has the right to work on it."""
    return ExclusionImport.objects.filter(pk=job.pk, state=ExclusionImportState.RUNNING, attempt=job.attempt)


def renew(job: ExclusionImport, **fields: Any) -> None:
    """Write the heartbeat and other fields; raises ClaimLost."""
    if not held(job).update(**{"heartbeat_at": timezone.now()} | fields):
        raise ClaimLost(_("このファイルは別のプロセスが引き継ぎました。"), job.pk)


def read(job: ExclusionImport, *, now: datetime) -> Reading:
    """Return what the file says; raises UnreadableFile and ClaimLost."""

    def tell(rows: int) -> None:
        renew(job, rows_done=rows)

    try:
        stored = job.file.open("rb")
    except FileNotFoundError as error:
        raise UnreadableFile(_("アップロードされたファイルがありません。もう一度アップロードしてください。")) from error
    with stored:
        file = cast(BinaryIO, stored.file)
        return read_exclusions(file, reason=job.reason, expires_at=job.expires_at, now=now, tell=tell)


def write(job: ExclusionImport, reading: Reading, *, now: datetime) -> None:
    """Save the entries, the result and the entry in the audit log, all or nothing; raises ClaimLost."""
    with transaction.atomic():
        # The lock on the row shows others that this process lives.
        renew(job)
        saved = save_entries(job.workspace, in_order(reading.entries.values()), actor=job.created_by, now=now)
        audit.record(
            job.workspace,
            job.created_by,
            "exclusion.import",
            job.filename,
            rows=saved.new + saved.changed,
            rejected=reading.rejected_count,
        )
        renew(
            job,
            state=ExclusionImportState.DONE,
            finished_at=now,
            rows_done=reading.rows,
            rows_new=saved.new,
            rows_changed=saved.changed,
            rows_same=saved.same,
            rows_repeated=reading.repeated,
            rows_refused=reading.rejected_count,
            refused=[[row.line, row.value, row.why] for row in reading.rejected],
        )


def in_order(entries: Collection[Entry]) -> Sequence[Entry]:
    """Return entries in the one order in which everybody writes them, so that two files do not wait for each other."""
    return sorted(entries, key=lambda entry: (entry.kind.value, entry.value))


def delete_file(job: ExclusionImport) -> None:
    """Delete the uploaded file; one that is gone is no fault."""
    job.file.delete(save=False)
    ExclusionImport.objects.filter(pk=job.pk).update(file="")


def take_exclusion_hints(now: datetime) -> Iterator[int]:
    """Yield the ids of the files that a task should be asked for now, oldest first."""
    waiting = ExclusionImport.objects.filter(state=ExclusionImportState.QUEUED).exclude(hinted_until__gt=now)
    for import_id in list(waiting.order_by("pk").values_list("pk", flat=True)[:HINTS]):
        if waiting.filter(pk=import_id).update(hinted_until=now + HINT_FOR):
            yield import_id


def requeue_dead_exclusions(now: datetime) -> int:
    """Let files wait again whose process was silent for too long; return how many. One that kills it is given up."""
    dead = ExclusionImport.objects.filter(state=ExclusionImportState.RUNNING, heartbeat_at__lt=now - DEAD_AFTER)
    # Asked first without a lock: nearly always there is none.
    if not dead.exists():
        return 0
    with transaction.atomic():
        # A row that is locked is being written just now: its process lives.
        rows = dead.filter(pk__in=list(dead.select_for_update(skip_locked=True).values_list("pk", flat=True)))
        rows.filter(attempt__gte=MAX_ATTEMPTS).update(
            state=ExclusionImportState.FAILED,
            finished_at=now,
            message=_(
                "処理が何度も中断されたため、中止しました。何も登録していません。ファイルを分けてお試しください。"
            ),
        )
        return rows.update(state=ExclusionImportState.QUEUED, hinted_until=None)


def forget_old_imports(now: datetime) -> None:
    """Delete what is known of files that came a week ago, whatever became of them; a few at a time."""
    for job in ExclusionImport.objects.filter(created_at__lt=now - KEEP).order_by("pk")[:FORGOTTEN_A_TICK]:
        delete_file(job)
        job.delete()
