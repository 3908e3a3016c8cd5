"""Celery tasks of this app, and the hints at them."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from mta import mail_domains, route_checks

# A hint that nobody took in this many seconds is out of date: the tick gives a new one.
STALE = 5.0
# Seconds between two hints at domains to be looked up; a task goes on for less (mail_domains.LONGEST_TASK).
DOMAINS_EVERY = 10


def hint_route_checks(*, now: datetime) -> None:
    """Ask for the routes to be checked that people asked for, by a process that sends: it sees the same network."""
    for pk in route_checks.waiting_checks(now=now).values_list("pk", flat=True):
        check_route.apply_async((pk,), queue="send", expires=STALE)


def hint_mail_domains(*, now: datetime) -> None:
    """Ask for the mail servers of due domains to be looked up."""
    if now.second % DOMAINS_EVERY == 0 and mail_domains.is_any_due(now=now):
        look_up_mail_domains.apply_async(queue="work", expires=STALE)


@shared_task
def check_route(check_id: int) -> None:
    """Check one route."""
    route_checks.run_check(check_id, now=timezone.now())


@shared_task
def look_up_mail_domains() -> None:
    """Look up whose servers take the mail of due domains."""
    mail_domains.look_up_due(now=timezone.now())
