"""Celery tasks: each takes ids, fetches, calls one function, and may run twice."""

from celery import shared_task
from django.utils import timezone

from lists import import_running
from lists.bulk_actions import ACTS
from lists.bulk_claims import requeue_dead_jobs, take_bulk_hints
from lists.bulk_turns import run_bulk
from lists.day_counts import count_days, has_due_days
from lists.exclusion_imports import (
    forget_old_imports,
    requeue_dead_exclusions,
    run_exclusions,
    take_exclusion_hints,
)
from lists.headcounts import has_due, recount_due
from lists.import_claims import HINT_FOR, requeue_dead, take_hints
from lists.import_leftovers import clear_leftovers, has_leftovers
from lists.sweeping import has_due_sweeps, sweep_due

# A count that nobody began in this many seconds is out of date: later ticks have asked for it again.
STALE = 5
# The same for what is asked for once a minute.
LATE = 60


@shared_task
def tick() -> None:
    """Ask the database what waits, and ask for its tasks."""
    now = timezone.now()
    requeue_dead(now)
    for import_id in take_hints(now):
        # Another one is asked for when this one is over.
        run_import.apply_async((import_id,), queue="lists", expires=HINT_FOR.total_seconds())
    requeue_dead_jobs(now)
    for job_id in take_bulk_hints(now, ACTS):
        run_bulk_job.apply_async((job_id,), queue="lists")
    requeue_dead_exclusions(now)
    for import_id in take_exclusion_hints(now):
        run_exclusion_import.apply_async((import_id,), queue="lists")
    if has_due(now):
        recount.apply_async(queue="lists", expires=STALE)
    if has_due_sweeps(now):
        sweep_traces.apply_async(queue="lists", expires=STALE)
    if has_leftovers(now):
        clear_imports.apply_async(queue="lists", expires=STALE)
    forget_old_imports(now)


@shared_task
def run_import(import_id: int) -> None:
    """Check an import that waits for that, or do one that was approved."""
    import_running.work_on(import_id, now=timezone.now())


@shared_task
def clear_imports() -> None:
    """Delete what imports leave behind."""
    clear_leftovers(timezone.now())


@shared_task
def run_exclusion_import(import_id: int) -> None:
    """Take a file for the 除外リスト that waits."""
    run_exclusions(import_id, now=timezone.now())


@shared_task
def run_bulk_job(job_id: int) -> None:
    """Work on a bulk action for one turn; where work is left, others get their turn first."""
    if run_bulk(job_id, now=timezone.now()):
        run_bulk_job.apply_async((job_id,), queue="lists")


@shared_task
def recount() -> None:
    """Count how many people are on the lists that changed."""
    recount_due(timezone.now())


@shared_task
def slow_tick() -> None:
    """Ask for what may be minutes late."""
    if has_due_days(timezone.now()):
        count_ended_days.apply_async(queue="lists", expires=LATE)


@shared_task
def count_ended_days() -> None:
    """Write how many people there were when a day ended."""
    count_days(timezone.now())


@shared_task
def sweep_traces() -> None:
    """Look through texts for the addresses of people who were erased."""
    sweep_due(timezone.now())
