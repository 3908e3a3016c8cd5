"""Celery tasks: each takes ids, fetches, calls one function, and may run twice."""

from celery import shared_task
from django.utils import timezone

from lists import import_checking, import_running
from lists.bulk_actions import ACTS
from lists.bulk_claims import requeue_dead_jobs, take_bulk_hints
from lists.bulk_turns import run_bulk
from lists.headcounts import has_due, recount_due
from lists.import_claims import requeue_dead, take_hints
from lists.import_leftovers import clear_leftovers

# A count that nobody began in this many seconds is out of date: later ticks have asked for it again.
STALE = 5


@shared_task
def tick() -> None:
    """Ask the database which imports wait and ask for their tasks; clear away what is over."""
    now = timezone.now()
    requeue_dead(now)
    for import_id in take_hints(now):
        run_import.apply_async((import_id,), queue="lists")
    requeue_dead_jobs(now)
    for job_id in take_bulk_hints(now, ACTS):
        run_bulk_job.apply_async((job_id,), queue="lists")
    if has_due(now):
        recount.apply_async(queue="lists", expires=STALE)
    clear_leftovers(now)


@shared_task
def run_import(import_id: int) -> None:
    """Check an import that waits for that, or do one that was approved."""
    now = timezone.now()
    if not import_checking.check_import(import_id, now=now):
        import_running.run_import(import_id, now=now)


@shared_task
def run_bulk_job(job_id: int) -> None:
    """Work on a bulk action for one turn; where work is left, others get their turn first."""
    if run_bulk(job_id, now=timezone.now()):
        run_bulk_job.apply_async((job_id,), queue="lists")


@shared_task
def recount() -> None:
    """Count how many people are on the lists that changed."""
    recount_due(timezone.now())
