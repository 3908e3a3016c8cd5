"""Celery tasks. A message is a hint that may be lost or doubled; the rows say what is to be done."""

from celery import shared_task
from django.utils import timezone

from campaigns import reaper, scheduling, sending
from campaigns.deliveries import freeze_recipients
from campaigns.lanes import HINT, lanes_with_work, take_hint
from campaigns.models import Campaign, CampaignState, TestMail, TestMailState

# Processes that are asked to work in one lane at once.
HANDS = 2
# A hint that nobody took in this many seconds is out of date: the tick has given a new one.
STALE = HINT.total_seconds()


@shared_task
def tick() -> None:
    """Ask the database what is due, and hint at it. Beat calls it every second; two at once do no harm."""
    now = timezone.now()
    scheduling.start_due(now=now)
    for pk in Campaign.objects.filter(state=CampaignState.STARTING).values_list("pk", flat=True):
        start_campaign.apply_async((pk,), queue="work", expires=STALE)
    reaper.reap_claims(now=now)
    reaper.reap_fences(now=now)
    reaper.resend_doubts(now=now)
    reaper.expire_deliveries(now=now)
    reaper.finish_campaigns(now=now)
    for lane in lanes_with_work(now=now):
        if take_hint(lane, now=now):
            for _ in range(HANDS):
                send_lane.apply_async((lane.pk,), queue="send", expires=STALE)
    sending.give_up_test_mails(now=now)
    for pk in TestMail.objects.filter(state=TestMailState.QUEUED).values_list("pk", flat=True)[:20]:
        send_test_mail.apply_async((pk,), queue="send", expires=STALE)


@shared_task
def start_campaign(campaign_id: int) -> None:
    """Freeze the recipients of a starting campaign."""
    freeze_recipients(campaign_id, now=timezone.now())


@shared_task
def send_lane(lane_id: int) -> None:
    """Send what is due in a lane."""
    sending.send_lane(lane_id)


@shared_task
def send_test_mail(test_mail_id: int) -> None:
    """Send one test mail."""
    sending.send_test_mail(test_mail_id, now=timezone.now())
