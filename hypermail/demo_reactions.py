"""The reactions of the demonstration: opens and clicks, most of them soon after the mail, as people do it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from campaigns.models import Campaign, Delivery, DeliveryState
from campaigns.reactions import find_recipients, settle_doubts
from tracking.buffer import Entry, make_entry
from tracking.models import OPEN, HitSource, TrackedLink, TrackedMailing
from tracking.settling import settle_hits
from tracking.writing import store

# The last reactions come within three days.
SLOWEST = timedelta(days=3)


def react(campaign: Campaign, *, at: datetime, now: datetime) -> None:
    """Have recipients of a mailing that was sent at `at` open it and follow its links, as far as it is measured."""
    mailing = TrackedMailing.objects.filter(pk=campaign.pk).first()
    if mailing is None or not mailing.has_picture:
        return
    links = list(TrackedLink.objects.filter(mailing=mailing).order_by("number").values_list("number", flat=True))
    sent = Delivery.objects.filter(campaign=campaign, state=DeliveryState.SENT).order_by("pk")
    store(make_reactions(campaign.pk, list(sent.values_list("pk", flat=True)), links, at=at), now=now)
    evidence = partial(settle_doubts, now=now)
    settle_hits(now=now, find_recipients=find_recipients, record_evidence=evidence, failed={})


def make_reactions(campaign: int, sent: list[int], links: list[int], *, at: datetime) -> Iterator[Entry]:
    """Yield the hits: two of five people open, a relay loads the picture for a third one, some click."""
    for place, pk in enumerate(sent):
        opened_at = at + timedelta(minutes=3) + SLOWEST * 0.9 * (place * 37 % 101 / 101) ** 3
        if place % 5 < 2:
            yield make_entry(campaign, pk, OPEN, HitSource.HUMAN, opened_at)
        elif place % 5 == 2:
            yield make_entry(campaign, pk, OPEN, HitSource.PROXY, at + timedelta(minutes=2))
        if links and place % 5 == 1:
            yield make_entry(campaign, pk, links[place % len(links)], HitSource.HUMAN, opened_at + timedelta(minutes=1))
        if links and place % 20 == 4:
            yield make_entry(campaign, pk, links[0], HitSource.MACHINE, at + timedelta(minutes=1))
