"""Celery tasks. A message is a hint that may be lost or doubled; the rows say what is to be done."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from bounces import mailbox_reading, uploads
from bounces.batches import process_batch
from bounces.bulk_erasing import ERASED_AT_ONCE, ERASING
from bounces.clearing import clear_old_notices
from bounces.dmarc_reports import clear_old_reports
from bounces.mailboxes import due_mailboxes
from bounces.models import RawNotice
from campaigns.tasks import Step, take_steps
from lists.bulk_claims import take_bulk_hints
from lists.bulk_turns import run_bulk

BATCH = 100
# At most this many notices are handed out in one tick; the rest waits for the next.
HANDED_OUT = 500
# A batch that nobody took in this many seconds is out of date: later ticks have handed it out again.
STALE = 10


@shared_task
def tick() -> None:
    """Ask the database what is due, and hint at it. Beat calls it every second; two at once do no harm."""
    take_steps(STEPS, now=timezone.now())


@shared_task
def slow_tick() -> None:
    """Do the same for what may be some seconds late; beat calls it every ten."""
    take_steps(SLOW_STEPS, now=timezone.now())


def hint_notices(*, now: datetime) -> None:
    """Hand out the notices that are to be read."""
    waiting = list(RawNotice.objects.unread(now=now).order_by("pk").values_list("pk", flat=True)[:HANDED_OUT])
    for start in range(0, len(waiting), BATCH):
        process_notices.apply_async((waiting[start : start + BATCH],), queue="work", expires=STALE)


def hint_mailboxes(*, now: datetime) -> None:
    """Ask for the mailboxes to be read whose turn it is."""
    for pk in due_mailboxes(now=now):
        read_mailbox.apply_async((pk,), queue="work", expires=STALE)


def hint_uploads(*, now: datetime) -> None:
    """Ask for the uploaded files to be read that wait."""
    for pk in uploads.waiting_uploads(now).order_by("pk").values_list("pk", flat=True)[: uploads.HINTS]:
        read_upload.apply_async((pk,), queue="work", expires=STALE)


def hint_erasures(*, now: datetime) -> None:
    """Ask for the bulk actions that erase people; `lists.tasks` asks for the others."""
    for pk in take_bulk_hints(now, ERASING):
        erase_in_bulk.apply_async((pk,), queue="lists")


STEPS: tuple[Step, ...] = (
    hint_notices,
    hint_mailboxes,
    hint_uploads,
    hint_erasures,
)
# What nobody waits for.
SLOW_STEPS: tuple[Step, ...] = (
    uploads.clear_uploads,
    clear_old_notices,
    clear_old_reports,
)


@shared_task
def process_notices(notice_ids: list[int]) -> None:
    """Process a batch. What could not be processed for a fault of ours is raised at the end."""
    process_batch(notice_ids, now=timezone.now())


@shared_task
def read_mailbox(mailbox_id: int) -> None:
    """Read a mailbox for one turn."""
    mailbox_reading.read_mailbox(mailbox_id, now=timezone.now())


@shared_task
def read_upload(upload_id: int) -> None:
    """Store mails of an uploaded file for one turn; where some are left, others get their turn first."""
    if uploads.read_upload(upload_id, now=timezone.now()):
        read_upload.apply_async((upload_id,), queue="work", expires=STALE)


@shared_task
def erase_in_bulk(job_id: int) -> None:
    """Erase people for one turn; where some are left, others get their turn first."""
    if run_bulk(job_id, now=timezone.now(), acts=ERASING, piece=ERASED_AT_ONCE):
        erase_in_bulk.apply_async((job_id,), queue="lists")
