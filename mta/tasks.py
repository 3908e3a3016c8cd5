"""Celery tasks of this app, and the hints at them."""

from datetime import datetime

from celery import shared_task
from django.utils import timezone

from mta import route_checks

# A hint that nobody took in this many seconds is out of date: the tick gives a new one.
STALE = 5.0


def hint_route_checks(*, now: datetime) -> None:
    """Ask for the routes to be checked that people asked for, by a process that sends: it sees the same network."""
    for pk in route_checks.waiting_checks(now=now).values_list("pk", flat=True):
        check_route.apply_async((pk,), queue="send", expires=STALE)


@shared_task
def check_route(check_id: int) -> None:
    """Check one route."""
    route_checks.run_check(check_id, now=timezone.now())
