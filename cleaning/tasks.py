"""Celery tasks of 事前クリーニング. A message is a hint that may be lost or doubled; the folders say what is to be done."""

from celery import shared_task
from django.utils import timezone

from cleaning.running import is_waiting, run_cleaning
from cleaning.work import all_cleanings, delete_old, find_by_token, take_hint
from mta.mx import default_resolver

# A hint that nobody took in this many seconds is given again, and is out of date then.
HINT_FOR = 15.0


@shared_task
def tick() -> None:
    """Delete what is old and ask for the files that wait; beat calls it every second."""
    now = timezone.now().timestamp()
    delete_old(now=now)
    for cleaning, about in all_cleanings():
        if about and is_waiting(cleaning, about) and take_hint(cleaning, now=now, every=HINT_FOR):
            judge.apply_async((cleaning.token,), queue="lists", expires=HINT_FOR)


@shared_task
def judge(token: str) -> None:
    """Judge one file, if it still waits."""
    if cleaning := find_by_token(token):
        run_cleaning(cleaning, resolver=default_resolver(), now=timezone.now())
