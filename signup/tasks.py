"""Celery tasks of 登録フォーム. A message is a hint that may be lost or doubled; the rows say what is to be done."""

from celery import shared_task
from django.utils import timezone

from signup import mailing, requesting

# A hint that nobody took in this many seconds is out of date: the tick has given a new one.
STALE = 10.0


@shared_task
def tick() -> None:
    """Ask for the mails that are due; beat calls it every two seconds."""
    for pk in mailing.mails_due(now=timezone.now()):
        send_confirmation.apply_async((pk,), queue="send", expires=STALE)


@shared_task
def slow_tick() -> None:
    """See to what may be some seconds late; beat calls it every thirty."""
    now = timezone.now()
    mailing.give_up_silent(now=now)
    requesting.forget_requests(now=now)


@shared_task
def send_confirmation(request_id: int) -> None:
    """Send one confirmation mail."""
    mailing.send_mail(request_id, now=timezone.now())
